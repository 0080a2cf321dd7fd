"""Write down how an Azure ML compute instance stands, for whoever looks.

Changes nothing: its state, size, owner, idle time, schedules, image and last operation are
in the detail of the plan's step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.core.decisions import Act, Decision, Hold, Reason
from shared.core.facts import FactsKind, MlInstanceFacts, Resource
from shared.core.ml_instances import MlInstance
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import ML_COMPUTE
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """A rule may set nothing."""


def decide(
    signal: Signal, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Decision:
    """Look, whatever its state is, if Azure tells it."""
    if not facts.instance.state:
        return Hold(Reason.NO_DATA, detail="its state is not told")
    return Act((Step(Verb.ML_SHOW, signal.target),))


def recheck(
    plan: Plan, facts: MlInstanceFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Looking is always wanted."""
    return None


_NOW = datetime(2030, 1, 10, 3, tzinfo=UTC)
_WORKSPACE = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.MachineLearningServices/workspaces/lab"
)
_ID = f"{_WORKSPACE}/computes/ada"
_RESOURCE = Resource(_ID, ML_COMPUTE, "ada", size="Standard_DS3_v2", pool=_WORKSPACE)
_FACTS = MlInstanceFacts(_RESOURCE, MlInstance("unusable"))
_FOUND = Signal(
    type=SignalType.AML_INSTANCE_FOUND,
    event_id="survey-compute_instances-20300110T0300-x",
    source="survey",
    target=_ID,
    observed_at=_NOW,
    is_recurring=True,
)

REMEDIATION = Remediation(
    name="show_instance",
    summary="Write down how an Azure ML compute instance stands; change nothing.",
    answers=frozenset({SignalType.AML_INSTANCE_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.ML_INSTANCE,
    settings=Settings,
    verbs=frozenset({Verb.ML_SHOW}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "a broken one: looked at", _FOUND, _FACTS, _NOW, Act((Step(Verb.ML_SHOW, _ID),))
        ),
        Example(
            "Azure tells no state: later",
            _FOUND,
            replace(_FACTS, instance=MlInstance("")),
            _NOW,
            Hold(Reason.NO_DATA, detail="its state is not told"),
        ),
    ),
)
