"""An alert on failing Batch tasks: which run again, how often, and what is kept first."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.errors import ProviderUnavailable
from shared.core.plans import PlanOutcome, StepOutcome
from tests.builders import ACCOUNT, MINUTE, NOW, SECOND, a_failed_task, a_rule, an_alert
from tests.fakes.cloud import FakeTask
from tests.shift import Shift


@pytest.fixture
def shift() -> Shift:
    """A night whose one rule reactivates failed tasks, twice each at most."""
    return Shift.begin(a_rule("reactivate_failed_tasks", retries=2))


def fail_again(shift: Shift, task: str = "frame-7") -> None:
    """Let a reactivated task run, and fail, again."""
    shift.move(MINUTE)
    shift.world.batch.finish(ACCOUNT, "frames", task, exit_code=2, at=shift.now)


def an_alert_now(shift: Shift, name: str):
    """Make another alert whose window began a moment ago."""
    since = (shift.now - 2 * MINUTE).isoformat()
    return an_alert(event_id=name, observed_at=shift.now, attributes={"window_start": since})


def test_a_failed_task_runs_again_and_what_it_left_is_kept_first(shift: Shift):
    """Reactivation erases the exit information: saved afterwards it would be lost."""
    shift.with_job(a_failed_task())
    shift.deliver(an_alert())
    shift.run_until_quiet()
    order = [at for at in shift.passed if at in {"after keep", "before reactivate"}]
    assert ["after keep", "before reactivate"] == order
    [text] = shift.world.records.kept.values()
    assert 1 == json.loads(text)["tasks"]["frame-7"]["exit_info"]["exitCode"]
    assert PlanOutcome.DONE == shift.plan.outcome


def test_only_what_failed_since_the_window_began_runs_again(shift: Shift):
    """What failed last week was seen by somebody, or is nobody's wish."""
    shift.with_job(
        a_failed_task("new"),
        a_failed_task("at-the-edge", ended_at=NOW - 5 * MINUTE),
        a_failed_task("old", ended_at=NOW - 5 * MINUTE - SECOND),
        FakeTask("fine", exit_code=0, ended_at=NOW - MINUTE),
        FakeTask("busy", state="running"),
    )
    shift.deliver(an_alert())
    shift.run_until_quiet()
    assert {"frames/new", "frames/at-the-edge"} == set(shift.done("reactivate"))


def test_an_alert_that_names_a_job_reaches_no_other(shift: Shift):
    """A log alert may carry the job; the account's other jobs are not its business."""
    shift.with_job(a_failed_task("a"), name="one")
    shift.with_job(a_failed_task("b"), name="two")
    alert = an_alert(attributes={**an_alert().attributes, "job": "two"})
    shift.deliver(alert)
    shift.run_until_quiet()
    assert ["two/b"] == shift.done("reactivate")


@pytest.mark.parametrize("state", ["completed", "terminating", "disabled"])
def test_a_job_that_is_ending_keeps_its_tasks_as_they_are(shift: Shift, state: str):
    """Reactivation would fail there, and the result is somebody's answer already."""
    job = shift.with_job(a_failed_task())
    job.state = state
    alert = an_alert(attributes={**an_alert().attributes, "job": "frames"})
    shift.deliver(alert)
    shift.run_until_quiet()
    assert ([], ["job_not_active"]) == (shift.done("reactivate"), shift.reasons("a-1"))


def test_a_job_that_ends_between_decision_and_step_is_left_alone(shift: Shift):
    """The step looks again: the plan ends refused and says whose state it was."""
    job = shift.with_job(a_failed_task())
    shift.deliver(an_alert())
    job.state = "terminating"
    shift.run_until_quiet()
    step = shift.plan.steps[1]
    assert ([], StepOutcome.REFUSED, Reason.JOB_NOT_ACTIVE) == (
        shift.done("reactivate"),
        step.outcome,
        step.reason,
    )


def test_a_task_that_succeeded_meanwhile_is_left_alone(shift: Shift):
    """Somebody reactivated it by hand and it ran well."""
    shift.with_job(a_failed_task())
    shift.deliver(an_alert())
    shift.world.batch.finish(ACCOUNT, "frames", "frame-7", exit_code=0, at=NOW)
    shift.run_until_quiet()
    assert [] == shift.done("reactivate")
    assert PlanOutcome.DONE == shift.plan.outcome
    assert StepOutcome.ALREADY == shift.plan.steps[1].outcome


def test_a_failure_later_than_the_one_that_was_saved_is_not_erased(shift: Shift):
    """Its exit information was not kept, so this plan does not touch it."""
    shift.with_job(a_failed_task())
    shift.deliver(an_alert())
    shift.hooks.append(
        lambda at: (
            shift.world.batch.finish(ACCOUNT, "frames", "frame-7", exit_code=9, at=NOW)
            if at == "after keep"
            else None
        )
    )
    shift.run_until_quiet()
    assert [] == shift.done("reactivate")


def test_a_task_is_reactivated_so_often_and_no_more_across_plans(shift: Shift):
    """The budget is the task's, not the plan's: the third alert finds it spent."""
    shift.with_job(a_failed_task())
    for number in range(3):
        shift.deliver(an_alert_now(shift, f"a-{number}"))
        shift.run_until_quiet()
        if number < 2:
            fail_again(shift)
    assert (2, 2) == (len(shift.done("reactivate")), len(shift.plans))
    assert ["retries_spent"] == shift.reasons("a-2")


def test_two_plans_at_once_do_not_spend_more_than_the_budget():
    """Both were decided while the budget seemed free; the ledger counts."""
    rule = a_rule("reactivate_failed_tasks", retries=1)
    shift = Shift.begin(rule)
    shift.with_job(a_failed_task())
    shift.deliver(an_alert())
    job = an_alert(
        event_id="a-2",
        target=f"{ACCOUNT}/jobs/frames",
    )
    shift.deliver(job)
    assert 2 == len(shift.plans)
    shift.run_until_quiet()
    fail_again(shift)
    shift.deliver(an_alert_now(shift, "a-3"))
    shift.run_until_quiet()
    assert ["frames/frame-7"] == shift.done("reactivate")


def test_one_plan_reactivates_a_task_once_though_it_fails_again(shift: Shift):
    """A worker died after the call, the task failed anew: the next worker leaves it."""
    shift.with_job(a_failed_task())
    shift.deliver(an_alert())
    shift.hooks.append(lambda at: shift.die(at) if at == "after reactivate" else None)
    shift.poll()
    shift.hooks.clear()
    fail_again(shift)
    shift.run_until_quiet()
    assert (["frames/frame-7"], 1) == (shift.done("reactivate"), len(shift.plans))
    assert not shift.plan.is_open


def test_trouble_with_one_task_does_not_lose_the_others(shift: Shift):
    """Three tasks, one error: all run again in the end, each once, each paid once."""
    shift.with_job(*(a_failed_task(f"t{n}") for n in range(3)))
    shift.deliver(an_alert())
    with shift.raising("before reactivate", ProviderUnavailable("x", after=SECOND)):
        shift.run_until_quiet()
    assert {"frames/t0", "frames/t1", "frames/t2"} == set(shift.done("reactivate"))
    assert [1, 1, 1] == [len(tokens) for tokens in shift.world.ledger.budgets.values()]


def test_a_budget_is_spent_before_the_task_runs_again(shift: Shift):
    """Spent afterwards, a crash between the two would give a task runs for free."""
    shift.with_job(a_failed_task())
    shift.deliver(an_alert())
    shift.run_until_quiet()
    order = [at for at in shift.passed if at in {"after spend", "before reactivate"}]
    assert ["after spend", "before reactivate"] == order


def test_many_tasks_go_in_portions_each_saved_before_it_is_touched(shift: Shift):
    """One step holds fifty names: a step's record stays small, a retry stays short."""
    shift.with_job(*(a_failed_task(f"t{n:03}") for n in range(120)))
    shift.deliver(an_alert())
    shift.run_until_quiet()
    verbs = [record.step.verb.value for record in shift.plan.steps]
    assert ["save_exit_info", "reactivate"] * 3 == verbs
    assert (120, 3) == (len(shift.done("reactivate")), len(shift.world.records.kept))


def test_an_alert_on_an_account_without_failures_is_skipped(shift: Shift):
    """The alert may be older than somebody's own remedy."""
    shift.with_job(FakeTask("fine", exit_code=0, ended_at=NOW))
    shift.deliver(an_alert())
    assert ["nothing_failed"] == shift.reasons("a-1")


def test_without_a_window_the_rule_says_how_far_to_look_back(shift: Shift):
    """The common schema does not always carry one."""
    shift.with_job(
        a_failed_task("in", ended_at=NOW - timedelta(minutes=59)),
        a_failed_task("out", ended_at=NOW - timedelta(minutes=61)),
    )
    shift.deliver(replace(an_alert(), attributes={}))
    shift.run_until_quiet()
    assert ["frames/in"] == shift.done("reactivate")


def test_each_class_of_failure_has_its_own_budget_across_plans():
    """Killed from outside thrice, wrong by itself once: both are counted in one ledger."""
    rule = a_rule(
        "reactivate_failed_tasks",
        retries=1,
        transient_codes=("137",),
        transient_retries=2,
        lasting_codes=("64",),
    )
    shift = Shift.begin(rule)
    killed, wrong, hopeless = (a_failed_task(name) for name in ("killed", "wrong", "hopeless"))
    killed.exit_code, hopeless.exit_code = 137, 64
    shift.with_job(killed, wrong, hopeless)
    for number in range(4):
        shift.deliver(an_alert_now(shift, f"a-{number}"))
        shift.run_until_quiet()
        shift.move(MINUTE)
        for name, code in (("killed", 137), ("wrong", 1)):
            if shift.world.batch.accounts[ACCOUNT.casefold()]["frames"].tasks[name].state == (
                "active"
            ):
                shift.world.batch.finish(ACCOUNT, "frames", name, exit_code=code, at=shift.now)
        hopeless.ended_at = shift.now
    done = shift.done("reactivate")
    assert (2, 1, 0) == tuple(
        done.count(f"frames/{n}") for n in ("killed", "wrong", "hopeless")
    )
    assert ["retries_spent"] == shift.reasons("a-3")


def test_a_task_waits_out_its_backoff_though_its_failure_is_saved_at_once():
    """What it left is safe meanwhile; nothing is asked of Batch before its time."""
    shift = Shift.begin(a_rule("reactivate_failed_tasks", retries=3, backoff=4 * MINUTE))
    shift.with_job(a_failed_task(ended_at=NOW - MINUTE))
    shift.deliver(an_alert())
    shift.poll()
    assert (1, []) == (len(shift.world.records.kept), shift.done("reactivate"))
    shift.move(2 * MINUTE)
    shift.poll()
    assert [] == shift.done("reactivate")
    shift.move(MINUTE)
    shift.run_until_quiet()
    assert (["frames/frame-7"], PlanOutcome.DONE) == (
        shift.done("reactivate"),
        shift.plan.outcome,
    )


def test_what_changed_while_it_was_waited_is_left_alone():
    """Somebody reactivated the task, or ended its job, in the meantime."""
    shift = Shift.begin(a_rule("reactivate_failed_tasks", retries=3, backoff=4 * MINUTE))
    job = shift.with_job(a_failed_task(ended_at=NOW))
    shift.deliver(an_alert())
    shift.poll()
    job.state = "terminating"
    shift.move(5 * MINUTE)
    shift.run_until_quiet()
    assert ([], Reason.JOB_NOT_ACTIVE) == (
        shift.done("reactivate"),
        shift.plan.steps[1].reason,
    )


def test_what_would_fail_again_is_left_to_a_person():
    """Running it again would erase what says why, and spend a machine on nothing."""
    shift = Shift.begin(a_rule("reactivate_failed_tasks", lasting_codes=("1..2",)))
    shift.with_job(a_failed_task())
    shift.deliver(an_alert())
    assert ([], ["would_fail_again"]) == (shift.done("reactivate"), shift.reasons("a-1"))
