"""What any night's stories found: each is told here once more, by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.approvals import Approval, ApprovalState, Voice
from shared.core.errors import InvalidTarget, RetryLater
from shared.core.pauses import Scope
from shared.core.plans import Mode, PlanOutcome
from shared.core.signals import Signal
from shared.core.steps import Verb
from shared.core.terms import (
    ApprovalKind,
    ApprovalTerms,
    Budget,
    Limit,
    LimitScope,
)
from shared.engine import consenting, events
from shared.engine.pausing import Person, pause
from tests.builders import (
    HOUR,
    MINUTE,
    SECOND,
    VM,
    a_degradation,
    a_reboot,
    a_rule,
)
from tests.shift import BUDGET, Shift

TERMS = ApprovalTerms(ApprovalKind.REQUIRED, 2 * HOUR)
SAVE_ALONE = replace(TERMS, if_expired=Verb.SNAPSHOT)
REFUSED = InvalidTarget("this size cannot be redeployed")


def begin(machines: int = 1, *, mode: Mode = Mode.AUTO, **terms: object) -> Shift:
    """Begin with machines to move, and one rule with these terms."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy", mode=mode, terms=terms))
    for number in range(machines):
        shift.with_machine(f"{VM}{number}", f"os-{number}", is_quiet=False)
    return shift


def degraded(number: int = 0, **fields: object) -> Signal:
    """Make an event about one of them."""
    return a_degradation(**{"target": f"{VM}{number}", "event_id": f"h-{number}", **fields})


def die_at(shift: Shift, point: str, times: int = 1) -> None:
    """Let the process die at its next so many passings of a point."""
    left = [times]

    def hook(at: str) -> None:
        if at == point and left[0] > 0:
            left[0] -= 1
            shift.die(at)

    shift.hooks.append(hook)


def only_question(shift: Shift) -> Approval:
    """Return the only question there is."""
    [one] = shift.world.approvals.every()
    return one


def say_yes(shift: Shift) -> Approval:
    """Let a person agree to it."""
    voice = Voice("ada", True, "", "page", shift.now, is_verified=True, subject="ada")
    return shift.invoke(consenting.decide(shift.night, only_question(shift).id, voice))


def test_an_expired_question_is_heard_twice_and_its_safe_step_is_done_once():
    """By the event's reminder and by the sweep; neither message goes round for ever."""
    shift = begin(approval=SAVE_ALONE)
    shift.deliver(degraded())
    shift.move(2 * HOUR)
    shift.sweep()
    shift.wait(10 * MINUTE)
    assert [PlanOutcome.DONE] == [plan.outcome for plan in shift.plans]
    assert [] == shift.world.queue.waiting


def test_a_suggestion_that_nobody_answers_does_nothing_at_all():
    """A rule that only suggests acts on a yes and on nothing else, no safe step either."""
    shift = begin(mode=Mode.SUGGEST, approval=SAVE_ALONE)
    shift.deliver(degraded())
    shift.move(2 * HOUR)
    shift.sweep()
    shift.wait(HOUR)
    assert [] == shift.plans
    assert ApprovalState.EXPIRED is only_question(shift).state


def test_a_suggestion_takes_no_place_of_a_limit():
    """It is heard again beside the yes; only the plan that is opened is counted."""
    once = (Limit(LimitScope.RULE, count=1, within=HOUR),)
    shift = begin(2, mode=Mode.SUGGEST, limits=once)
    shift.deliver(degraded())
    say_yes(shift)
    shift.world.queue.waiting.clear()
    again = {"signal": only_question(shift).signal, "attempt": 7}
    shift.invoke(events.wake(shift.night, again))
    assert ([], []) == (
        shift.plans,
        [one for tally in shift.world.tallies.stored.values() for one in tally.entries],
    )


def test_what_was_counted_long_before_its_plan_is_counted_from_the_plan_on():
    """It died after counting, then a pause: the window begins when something is done."""
    twice = (Limit(LimitScope.RULE, count=2, within=HOUR),)
    shift = begin(3, limits=twice)
    die_at(shift, "before open")
    shift.send(degraded(0))
    stop = {"reason": "moving", "expires_in": HOUR, "request_id": "r-1"}
    shift.invoke(pause(shift.night, Scope.parse("global"), who=Person("ada"), **stop))
    shift.deliver(degraded(0))
    shift.run_until_quiet()
    for number in (1, 2):
        shift.deliver(degraded(number))
    assert 2 == len(shift.plans)


@pytest.mark.parametrize("steps", range(30))
def test_a_place_that_is_taken_again_is_not_given_to_another_meanwhile(steps: int):
    """One goes on after a crash while another finds its old reservation stale."""
    shift = begin(2, limits=(Limit(LimitScope.RULE, count=1, within=24 * HOUR),))
    die_at(shift, "before open")
    shift.send(degraded(0))
    shift.move(6 * MINUTE)

    async def later(work: Awaitable[object], steps: int) -> None:
        for _ in range(steps):
            await asyncio.sleep(0)
        await work

    async def both() -> None:
        heard = [events.hear(shift.night, [degraded(n)], budget=BUDGET) for n in (0, 1)]
        await asyncio.gather(later(heard[0], steps), heard[1])

    shift.invoke(both())
    assert 1 == len(shift.plans)


def test_a_yes_whose_use_was_not_noted_is_noted_when_its_plan_is_found():
    """The audit must not say of it, a day later, that it was never used."""
    shift = begin(approval=TERMS)
    shift.deliver(degraded())
    die_at(shift, "after open")
    say_yes(shift)
    shift.poll()
    shift.wait(30 * MINUTE)
    assert PlanOutcome.DONE is shift.plan.outcome
    shift.sweep()
    shift.run_until_quiet()
    assert ApprovalState.USED is only_question(shift).state


def test_voluntary_work_waits_for_an_eviction_whose_worker_died():
    """The watchdog that goes on with the plan counts it, too."""
    shift = Shift.begin(a_rule("drain_node"))
    shift.with_node()
    die_at(shift, "after open")
    shift.send(a_reboot(), budget=BUDGET)
    shift.world.cluster.pods_by_uid["worker-29-0"].blocks = 10_000
    shift.wait(2 * MINUTE)
    assert shift.plan.is_open
    [key] = shift.plan.tallies
    [entry] = shift.world.tallies.stored[key].entries
    assert (shift.plan.id, True) == (entry.token, entry.is_involuntary)


def test_a_failure_whose_worker_died_is_one_of_the_retries():
    """Closed, but not counted as ended: the message that is left over counts it."""
    shift = begin(budget=Budget(1, 24 * HOUR))
    die_at(shift, "after save", times=0)
    closing = [False]

    def hook(at: str) -> None:
        if at == "after file":
            closing[0] = True
        elif at == "after save" and closing[0]:
            closing[0] = False
            shift.hooks.remove(hook)
            shift.die(at)

    shift.hooks.append(hook)
    with shift.raising("before redeploy", REFUSED, times=9):
        shift.deliver(degraded())
        shift.run_until_quiet()
        assert 1 == shift.crashes
        shift.deliver(degraded(event_id="h-again"))
        shift.wait(10 * SECOND)
    assert 1 == len(shift.plans)


def test_messages_of_closed_plans_are_dropped_though_tallies_are_away():
    """What is only put in order later holds nothing up."""
    shift = begin()
    shift.deliver(degraded())
    shift.run_until_quiet()
    plan = shift.plan
    away = RetryLater("away", after=timedelta(seconds=1))
    with shift.raising("read tallies", away, times=99):
        message = {"plan": plan.id, "seq": plan.wake_seq}
        assert shift.invoke(events.wake(shift.night, message)) is None
