"""A disk that is to be saved on a schedule, and what a survey says of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared.core.signals import Signal, SignalType
from shared.core.snapshot_copies import TAG_COPY_TO, TAG_REGIONS
from shared.core.snapshots import TAG_SCHEDULE
from tests.builders import GROUP, NOW
from tests.shift import Shift

DISK = f"{GROUP}/providers/Microsoft.Compute/disks/data-1"


def a_saved_disk(state: str = "Attached", schedule: str = "daily") -> dict[str, Any]:
    """Make a disk as the resource manager writes it."""
    tags = {TAG_SCHEDULE: schedule} if schedule else {}
    said = {"diskState": state, "diskSizeGB": 64}
    return {"id": DISK, "location": "westeurope", "tags": tags, "properties": said}


def with_disk(shift: Shift, **disk: str) -> None:
    """Put the disk into the world."""
    shift.world.snapshots.add(a_saved_disk(**disk))


SNAPSHOT = f"{GROUP}/providers/Microsoft.Compute/snapshots/nightshift-data-1"


def a_snapshot(**tags: str) -> dict[str, Any]:
    """Make a snapshot of the disk as the resource manager writes it."""
    said = {
        "provisioningState": "Succeeded",
        "timeCreated": NOW.isoformat(),
        "incremental": True,
        "creationData": {"createOption": "Copy", "sourceResourceId": DISK},
    }
    own = {"nightshift-expires": "2030-02-01T00:00:00Z", **tags}
    return {"id": SNAPSHOT, "location": "westeurope", "tags": own, "properties": said}


def with_snapshot(shift: Shift, **tags: str) -> None:
    """Put a snapshot whose disk wants a copy into the world."""
    with_disk(shift)
    wanted = {TAG_COPY_TO: "northeurope", TAG_REGIONS: "westeurope northeurope", **tags}
    shift.world.snapshots.snapshots[SNAPSHOT.casefold()] = a_snapshot(**wanted)


def an_uncopied_snapshot(now: datetime = NOW) -> Signal:
    """Make the finding that a snapshot has no copy."""
    return Signal(
        type=SignalType.DISK_SNAPSHOT_NOT_COPIED,
        event_id=f"survey-snapshot_copies-{now:%Y%m%dT%H%M}",
        source="survey",
        target=SNAPSHOT,
        observed_at=now,
        attributes={"finding": "snapshot_not_copied", "copy_to": "northeurope"},
        is_recurring=True,
    )


def a_due_snapshot(now: datetime = NOW) -> Signal:
    """Make the finding of a survey's turn."""
    return Signal(
        type=SignalType.DISK_SNAPSHOT_DUE,
        event_id=f"survey-snapshot_schedule-{now:%Y%m%dT%H%M}",
        source="survey",
        target=DISK,
        observed_at=now,
        attributes={"finding": "snapshot_due", "schedule": "daily"},
        is_recurring=True,
    )
