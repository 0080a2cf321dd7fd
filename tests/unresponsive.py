"""Worlds with a VM that does not answer."""

from __future__ import annotations

from shared.core.signals import Signal, SignalType
from tests.builders import VM, a_degradation
from tests.fakes.compute import FakeMachine
from tests.shift import Shift


def with_silent_vm(shift: Shift, helps: str = "restart", console: str = "") -> FakeMachine:
    """Put a running VM into the world that does not answer until what helps is done."""
    shift.with_machine()
    if console:
        shift.world.vm_care.consoles[VM.casefold()] = console
    shift.world.vm_care.unwell[VM.casefold()] = helps
    return shift.world.compute.machines_by_id[VM.casefold()]


def a_loss(**fields: object) -> Signal:
    """Make what resource health says of a VM that is gone."""
    values = {
        "type": SignalType.VM_AVAILABILITY_CHANGED,
        "attributes": {"previous": "Available", "current": "Unavailable"},
    }
    return a_degradation(**{**values, **fields})
