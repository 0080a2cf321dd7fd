"""Warn the owner of a compute instance that is stopped for long, and mark it for deletion.

A stopped instance still costs its disk, its address and its load balancer. Nothing is
deleted here: people are told first, and only then the tag ``nightshift-delete-after`` says
from when on ``delete_marked_instance`` may do it. Starting the instance makes the mark void.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-compute-instance
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, MlInstanceFacts
from shared.core.ml_examples import FOUND, ID, LEFT_STOPPED, NOW, RESOURCE, STOPPED_AT
from shared.core.ml_instances import STOPPED, MlInstance
from shared.core.ml_marks import DELETE_TAG, Mark, read_mark, write_mark
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        stopped_for: How long it must have been stopped.
        grace: How long its owner has to start it, or to take the tag away.
    """

    stopped_for: timedelta = timedelta(days=30)
    grace: timedelta = timedelta(days=7)

    def __post_init__(self) -> None:
        """Refuse a warning that nobody could answer in time."""
        if self.grace < timedelta(days=1):
            raise ValueError("grace must be at least 1d: people have weekends")
        if self.stopped_for < timedelta(days=1):
            raise ValueError("stopped_for must be at least 1d")


def decide(
    signal: Signal, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Decision:
    """Tell, then mark; once for each stop."""
    instance = facts.instance
    if instance.state != STOPPED:
        return Skip(Reason.IN_USE, f"its state is {instance.state or 'not told'}")
    since = instance.stopped_since
    if since is None:
        return Hold(Reason.NO_DATA, detail="since when it is stopped is not told")
    if now < since + settings.stopped_for:
        return Hold(Reason.TOO_SOON, until=since + settings.stopped_for)
    mark = read_mark(facts.resource.tags)
    if mark is not None and mark.stopped_at == since:
        return Skip(Reason.MARKED_ALREADY, f"to be deleted from {mark.due:%Y-%m-%d} on")
    due = (now + settings.grace).replace(second=0, microsecond=0)
    words = (
        f"{facts.resource.name} of {instance.owner or 'nobody known'} is stopped since "
        f"{since:%Y-%m-%d}; it will be deleted from {due:%Y-%m-%d} on unless it is started, "
        f"or its tag {DELETE_TAG} is taken away"
    )
    text = write_mark(Mark(due, since))
    return Act(
        (
            Step(Verb.TELL, signal.target, {"message": words}),
            Step(Verb.ML_MARK, signal.target, {"mark": text}),
        )
    )


def recheck(
    plan: Plan, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when somebody started it."""
    return None if facts.instance.state == STOPPED else Reason.IN_USE


_FACTS = MlInstanceFacts(RESOURCE, LEFT_STOPPED)
_DUE = datetime(2030, 1, 17, 3, tzinfo=UTC)
_MARK = write_mark(Mark(_DUE, STOPPED_AT))
_WORDS = (
    "ada of Ada is stopped since 2029-12-01; it will be deleted from 2030-01-17 on unless it "
    "is started, or its tag nightshift-delete-after is taken away"
)

REMEDIATION = Remediation(
    name="mark_stopped_instance",
    summary="Warn that a compute instance stopped for long will be deleted, and mark it.",
    answers=frozenset({SignalType.AML_INSTANCE_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.ML_INSTANCE,
    settings=Settings,
    verbs=frozenset({Verb.TELL, Verb.ML_MARK}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "stopped for forty days: its owner is told, then it is marked",
            FOUND,
            _FACTS,
            NOW,
            Act(
                (
                    Step(Verb.TELL, ID, {"message": _WORDS}),
                    Step(Verb.ML_MARK, ID, {"mark": _MARK}),
                )
            ),
        ),
        Example(
            "marked already: told once",
            FOUND,
            replace(_FACTS, resource=replace(RESOURCE, tags={DELETE_TAG: _MARK})),
            NOW,
            Skip(Reason.MARKED_ALREADY, "to be deleted from 2030-01-17 on"),
        ),
        Example(
            "stopped for a week: not yet",
            FOUND,
            replace(
                _FACTS,
                instance=replace(LEFT_STOPPED, last_operation_at=NOW - timedelta(days=7)),
            ),
            NOW,
            Hold(Reason.TOO_SOON, until=NOW + timedelta(days=23)),
        ),
        Example(
            "it runs",
            FOUND,
            replace(_FACTS, instance=MlInstance("running")),
            NOW,
            Skip(Reason.IN_USE, "its state is running"),
        ),
    ),
)
