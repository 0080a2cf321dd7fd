"""Worlds and signals of working hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.core.signals import Signal, SignalType
from tests.builders import HOUR, VM, a_machine, a_tick
from tests.fakes.compute import FakeMachine
from tests.shift import Shift

HOURS = {"nightshift-hours": "mon-fri 08:00-19:00 UTC"}
UNTIL_TWO = {"nightshift-hours": "mon-sun 10:00-02:00 UTC"}


def with_vm(
    shift: Shift, vm: str = VM, tags: Mapping[str, str] = HOURS, **fields: Any
) -> FakeMachine:
    """Put a machine into the world that nobody touched since the morning."""
    values = {"provisioned_at": shift.now - 11 * HOUR, **fields}
    machine = replace(a_machine(vm, tags=tags), **values)
    shift.world.resources.add(machine.resource)
    return shift.world.compute.add(machine)


def with_late_vm(shift: Shift) -> FakeMachine:
    """Put a machine into the world that was to be stopped at two in the morning."""
    return with_vm(shift, tags=UNTIL_TWO)


def an_end_of_hours() -> Signal:
    """Make what the tick asks at three about a machine that was to be stopped at two."""
    return a_tick(
        type=SignalType.COMPUTE_SCHEDULE,
        event_id="schedule-follow-schedule-off-20300101T020000",
        attributes={"wanted": "off", "boundary": "2030-01-01T02:00:00.000000Z"},
    )
