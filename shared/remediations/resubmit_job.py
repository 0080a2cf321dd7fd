"""Submit an Azure ML job again whose machines were taken away.

Only a job that says itself that it can go on where it stopped: by the tag
``nightshift-resumable``, on the job. Only once for one run, and only if its run says that
it was preempted, or if it was cancelled with the whole of its low-priority cluster. A job
that merely failed, or that a person cancelled, is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.facts import FactsKind, Resource
from shared.core.ml_clusters import MlCluster
from shared.core.ml_jobs import (
    ATTEMPT_TAG,
    ROOT_TAG,
    BadDeclaration,
    MlJob,
    MlJobFacts,
    attempt_of,
    attempts_allowed,
    preempted_because,
    successor_name,
)
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import ML_COMPUTE, ML_JOB, ResourceId
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb

KINDS = frozenset({"command"})
"""Jobs that the client library is known to send as they were."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        tag: The job's tag that says that it may run again: true, or how often.
        most: How often one chain of runs is submitted again, whatever its tag says.
        cluster_is_proof: Count a cancelled job as preempted when every node of its
            low-priority cluster is; false waits for the run itself to say so.
        cluster_for: How long after the end the cluster's state still proves anything.
        watch_for: How long to watch the new job; its end is recorded. 0s does not watch.
        anyway: Submit again though nothing proves a preemption; for a person's runbook.
    """

    tag: str = "nightshift-resumable"
    most: int = 3
    cluster_is_proof: bool = True
    cluster_for: timedelta = timedelta(minutes=30)
    watch_for: timedelta = timedelta(days=1)
    anyway: bool = False

    def __post_init__(self) -> None:
        """Refuse what would never act, or never end."""
        if not self.tag.strip():
            raise ValueError("tag is empty: name the tag that jobs declare themselves with")
        if not 1 <= self.most <= 100:  # noqa: PLR2004 - a hundred preemptions are a habit
            raise ValueError("most does not fit: write 1 to 100")
        if not timedelta(0) <= self.watch_for <= timedelta(days=14):
            raise ValueError("watch_for does not fit: write 0s to 14d")


def decide(signal: Signal, facts: MlJobFacts, settings: Settings, now: datetime) -> Decision:
    """Submit it again, once its end is known and proven to be no fault of its own."""
    job = facts.job
    allowed = _allowed(facts, settings)
    if isinstance(allowed, Skip):
        return allowed
    used = max(attempt_of(job), facts.resubmitted)
    if used >= allowed:
        return Skip(Reason.RETRIES_SPENT, f"submitted again {used} of {allowed} times")
    if not job.has_ended:
        if signal.type is SignalType.AML_RUN_INTERRUPTED:
            first = _watch(signal.target, settings, any_end=True)
            return Act((first, *_again(facts, allowed, settings)))
        return Skip(Reason.ALREADY_RUNNING, f"its status is {job.status}")
    unproven = _unproven(signal, facts, settings, now)
    return unproven or Act(_again(facts, allowed, settings))


def recheck(plan: Plan, facts: MlJobFacts, settings: Settings, now: datetime) -> Reason | None:
    """Stop when Azure ML runs it again by itself, or when it ended in another way.

    What was spent is not asked again: it may have been spent by this very plan.
    """
    allowed = _allowed(facts, settings)
    if isinstance(allowed, Skip):
        return allowed.reason
    if not facts.job.has_ended:
        return Reason.ALREADY_RUNNING
    if facts.job.status.casefold() == "completed":
        return Reason.NOTHING_FAILED
    return None


def _allowed(facts: MlJobFacts, settings: Settings) -> int | Skip:
    """Say how often it may be submitted again, or why nobody but its owner may do that."""
    job = facts.job
    if job.kind not in KINDS:
        return Skip(Reason.NOT_RESUMABLE, f"it is a {job.kind or 'nameless'} job")
    try:
        allowed = attempts_allowed(job.tags, settings.tag, settings.most)
    except BadDeclaration as error:
        return Skip(Reason.BAD_DECLARATION, str(error))
    if not allowed:
        return Skip(Reason.NOT_RESUMABLE, f"its tag {settings.tag} does not say that it is")
    if job.runs_as_user:
        return Skip(Reason.NOT_RESUMABLE, "it runs with the identity of who submitted it")
    return allowed


def _unproven(
    signal: Signal, facts: MlJobFacts, settings: Settings, now: datetime
) -> Skip | None:
    job = facts.job
    if job.status.casefold() == "completed":
        return Skip(Reason.NOTHING_FAILED, "it completed")
    if settings.anyway and signal.type is SignalType.RUNBOOK:
        return None
    if signal.type is SignalType.AML_RUN_INTERRUPTED:
        return None  # the notice itself said that its machine goes
    cluster = facts.cluster if settings.cluster_is_proof else None
    if preempted_because(job, cluster, now, cluster_for=settings.cluster_for):
        return None
    unread = "; its run history could not be read" if job.error is None else ""
    return Skip(
        Reason.NOT_PREEMPTED, f"its status is {job.status}, nothing proves more{unread}"
    )


def _again(facts: MlJobFacts, allowed: int, settings: Settings) -> tuple[Step, ...]:
    name = successor_name(facts.job)
    new = f"{ResourceId.parse(facts.resource.id).parent}/jobs/{name}"
    args: dict[str, Any] = {"as": name, "most": allowed}
    resubmit = Step(Verb.JOB_RESUBMIT, facts.resource.id, args)
    if not settings.watch_for:
        return (resubmit,)
    return (resubmit, _watch(new, settings, any_end=False))


def _watch(job: str, settings: Settings, *, any_end: bool) -> Step:
    span = settings.watch_for or timedelta(days=1)
    args = {"any_end": any_end, "within_s": span.total_seconds()}
    return Step(Verb.JOB_WATCH, job, args)


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_WORKSPACE = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/train/providers/"
    "Microsoft.MachineLearningServices/workspaces/lab"
)
_JOB = f"{_WORKSPACE}/jobs/owl"
_SPOT = f"{_WORKSPACE}/computes/spot"
_SAYS = {"nightshift-resumable": "true"}
_OWL = MlJob(
    name="owl",
    kind="command",
    status="Canceled",
    compute=_SPOT,
    tags=_SAYS,
    ended_at=_NOW - timedelta(minutes=2),
)
_TAKEN = MlCluster(
    Resource(_SPOT, ML_COMPUTE, "spot", pool=_WORKSPACE),
    is_low_priority=True,
    least=0,
    most=4,
    nodes={"preempted": 4, "idle": 0, "running": 0},
)
_FACTS = MlJobFacts(Resource(_JOB, ML_JOB, "owl", tags=_SAYS, pool=_SPOT), _OWL, _TAKEN)
_CHANGED = Signal(
    type=SignalType.AML_RUN_CHANGED,
    event_id="r-1",
    source="machine_learning",
    target=_JOB,
    observed_at=_NOW,
    attributes={"run_status": "Canceled"},
)
_NEXT = successor_name(_OWL)
_DAY = 86400.0
_STEPS = (
    Step(Verb.JOB_RESUBMIT, _JOB, {"as": _NEXT, "most": 3}),
    Step(Verb.JOB_WATCH, f"{_WORKSPACE}/jobs/{_NEXT}", {"any_end": False, "within_s": _DAY}),
)
_WORDS = "UserError: AzureMLCompute job failed. PreemptionError: Nodes of this job went away"


def _with(**changed: Any) -> MlJobFacts:
    return replace(_FACTS, job=replace(_OWL, **changed))


REMEDIATION = Remediation(
    name="resubmit_job",
    summary="Submit a preempted Azure ML job again that says that it can resume.",
    answers=frozenset(
        {SignalType.AML_RUN_CHANGED, SignalType.AML_RUN_INTERRUPTED, SignalType.RUNBOOK}
    ),
    facts=FactsKind.ML_JOB,
    settings=Settings,
    verbs=frozenset({Verb.JOB_WATCH, Verb.JOB_RESUBMIT}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "cancelled with its whole low-priority cluster: submitted again, and watched",
            _CHANGED,
            _FACTS,
            _NOW,
            Act(_STEPS),
        ),
        Example(
            "its run says that it was preempted: nothing more is asked",
            _CHANGED,
            replace(_with(status="Failed", error=_WORDS), cluster=None),
            _NOW,
            Act(_STEPS),
        ),
        Example(
            "a notice names its machine while it runs: its end is waited for first",
            replace(_CHANGED, type=SignalType.AML_RUN_INTERRUPTED),
            _with(status="Running", ended_at=None),
            _NOW,
            Act((Step(Verb.JOB_WATCH, _JOB, {"any_end": True, "within_s": _DAY}), *_STEPS)),
        ),
        Example(
            "cancelled while its cluster stands: a person did that",
            _CHANGED,
            replace(_FACTS, cluster=replace(_TAKEN, nodes={"preempted": 1, "idle": 3})),
            _NOW,
            Skip(Reason.NOT_PREEMPTED, "its status is Canceled, nothing proves more"),
        ),
        Example(
            "it does not say that it can resume: whoever submitted it decides",
            _CHANGED,
            _with(tags={}),
            _NOW,
            Skip(Reason.NOT_RESUMABLE, "its tag nightshift-resumable does not say that it is"),
        ),
        Example(
            "submitted again three times: enough",
            _CHANGED,
            _with(tags={**_SAYS, ROOT_TAG: "owl", ATTEMPT_TAG: "3"}),
            _NOW,
            Skip(Reason.RETRIES_SPENT, "submitted again 3 of 3 times"),
        ),
        Example(
            "it runs as the user who submitted it: nobody else can be that",
            _CHANGED,
            _with(runs_as_user=True),
            _NOW,
            Skip(Reason.NOT_RESUMABLE, "it runs with the identity of who submitted it"),
        ),
    ),
)
