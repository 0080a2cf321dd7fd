"""Instances of the engine over one Azurite: real counts, real plans, a fake cloud.

Everything that must hold across instances is in storage; each has connections of its
own. A sender does what Event Grid does with what was not acknowledged: sends it again.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from shared.adapters.clock import SystemClock
from shared.adapters.storage import Storage
from shared.adapters.table_approvals import TableApprovals
from shared.adapters.table_ledger import TableLedger
from shared.adapters.table_tallies import TableTallies
from shared.adapters.wake_queue import PlanWakeQueue
from shared.core.errors import RetryLater
from shared.core.plans import Plan
from shared.core.signals import Signal
from shared.engine import events
from shared.engine.night import Night
from shared.ports import Head, StoredPlan
from shared.rules.book import Rule
from tests import builders as make
from tests.emulated import emulated_storage
from tests.shift import World, a_night, a_world

MOST_TRIES = 6
"""Event Grid sends again after 10 s, 30 s, 1, 5, 10 and 30 minutes; then hourly.

Source: https://learn.microsoft.com/azure/event-grid/delivery-and-retry
"""
IN_TIME_S = 30.0
"""How long Event Grid waits for an answer before it counts as none."""


@dataclass
class Deliveries:
    """What the sender saw.

    Attributes:
        tries: How many deliveries were acknowledged at the first, second... sending.
        took: Seconds from the first sending of each to its acknowledgement.
    """

    tries: Counter[int] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)

    @property
    def again(self) -> int:
        """How often something had to be sent again."""
        return sum((tries - 1) * count for tries, count in self.tries.items())


async def deliver(night: Night, signal: Signal, seen: Deliveries) -> None:
    """Send one event until it is acknowledged; the waits between are left out."""
    began = time.monotonic()
    for tries in range(1, MOST_TRIES + 1):
        try:
            async with asyncio.timeout(IN_TIME_S):
                await events.hear(night, [signal], budget=timedelta(0))
        except (RetryLater, TimeoutError):
            continue
        seen.tries[tries] += 1
        seen.took.append(time.monotonic() - began)
        return
    raise AssertionError(f"{signal.event_id} was not acknowledged in {MOST_TRIES} tries")


class TimedLedger(TableLedger):
    """The real ledger; it notes when each plan was stored, by the event's id."""

    def __init__(self, storage: Storage, clock: SystemClock, prefix: str) -> None:
        super().__init__(storage, clock, prefix)
        self.stored_at: dict[str, float] = {}

    async def open(self, plan: Plan, head: Head) -> StoredPlan:
        """Store a plan."""
        stored = await super().open(plan, head)
        self.stored_at[str(plan.signal["event_id"])] = time.monotonic()
        return stored


@asynccontextmanager
async def instances(
    azurite: str, world: World, count: int, *rules: Rule
) -> AsyncIterator[list[Night]]:
    """Start instances of the engine over tables and a queue of this call's own."""
    name = f"t{uuid.uuid4().hex[:16]}"
    accounts = [emulated_storage(azurite) for _ in range(count)]
    try:
        yield [_over(account, world, name, *rules) for account in accounts]
    finally:
        await asyncio.gather(*(account.close() for account in accounts))


def _over(storage: Storage, world: World, name: str, *rules: Rule) -> Night:
    clock = SystemClock()
    fakes = a_night(world, *rules)
    ports = replace(
        fakes.ports,
        clock=clock,
        ledger=TimedLedger(storage, clock, name),
        tallies=TableTallies(storage, name),
        approvals=TableApprovals(storage, clock, name),
        queue=PlanWakeQueue(storage, name),
    )
    return replace(fakes, ports=ports)


async def open_plans(night: Night) -> list[Plan]:
    """Return every plan that is open, as the ledger has it."""
    page = await night.ports.ledger.list_plans(state="open", limit=200, after="")
    assert not page.next, "more plans than one page: far more than any limit here"
    return list(page.plans)


async def first_reasons(night: Night, signals: Sequence[Signal]) -> dict[str, str]:
    """Return what was recorded for each event: a reason, or ``act`` where there was none."""
    found: dict[str, str] = {}
    for signal in signals:
        for record in await night.ports.ledger.find_event(signal.event_id):
            [said] = record.decisions
            found[record.event_id] = str(said["reason"] or said["kind"])
    return found


def a_pool(machines: int) -> World:
    """Make a world with one scale set of so many machines that can be moved."""
    world = a_world(make.NOW, lambda _: None)
    for number in range(machines):
        machine = make.a_machine(vm(number), f"os-{number}")
        pool = {"pool": make.SCALE_SET, "pool_size": machines}
        machine.resource = replace(machine.resource, **pool)
        world.compute.add(machine)
    return world


def with_nodes(world: World, count: int) -> World:
    """Add as many nodes on instances of the same scale set."""
    for number in range(count):
        world.cluster.add(make.instance(number), make.a_node(number))
        world.resources.add(make.a_resource(make.instance(number)))
    return world


def vm(number: int) -> str:
    """Name one machine of the scale set."""
    return f"{make.GROUP}/providers/Microsoft.Compute/virtualMachines/gpu-{number}"
