"""Batch jobs whose tasks are all done: found, looked at again, closed, or left open."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.batch_jobs import BatchJob
from shared.core.decisions import Reason
from shared.core.errors import Forbidden
from shared.core.plans import PlanOutcome, StepOutcome
from shared.engine import surveying
from tests.batch_jobs import a_done_job, a_done_task, with_done_job
from tests.builders import ACCOUNT, MINUTE, NOW, SUBSCRIPTION, a_rule
from tests.fakes.cloud import FakeTask
from tests.shift import Shift


@pytest.fixture
def shift() -> Shift:
    """A night whose one rule closes jobs."""
    return Shift.begin(a_rule("close_done_job", done_for=timedelta(hours=6)))


def test_a_job_whose_tasks_are_all_done_is_closed_and_seen_to_be(shift: Shift):
    """Batch accepts it first and does it later: the plan waits until it is true."""
    job = with_done_job(shift)
    shift.deliver(a_done_job())
    shift.run_until_quiet()
    assert (["frames"], "completed", PlanOutcome.DONE) == (
        shift.done("terminate_job"),
        job.state,
        shift.plan.outcome,
    )


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (FakeTask("late", state="active"), "in_use"),
        (FakeTask("late", state="running"), "in_use"),
        (FakeTask("late", 0, "", NOW - timedelta(hours=5)), "in_use"),
        (a_done_task("bad", exit_code=3), "tasks_failed"),
    ],
)
def test_a_job_in_which_something_goes_on_or_failed_stays_open(
    shift: Shift, task: FakeTask, reason: str
):
    """Closed, it takes no task and lets none run again."""
    with_done_job(shift).tasks[task.id] = task
    shift.deliver(a_done_job())
    assert ([], [reason]) == (shift.done("terminate_job"), shift.reasons("s-1"))


def test_a_job_without_tasks_waits_for_its_first(shift: Shift):
    """It was made a moment before its tasks are added."""
    shift.with_job()
    shift.deliver(a_done_job())
    assert ["in_use"] == shift.reasons("s-1")


def test_a_job_that_was_closed_meanwhile_is_none_of_ours(shift: Shift):
    """By its owner, or by Batch."""
    with_done_job(shift).state = "completed"
    shift.deliver(a_done_job())
    assert ["job_not_active"] == shift.reasons("s-1")


def test_whoever_labels_the_job_keeps_it_open(shift: Shift):
    """Tags of Azure do not reach a job; its metadata is read as if it were tags."""
    with_done_job(shift).labels["nightshift"] = "off"
    shift.deliver(a_done_job())
    assert ["opted_out"] == shift.reasons("s-1")


def test_a_task_that_comes_before_the_step_keeps_the_job_open(shift: Shift):
    """What the counts said a moment ago is looked at again, by a list."""
    job = with_done_job(shift)
    shift.deliver(a_done_job())
    job.tasks["new"] = FakeTask("new", state="active")
    shift.run_until_quiet()
    step = shift.plan.steps[0]
    assert ([], StepOutcome.REFUSED, Reason.IN_USE) == (
        shift.done("terminate_job"),
        step.outcome,
        step.reason,
    )


def test_a_job_that_went_away_is_done_with(shift: Shift):
    """Somebody deleted it between decision and step."""
    with_done_job(shift)
    shift.deliver(a_done_job())
    del shift.world.batch.accounts[ACCOUNT.casefold()]["frames"]
    shift.run_until_quiet()
    assert [] == shift.done("terminate_job")
    assert not shift.plan.is_open


def test_a_worker_that_dies_after_asking_closes_it_once(shift: Shift):
    """The next one finds it ending, and waits for it."""
    with_done_job(shift)
    shift.deliver(a_done_job())
    shift.hooks.append(lambda at: shift.die(at) if at == "after terminate_job" else None)
    shift.poll()
    shift.hooks.clear()
    shift.run_until_quiet()
    assert (["frames"], PlanOutcome.DONE) == (shift.done("terminate_job"), shift.plan.outcome)


def survey(shift: Shift) -> surveying.Report:
    """Begin the survey of jobs and carry it out."""
    account = {"id": ACCOUNT, "location": "westeurope", "properties": {}}
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Batch/batchAccounts"
    shift.world.estate.lists[path.casefold()] = [account]
    message = {
        "survey": "batch_jobs",
        "subscription": SUBSCRIPTION,
        "began_at": NOW.isoformat(),
    }
    report = shift.invoke(surveying.carry_out_survey(shift.night, message))
    assert report is not None
    return report


def test_the_survey_finds_what_is_done_and_the_rule_closes_it(shift: Shift):
    """From the account's list to the job, and told with its numbers."""
    with_done_job(shift)
    shift.with_job(FakeTask("going", state="running"), name="busy")
    report = survey(shift)
    shift.run_until_quiet()
    assert (["frames"], [("job_all_done", "acted")]) == (
        shift.done("terminate_job"),
        [(one["name"], one["decision"]) for one in report.findings],
    )
    assert "all of its 2 tasks" in report.findings[0]["evidence"]


def test_an_account_that_cannot_be_read_is_named_and_nothing_of_it_is_judged(shift: Shift):
    """A 403 of one account's endpoint says nothing about its jobs."""
    with_done_job(shift)
    with shift.raising("read active_jobs", Forbidden("listing jobs: 403")):
        report = survey(shift)
    assert ([], []) == (report.findings, shift.done("terminate_job"))
    assert any("403" in one for one in report.unread)


def test_a_job_says_whether_all_of_it_is_done():
    """No task is not done, and neither is one whose numbers nobody asked for."""
    job = BatchJob(ACCOUNT, "j", "active", NOW - MINUTE, 0, 2, 1)
    assert (True, 3) == (job.is_all_done, job.ended)
    assert not BatchJob(ACCOUNT, "j", "active").is_all_done
    assert not BatchJob(ACCOUNT, "j", "completed", NOW, 0, 2, 1).is_all_done
