"""Delete a compute instance that was marked, whose grace is over, and that nobody started.

Never without the mark, and never one that was started since: the mark names the stop that
it holds for. What is on its disk is lost; notebooks in the workspace's file share are not.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-compute-instance
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, MlInstanceFacts
from shared.core.ml_examples import FOUND, ID, LEFT_STOPPED, NOW, RESOURCE, STOPPED_AT
from shared.core.ml_instances import STOPPED
from shared.core.ml_marks import DELETE_TAG, Mark, read_mark, write_mark
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """A rule may set nothing: how long the grace is, the mark says."""


def decide(
    signal: Signal, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Decision:
    """Delete it once its own mark says so."""
    instance = facts.instance
    if instance.state != STOPPED:
        return Skip(Reason.IN_USE, f"its state is {instance.state or 'not told'}")
    mark = read_mark(facts.resource.tags)
    if mark is None:
        return Skip(Reason.NO_MARK, f"it has no tag {DELETE_TAG} that can be read")
    if mark.stopped_at != instance.stopped_since:
        return Skip(Reason.NO_MARK, "it was started since it was marked")
    if now < mark.due:
        return Hold(Reason.TOO_SOON, until=mark.due)
    return Act((Step(Verb.ML_DELETE, signal.target),))


def recheck(
    plan: Plan, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when somebody started it, or took the mark away."""
    if facts.instance.state not in {STOPPED, "deleting"}:
        return Reason.IN_USE
    return None if read_mark(facts.resource.tags) else Reason.NO_MARK


def _marked(due: datetime, stopped: datetime = STOPPED_AT) -> MlInstanceFacts:
    tags = {DELETE_TAG: write_mark(Mark(due, stopped))}
    return MlInstanceFacts(replace(RESOURCE, tags=tags), LEFT_STOPPED)


_DAY = timedelta(days=1)

REMEDIATION = Remediation(
    name="delete_marked_instance",
    summary="Delete a stopped compute instance whose mark is due.",
    answers=frozenset({SignalType.AML_INSTANCE_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.ML_INSTANCE,
    settings=Settings,
    verbs=frozenset({Verb.ML_DELETE}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "marked, told, and the grace is over",
            FOUND,
            _marked(NOW - _DAY),
            NOW,
            Act((Step(Verb.ML_DELETE, ID),)),
        ),
        Example(
            "the grace is not over",
            FOUND,
            _marked(NOW + _DAY),
            NOW,
            Hold(Reason.TOO_SOON, until=NOW + _DAY),
        ),
        Example(
            "never without the mark",
            FOUND,
            MlInstanceFacts(RESOURCE, LEFT_STOPPED),
            NOW,
            Skip(Reason.NO_MARK, "it has no tag nightshift-delete-after that can be read"),
        ),
        Example(
            "somebody used it since: the mark is void",
            FOUND,
            _marked(NOW - _DAY, STOPPED_AT - _DAY),
            NOW,
            Skip(Reason.NO_MARK, "it was started since it was marked"),
        ),
    ),
)
