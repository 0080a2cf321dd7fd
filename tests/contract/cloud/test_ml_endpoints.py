"""Online endpoints: what both clouds promise whoever changes their traffic."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.errors import Forbidden, InvalidTarget, StaleFacts
from shared.core.ml_endpoints import EndpointFacts, Figures, Routing
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually
from tests.contract.cloud.test_azure_refusals import standin_of
from tests.contract.cloud.world_document import document

SPLIT, OLD = Routing({"blue": 90, "green": 10}), Routing({"blue": 100})
GREEN = f"{w.ENDPOINT}/deployments/green"


async def read(cloud: Cloud, resource_id: str = w.ENDPOINT) -> EndpointFacts:
    found = await cloud.online_endpoints.endpoint(resource_id)
    assert found is not None
    return found


async def settled(cloud: Cloud) -> EndpointFacts:
    return await eventually(lambda: read(cloud), lambda one: one.is_settled)


async def set_traffic(cloud: Cloud, now: Routing, was: Routing = SPLIT) -> None:
    await cloud.online_endpoints.set_traffic(
        w.ENDPOINT, was=was, now=now, good={"blue": 50, "green": 50}
    )


async def test_an_endpoint_is_read_with_its_split_and_its_deployments(cloud: Cloud) -> None:
    """Names folded, as the service folds them; what was good from our tag."""
    found = await read(cloud)
    assert (SPLIT, "succeeded", {"blue": 100}, "") == (
        found.routing,
        found.state,
        found.good,
        found.asked,
    )
    assert [
        ("blue", "succeeded", 2, w.SIZE, True),
        ("green", "succeeded", 2, w.SIZE, True),
    ] == [(d.name, d.state, d.instances, d.size, d.is_managed) for d in found.deployments]
    assert (w.ENDPOINT, w.WORKSPACE, w.REGION) == (
        found.resource.id,
        found.resource.pool,
        found.resource.location,
    )


async def test_a_deployment_is_read_as_part_of_its_endpoint(cloud: Cloud) -> None:
    """One that is not there is none, and so is an endpoint that is not there."""
    found = await read(cloud, GREEN)
    assert ("green", GREEN, w.SIZE, w.ENDPOINT) == (
        found.asked,
        found.resource.id,
        found.resource.size,
        found.endpoint,
    )
    for gone in (f"{w.ENDPOINT}/deployments/red", f"{w.WORKSPACE}/onlineEndpoints/no"):
        assert await cloud.online_endpoints.endpoint(gone) is None


async def test_a_split_is_changed_with_what_was_good_in_one_write(cloud: Cloud) -> None:
    """Other tags stay."""
    await set_traffic(cloud, OLD)
    found = await settled(cloud)
    assert (OLD, {"blue": 50, "green": 50}) == (found.routing, found.good)
    assert w.TAGS.items() <= found.resource.tags.items()


async def test_copies_come_and_go(cloud: Cloud) -> None:
    """A mirror that is not named is taken away, whatever the library would send again."""
    await set_traffic(cloud, mirrored := Routing({"blue": 100}, {"green": 10}))
    assert mirrored == (await settled(cloud)).routing
    await set_traffic(cloud, OLD, was=mirrored)
    assert OLD == (await settled(cloud)).routing


async def test_a_split_that_is_another_by_now_is_not_written_over(cloud: Cloud) -> None:
    """A person was here between the look and the write."""
    with pytest.raises(StaleFacts, match="blue=100"):
        await set_traffic(cloud, SPLIT, was=OLD)
    assert SPLIT == (await read(cloud)).routing


async def test_what_is_no_endpoint_is_refused(azure: Cloud) -> None:
    """And one that is gone cannot be changed."""
    with pytest.raises(InvalidTarget, match="wanted"):
        await azure.online_endpoints.endpoint(w.BUSY_CI)
    with pytest.raises(InvalidTarget, match="no such endpoint"):
        await azure.online_endpoints.set_traffic(
            f"{w.WORKSPACE}/onlineEndpoints/no", was=OLD, now=OLD, good={}
        )


async def test_everything_else_of_the_endpoint_is_put_back_as_it_was(azure: Cloud) -> None:
    """The library's own update would lose its kind, and the region for the workspace's."""
    before = standin_of(azure).resource(w.ENDPOINT)
    await set_traffic(azure, OLD)
    await settled(azure)
    after = standin_of(azure).resource(w.ENDPOINT)
    for one in (before, after):
        one.pop("tags")
        one["properties"].pop("traffic")
    assert before == after


async def test_the_services_refusals_are_told_by_name(azure: Cloud) -> None:
    """A split of a deployment that is not there; a missing right; an odd document."""
    with pytest.raises(InvalidTarget, match="red"):
        await set_traffic(azure, Routing({"blue": 50, "red": 50}))
    standin_of(azure).fault(pattern=r"PUT .*/onlineEndpoints/", status=403)
    with pytest.raises(Forbidden, match="onlineEndpoints/write"):
        await set_traffic(azure, OLD)
    world = document()
    [score] = [one for one in world["resources"] if one["id"] == w.ENDPOINT]
    score["properties"]["traffic"] = {"blue": "all"}
    standin_of(azure).put_world(world)
    with pytest.raises(InvalidTarget, match="blue is 'all'"):
        await read(azure)


async def test_a_lost_answer_leaves_the_split_changed_once(azure: Cloud) -> None:
    """The client asks again for the same split, and finds the same update under way."""
    standin_of(azure).fault(
        pattern=r"PUT .*/onlineEnd", drop_connection=True, after_effect=True
    )
    await set_traffic(azure, OLD)
    assert OLD == (await settled(azure)).routing


async def test_while_another_update_is_under_way_nothing_is_changed(azure: Cloud) -> None:
    """The service refuses it; the step looks again."""
    await set_traffic(azure, OLD)
    with pytest.raises(StaleFacts):
        await set_traffic(azure, Routing({"green": 100}), was=OLD)
    assert OLD == (await settled(azure)).routing


async def test_how_a_deployment_answers_is_told(cloud: Cloud) -> None:
    """Requests, those that it failed, and how slow it was; nobody asked the other one."""
    endpoint = await read(cloud)
    window = timedelta(minutes=5)
    found = await cloud.online_endpoints.figures(endpoint, "green", window=window)
    assert found is not None
    assert (0.1, 120.0) == (round(found.errors / found.requests, 3), found.p95_ms)
    assert 40 <= found.requests <= 60
    assert Figures() == await cloud.online_endpoints.figures(endpoint, "blue", window=window)


async def test_figures_that_cannot_be_read_are_none(azure: Cloud) -> None:
    """Nothing read is not nothing asked."""
    endpoint, window = await read(azure), timedelta(minutes=5)
    standin_of(azure).fault(pattern=r"POST .*metrics:getBatch", status=403)
    assert None is await azure.online_endpoints.figures(endpoint, "green", window=window)
    world = document()
    for one in world["metrics"]:
        if one["name"] == "RequestLatency_P95":
            one.pop("constant")
            one["series"] = "error"
    standin_of(azure).put_world(world)
    assert None is await azure.online_endpoints.figures(endpoint, "green", window=window)
    odd = replace(endpoint, resource=replace(endpoint.resource, location=""))
    assert None is await azure.online_endpoints.figures(odd, "green", window=window)
