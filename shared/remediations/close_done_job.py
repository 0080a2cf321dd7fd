"""Close a Batch job whose tasks are all done.

An active job counts against the account's quota and keeps an auto-pool alive. Once closed it
takes no task and none of its failed ones runs again, so that a job with failures is left to
a person unless the rule says otherwise. Job metadata ``nightshift: off`` keeps a job open.

Source: https://learn.microsoft.com/azure/batch/batch-quota-limit,
https://learn.microsoft.com/rest/api/batchservice/jobs/terminate-job
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.batch_jobs import BatchJob, BatchJobFacts
from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.facts import FactsKind, Resource
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import BATCH_JOB
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        done_for: For how long no task of it may have moved; somebody may add more.
        with_failures: Close jobs too of which tasks failed: none of those can run again.
    """

    done_for: timedelta = timedelta(hours=6)
    with_failures: bool = False

    def __post_init__(self) -> None:
        """Refuse a time in which the next task could not have come."""
        if not timedelta(0) < self.done_for <= timedelta(days=90):
            raise ValueError("done_for does not fit: write more than 0s, at most 90d")


def decide(
    signal: Signal, facts: BatchJobFacts, settings: Settings, now: datetime
) -> Decision:
    """Close it when every task has ended, ended well, and long enough ago."""
    job = facts.job
    if job.state != "active":
        return Skip(Reason.JOB_NOT_ACTIVE, f"its state is {job.state}")
    if job.ends_itself:
        return Skip(Reason.SET_ALREADY, "Batch closes it when its last task ends")
    if not job.ended:
        return Skip(Reason.IN_USE, "it has had no task yet")
    if job.unfinished or facts.has_moved:
        return Skip(Reason.IN_USE, "a task of it waits, runs, or ended a short while ago")
    if job.failed and not settings.with_failures:
        return Skip(Reason.TASKS_FAILED, f"{job.failed} of {job.ended} tasks failed")
    span = settings.done_for.total_seconds()
    return Act((Step(Verb.BATCH_CLOSE_JOB, signal.target, {"done_for_s": span}),))


def recheck(
    plan: Plan, facts: BatchJobFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when work came in the meantime; what is closing by now may close."""
    is_open = facts.job.state == "active"
    return Reason.IN_USE if is_open and facts.has_moved else None


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_ACCOUNT = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/render/providers/"
    "Microsoft.Batch/batchAccounts/render"
)
_JOB = BatchJob(
    _ACCOUNT, "frames", "active", _NOW - timedelta(days=2), unfinished=0, succeeded=40
)
_FOUND = Signal(
    type=SignalType.BATCH_FOUND,
    event_id="s-1",
    source="survey",
    target=_JOB.target,
    observed_at=_NOW,
)
_FACTS = BatchJobFacts(Resource(_JOB.target, BATCH_JOB, "frames"), _JOB, has_moved=False)
_FAILED = replace(_FACTS, job=replace(_JOB, succeeded=37, failed=3))
_CLOSE = Act((Step(Verb.BATCH_CLOSE_JOB, _JOB.target, {"done_for_s": 21600.0}),))

REMEDIATION = Remediation(
    name="close_done_job",
    summary="Close a Batch job whose tasks are all done.",
    answers=frozenset({SignalType.BATCH_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.BATCH_JOB,
    settings=Settings,
    verbs=frozenset({Verb.BATCH_CLOSE_JOB}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example("forty tasks ended well, hours ago", _FOUND, _FACTS, _NOW, _CLOSE),
        Example(
            "a task ended a minute ago: more may follow",
            _FOUND,
            replace(_FACTS, has_moved=True),
            _NOW,
            Skip(Reason.IN_USE, "a task of it waits, runs, or ended a short while ago"),
        ),
        Example(
            "three tasks failed: closed, they could never run again",
            _FOUND,
            _FAILED,
            _NOW,
            Skip(Reason.TASKS_FAILED, "3 of 40 tasks failed"),
        ),
        Example(
            "the rule says that failures are final here",
            _FOUND,
            _FAILED,
            _NOW,
            _CLOSE,
            Settings(with_failures=True),
        ),
        Example(
            "Batch will close it by itself",
            _FOUND,
            replace(_FACTS, job=replace(_JOB, ends_itself=True)),
            _NOW,
            Skip(Reason.SET_ALREADY, "Batch closes it when its last task ends"),
        ),
    ),
)
