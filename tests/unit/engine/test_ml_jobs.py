"""A preempted Azure ML job, from its event to the end of the job that takes its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.ml_jobs import (
    ATTEMPT_TAG,
    PREDECESSOR_TAG,
    ROOT_TAG,
    STEP_TAG,
    successor_name,
)
from shared.core.plans import PlanOutcome
from shared.core.signals import Phase, SignalType
from shared.rules.book import Match
from tests import builders as make
from tests.ml_jobs import JOB, a_change, a_cluster, a_job, a_shift

NEXT = successor_name(a_job())


def successor(shift):
    return shift.world.machine_learning.jobs[f"{make.WORKSPACE}/jobs/{NEXT}".casefold()]


def test_a_preempted_job_runs_again_and_its_end_is_recorded():
    """The whole way: cancelled with its cluster, submitted once more, seen to complete."""
    shift = a_shift()
    shift.deliver(a_change())
    shift.run_until_quiet()
    plan = shift.plan
    assert PlanOutcome.DONE is plan.outcome
    assert [("done", "Queued"), ("done", "Completed")] == [
        (r.outcome, r.detail["status"]) for r in plan.steps
    ]
    assert [f"{make.WORKSPACE}/jobs/{NEXT}"] == shift.done("submit_again")


def test_the_new_job_says_where_it_comes_from():
    """A person who finds it knows whose it is, and the next preemption how many there were."""
    shift = a_shift()
    shift.deliver(a_change())
    shift.run_until_quiet()
    tags = successor(shift).tags
    assert ("owl", "1", "owl") == (tags[ROOT_TAG], tags[ATTEMPT_TAG], tags[PREDECESSOR_TAG])
    assert "true" == tags["nightshift-resumable"]
    assert shift.plan.step_key(0) == tags[STEP_TAG]


def test_two_events_about_one_run_submit_it_once():
    """Event Grid tells more than once, under other ids too."""
    shift = a_shift()
    shift.deliver(a_change())
    shift.run_until_quiet()
    shift.deliver(a_change(event_id="e-2"))
    shift.run_until_quiet()
    assert 1 == len(shift.done("submit_again"))
    assert ["done", "already"] == [p.steps[0].outcome for p in shift.plans]


def test_two_rules_submit_it_once():
    """Whoever answers: the name of the new job is made of the run alone."""
    rules = [
        make.a_rule("resubmit_job", name=name, terms={"match": Match.ALL})
        for name in ("one", "two")
    ]
    shift = a_shift(*rules)
    shift.deliver(a_change())
    shift.run_until_quiet()
    assert 1 == len(shift.done("submit_again"))


@pytest.mark.parametrize("point", range(1, 30))
def test_a_worker_may_die_anywhere_and_the_job_is_submitted_once(point):
    """The next worker finds the job, or submits the same one."""
    shift = a_shift()
    shift.die_at = {point}
    if not shift.send(a_change()):
        shift.send(a_change())
    shift.run_until_quiet()
    assert 1 == len(shift.done("submit_again"))
    assert PlanOutcome.DONE is shift.plan.outcome


def test_a_chain_of_preemptions_ends_where_the_rule_says():
    """A cluster that is taken every hour must not run the same job for ever."""
    shift = a_shift(make.a_rule("resubmit_job", most=2, watch_for=timedelta(0)))
    job, learning = a_job(), shift.world.machine_learning
    for number in range(4):
        target = f"{make.WORKSPACE}/jobs/{job.name}"
        shift.world.resources.add(make.a_resource(target))
        shift.deliver(a_change(event_id=f"e-{number}", target=target))
        shift.run_until_quiet()
        key = f"{make.WORKSPACE}/jobs/{successor_name(job)}".casefold()
        if key not in learning.jobs:
            break
        learning._looks.pop(key)
        job = replace(learning.jobs[key], status="Canceled", ended_at=shift.now)
        learning.jobs[key] = job
    assert 2 == len(shift.done("submit_again"))
    assert ["retries_spent"] == shift.reasons("e-2")


def test_a_notice_waits_for_the_end_of_the_run_before_it_does_anything():
    """Azure ML may start the job again by itself: nobody runs it twice."""
    shift = a_shift(job=a_job(status="Running", ended_at=None))
    notice = a_change(type=SignalType.AML_RUN_INTERRUPTED, phase=Phase.SCHEDULED)
    shift.deliver(notice)
    shift.wait(timedelta(minutes=5))
    assert [] == shift.done("submit_again")
    shift.world.machine_learning.jobs[JOB.casefold()] = a_job(ended_at=shift.now)
    shift.run_until_quiet()
    assert ["done", "done", "done"] == [r.outcome for r in shift.plan.steps]
    assert 1 == len(shift.done("submit_again"))


def test_a_run_that_completed_after_all_is_not_submitted_again():
    """The notice was withdrawn, or Azure ML was quicker."""
    shift = a_shift(job=a_job(status="Running", ended_at=None))
    shift.deliver(a_change(type=SignalType.AML_RUN_INTERRUPTED, phase=Phase.SCHEDULED))
    shift.world.machine_learning.jobs[JOB.casefold()] = a_job(status="Completed")
    shift.run_until_quiet()
    assert [] == shift.done("submit_again")
    assert "nothing_failed" == shift.plan.steps[1].reason


def test_a_withdrawn_notice_ends_the_watch():
    """Announced preemptions are sometimes taken back."""
    shift = a_shift(job=a_job(status="Running", ended_at=None))
    notice = a_change(type=SignalType.AML_RUN_INTERRUPTED, phase=Phase.SCHEDULED)
    shift.deliver(notice)
    shift.deliver(replace(notice, phase=Phase.CANCELED))
    shift.run_until_quiet()
    assert PlanOutcome.WITHDRAWN is shift.plan.outcome
    assert [] == shift.done("submit_again")


@pytest.mark.parametrize(
    ("job", "cluster", "reason"),
    [
        ({"status": "Failed", "error": "UserError: NaN"}, {}, "not_preempted"),
        ({"error": None}, {"nodes": {"idle": 1}}, "not_preempted"),
        ({"canceled_because": "Ada did not like it"}, {}, "not_preempted"),
        ({"ended_at": make.NOW - timedelta(hours=2)}, {}, "not_preempted"),
        ({}, {"is_low_priority": False}, "not_preempted"),
        ({"kind": "pipeline"}, {}, "not_resumable"),
        ({"tags": {"nightshift-resumable": "no"}}, {}, "not_resumable"),
        ({"tags": {"nightshift-resumable": "sometimes"}}, {}, "bad_declaration"),
        ({"status": "Completed"}, {}, "nothing_failed"),
        ({"status": "Queued"}, {}, "already_running"),
    ],
)
def test_what_is_not_proven_or_not_declared_is_left_alone(job, cluster, reason):
    """Each no has its own name."""
    shift = a_shift(job=a_job(**job), cluster=a_cluster(**cluster))
    shift.deliver(a_change())
    assert [reason] == shift.reasons()
    assert [] == shift.plans


def test_a_new_job_that_fails_is_told_as_failed():
    """Submitted is not succeeded: the record says how it ended."""
    shift = a_shift()
    shift.world.machine_learning.ends = "Failed"
    shift.deliver(a_change())
    shift.run_until_quiet()
    assert ["done", "failed"] == [r.outcome for r in shift.plan.steps]
    assert "job_failed" == shift.plan.steps[1].reason


def test_a_job_that_never_ends_is_not_watched_for_ever():
    """What is not known after the time is told as not known."""
    shift = a_shift(make.a_rule("resubmit_job", watch_for=timedelta(hours=1)))
    shift.world.machine_learning.ends = ""
    shift.deliver(a_change())
    shift.run_until_quiet()
    last = shift.plan.steps[1]
    assert ("unknown", "timed_out", "Running") == (
        last.outcome,
        last.reason,
        last.detail["status"],
    )


def test_a_person_who_tags_the_job_off_is_heard_until_the_last_moment():
    """The tag is on the job, or on its workspace."""
    shift = a_shift(job=a_job(status="Running", ended_at=None))
    shift.deliver(a_change(type=SignalType.AML_RUN_INTERRUPTED, phase=Phase.SCHEDULED))
    off = a_job(tags={"nightshift-resumable": "true", "nightshift": "off"})
    shift.world.machine_learning.jobs[JOB.casefold()] = off
    shift.run_until_quiet()
    assert "opted_out" == shift.plan.steps[1].reason
    assert [] == shift.done("submit_again")


def test_another_job_of_that_name_is_no_success():
    """Somebody took the name: nothing is overwritten, and it is said."""
    shift = a_shift()
    shift.world.machine_learning.add_job(make.WORKSPACE, a_job(name=NEXT, status="Running"))
    shift.deliver(a_change())
    shift.run_until_quiet()
    step = shift.plan.steps[0]
    assert ("failed", "rejected") == (step.outcome, step.reason)


def test_a_person_may_submit_what_nothing_proves():
    """A runbook says so in so many words."""
    shift = a_shift(job=a_job(status="Failed", error="UserError: NaN"))
    shift.run_book("resubmit_job", JOB, given={"anyway": True})
    shift.run_until_quiet()
    assert 1 == len(shift.done("submit_again"))
