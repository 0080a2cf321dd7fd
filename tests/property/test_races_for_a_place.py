"""Several processes, several copies of each event, any interleaving: exact, and all counted.

Each process takes turns of its own, so that between processes nothing but the conditional
writes holds. Seeds and not examples: what matters is the order of a thousand small steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from shared.core.errors import RetryLater
from shared.core.signals import Signal
from shared.core.terms import Limit, LimitScope
from shared.engine import events
from shared.engine.night import Night
from shared.engine.turns import Turns
from tests.builders import GROUP, HOUR, NOW, SCALE_SET, a_degradation, a_rule
from tests.shift import Shift
from tests.tallying import PLANS_ON_POOL

PROCESSES, MACHINES, COPIES, OF_POOL = 6, 8, 6, 3
SLOW = frozenset({"read", "save", "look", "open", "find", "find_event", "record_event"})
WAITED_FOR = ("tallies", "ledger")
TRIES = 9


@dataclass
class Unhurried:
    """A port whose calls take a while before they happen and after."""

    port: Any
    chance: Random

    def __getattr__(self, name: str) -> Any:
        """Return the port's own, slower."""
        own = getattr(self.port, name)
        return self._slower(own) if name in SLOW else own

    def _slower(self, own: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any) -> Any:
            await dawdle(self.chance, 6)
            answer = await own(*args)
            await dawdle(self.chance, 6)
            return answer

        return call


@dataclass
class Fine:
    """A clock that moves by microseconds, or not at all."""

    chance: Random
    at: datetime = NOW

    def now(self) -> datetime:
        """Return the present."""
        self.at += timedelta(microseconds=self.chance.choice([0, 0, 1, 5]))
        return self.at

    def token(self) -> str:
        """Return a name."""
        return "w"


async def dawdle(chance: Random, most: int) -> None:
    """Let others go first."""
    for _ in range(chance.randrange(most)):
        await asyncio.sleep(0)


def a_shift(limits: tuple[Limit, ...]) -> Shift:
    """Begin with one pool."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy", terms={"limits": limits}))
    for number in range(MACHINES):
        shift.with_machine(vm(number), f"os-{number}", is_quiet=False)
        machine = shift.world.compute.machines_by_id[vm(number).casefold()]
        machine.resource = replace(machine.resource, pool=SCALE_SET, pool_size=100)
    return shift


def vm(number: int) -> str:
    """Name a machine."""
    return f"{GROUP}/providers/Microsoft.Compute/virtualMachines/dev-{number}"


def a_process(night: Night, chance: Random) -> Night:
    """Make one of several over the same storage."""
    slow: dict[str, Any] = {
        name: Unhurried(getattr(night.ports, name), chance) for name in WAITED_FOR
    }
    ports = replace(night.ports, clock=Fine(chance), **slow)
    return replace(night, turns=Turns(), ports=ports)


async def send(nights: list[Night], signal: Signal, chance: Random) -> None:
    """Send one copy, again and to anybody if it was not acknowledged."""
    await dawdle(chance, 40)
    for _ in range(TRIES):
        try:
            await events.hear(chance.choice(nights), [signal], budget=timedelta(0))
        except RetryLater:
            continue
        return
    raise AssertionError("never acknowledged")


@pytest.mark.parametrize("seed", range(40))
def test_any_race_ends_in_as_many_plans_as_allowed_and_each_is_counted(seed: int):
    """A plan that is open and counted nowhere lets one too many pass, sooner or later."""
    chance = Random(seed)
    of_rule = chance.choice([2, 3, 4])
    limits = (
        Limit(LimitScope.POOL, count=OF_POOL, within=HOUR),
        Limit(LimitScope.RULE, count=of_rule, within=HOUR),
    )
    shift = a_shift(limits)
    nights = [a_process(shift.night, chance) for _ in range(PROCESSES)]
    seen = [a_degradation(target=vm(n), event_id=f"h-{n}") for n in range(MACHINES)] * COPIES

    async def all_at_once() -> None:
        await asyncio.gather(*(send(nights, signal, chance) for signal in seen))

    shift.invoke(all_at_once())
    counted = shift.world.tallies.stored[PLANS_ON_POOL].entries
    assert min(OF_POOL, of_rule) == len(shift.plans)
    assert set() == {plan.id for plan in shift.plans} - {one.token for one in counted}
