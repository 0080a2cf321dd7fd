"""Reading in bulk: what both estates promise the surveys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from shared.core.errors import GiveUp, TooLarge
from shared.core.surveys import Measure
from shared.engine.reconciling import QUERY
from shared.surveys import discover
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud
from tests.contract.cloud.world_document import resources

DISKS = f"/subscriptions/{w.SUBSCRIPTION}/providers/Microsoft.Compute/disks"
NO_QUERY: Mapping[str, str] = {}


async def listed(cloud: Cloud, path: str, version: str = "2024-03-02") -> list[Any]:
    """Read a whole list."""
    found = cloud.estate.listed(path, api_version=version, query=NO_QUERY)
    return [one async for one in found]


async def test_a_list_is_read_to_its_last_page(cloud: Cloud) -> None:
    """What stands on the second page is paid for like what stands on the first."""
    found = await listed(cloud, DISKS)
    known = {one["id"] for one in resources() if one["id"].startswith(f"{w.COMPUTE}/disks/")}
    assert len(known) > 1
    assert known == {one["id"] for one in found}


async def test_one_document_is_given_or_none(cloud: Cloud) -> None:
    """A setting that nobody made is no document, and no error."""
    found = await cloud.estate.one(w.DEV, api_version="2024-07-01", query=NO_QUERY)
    assert found is not None
    assert w.DEV == found["id"]
    assert None is await cloud.estate.one(w.MISSING, api_version="2024-07-01", query=NO_QUERY)


async def test_resource_graph_gives_every_row_of_a_subscription(cloud: Cloud) -> None:
    """The notices of one subscription, and no other's."""
    rows = [row async for row in cloud.estate.graph(QUERY, subscription=w.SUBSCRIPTION)]
    assert set(w.NOTICES) == {row["id"] for row in rows}
    other = w.VAULT.split("/")[2]
    assert [] == [row async for row in cloud.estate.graph(QUERY, subscription=other)]


async def test_rows_beyond_a_page_are_fetched(azure: Cloud, monkeypatch) -> None:
    """A thousand rows are one page; the rest hangs on a token."""
    monkeypatch.setattr("shared.adapters.estate.ROWS", 1)
    rows = [row async for row in azure.estate.graph(QUERY, subscription=w.SUBSCRIPTION)]
    assert sorted(w.NOTICES) == sorted(row["id"] for row in rows)


async def test_rows_that_cannot_be_paged_are_refused(azure: Cloud, monkeypatch) -> None:
    """Half an answer that looks whole would take a notice back that stands."""
    monkeypatch.setattr("shared.adapters.estate.ROWS", 1)
    query = QUERY.replace("project id, name", "project name")
    with pytest.raises(TooLarge, match="more rows"):
        _ = [row async for row in azure.estate.graph(query, subscription=w.SUBSCRIPTION)]


async def test_a_query_that_is_refused_is_no_empty_answer(azure: Cloud) -> None:
    """The service's words reach the report."""
    with pytest.raises(GiveUp, match="Query is invalid"):
        _ = [row async for row in azure.estate.graph("x |", subscription=w.SUBSCRIPTION)]


async def test_a_version_that_does_not_exist_is_refused(azure: Cloud) -> None:
    """The stand-in checks what the real service would."""
    with pytest.raises(GiveUp, match="api-version"):
        await listed(azure, DISKS, "1999-01-01")


async def test_a_metrics_points_are_read_in_bulk(cloud: Cloud) -> None:
    """What has no points is not in the answer, which means nothing."""
    measure = Measure("vms", "Microsoft.Compute/virtualMachines", "Percentage CPU", "average")
    found = await cloud.metrics.points({w.DEV: w.REGION, w.OFF: w.REGION}, measure)
    assert {w.DEV.casefold()} == set(found)
    assert {2.0} == set(found[w.DEV.casefold()])


async def test_every_listing_of_every_survey_is_answered(azure: Cloud) -> None:
    """Its path and version are ones that the service has, as far as the stand-in knows."""
    for survey in discover().values():
        for listing in survey.reads.values():
            if listing.path and not listing.of and not listing.is_one:
                path = listing.path.format(subscription=w.SUBSCRIPTION)
                await listed(azure, path, listing.api_version)
