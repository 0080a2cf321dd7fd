"""What was saved of a disk: both clouds tell the same."""

from __future__ import annotations

import pytest

from shared.core.errors import InvalidTarget
from shared.core.leftovers import why_removable
from shared.core.old_snapshots import PAST
from shared.core.snapshot_copies import SnapshotCopies, copy_id
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually

OLD, NEWER = (f"{w.COMPUTE}/snapshots/old-{n}" for n in (1, 2))


async def test_a_disk_is_read_with_what_was_saved_of_it(cloud: Cloud) -> None:
    """With its machine's tags under its own."""
    found = await cloud.snapshots.of_disk(w.OS_DISK)
    assert found is not None
    assert {OLD, NEWER} == {one.id for one in found.saved}
    assert all(one.is_good and one.is_ours for one in found.saved)
    assert (w.TAGS, "Attached") == (dict(found.resource.tags), found.state)
    assert None is await cloud.snapshots.of_disk(f"{w.OS_DISK}-gone")
    with pytest.raises(InvalidTarget):
        await cloud.snapshots.of_disk(w.DEV)


async def test_the_older_of_two_may_go_and_the_newest_may_not(azure: Cloud) -> None:
    """Judged by the snapshots of its group as they are now, and by its disk."""
    old = await azure.leftovers.leftover(OLD)
    newest = await azure.leftovers.leftover(NEWER)
    assert old is not None
    assert newest is not None
    assert (PAST, "") == (old.left_over, newest.left_over)
    assert ("expired", "") == (why_removable(old, w.NOW), why_removable(newest, w.NOW))
    await azure.leftovers.remove(OLD)
    gone = await eventually(lambda: azure.leftovers.leftover(OLD), lambda one: one is None)
    assert gone is None


async def test_a_copy_arrives_in_the_other_region(azure: Cloud) -> None:
    """It is whole when all of it is there, and not when it is provisioned."""
    found = await azure.snapshots.copies_of(NEWER)
    assert found is not None
    assert (True, ()) == (found.is_incremental, found.copies)
    assert None is await azure.snapshots.copies_of(f"{NEWER}-gone")
    name = copy_id(NEWER, "northeurope")
    await azure.snapshots.copy(name, source=NEWER, location="northeurope", tags={"a": "b"})

    def has_arrived(seen: SnapshotCopies | None) -> bool:
        return seen is not None and any(one.is_good for one in seen.copies)

    seen = await eventually(lambda: azure.snapshots.copies_of(NEWER), has_arrived)
    assert seen is not None
    assert [(name, "northeurope", True)] == [
        (one.id, one.location, one.is_copy) for one in seen.copies
    ]
    saved = await azure.snapshots.of_disk(w.OS_DISK)
    assert saved is not None
    assert {OLD, NEWER} == {one.id for one in saved.saved}
