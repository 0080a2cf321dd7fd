"""An instance of a pool that people share, for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.core.facts import PoolInstanceFacts
from shared.core.signals import Signal
from tests.builders import SCALE_SET, a_reboot, a_resource, instance
from tests.shift import Shift

INSTANCE = instance(29)


def with_shared_instance(shift: Shift, *sessions: int) -> None:
    """Put an instance into the world on which people work, fewer at each look."""
    tagged = a_resource(INSTANCE, tags={"nightshift-pool": "shared"})
    shift.world.shared_pools.add(replace(tagged, pool=SCALE_SET))
    shift.world.resources.add(replace(tagged, pool=SCALE_SET))
    shift.world.commands.add(INSTANCE, "/run/nightshift/notice")
    shift.world.commands.sessions = list(sessions) or [0]


def the_instance(shift: Shift) -> PoolInstanceFacts:
    """Return the instance as it is now."""
    return shift.world.shared_pools.instances[INSTANCE.casefold()]


def a_pool_notice(**fields: Any) -> Signal:
    """Make the notice that the instance is rebooted in fifteen minutes."""
    return a_reboot(**{"target": INSTANCE, **fields})
