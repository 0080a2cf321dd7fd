"""A machine that is to be saved at one moment, and what a survey says of it."""

from __future__ import annotations

from datetime import datetime

from shared.core.restore_points import collection_id, point_name
from shared.core.signals import Signal, SignalType
from tests.builders import HOUR, NOW, VM
from tests.shift import Shift

DAY = 24 * HOUR
COLLECTION = collection_id(VM)


def point_of(taken: datetime, until: datetime) -> str:
    """Name a point of the machine."""
    return f"{COLLECTION}/restorePoints/{point_name(taken, until)}"


def with_old_points(shift: Shift) -> None:
    """Put one that is past its date into the world, and a newer one."""
    points = shift.world.restore_points
    points.add(point_of(NOW - 9 * DAY, NOW - 2 * DAY), NOW - 9 * DAY)
    points.add(point_of(NOW - 1 * DAY, NOW + 6 * DAY), NOW - 1 * DAY)


def a_due_point(now: datetime = NOW) -> Signal:
    """Make the finding that a machine was not saved today."""
    return _found("restore_point_due", VM, now)


def an_expired_point(now: datetime = NOW) -> Signal:
    """Make the finding that points are past their date."""
    return _found("restore_points_expired", COLLECTION, now)


def _found(finding: str, target: str, now: datetime) -> Signal:
    return Signal(
        type=SignalType.VM_RESTORE_POINTS_FOUND,
        event_id=f"survey-restore_points-{now:%Y%m%dT%H%M}-{finding}",
        source="survey",
        target=target,
        observed_at=now,
        attributes={"finding": finding, "schedule": "daily"},
        is_recurring=True,
    )
