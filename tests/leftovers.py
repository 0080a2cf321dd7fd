"""A disk that nobody has, and what a survey says of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shared.core.signals import Signal, SignalType
from tests.builders import GROUP, NOW
from tests.shift import Shift

DISK = f"{GROUP}/providers/Microsoft.Compute/disks/left-over"


def a_disk(state: str = "Unattached", **tags: str) -> dict[str, Any]:
    """Make a disk as the resource manager writes it."""
    said = {"diskState": state, "diskSizeGB": 64}
    return {"id": DISK, "location": "westeurope", "tags": tags, "properties": said}


def with_leftover(shift: Shift) -> None:
    """Put a disk that nobody has into the world."""
    shift.world.compute.loose_disks.add(DISK.casefold())
    shift.world.leftovers.add(a_disk())


def a_leftover(target: str = DISK, now: datetime = NOW) -> Signal:
    """Make the finding of a survey's turn."""
    return Signal(
        type=SignalType.RESOURCE_LEFT_OVER,
        event_id=f"survey-x-{now:%Y%m%dT%H%M}",
        source="survey",
        target=target,
        observed_at=now,
        attributes={"finding": "unattached_disk"},
        is_recurring=True,
    )
