"""Restore points: what both clouds promise whoever saves a machine at one moment."""

from __future__ import annotations

import pytest

from shared.core.errors import Forbidden, InvalidTarget
from shared.core.restore_points import collection_id
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually

COLLECTION = collection_id(w.DEV)
POINT = f"{COLLECTION}/restorePoints/nightshift-20300101-until-20300108"


async def make(cloud: Cloud) -> None:
    """Ask for a point of the machine with two disks."""
    await cloud.restore_points.create(
        POINT, machine=w.DEV, location=w.REGION, tags={"nightshift-of": "x"}
    )


async def test_a_point_is_made_with_its_collection_and_holds_every_disk(cloud: Cloud) -> None:
    """Read as whole only when it is; found by its machine, and by its collection."""
    before = await cloud.restore_points.of(w.DEV)
    assert before is not None
    assert (2, ()) == (before.disks, before.points)
    assert None is await cloud.restore_points.point(POINT)
    await make(cloud)
    seen = await eventually(
        lambda: cloud.restore_points.point(POINT), lambda p: p is not None and p.is_good
    )
    assert seen is not None
    assert (2, True, True) == (seen.disks, seen.is_good, seen.is_ours)
    for where in (w.DEV, COLLECTION):
        found = await cloud.restore_points.of(where)
        assert found is not None
        assert [POINT.casefold()] == [one.id.casefold() for one in found.points]


async def test_a_point_is_removed_and_may_be_removed_again(cloud: Cloud) -> None:
    """A second worker's removal is no error."""
    await make(cloud)
    await eventually(
        lambda: cloud.restore_points.point(POINT), lambda p: p is not None and p.is_good
    )
    await cloud.restore_points.remove(POINT)
    gone = await eventually(lambda: cloud.restore_points.point(POINT), lambda p: p is None)
    assert gone is None
    await cloud.restore_points.remove(POINT)


async def test_what_is_no_machine_is_refused_and_what_is_gone_is_gone(cloud: Cloud) -> None:
    """Whatever a rule or a person asks for."""
    with pytest.raises(InvalidTarget):
        await cloud.restore_points.of(w.WORKSPACE)
    assert None is await cloud.restore_points.of(w.MISSING)
    assert None is await cloud.restore_points.of(COLLECTION)


async def test_a_missing_right_is_told(azure: Cloud) -> None:
    """With the role that has it."""
    assert azure.standin is not None
    fault = {"pattern": "PUT .*/restorePoints/", "status": 403}
    azure.standin.request("POST", "/_faults", fault)
    with pytest.raises(Forbidden, match="Virtual Machine Contributor"):
        await make(azure)
