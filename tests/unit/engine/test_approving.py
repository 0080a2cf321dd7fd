"""A plan that needs a yes: asked for once, decided by people, done on fresh facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.approvals import Approval, ApprovalState, Refused, Voice
from shared.core.plans import Mode, PlanOutcome
from shared.core.settings import Settings
from shared.core.steps import Verb
from shared.core.terms import ApprovalKind, ApprovalTerms, Channel
from shared.engine import consenting
from shared.engine.pausing import Person
from shared.rules.book import Rule
from shared.rules.conditions import compile_condition
from tests.builders import (
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    SUBSCRIPTION,
    VM,
    WORKSPACE,
    a_degradation,
    a_notice,
    a_pause,
    a_rule,
    canceled,
    disk,
)
from tests.shift import Shift

TERMS = ApprovalTerms(ApprovalKind.REQUIRED, 2 * HOUR)
SAVE_ALONE = replace(TERMS, if_expired=Verb.SNAPSHOT)


def rule(terms: ApprovalTerms = TERMS, **more: object) -> Rule:
    """Make a rule on degraded machines that needs a yes."""
    given = {"approval": terms, "notify": (Channel.TEAMS,), **more}
    return a_rule("snapshot_and_redeploy", terms=given)


def asked(*rules: Rule) -> Shift:
    """Let a degraded machine be heard of, with such a rule in force."""
    shift = Shift.begin(*(rules or (rule(),)))
    shift.with_machine(VM, "os", is_quiet=False)
    shift.deliver(a_degradation())
    return shift


def question(shift: Shift) -> Approval:
    """Return the only question there is."""
    [one] = shift.world.approvals.every()
    return one


def answer(shift: Shift, *, is_yes: bool = True, person: str = "ada@example.com") -> Approval:
    """Let a person answer it."""
    voice = Voice(person, is_yes, "seen", "page", shift.now, is_verified=True, subject=person)
    return shift.invoke(consenting.decide(shift.night, question(shift).id, voice))


def test_nothing_is_done_before_somebody_said_yes():
    """The event's record says what is waited for, and the plan is shown as it would be."""
    shift = asked()
    shift.wait(HOUR)
    assert ([], ["awaiting_approval"]) == (shift.plans, shift.reasons("h-1"))
    assert [] == shift.world.effects
    one = question(shift)
    shown = [step.verb for step in one.steps]
    assert (ApprovalState.PENDING, [Verb.SNAPSHOT, Verb.REDEPLOY]) == (one.state, shown)
    assert ("rule:snapshot-and-redeploy", True) == (one.requester, one.is_destructive)


def test_a_yes_opens_the_plan_and_is_used_up():
    """The plan names the yes it was opened on."""
    shift = asked()
    answer(shift)
    shift.run_until_quiet()
    assert PlanOutcome.DONE is shift.plan.outcome
    assert question(shift).id == shift.plan.approval
    assert ApprovalState.USED is question(shift).state
    assert ["awaiting_approval", "act"] == shift.reasons("h-1")


def test_a_no_is_final():
    """Nothing is done, and the record says who said no."""
    shift = asked()
    answer(shift, is_yes=False)
    shift.run_until_quiet()
    assert [] == shift.plans
    assert "rejected_by_person" == shift.reasons("h-1")[-1]


def test_a_question_that_nobody_answers_does_nothing():
    """Silence is no yes."""
    shift = asked()
    shift.wait(3 * HOUR)
    assert ([], "approval_expired") == (shift.plans, shift.reasons("h-1")[-1])


def test_a_question_that_nobody_answers_does_the_safe_step_that_the_rule_names():
    """The disks are saved, and the machine is not moved."""
    shift = asked(rule(SAVE_ALONE))
    shift.wait(3 * HOUR)
    assert (PlanOutcome.DONE, "snapshot-and-redeploy/safe") == (
        shift.plan.outcome,
        shift.plan.rule,
    )
    assert [Verb.SNAPSHOT] == [record.step.verb for record in shift.plan.steps]
    assert [] == shift.done("redeploy")


def test_a_plan_that_changed_after_the_yes_is_asked_about_anew():
    """A yes is to what was shown: here the machine has a second disk by now."""
    shift = asked()
    first = question(shift)
    machine = shift.world.compute.machines_by_id[VM.casefold()]
    machine.disks = (*machine.disks, disk("data"))
    answer(shift)
    shift.wait(MINUTE)
    assert [] == shift.plans
    found = {one.id: one.state for one in shift.world.approvals.every()}
    assert (2, ApprovalState.VOID) == (len(found), found[first.id])
    assert 1 == list(found.values()).count(ApprovalState.PENDING)


def test_a_pause_after_the_yes_holds_the_plan_until_it_is_over():
    """A yes is one guardrail's answer; all others are asked again."""
    shift = asked()
    pause = a_pause(expires_at=NOW + HOUR)
    shift.invoke(shift.world.controls.pause(pause))
    answer(shift)
    shift.wait(30 * MINUTE)
    assert [] == shift.plans
    shift.wait(HOUR)
    assert PlanOutcome.DONE is shift.plan.outcome


def test_four_eyes_are_two_people():
    """The second yes decides."""
    shift = asked(rule(replace(TERMS, kind=ApprovalKind.FOUR_EYES)))
    answer(shift)
    shift.wait(MINUTE)
    assert [] == shift.plans
    answer(shift, person="grace@example.com")
    shift.run_until_quiet()
    assert PlanOutcome.DONE is shift.plan.outcome


def test_only_what_the_condition_names_is_asked_about():
    """The rest is done at once."""
    condition = compile_condition('target.location == "northeurope"')
    shift = asked(rule(approval_when=condition))
    shift.run_until_quiet()
    assert ([], PlanOutcome.DONE) == (shift.world.approvals.every(), shift.plan.outcome)


def test_an_incident_that_is_over_takes_its_question_along():
    """Who clicks later is told, and nothing happens."""
    shift = asked()
    shift.deliver(canceled(a_degradation()))
    assert ApprovalState.VOID is question(shift).state
    shift.run_until_quiet()
    assert [] == shift.plans


def test_an_eviction_is_never_asked_about():
    """It happens whatever we decide."""
    shift = Shift.begin(a_rule(terms={"approval": TERMS}))
    shift.with_node()
    shift.deliver(a_notice())
    assert "drain-node" == shift.plan.rule


def test_a_suggestion_stands_in_nobodys_way_and_can_be_taken_up():
    """The rule that only suggests asks people; one click has it done."""
    suggesting = replace(rule(), mode=Mode.SUGGEST, approval=None)
    shift = asked(suggesting)
    assert (["suggest_only"], []) == (shift.reasons("h-1"), shift.plans)
    answer(shift)
    shift.run_until_quiet()
    assert PlanOutcome.DONE is shift.plan.outcome
    assert question(shift).id == shift.plan.approval


def test_a_tick_asks_once_a_day_and_not_every_ten_minutes():
    """The machine is idle still; people were asked already."""
    idle = a_rule("deallocate_idle", terms={"approval": TERMS})
    shift = Shift.begin(idle)
    shift.with_machine()
    for _ in range(6):
        shift.tick()
        shift.wait(10 * MINUTE)
    assert (1, []) == (len(shift.world.approvals.every()), shift.plans)
    answer(shift)
    shift.run_until_quiet()
    assert ["deallocate"] == [kind for kind, _ in shift.world.effects]


def test_a_runbook_waits_for_somebody_else_where_the_deployment_says_so():
    """Who starts it does not agree to it."""
    settings = Settings(
        subscriptions=(SUBSCRIPTION,), workspaces=(WORKSPACE,), runbook_approval="four_eyes"
    )
    shift = Shift.begin(settings=settings)
    shift.with_machine(VM, "os")
    ada = Person("ada@example.com", is_verified=True, subject="ada@example.com")
    given = shift.run_book("snapshot_and_redeploy", VM, requester=ada)
    assert "awaiting_approval" == given.rulings[0].to_json()["reason"]
    with pytest.raises(Refused, match="another must approve"):
        answer(shift)
    answer(shift, person="grace@example.com")
    shift.run_until_quiet()
    assert PlanOutcome.DONE is shift.plan.outcome


@pytest.mark.parametrize("gap", [SECOND, timedelta(minutes=5)])
def test_a_yes_that_was_not_passed_on_is_passed_on_by_the_sweep(gap: timedelta):
    """Whoever took it died before the engine was told."""
    shift = asked()
    shift.world.queue.waiting.clear()
    answer(shift)
    shift.world.queue.waiting.clear()
    shift.move(gap + MINUTE)
    shift.invoke(consenting.sweep_approvals(shift.night))
    shift.run_until_quiet()
    assert PlanOutcome.DONE is shift.plan.outcome


def test_just_the_plan_that_was_asked_about_before_is_asked_about_again():
    """A disk was attached and detached: the first question is past, people are asked anew."""
    shift = asked()
    first = question(shift)
    machine = shift.world.compute.machines_by_id[VM.casefold()]
    before, machine.disks = machine.disks, (*machine.disks, disk("data"))
    answer(shift)
    shift.wait(MINUTE)
    machine.disks = before
    [second] = [one for one in shift.world.approvals.every() if one.id != first.id]
    voice = Voice("ada@example.com", True, "seen", "page", shift.now, True, "ada")
    shift.invoke(consenting.decide(shift.night, second.id, voice))
    shift.wait(MINUTE)
    pending = [one for one in shift.world.approvals.every() if not one.voices]
    assert [ApprovalState.PENDING] == [one.state for one in pending]
    assert first.plan_hash == pending[0].plan_hash
    assert [] == shift.plans
