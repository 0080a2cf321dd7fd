"""Let the Batch tasks that just failed run again, each only so often.

Reactivation erases a task's exit information, so it is saved first. Tasks that
succeeded, tasks whose job has ended or is ending, and tasks whose retries are spent
are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.facts import FactsKind, FailedTask, FailedTaskFacts, Resource
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import BATCH_ACCOUNT
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb
from shared.core.wire import write_moment

TASKS_PER_STEP = 50
MOST_TASKS = 2000


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        retries: How often Nightshift reactivates one task, ever.
        max_tasks: How many tasks one plan takes on, at most 2,000.
        look_back: How far back failures count when the alert names no window.
    """

    retries: int = 2
    max_tasks: int = 500
    look_back: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        """Refuse budgets that are none."""
        if self.retries < 1:
            raise ValueError(
                "retries must be at least 1; to reactivate nothing, use mode: off"
            )
        if not 1 <= self.max_tasks <= MOST_TASKS:
            raise ValueError(f"max_tasks may be 1 to {MOST_TASKS}")


def decide(
    signal: Signal, facts: FailedTaskFacts, settings: Settings, now: datetime
) -> Decision:
    """Save the exit information and reactivate, job by job, in portions."""
    if not facts.tasks:
        return Skip(Reason.NOTHING_FAILED, f"no task failed since {write_moment(facts.since)}")
    running = [t for t in facts.tasks if facts.jobs.get(t.job) == "active"]
    if not running:
        return Skip(Reason.JOB_NOT_ACTIVE, "the failed tasks' jobs have ended or are ending")
    left = [t for t in running if t.reactivations_spent < settings.retries]
    if not left:
        return Skip(Reason.RETRIES_SPENT, f"each was reactivated {settings.retries} times")
    account = facts.resource.id
    return Act(
        tuple(
            step
            for job, portion in _portions(left[: settings.max_tasks])
            for step in _steps(f"{account}/jobs/{job}", portion, settings)
        )
    )


def recheck(
    plan: Plan, facts: FailedTaskFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Let the steps look for themselves: each task is read again before it is touched."""
    return None


def _portions(tasks: list[FailedTask]) -> Iterator[tuple[str, list[FailedTask]]]:
    for job, group in groupby(sorted(tasks, key=lambda t: (t.job, t.id)), lambda t: t.job):
        members = list(group)
        for start in range(0, len(members), TASKS_PER_STEP):
            yield job, members[start : start + TASKS_PER_STEP]


def _steps(job: str, tasks: list[FailedTask], settings: Settings) -> tuple[Step, Step]:
    names = [task.id for task in tasks]
    return (
        Step(Verb.SAVE_EXIT_INFO, job, {"tasks": names}),
        Step(Verb.REACTIVATE, job, {"tasks": names, "retries": settings.retries}),
    )


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_ACCOUNT = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/render/providers/"
    "Microsoft.Batch/batchAccounts/render"
)
_ALERT = Signal(
    type=SignalType.BATCH_TASKS_FAILED,
    event_id="a-1",
    source="common_alert",
    target=_ACCOUNT,
    observed_at=_NOW,
)
_FAILED = FailedTask("frames", "frame-7", 1, "UserError", _NOW - timedelta(minutes=2))
_FACTS = FailedTaskFacts(
    resource=Resource(_ACCOUNT, BATCH_ACCOUNT, "render"),
    jobs={"frames": "active"},
    tasks=(_FAILED,),
    since=_NOW - timedelta(minutes=5),
)

REMEDIATION = Remediation(
    name="reactivate_failed_tasks",
    summary="Reactivate failed Batch tasks within a retry budget, exit information saved.",
    answers=frozenset({SignalType.BATCH_TASKS_FAILED, SignalType.RUNBOOK}),
    facts=FactsKind.FAILED_TASKS,
    settings=Settings,
    verbs=frozenset({Verb.SAVE_EXIT_INFO, Verb.REACTIVATE}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "one task failed: save why, then let it run again",
            _ALERT,
            _FACTS,
            _NOW,
            Act(
                (
                    Step(
                        Verb.SAVE_EXIT_INFO,
                        f"{_ACCOUNT}/jobs/frames",
                        {"tasks": ["frame-7"]},
                    ),
                    Step(
                        Verb.REACTIVATE,
                        f"{_ACCOUNT}/jobs/frames",
                        {"tasks": ["frame-7"], "retries": 2},
                    ),
                )
            ),
        ),
        Example(
            "its retries are spent: a person must look",
            _ALERT,
            replace(_FACTS, tasks=(replace(_FAILED, reactivations_spent=2),)),
            _NOW,
            Skip(Reason.RETRIES_SPENT, "each was reactivated 2 times"),
        ),
        Example(
            "the job is ending: its tasks stay as they are",
            _ALERT,
            replace(_FACTS, jobs={"frames": "terminating"}),
            _NOW,
            Skip(Reason.JOB_NOT_ACTIVE, "the failed tasks' jobs have ended or are ending"),
        ),
        Example(
            "every failure is older than the alert: nothing to do",
            _ALERT,
            replace(_FACTS, tasks=()),
            _NOW,
            Skip(
                Reason.NOTHING_FAILED,
                f"no task failed since {write_moment(_FACTS.since)}",
            ),
        ),
    ),
)
