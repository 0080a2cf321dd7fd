"""Delete the Azure ML extension of a cluster, once another person agreed.

A runbook that always asks, whatever the deployment says of runbooks: jobs and endpoints
that run through the extension end with it, and nobody can see from outside whether there
are any.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.extension_changes import not_now
from shared.core.facts import ExtensionFacts, FactsKind, Resource
from shared.core.ml_extension_facts import MlExtension
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import EXTENSION
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """A request may set nothing."""


def decide(
    signal: Signal, facts: ExtensionFacts, settings: Settings, now: datetime
) -> Decision:
    """Delete it where there is one and nothing is under way."""
    held = not_now(facts, now)
    if held is not None:
        return held
    if facts.extension is None:
        return Skip(Reason.TARGET_GONE, "there is no such extension")
    return Act((Step(Verb.EXTENSION_DELETE, signal.target),))


def recheck(
    plan: Plan, facts: ExtensionFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Go on: that it is gone is what the step itself looks for."""
    return None


_NOW = datetime(2030, 1, 10, 3, tzinfo=UTC)
_CLUSTER = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.ContainerService/managedClusters/train"
)
_ID = f"{_CLUSTER}/providers/Microsoft.KubernetesConfiguration/extensions/azureml"
_RESOURCE = Resource(_ID, EXTENSION, "azureml", "westeurope", pool=_CLUSTER)
_EXTENSION = MlExtension(_ID, "succeeded", {"enableTraining": "True"})
_FACTS = ExtensionFacts(_RESOURCE, "managedClusters", nodes=3, extensions=(_EXTENSION,))
_ASKED = Signal(
    type=SignalType.RUNBOOK,
    event_id="r-1",
    source="runbook",
    target=_ID,
    observed_at=_NOW,
)

REMEDIATION = Remediation(
    name="delete_extension",
    summary="Delete the Azure ML extension of a cluster, once another person agreed.",
    answers=frozenset({SignalType.EXTENSION_DEGRADED, SignalType.RUNBOOK}),
    facts=FactsKind.ML_EXTENSION,
    settings=Settings,
    verbs=frozenset({Verb.EXTENSION_DELETE}),
    decide=decide,
    recheck=recheck,
    always_asks=True,
    examples=(
        Example(
            "a person asks, and another agreed",
            _ASKED,
            _FACTS,
            _NOW,
            Act((Step(Verb.EXTENSION_DELETE, _ID),)),
        ),
        Example(
            "the cluster bears another",
            _ASKED,
            replace(_FACTS, extensions=(replace(_EXTENSION, id=f"{_ID}-2"),)),
            _NOW,
            Skip(Reason.TARGET_GONE, "there is no such extension"),
        ),
    ),
)
