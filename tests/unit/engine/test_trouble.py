"""What goes wrong while a plan is carried out, and how the plan says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.errors import (
    Forbidden,
    InvalidTarget,
    ProviderUnavailable,
    StaleFacts,
    Throttled,
)
from shared.core.plans import PlanOutcome, StepOutcome
from shared.engine.carry_out import MAX_TROUBLE
from tests.builders import NOW, SECOND, VM, a_degradation, a_notice, a_reboot, a_rule
from tests.shift import Shift

ALWAYS = 10**6


@pytest.fixture
def shift() -> Shift:
    """A night whose one rule drains nodes, and a node."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    return shift


@pytest.mark.parametrize("error", [Throttled, ProviderUnavailable])
@pytest.mark.parametrize("at", ["before cordon", "before evict", "read pods", "after cordon"])
def test_a_pause_that_was_asked_for_is_kept_and_the_work_goes_on(shift: Shift, error, at: str):
    """A provider that says seven seconds means it; the plan then ends well."""
    with shift.raising(at, error("x", after=7 * SECOND)):
        shift.deliver(a_notice())
        assert NOW + 7 * SECOND == shift.plan.wake_at
        shift.run_until_quiet()
    assert PlanOutcome.DONE == shift.plan.outcome
    assert (1, 2) == (len(shift.done("cordon")), len(shift.done("evict")))


def test_a_pause_beyond_the_deadline_is_not_waited_for(shift: Shift):
    """Nothing is done after the machine is gone; it is said at once, not then."""
    with shift.raising("before cordon", Throttled("x", after=31 * SECOND)):
        shift.deliver(a_notice())
    cordon = shift.plan.steps[0]
    assert (StepOutcome.FAILED, Reason.DEADLINE_PASSED) == (cordon.outcome, cordon.reason)
    assert (PlanOutcome.FAILED, NOW) == (shift.plan.outcome, shift.plan.closed_at)


def test_trouble_without_end_ends_the_plan(shift: Shift):
    """So often and no more; the last error is in the record."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os")
    error = ProviderUnavailable("creating a snapshot: 503", after=SECOND)
    with shift.raising("before create_snapshot", error, times=ALWAYS):
        shift.deliver(a_degradation())
        shift.run_until_quiet()
    step = shift.plan.steps[0]
    assert (StepOutcome.FAILED, Reason.ATTEMPTS_EXHAUSTED) == (step.outcome, step.reason)
    assert (MAX_TROUBLE, "creating a snapshot: 503") == (step.attempts, step.detail["error"])


def test_a_long_pause_is_cut_to_minutes(shift: Shift):
    """A provider that asks for a day must not hold a plan open for a day."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os")
    with shift.raising("before create_snapshot", Throttled("x", after=timedelta(days=1))):
        shift.deliver(a_degradation())
        shift.poll()
    assert NOW + timedelta(minutes=10) == shift.plan.wake_at


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Forbidden("cordoning: our identity lacks nodes/patch"), Reason.FORBIDDEN),
        (InvalidTarget("cordoning: no such node"), Reason.REJECTED),
    ],
)
def test_what_retrying_cannot_help_fails_at_once_with_its_words(
    shift: Shift, error: Exception, reason: Reason
):
    """A missing role is seen in the plan, not in forty retries."""
    with shift.raising("before cordon", error, times=ALWAYS):
        shift.deliver(a_notice())
    cordon, drain = shift.plan.steps
    assert (StepOutcome.FAILED, reason, 1) == (cordon.outcome, cordon.reason, cordon.attempts)
    assert str(error) == cordon.detail["error"]
    assert (StepOutcome.REFUSED, Reason.EARLIER_STEP_FAILED) == (drain.outcome, drain.reason)


def test_a_defect_of_ours_is_not_known_rather_than_failed(shift: Shift):
    """An exception nobody planned for: recorded, the plan closed, nothing looped."""
    with shift.raising("after cordon", KeyError("spec")):
        shift.deliver(a_notice())
    shift.run_until_quiet()
    cordon = shift.plan.steps[0]
    assert (StepOutcome.UNKNOWN, "KeyError: 'spec'") == (
        cordon.outcome,
        cordon.detail["error"],
    )
    assert (PlanOutcome.UNKNOWN, []) == (shift.plan.outcome, shift.done("evict"))


def test_a_node_that_somebody_else_changed_is_read_again(shift: Shift):
    """An ETag conflict is no failure: look again, do it again."""
    with shift.raising("before cordon", StaleFacts("the node changed")):
        shift.deliver(a_notice())
        shift.run_until_quiet()
    assert (PlanOutcome.DONE, 1) == (shift.plan.outcome, len(shift.done("cordon")))


def test_a_ledger_that_cannot_be_written_leaves_the_plan_to_the_message(shift: Shift):
    """The effect happened, its record did not: the next worker finds it done."""
    with shift.raising("before save", ProviderUnavailable("saving", after=SECOND)):
        shift.send(a_reboot())
    assert (1, None) == (len(shift.done("cordon")), shift.plan.steps[0].outcome)
    shift.run_until_quiet()
    assert (PlanOutcome.DONE, 1) == (shift.plan.outcome, len(shift.done("cordon")))


def test_a_write_whose_answer_was_lost_is_not_done_twice(shift: Shift):
    """The record is there, the worker does not know: the next one goes on from it."""
    with shift.raising("after save", ProviderUnavailable("saving", after=SECOND)):
        shift.send(a_reboot())
    shift.run_until_quiet()
    assert (PlanOutcome.DONE, 2) == (shift.plan.outcome, len(shift.done("evict")))


@pytest.mark.parametrize("nth", range(1, 12))
def test_a_write_that_the_client_repeated_by_itself_is_recognised(shift: Shift, nth: int):
    """The first one landed, its answer was lost, the repeat met the new version."""
    seen = [0]

    def conflict(at: str) -> None:
        seen[0] += at in {"after save", "after open"}
        if at in {"after save", "after open"} and seen[0] == nth:
            raise StaleFacts("the version has changed")

    shift.hooks.append(conflict)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert (PlanOutcome.DONE, 2) == (shift.plan.outcome, len(shift.done("evict")))
    assert shift.plan.margin is not None
    assert shift.plan.margin > timedelta(0)


def test_a_message_that_was_lost_is_replaced_by_the_sweep(shift: Shift):
    """A worker died between its record and its message: nothing would wake the plan."""
    shift.with_node(looks_to_leave=100)
    shift.deliver(a_reboot())
    shift.world.queue.waiting.clear()
    assert (1, 0) == (shift.sweep().open, shift.sweep().woken)
    shift.move(12 * SECOND)
    assert 1 == shift.sweep().woken
    shift.run_until_quiet()
    assert not shift.plan.is_open


def test_the_sweep_leaves_a_working_plan_alone_and_tidies_a_closed_one(shift: Shift):
    """It only wakes what nobody wakes, and drops entries of what is over."""
    shift.deliver(a_reboot())
    shift.world.ledger.index["0" * 12 + "-" + "0" * 24] = NOW - timedelta(hours=1)
    swept = shift.sweep()
    assert (1, 0, 1) == (swept.open, swept.woken, swept.tidied)
    shift.run_until_quiet()
    assert {} == shift.world.ledger.index


def test_a_plan_whose_remediation_is_gone_is_refused(shift: Shift):
    """A release without it cannot carry its plans out, and says so."""
    shift.deliver(a_reboot(), budget=timedelta(0))
    shift.night = type(shift.night)(
        shift.night.ports, shift.night.rules, {}, shift.night.settings
    )
    shift.run_until_quiet()
    assert Reason.NO_LONGER_WANTED == shift.plan.steps[0].reason


def test_a_defect_in_deciding_is_left_to_the_queue_and_holds_nothing_up():
    """Event Grid holds back every event for a receiver that keeps failing."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    with shift.raising("read find_node", KeyError("a defect of ours")):
        [given] = shift.deliver(a_notice())

    assert "KeyError" in given.rulings[0].to_json()["detail"]
    assert [] == shift.plans
    shift.run_until_quiet()
    assert ["worker-29-0", "worker-29-1"] == sorted(shift.done("evict"))
