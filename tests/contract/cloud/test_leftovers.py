"""Leftovers: what both clouds promise whoever removes something."""

from __future__ import annotations

import pytest

from shared.core.errors import Forbidden, InvalidTarget, StaleFacts
from shared.core.leftovers import MARK_TAG
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually

LOOSE = w.LOOSE_DISK


async def test_a_disk_that_nobody_has_is_left_over_and_another_is_not(cloud: Cloud) -> None:
    """Judged from its own document."""
    loose, held = (
        await cloud.leftovers.leftover(LOOSE),
        await cloud.leftovers.leftover(w.OS_DISK),
    )
    assert loose is not None
    assert held is not None
    assert ("no machine has it", "") == (loose.left_over, held.left_over)
    assert None is await cloud.leftovers.leftover(f"{LOOSE}-gone")


async def test_a_mark_stands_beside_the_other_tags_and_comes_off(cloud: Cloud) -> None:
    """Whoever tags it meanwhile loses nothing."""
    await cloud.leftovers.mark(LOOSE, remove_after="2031-01-01T00:00:00Z")
    marked = await cloud.leftovers.leftover(LOOSE)
    assert marked is not None
    assert {**w.TAGS, MARK_TAG: "2031-01-01T00:00:00Z"} == dict(marked.resource.tags)
    await cloud.leftovers.mark(LOOSE, remove_after="")
    bare = await cloud.leftovers.leftover(LOOSE)
    assert bare is not None
    assert w.TAGS == dict(bare.resource.tags)


async def test_what_is_removed_is_gone_and_may_be_removed_again(cloud: Cloud) -> None:
    """A second worker's removal is no error."""
    await cloud.leftovers.remove(LOOSE)
    gone = await eventually(lambda: cloud.leftovers.leftover(LOOSE), lambda one: one is None)
    assert gone is None
    await cloud.leftovers.remove(LOOSE)


async def test_another_kind_of_resource_is_never_touched(azure: Cloud) -> None:
    """Whatever a rule or a person asks for."""
    for call in (azure.leftovers.leftover, azure.leftovers.remove):
        with pytest.raises(InvalidTarget, match="left alone"):
            await call(w.DEV)
    with pytest.raises(InvalidTarget, match="left alone"):
        await azure.leftovers.mark(w.WORKSPACE, remove_after="x")


async def test_a_disk_in_use_cannot_be_deleted(azure: Cloud) -> None:
    """The service's own last word: the step looks again, and sees who has it."""
    with pytest.raises(StaleFacts, match="attached"):
        await azure.leftovers.remove(w.OS_DISK)


async def test_a_lock_and_a_missing_right_are_told_by_name(azure: Cloud) -> None:
    """With the operation that somebody must grant."""
    assert azure.standin is not None
    with pytest.raises(Forbidden):
        await azure.leftovers.remove(w.LOCKED_DISK)
    fault = {"pattern": "DELETE .*/disks/loose", "status": 403}
    azure.standin.request("POST", "/_faults", fault)
    with pytest.raises(Forbidden, match="disks/delete"):
        await azure.leftovers.remove(LOOSE)
