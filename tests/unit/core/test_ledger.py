"""How one version of a plan follows another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core import ledger
from shared.core.decisions import Reason
from shared.core.errors import LeaseHeld, StaleFacts
from shared.core.ledger import StepResult
from shared.core.plans import Lease, Plan, PlanOutcome, StepOutcome, StepRecord, plan_id
from shared.core.steps import Step, Verb
from tests.builders import NOW, SECOND, a_plan, instance

LEASE = 30 * SECOND
DONE = StepResult(StepOutcome.DONE, is_verified=True)


def ended(*outcomes: StepOutcome) -> Plan:
    """A closed plan whose steps ended so."""
    plan = a_plan(*[Verb.SNAPSHOT] * len(outcomes))
    for index, outcome in enumerate(outcomes):
        plan = ledger.begin(plan, index, now=NOW)
        plan = ledger.finish(plan, index, StepResult(outcome), now=NOW)
    return ledger.close(plan, now=NOW)


def test_a_plan_is_taken_by_one_worker_at_a_time():
    """The second learns when to look again, and nothing of the first's is touched."""
    plan = ledger.claim(a_plan(), owner="w1", now=NOW, lease=LEASE)
    with pytest.raises(LeaseHeld) as held:
        ledger.claim(plan, owner="w2", now=NOW + 10 * SECOND, lease=LEASE)
    assert 20 * SECOND == held.value.after


def test_a_lease_that_ran_out_may_be_taken_by_another():
    """A dead worker's plan goes on, from the very moment the lease ends."""
    plan = ledger.claim(a_plan(), owner="w1", now=NOW, lease=LEASE)
    taken = ledger.claim(plan, owner="w2", now=NOW + LEASE, lease=LEASE)
    assert Lease("w2", NOW + 2 * LEASE) == taken.lease
    assert (False, True) == (
        ledger.is_held(taken, owner="w1", now=NOW + LEASE),
        ledger.is_held(taken, owner="w2", now=NOW + LEASE),
    )


def test_a_worker_renews_its_own_lease():
    """Work that goes on keeps the plan, long before the lease runs out."""
    plan = ledger.claim(a_plan(), owner="w1", now=NOW, lease=LEASE)
    renewed = ledger.claim(plan, owner="w1", now=NOW + SECOND, lease=LEASE)
    assert Lease("w1", NOW + SECOND + LEASE) == renewed.lease


def test_the_first_beginning_of_a_step_is_what_counts():
    """How long a step has run is told from its first attempt, whoever makes the next."""
    plan = ledger.begin(a_plan(), 0, now=NOW)
    again = ledger.begin(plan, 0, now=NOW + SECOND)
    assert (NOW, 2) == (again.steps[0].started_at, again.steps[0].attempts)


def test_a_step_ends_once():
    """A worker that comes late cannot write another end over the first."""
    plan = ledger.finish(ledger.begin(a_plan(), 0, now=NOW), 0, DONE, now=NOW)
    with pytest.raises(StaleFacts):
        ledger.finish(plan, 0, StepResult(StepOutcome.FAILED), now=NOW)


def test_only_what_was_read_back_is_verified():
    """A step that failed was not seen in the world, and says so."""
    plan = ledger.begin(a_plan(), 0, now=NOW)
    seen = ledger.finish(plan, 0, DONE, now=NOW + SECOND).steps[0]
    unseen = ledger.finish(plan, 0, StepResult(StepOutcome.FAILED), now=NOW + SECOND).steps[0]
    assert (NOW + SECOND, None) == (seen.verified_at, unseen.verified_at)
    assert NOW + SECOND == unseen.finished_at


def test_each_wait_numbers_its_message_anew():
    """An older message for the plan finds a newer number and is dropped."""
    plan = ledger.claim(a_plan(), owner="w1", now=NOW, lease=LEASE)
    waiting = ledger.wait(ledger.wait(plan, until=NOW + SECOND), until=NOW + 2 * SECOND)
    assert (None, NOW + 2 * SECOND, 2) == (waiting.lease, waiting.wake_at, waiting.wake_seq)


def test_nothing_changes_a_closed_plan():
    """Whatever is delivered again: every function of the ledger refuses it."""
    plan = ledger.close(a_plan(), now=NOW)
    for change in (
        lambda: ledger.claim(plan, owner="w", now=NOW, lease=LEASE),
        lambda: ledger.begin(plan, 0, now=NOW),
        lambda: ledger.finish(plan, 0, DONE, now=NOW),
        lambda: ledger.remember(plan, 0, {}),
        lambda: ledger.wait(plan, until=NOW),
        lambda: ledger.withdraw(plan, Reason.WITHDRAWN, now=NOW),
        lambda: ledger.close(plan, now=NOW),
    ):
        with pytest.raises(StaleFacts):
            change()


def test_the_first_reason_to_withdraw_stays():
    """A notice that is taken back twice was taken back once."""
    plan = ledger.withdraw(a_plan(), Reason.CANCELED_BY_PERSON, now=NOW)
    assert (
        Reason.CANCELED_BY_PERSON == ledger.withdraw(plan, Reason.WITHDRAWN, now=NOW).withdrawn
    )


def test_steps_that_never_began_are_refused_when_a_plan_closes():
    """The record says which step was the cause and which were only left out."""
    plan = ledger.finish(
        ledger.begin(a_plan(), 0, now=NOW),
        0,
        StepResult(StepOutcome.FAILED, "rejected"),
        now=NOW,
    )
    closed = ledger.close(plan, now=NOW + SECOND)
    last = closed.steps[1]
    assert (StepOutcome.REFUSED, Reason.EARLIER_STEP_FAILED, NOW + SECOND) == (
        last.outcome,
        last.reason,
        last.finished_at,
    )
    assert (NOW + SECOND, None, None) == (closed.closed_at, closed.lease, closed.wake_at)


def test_a_step_that_began_and_never_ended_closes_as_unknown_and_is_undone():
    """A worker died after a cordon and the notice was withdrawn: the cordon may be there."""
    begun = ledger.begin(a_plan(), 0, now=NOW)
    closed = ledger.close(ledger.withdraw(begun, Reason.WITHDRAWN, now=NOW), now=NOW)
    assert [StepOutcome.UNKNOWN, StepOutcome.REFUSED] == [r.outcome for r in closed.steps]
    assert PlanOutcome.WITHDRAWN == closed.outcome
    expected = Step(Verb.UNCORDON, instance(29), {"of": closed.id})
    assert (expected,) == ledger.undo_steps(closed)


D, A, F, R, U = (
    StepOutcome.DONE,
    StepOutcome.ALREADY,
    StepOutcome.FAILED,
    StepOutcome.REFUSED,
    StepOutcome.UNKNOWN,
)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([D, D], PlanOutcome.DONE),
        ([D, A], PlanOutcome.DONE),
        ([A, A], PlanOutcome.DONE),
        ([D, F], PlanOutcome.PARTIAL),
        ([D, R], PlanOutcome.PARTIAL),
        ([D, U], PlanOutcome.UNKNOWN),
        ([U, R], PlanOutcome.UNKNOWN),
        ([F, R], PlanOutcome.FAILED),
        ([A, F], PlanOutcome.FAILED),
        ([R, R], PlanOutcome.REFUSED),
        ([A, R], PlanOutcome.REFUSED),
    ],
)
def test_a_plan_is_as_good_as_its_steps(outcomes, expected: PlanOutcome):
    """What is not known is never rounded up, and a part is never called the whole."""
    assert expected == ended(*outcomes).outcome


@pytest.mark.parametrize(
    ("title", "plan", "after", "expected"),
    [
        ("a worker is on it", a_plan(lease=Lease("w", NOW + LEASE)), 29 * SECOND, False),
        ("its worker died", a_plan(lease=Lease("w", NOW + LEASE)), LEASE, True),
        ("its message is not late yet", a_plan(wake_at=NOW), 9 * SECOND, False),
        ("its message was lost", a_plan(wake_at=NOW), ledger.WAKE_GRACE, True),
        ("nobody said when", a_plan(wake_at=None), 0 * SECOND, True),
        ("it is closed", ledger.close(a_plan(), now=NOW), 600 * SECOND, False),
    ],
)
def test_the_sweep_wakes_what_nobody_works_on(title, plan: Plan, after, expected: bool):
    """Too early it would compete with the message, too late it would lose the time."""
    assert expected == ledger.is_due(plan, now=NOW + after)


def test_a_cordon_that_somebody_else_made_is_not_undone():
    """`already` means it was there before us; taking it off would override its owner."""
    plan = ledger.begin(a_plan(), 0, now=NOW)
    plan = ledger.finish(plan, 0, StepResult(StepOutcome.ALREADY), now=NOW)
    assert () == ledger.undo_steps(plan)


def test_a_dry_run_is_closed_from_the_start():
    """It takes no target and can never be carried out."""
    plan = ledger.dry_run(a_plan(), now=NOW)
    assert (False, PlanOutcome.DRY_RUN, None) == (plan.is_open, plan.outcome, plan.wake_at)


def test_the_margin_is_told_whether_the_platform_was_beaten_or_not():
    """Late is a negative number, never a missing one; without an end there is none."""
    begun = a_plan(Verb.CORDON)
    assert begun.margin is None
    on_time = ledger.close(ledger.finish(begun, 0, DONE, now=NOW + 10 * SECOND), now=NOW)
    late = ledger.close(ledger.finish(begun, 0, DONE, now=NOW + 40 * SECOND), now=NOW)
    assert (20 * SECOND, -10 * SECOND) == (on_time.margin, late.margin)


def test_a_plans_id_follows_from_rule_event_and_target_and_nothing_else():
    """The same event delivered again names the same plan, whatever the case of its ids."""
    one = plan_id("drain", "E-1", instance(29))
    assert one == plan_id("drain", "e-1", instance(29).upper() + "/")
    others = {
        plan_id("other", "e-1", instance(29)),
        plan_id("drain", "e-2", instance(29)),
        plan_id("drain", "e-1", instance(30)),
    }
    assert 3 == len(others - {one})
    assert f"{one}-0" == replace(a_plan(), id=one).step_key(0)


def test_an_undo_takes_the_last_step_back_first():
    """Work is taken back in the opposite order of being done."""
    record = StepRecord(Step(Verb.CORDON, instance(1)), StepOutcome.DONE, started_at=NOW)
    other = StepRecord(Step(Verb.CORDON, instance(2)), StepOutcome.DONE, started_at=NOW)
    undone = ledger.undo_steps(a_plan(steps=(record, other)))
    assert [instance(2), instance(1)] == [step.target for step in undone]
