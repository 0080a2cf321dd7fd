"""Let the Batch tasks that just failed run again, each only so often.

Reactivation erases a task's exit information, so it is saved first. Tasks that
succeeded, tasks whose job has ended or is ending, tasks whose retries are spent, and
those whose exit code says that they would fail again, are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from shared.core.batch_retries import Policy, allowed, check, due
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
        retries: How often Nightshift reactivates one task, ever, where no other class says.
        system_retries: The same of a failure that Batch counts as the system's; as
            ``retries`` if not given.
        transient_codes: Exit codes that pass by themselves: ``137``, ``128..159``.
        transient_retries: How often a task with such a code; as ``retries`` if not given.
        lasting_codes: Exit codes with which a task would fail again: never reactivated.
        backoff: How long after its failure a task runs again; twice as long each time.
        longest_backoff: No longer than this.
        max_tasks: How many tasks one plan takes on, at most 2,000.
        look_back: How far back failures count when the alert names no window.
    """

    retries: int = 2
    system_retries: int | None = None
    transient_codes: tuple[str, ...] = ()
    transient_retries: int | None = None
    lasting_codes: tuple[str, ...] = ()
    backoff: timedelta = timedelta(0)
    longest_backoff: timedelta = timedelta(hours=1)
    max_tasks: int = 500
    look_back: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        """Refuse budgets that are none."""
        check(self.policy)
        if not 1 <= self.max_tasks <= MOST_TASKS:
            raise ValueError(f"max_tasks may be 1 to {MOST_TASKS}")

    @property
    def policy(self) -> Policy:
        """What it says of running again."""
        return Policy(
            retries=self.retries,
            system=self.retries if self.system_retries is None else self.system_retries,
            transient=(
                self.retries if self.transient_retries is None else self.transient_retries
            ),
            transient_codes=self.transient_codes,
            lasting_codes=self.lasting_codes,
            backoff=self.backoff,
            longest_backoff=self.longest_backoff,
        )


@dataclass(frozen=True, slots=True)
class Again:
    """A task that runs again: how often it may at all, and from when on."""

    task: FailedTask
    retries: int
    due: datetime


def decide(
    signal: Signal, facts: FailedTaskFacts, settings: Settings, now: datetime
) -> Decision:
    """Save the exit information and reactivate, job by job, in portions, soonest first."""
    if not facts.tasks:
        return Skip(Reason.NOTHING_FAILED, f"no task failed since {write_moment(facts.since)}")
    running = [t for t in facts.tasks if facts.jobs.get(t.job) == "active"]
    if not running:
        return Skip(Reason.JOB_NOT_ACTIVE, "the failed tasks' jobs have ended or are ending")
    policy = settings.policy
    budgets = [(task, allowed(task, policy)) for task in running]
    if not any(most for _, most in budgets):
        return Skip(Reason.WOULD_FAIL_AGAIN, "their class of failure is not to be retried")
    left = [
        Again(task, most, max(due(task, policy, now), now))
        for task, most in budgets
        if task.reactivations_spent < most
    ]
    if not left:
        return Skip(Reason.RETRIES_SPENT, f"each was reactivated {_spent(running)} times")
    left.sort(key=lambda one: (one.due, one.task.job, one.task.id))
    account = facts.resource.id
    portions = sorted(_portions(left[: settings.max_tasks]), key=lambda group: group[-1].due)
    return Act(tuple(step for group in portions for step in _steps(account, group, now)))


def _spent(tasks: list[FailedTask]) -> str:
    times = sorted({task.reactivations_spent for task in tasks if task.reactivations_spent})
    return " or ".join(str(one) for one in times)


def recheck(
    plan: Plan, facts: FailedTaskFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Let the steps look for themselves: each task is read again before it is touched."""
    return None


def _portions(tasks: list[Again]) -> Iterator[list[Again]]:
    """Cut into portions of one job and one budget, whose tasks wait equally long."""

    def kind(one: Again) -> tuple[str, int, int]:
        return one.task.job, one.retries, one.task.reactivations_spent

    for _, group in groupby(sorted(tasks, key=lambda one: (*kind(one), one.due)), kind):
        members = list(group)
        for start in range(0, len(members), TASKS_PER_STEP):
            yield members[start : start + TASKS_PER_STEP]


def _steps(account: str, tasks: list[Again], now: datetime) -> tuple[Step, Step]:
    job = f"{account}/jobs/{tasks[0].task.job}"
    names = sorted(one.task.id for one in tasks)
    last = max(one.due for one in tasks)
    again: dict[str, object] = {"tasks": names, "retries": tasks[0].retries}
    if last > now:
        again["not_before"] = write_moment(last)
    return (
        Step(Verb.SAVE_EXIT_INFO, job, {"tasks": names}),
        Step(Verb.REACTIVATE, job, again),
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
            "out of memory on a busy node: again, but only after a while",
            _ALERT,
            replace(_FACTS, tasks=(replace(_FAILED, exit_code=137, reactivations_spent=1),)),
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
                        {
                            "tasks": ["frame-7"],
                            "retries": 5,
                            "not_before": write_moment(_NOW + timedelta(minutes=8)),
                        },
                    ),
                )
            ),
            Settings(
                transient_codes=("137", "143"),
                transient_retries=5,
                backoff=timedelta(minutes=5),
            ),
        ),
        Example(
            "its exit code says that the input is wrong: it would fail again",
            _ALERT,
            replace(_FACTS, tasks=(replace(_FAILED, exit_code=64),)),
            _NOW,
            Skip(Reason.WOULD_FAIL_AGAIN, "their class of failure is not to be retried"),
            Settings(lasting_codes=("64..78",)),
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
