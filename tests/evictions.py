"""Spot machines that were taken, and pools that lost one, for tests of what follows."""

from __future__ import annotations

from typing import Any

from shared.core.signals import Phase, Signal, SignalType
from shared.core.spot_marks import DEALLOCATE, NO_LIMIT, TAG, SpotMark, write_mark
from tests.builders import HOUR, NOW, SCALE_SET, VM, a_resource, instance
from tests.fakes.cloud import FakePool
from tests.shift import Shift


def an_eviction(target: str = VM, **fields: Any) -> Signal:
    """Make the annotation of a machine that was taken."""
    values: dict[str, Any] = {
        "type": SignalType.VM_PREEMPTED,
        "event_id": "e-1",
        "source": "health_resources",
        "target": target,
        "observed_at": NOW,
        "phase": Phase.FIRED,
    }
    return Signal(**{**values, **fields})


def evict(shift: Shift, power: str = "deallocated") -> None:
    """Put a spot machine into the world that was taken."""
    shift.with_machine(VM)
    machine = shift.world.compute.machines_by_id[VM.casefold()]
    machine.power, machine.priority = power, "spot"


def lose(shift: Shift, capacity: int = 4) -> FakePool:
    """Put a spot pool into the world that lost an instance for good."""
    shift.world.resources.add(a_resource(SCALE_SET))
    return shift.world.replacement.add(FakePool(a_resource(SCALE_SET), capacity=capacity))


LOST = instance(7)


def with_paid(shift: Shift) -> None:
    """Put a machine into the world that came back on demand six hours ago, and idles."""
    shift.with_machine(VM)
    mark = SpotMark(
        "on_demand", "Standard_NC24ads_A100_v4", DEALLOCATE, NO_LIMIT, NOW - 6 * HOUR
    )
    shift.set_tags(VM, {TAG: write_mark(mark)})
