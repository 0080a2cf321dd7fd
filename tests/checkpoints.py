"""A standalone VM whose owner declared a checkpoint command, for tests."""

from __future__ import annotations

from typing import Any

from shared.core.signals import Signal
from tests.builders import VM, a_notice
from tests.shift import Shift

FILE = "/etc/nightshift/checkpoint.sh"


def with_declared(shift: Shift, path: str = FILE, *disks: str) -> None:
    """Put a machine into the world that has the file, and the tag that names it."""
    shift.with_machine(VM, *disks)
    shift.set_tags(VM, {"nightshift-checkpoint": path})
    shift.world.commands.add(VM, FILE, "saved step 41")


def a_preempted_vm(**fields: Any) -> Signal:
    """Make the notice that the machine is taken in thirty seconds."""
    return a_notice(**{"target": VM, **fields})
