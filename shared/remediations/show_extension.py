"""Write down how an Azure ML extension stands, or each one of a cluster.

Changes nothing: provisioning state, what it reports, what is wrong with its settings and
how each expected component stands are in the detail of the plan's step. The target may be
a cluster: then its extensions are listed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.facts import ExtensionFacts, FactsKind, Resource
from shared.core.ml_extension_facts import MlExtension
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import EXTENSION
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """A rule may set nothing."""


def decide(
    signal: Signal, facts: ExtensionFacts, settings: Settings, now: datetime
) -> Decision:
    """Look, whatever its state is."""
    if facts.resource.type == EXTENSION and facts.extension is None:
        return Skip(Reason.TARGET_GONE, "there is no such extension")
    return Act((Step(Verb.EXTENSION_SHOW, signal.target),))


def recheck(
    plan: Plan, facts: ExtensionFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Looking is always wanted."""
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
    name="show_extension",
    summary="Write down how the Azure ML extensions of a cluster stand; change nothing.",
    answers=frozenset({SignalType.EXTENSION_DEGRADED, SignalType.RUNBOOK}),
    facts=FactsKind.ML_EXTENSION,
    settings=Settings,
    verbs=frozenset({Verb.EXTENSION_SHOW}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example("looked at", _ASKED, _FACTS, _NOW, Act((Step(Verb.EXTENSION_SHOW, _ID),))),
        Example(
            "there is none of that name",
            _ASKED,
            replace(_FACTS, extensions=()),
            _NOW,
            Skip(Reason.TARGET_GONE, "there is no such extension"),
        ),
    ),
)
