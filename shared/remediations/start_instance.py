"""Start an Azure ML compute instance that is stopped.

For a person's runbook, and for a start that failed and is worth another try. One that is
on its way up or down is looked at again; one that is broken is not started.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, MlInstanceFacts, Resource
from shared.core.ml_instances import BROKEN, JOB_RUNNING, RUNNING, STOPPED, MlInstance
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import ML_COMPUTE
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb

LOOK_AGAIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Settings:
    """A rule may set nothing."""


def decide(
    signal: Signal, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Decision:
    """Start it if it is stopped, and only then."""
    state = facts.instance.state
    if not state:
        return Hold(Reason.NO_DATA, detail="its state is not told")
    if state in {RUNNING, JOB_RUNNING}:
        return Skip(Reason.ALREADY_RUNNING, f"its state is {state}")
    if state in BROKEN:
        return Skip(Reason.NOT_RUNNING, f"its state is {state}: it needs a restart, or an end")
    if state != STOPPED:
        return Hold(Reason.STILL_LEAVING, now + LOOK_AGAIN, f"its state is {state}")
    return Act((Step(Verb.ML_START, signal.target),))


def recheck(
    plan: Plan, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Go on: that it runs meanwhile is what the step itself looks for."""
    return None


_NOW = datetime(2030, 1, 10, 3, tzinfo=UTC)
_WORKSPACE = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.MachineLearningServices/workspaces/lab"
)
_ID = f"{_WORKSPACE}/computes/ada"
_RESOURCE = Resource(_ID, ML_COMPUTE, "ada", size="Standard_DS3_v2", pool=_WORKSPACE)
_FACTS = MlInstanceFacts(_RESOURCE, MlInstance("stopped"))
_FOUND = Signal(
    type=SignalType.AML_INSTANCE_FOUND,
    event_id="survey-compute_instances-20300110T0300-x",
    source="survey",
    target=_ID,
    observed_at=_NOW,
    is_recurring=True,
)


def _as(state: str) -> MlInstanceFacts:
    return replace(_FACTS, instance=MlInstance(state))


REMEDIATION = Remediation(
    name="start_instance",
    summary="Start a stopped Azure ML compute instance.",
    answers=frozenset({SignalType.AML_INSTANCE_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.ML_INSTANCE,
    settings=Settings,
    verbs=frozenset({Verb.ML_START}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example("stopped: started", _FOUND, _FACTS, _NOW, Act((Step(Verb.ML_START, _ID),))),
        Example(
            "it runs already",
            _FOUND,
            _as("running"),
            _NOW,
            Skip(Reason.ALREADY_RUNNING, "its state is running"),
        ),
        Example(
            "it is on its way down: looked at again",
            _FOUND,
            _as("stopping"),
            _NOW,
            Hold(Reason.STILL_LEAVING, _NOW + LOOK_AGAIN, "its state is stopping"),
        ),
        Example(
            "broken: a start does not mend it",
            _FOUND,
            _as("unusable"),
            _NOW,
            Skip(Reason.NOT_RUNNING, "its state is unusable: it needs a restart, or an end"),
        ),
    ),
)
