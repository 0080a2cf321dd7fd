"""What is counted holds back: limits, canaries, breakers and budgets, through the engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from shared.core.errors import InvalidTarget
from shared.core.places import place_key
from shared.core.plans import PlanOutcome
from shared.core.signals import Signal
from shared.core.tallies import BREAKER, Tally
from shared.core.terms import Breaker, Budget, Canary, Limit, LimitScope, Money
from shared.engine import events
from shared.rules.book import Rule
from tests.builders import (
    GROUP,
    HOUR,
    MINUTE,
    NOW,
    SCALE_SET,
    SECOND,
    a_degradation,
    a_notice,
    a_rule,
)
from tests.shift import Shift

DAY = 24 * HOUR
REFUSED = InvalidTarget("this size cannot be redeployed")


def vm(number: int) -> str:
    """Name one of many machines."""
    return f"{GROUP}/providers/Microsoft.Compute/virtualMachines/dev-{number}"


def degraded(number: int, **fields: object) -> Signal:
    """Make an event about one of them."""
    values = {"target": vm(number), "event_id": f"h-{number}", **fields}
    return a_degradation(**values)


def a_shift(machines: int = 5, **terms: object) -> Shift:
    """Begin with machines to move, and one rule with these terms."""
    shift = Shift.begin(rule(**terms))
    for number in range(machines):
        shift.with_machine(vm(number), f"os-{number}", is_quiet=False)
    return shift


def rule(**terms: object) -> Rule:
    """Make a rule on degraded machines."""
    return a_rule("snapshot_and_redeploy", terms=terms)


def limit(count: int, *, within: timedelta | None = None) -> tuple[Limit, ...]:
    """Let so many targets of the rule be acted on."""
    return (Limit(LimitScope.RULE, count=count, within=within),)


def said(shift: Shift, number: int) -> str:
    """Return the last reason recorded for one machine's event."""
    return shift.reasons(f"h-{number}")[-1]


def test_a_limit_holds_the_third_target_of_two():
    """What is one too many waits, with its reason, and takes nothing."""
    shift = a_shift(limits=limit(2, within=HOUR))
    for number in range(3):
        shift.deliver(degraded(number))
    assert ["act", "act", "blast_radius"] == [said(shift, number) for number in range(3)]
    assert 2 == len(shift.plans)


def test_what_a_limit_held_is_done_when_its_window_is_over():
    """A hold is kept: nobody needs to send the event again."""
    shift = a_shift(limits=limit(2, within=HOUR))
    for number in range(3):
        shift.deliver(degraded(number))
    shift.run_until_quiet()
    assert 3 == len([p for p in shift.plans if p.outcome is PlanOutcome.DONE])


def test_a_limit_on_what_is_under_way_lets_the_next_go_when_one_ended():
    """The end of a plan is counted too."""
    shift = a_shift(limits=limit(1))
    for number in range(2):
        shift.deliver(degraded(number))
    assert ["act", "blast_radius"] == [said(shift, number) for number in range(2)]
    shift.run_until_quiet()
    assert 2 == len([p for p in shift.plans if p.outcome is PlanOutcome.DONE])
    first, second = shift.plans
    assert first.closed_at <= second.created_at


def test_fifty_at_once_do_not_pass_a_limit_of_three():
    """Each sees the others, because a count is one conditional write."""
    shift = a_shift(50, limits=limit(3, within=DAY))

    async def together() -> None:
        await asyncio.gather(
            *(
                events.hear(shift.night, [degraded(number)], budget=timedelta(0))
                for number in range(50)
            )
        )

    shift.invoke(together())
    assert 3 == len(shift.plans)


def test_the_same_event_fifty_times_takes_one_of_the_limit():
    """A redelivery is no second plan and no second count."""
    shift = a_shift(3, limits=limit(2, within=DAY))

    async def together() -> None:
        await asyncio.gather(
            *(events.hear(shift.night, [degraded(0)], budget=timedelta(0)) for _ in range(50))
        )

    shift.invoke(together())
    shift.deliver(degraded(1))
    shift.deliver(degraded(2))
    assert ["act", "blast_radius"] == [said(shift, 1), said(shift, 2)]


def test_a_reservation_without_a_plan_is_given_back():
    """A process that died between counting and opening blocks nobody for long."""
    shift = a_shift(2, limits=limit(1, within=DAY))
    shift.hooks.append(lambda at: shift.die(at) if at == "before open" else None)
    shift.send(degraded(0))
    shift.hooks.clear()
    assert [] == shift.plans
    shift.move(6 * MINUTE)
    shift.deliver(degraded(1))
    assert ["act"] == shift.reasons("h-1")


def test_a_canary_goes_first_and_the_rest_wait_until_it_soaked():
    """One machine shows whether the rule is right before the others are moved."""
    shift = a_shift(3, canary=Canary(1, 30 * MINUTE, DAY))
    for number in range(3):
        shift.deliver(degraded(number))
    assert ["act", "canary", "canary"] == [said(shift, number) for number in range(3)]
    shift.run_until_quiet()
    first, *rest = shift.plans
    assert 2 == len(rest)
    assert all(plan.created_at >= first.closed_at + 30 * MINUTE for plan in rest)


def test_a_failed_canary_stops_the_rule():
    """What did not help the first is not done to the rest."""
    shift = a_shift(2, canary=Canary(1, MINUTE, DAY))
    with shift.raising("before redeploy", REFUSED):
        shift.deliver(degraded(0))
        shift.deliver(degraded(1))
        shift.wait(2 * HOUR)
    assert "canary_failed" == said(shift, 1)
    assert 1 == len(shift.plans)


def test_a_storm_stops_what_is_voluntary():
    """Where three fail at once, the machines are not the cause."""
    breaker = Breaker(LimitScope.RULE, 10 * MINUTE, 3, None, 5, 10 * MINUTE, timedelta(0))
    shift = a_shift(5, breaker=breaker)
    for number in range(5):
        shift.deliver(degraded(number))
    assert ["act", "act", "storm", "breaker_open", "breaker_open"] == [
        said(shift, number) for number in range(5)
    ]


def test_after_a_storm_one_tries_before_all_others_do():
    """Half-open: the others wait until that one is done."""
    breaker = Breaker(LimitScope.RULE, 10 * MINUTE, 3, None, 5, 10 * MINUTE, timedelta(0))
    shift = a_shift(5, breaker=breaker)
    for number in range(5):
        shift.deliver(degraded(number))
    shift.run_until_quiet()
    plans = sorted(shift.plans, key=lambda plan: plan.created_at)
    assert 5 == len([p for p in plans if p.outcome is PlanOutcome.DONE])
    assert plans[2].created_at >= NOW + 10 * MINUTE
    assert all(plan.created_at >= plans[2].closed_at for plan in plans[3:])


def test_money_that_is_spent_is_spent():
    """The third plan would cost more than the rule may spend."""
    money = Money(limit=25.0, each=10.0, within=DAY)
    shift = a_shift(3, budget=Budget(None, DAY, money))
    for number in range(3):
        shift.deliver(degraded(number))
    assert ["act", "act", "budget_spent"] == [said(shift, number) for number in range(3)]


def test_what_keeps_failing_is_not_tried_for_ever():
    """The same remediation again and again is the loudest complaint there is."""
    shift = a_shift(1, budget=Budget(2, DAY))
    with shift.raising("before redeploy", REFUSED, times=9):
        for number in range(3):
            shift.deliver(degraded(0, event_id=f"again-{number}"))
            shift.wait(10 * MINUTE)
    assert 2 == len(shift.plans)
    assert "budget_spent" == shift.reasons("again-2")[-1]


def in_pool(shift: Shift, number: int) -> None:
    """Put a machine into the pool of the spot nodes."""
    shift.with_machine(vm(number), f"os-{number}", is_quiet=False)
    machine = shift.world.compute.machines_by_id[vm(number).casefold()]
    machine.resource = replace(machine.resource, pool=SCALE_SET, pool_size=10)


def test_sixty_percent_of_a_pool_is_evicted_in_ten_seconds_with_everything_tripped():
    """An eviction waits for no count, and while it lasts nothing voluntary begins there."""
    hard = Breaker(LimitScope.POOL, HOUR, 1, None, 5, HOUR, timedelta(0))
    spent = Budget(1, DAY, Money(0.0, 1.0, DAY))
    none = (Limit(LimitScope.POOL, count=0), Limit(LimitScope.RULE, count=0))
    terms = {"limits": none, "breaker": hard, "budget": spent}
    shift = Shift.begin(a_rule("drain_node", name="drain", terms=terms), rule())
    for number in range(10):
        shift.with_node(number=number)
    for number in (20, 21):
        in_pool(shift, number)
    trip(shift, hard)
    for number in range(6):
        shift.move(SECOND)
        soon = {"observed_at": shift.now, "deadline": shift.now + 30 * SECOND}
        shift.deliver(a_notice(number, event_id=f"e-{number}", **soon), budget=timedelta(0))
        shift.deliver(degraded(20 + number % 2, event_id=f"h-{number}"))
    assert ["act"] * 6 == [shift.reasons(f"e-{number}")[-1] for number in range(6)]
    assert ["pool_interrupted"] * 6 == [said(shift, number) for number in range(6)]
    shift.wait(25 * SECOND)
    drained = set(shift.done("cordon"))
    assert {f"aks-spot-1-vmss{number:06}" for number in range(6)} == drained
    assert [] == shift.done("redeploy") + shift.done("snapshot")


def trip(shift: Shift, breaker: Breaker) -> None:
    """Open the pool's breaker, as a storm an hour ago left it."""
    tally = Tally(place_key(BREAKER, breaker.scope, SCALE_SET.casefold()), tripped_at=NOW)
    shift.invoke(shift.world.tallies.save(replace(tally, threshold=1)))
