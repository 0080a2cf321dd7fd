"""Sixty percent of a pool evicted within ten seconds, with everything tripped and spent.

An eviction happens whatever a count says. ``-s`` shows how soon each plan was stored.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from datetime import timedelta

from shared.adapters.clock import SystemClock
from shared.core.places import place_key
from shared.core.signals import Signal
from shared.core.tallies import BREAKER, PLANS, Entry, Tally, fold
from shared.core.terms import Breaker, Budget, Limit, LimitScope, Money
from shared.engine.night import Night
from tests.builders import (
    HOUR,
    SCALE_SET,
    SECOND,
    a_degradation,
    a_notice,
    a_rule,
    instance,
)
from tests.contract.tallies.instances import (
    Deliveries,
    TimedLedger,
    a_pool,
    deliver,
    first_reasons,
    instances,
    open_plans,
    vm,
    with_nodes,
)

POOL, EVICTED, WANTED = 100, 60, 30
DAY = 24 * HOUR
WITHIN_S, FIRST = 4.0, 5
NONE_AT_ALL = {
    "limits": (Limit(LimitScope.POOL, count=0), Limit(LimitScope.RULE, count=0)),
    "breaker": Breaker(LimitScope.POOL, HOUR, 1, None, 5, HOUR, timedelta(0)),
    "budget": Budget(1, DAY, Money(0.0, 1.0, DAY)),
}


async def test_every_drain_starts_and_nothing_voluntary_does(azurite: str):
    """Two instances, sixty notices, thirty machines to repair among them: no yes to those."""
    drain = a_rule("drain_node", name="drain", terms=NONE_AT_ALL)
    repair = a_rule("snapshot_and_redeploy", name="repair")
    evictions = [eviction(number) for number in range(EVICTED)]
    wanted = [degraded(number) for number in range(WANTED)]
    world, seen, sent_at = with_nodes(a_pool(POOL), POOL), Deliveries(), {}
    chance = random.Random(20300101)

    async def send(nights: list[Night], at: int, signal: Signal) -> None:
        await asyncio.sleep(chance.uniform(0, WITHIN_S))
        sent_at[signal.event_id] = time.monotonic()
        await deliver(nights[at % 2], signal, seen)

    async with instances(azurite, world, 2, drain, repair) as nights:
        await trip_and_spend(nights[0])
        began = time.monotonic()
        first = evictions[:FIRST]
        await asyncio.gather(*(send(nights, at, signal) for at, signal in enumerate(first)))
        rest = [*evictions[FIRST:], *wanted]
        await asyncio.gather(*(send(nights, at, signal) for at, signal in enumerate(rest)))
        took = time.monotonic() - began
        plans = await open_plans(nights[0])
        reasons = await first_reasons(nights[0], [*evictions, *wanted])
        spans = [at - sent_at[event] for event, at in stored_at(nights).items()]
    show(spans, took)

    assert {"drain"} == {plan.rule for plan in plans}
    assert {fold(instance(number)) for number in range(EVICTED)} == {
        fold(plan.target) for plan in plans
    }
    assert EVICTED == len(plans)
    assert {"act"} == {reasons[one.event_id] for one in evictions}
    assert {"pool_interrupted"} == {reasons[one.event_id] for one in wanted}
    assert {1: EVICTED + WANTED} == seen.tries


def eviction(number: int) -> Signal:
    """Announce the eviction of one node; each test run has its own present."""
    now = SystemClock().now()
    soon = {"observed_at": now, "deadline": now + 30 * SECOND}
    return a_notice(number, event_id=f"e-{number}", **soon)


def degraded(number: int) -> Signal:
    """Ask for the repair of another machine of the pool."""
    seen = {"target": vm(number), "event_id": f"h-{number}"}
    return a_degradation(**seen, observed_at=SystemClock().now())


async def trip_and_spend(night: Night) -> None:
    """Leave the pool's breaker open and the rule's money spent, as a bad hour would."""
    now, place = night.ports.clock.now(), fold(SCALE_SET)
    failed = tuple(Entry(f"f-{number}", fold(vm(number)), now) for number in range(9))
    breaker = Tally(place_key(BREAKER, LimitScope.POOL, place), failed, tripped_at=now)
    await night.ports.tallies.save(replace(breaker, threshold=1))
    over = tuple(
        Entry(f"p-{number}", fold(instance(90 + number)), now, now, "done", 1.0, "drain")
        for number in range(9)
    )
    await night.ports.tallies.save(Tally("money|rule|drain", over))
    await night.ports.tallies.save(Tally(place_key(PLANS, LimitScope.RULE, "drain"), over))


def stored_at(nights: list[Night]) -> dict[str, float]:
    """Tell when each plan was stored, by its event."""
    found: dict[str, float] = {}
    for night in nights:
        ledger = night.ports.ledger
        assert isinstance(ledger, TimedLedger)
        found |= ledger.stored_at
    return found


def show(spans: list[float], took: float) -> None:
    """Say how soon; a busy machine is no defect, so nothing is asserted of it."""
    ordered = sorted(spans)
    half, most = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    shown = f"delivery to plan stored: p50 {half * 1000:.0f} ms, p99 {most * 1000:.0f} ms"
    print(shown, f"({len(spans)} evictions in {took:.1f} s)")  # noqa: T201 - the figures
