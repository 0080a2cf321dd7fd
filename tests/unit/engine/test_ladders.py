"""A rule that tries one remediation after another, until one helped or a person is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.errors import InvalidTarget
from shared.core.plans import Plan, PlanOutcome, StepOutcome
from shared.core.steps import Verb
from shared.core.terms import Channel
from shared.rules.book import Rule, Rung
from shared.rules.conditions import compile_condition
from tests.builders import (
    HOUR,
    MINUTE,
    REMEDIATIONS,
    SECOND,
    VM,
    a_degradation,
    a_rule,
    canceled,
)
from tests.shift import Shift

RUNNING = (compile_condition('facts.power == "running"'),)
STOPPED = (compile_condition('facts.power == "deallocated"'),)
REFUSED = InvalidTarget("this size cannot be redeployed")


def rung(remediation: str, **more: object) -> Rung:
    """Make a rung with the remediation's own settings."""
    known = REMEDIATIONS[remediation]
    return Rung(known, known.settings(), **more)


def ladder(*rungs: Rung, **terms: object) -> Rule:
    """Make a rule that moves a degraded machine, and then climbs."""
    given = {"ladder": rungs, "notify": (Channel.TEAMS,), **terms}
    return a_rule("snapshot_and_redeploy", terms=given)


def begin(*rules: Rule) -> Shift:
    """Begin with a machine to move."""
    shift = Shift.begin(*rules)
    shift.with_machine(VM, "os", is_quiet=False)
    return shift


def plans(shift: Shift) -> list[tuple[str, int, PlanOutcome | None]]:
    """Say of each plan which remediation and rung it is, and how it ended."""
    every = sorted(shift.plans, key=lambda plan: (plan.created_at, plan.rung))
    return [(plan.remediation, plan.rung, plan.outcome) for plan in every]


def last_step(plan: Plan) -> tuple[Verb, StepOutcome | None, str]:
    """Say what the last step of a plan was, how it ended and why."""
    record = plan.steps[-1]
    return record.step.verb, record.outcome, record.reason


ASK = rung("ask_a_person")


def test_a_rung_that_helped_is_the_last():
    """Nobody is told at night of what has mended itself."""
    shift = begin(ladder(ASK))
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    assert [("snapshot_and_redeploy", 0, PlanOutcome.DONE)] == plans(shift)


def test_a_rung_that_failed_is_followed_by_the_next():
    """The same event, a plan of its own, and the record of each hearing."""
    shift = begin(ladder(ASK))
    with shift.raising("before redeploy", REFUSED):
        shift.deliver(a_degradation())
        shift.run_until_quiet()
    assert [
        ("snapshot_and_redeploy", 0, PlanOutcome.PARTIAL),
        ("ask_a_person", 1, PlanOutcome.DONE),
    ] == plans(shift)
    assert ["told"] == [one.kind for one in shift.world.notices.posted.values()]
    assert ["act", "act"] == shift.reasons("h-1")


def test_what_a_rung_promised_is_looked_for():
    """Done and verified: the conditions are true of fresh facts."""
    shift = begin(ladder(ASK, verify=RUNNING))
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    [only] = shift.plans
    assert (Verb.VERIFY, StepOutcome.DONE, "") == last_step(only)


def test_a_rung_that_cannot_be_verified_in_time_is_followed_by_the_next():
    """The steps went well, and the machine is not what it should be."""
    shift = begin(ladder(ASK, verify=STOPPED, timeout=20 * MINUTE))
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    first, second = sorted(shift.plans, key=lambda plan: plan.rung)
    assert (Verb.VERIFY, StepOutcome.FAILED, Reason.UNVERIFIED) == last_step(first)
    assert first.created_at + 20 * MINUTE <= first.closed_at <= second.created_at
    assert 21 * MINUTE > first.closed_at - first.created_at


def test_a_rung_that_takes_too_long_is_given_up():
    """A snapshot that never ends must not keep the person from being asked."""
    shift = begin(ladder(ASK, timeout=timedelta(minutes=5)))
    shift.world.compute.snapshot_looks = 10_000
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    outcomes = [outcome for _, _, outcome in plans(shift)]
    assert [PlanOutcome.UNKNOWN, PlanOutcome.DONE] == outcomes


def test_who_opts_the_machine_out_ends_the_ladder():
    """A person's word is no failure that a harder means would mend."""
    shift = begin(ladder(ASK))
    shift.deliver(a_degradation(), budget=timedelta(0))
    shift.set_tags(VM, {"nightshift": "off"})
    shift.run_until_quiet()
    assert 1 == len(shift.plans)
    assert PlanOutcome.REFUSED is shift.plan.outcome


def test_an_incident_that_is_over_is_not_climbed_for():
    """The rung below failed, and the notice was taken back before the next began."""
    shift = begin(ladder(ASK))
    with shift.raising("before redeploy", REFUSED):
        shift.deliver(a_degradation(), budget=timedelta(0))
        for _ in range(20):
            shift.poll()
            shift.move(timedelta(milliseconds=200))
            if shift.plans and not shift.plan.is_open:
                break
    shift.deliver(canceled(a_degradation()))
    shift.run_until_quiet()
    assert ["snapshot_and_redeploy"] == [name for name, _, _ in plans(shift)]


def test_the_last_rung_has_nobody_to_follow():
    """A person who cannot be told is told by the ledger: no channel."""
    shift = begin(ladder(ASK, notify=()))
    with shift.raising("before redeploy", REFUSED):
        shift.deliver(a_degradation())
        shift.run_until_quiet()
    asked = max(shift.plans, key=lambda plan: plan.rung)
    assert (Verb.TELL, StepOutcome.FAILED, Reason.NO_CHANNEL) == last_step(asked)


@pytest.mark.parametrize("point", range(1, 40))
def test_a_crash_anywhere_on_the_ladder_loses_no_rung(point: int):
    """The message that climbs is stored before the plan is closed."""
    shift = begin(ladder(ASK, verify=RUNNING))
    shift.die_at.add(point)
    with shift.raising("before redeploy", REFUSED, times=99):
        while not shift.send(a_degradation()):
            pass
        shift.run_until_quiet(24 * HOUR)
    names = [(name, rung) for name, rung, _ in plans(shift)]
    assert [("snapshot_and_redeploy", 0), ("ask_a_person", 1)] == names


def test_a_cooldown_does_not_hold_the_second_rung():
    """A ladder is one attempt."""
    rule = ladder(ASK)
    shift = begin(a_rule("snapshot_and_redeploy", cooldown=HOUR, terms=terms_of(rule)))
    with shift.raising("before redeploy", REFUSED):
        shift.deliver(a_degradation())
        shift.wait(2 * MINUTE + 30 * SECOND)
    assert 2 == len(shift.plans)


def terms_of(rule: Rule) -> dict[str, object]:
    """Take what a ladder is made of."""
    return {"ladder": rule.ladder, "notify": rule.notify}
