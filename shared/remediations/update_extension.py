"""Change settings of an Azure ML extension; those that stand and are not named stay.

A runbook. What would stand afterwards is judged as a whole before anything is sent, and
every problem is named. Protected settings are never touched.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.extension_changes import laid_over, not_now, read_pairs, stands, unknown_in
from shared.core.facts import ExtensionFacts, FactsKind, Resource
from shared.core.ml_extension_facts import MlExtension, judged, wrong
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import EXTENSION
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a request may set.

    Attributes:
        settings: What changes, each as ``NAME=VALUE``; protected ones are not taken.
    """

    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no setting."""
        read_pairs(self.settings)


def decide(
    signal: Signal, facts: ExtensionFacts, settings: Settings, now: datetime
) -> Decision:
    """Change it, once nothing would be wrong with its settings."""
    held = not_now(facts, now)
    if held is not None:
        return held
    extension = facts.extension
    if extension is None:
        return Skip(Reason.TARGET_GONE, "there is no such extension: create_extension")
    given = read_pairs(settings.settings)
    wanted = laid_over(extension.settings, given)
    if stands(extension, wanted):
        return Skip(Reason.SET_ALREADY, "these settings are in force")
    after = replace(extension, settings=wanted)
    bad = unknown_in(given, extension.settings)
    bad += wrong(judged(after, facts.kind, facts.nodes))
    if bad:
        return Skip(Reason.BAD_DECLARATION, "; ".join(bad))
    return Act((Step(Verb.EXTENSION_UPDATE, signal.target, {"settings": wanted}),))


def recheck(
    plan: Plan, facts: ExtensionFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when somebody deleted it."""
    return Reason.TARGET_GONE if facts.extension is None else None


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
_WANTED = {"settings": {"enableTraining": "True", "installVolcano": "False"}}

REMEDIATION = Remediation(
    name="update_extension",
    summary="Change settings of an Azure ML extension; they are judged as a whole first.",
    answers=frozenset({SignalType.EXTENSION_DEGRADED, SignalType.RUNBOOK}),
    facts=FactsKind.ML_EXTENSION,
    settings=Settings,
    verbs=frozenset({Verb.EXTENSION_UPDATE}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "the cluster has a Volcano of its own",
            _ASKED,
            _FACTS,
            _NOW,
            Act((Step(Verb.EXTENSION_UPDATE, _ID, _WANTED),)),
            Settings(("installvolcano=False",)),
        ),
        Example(
            "a service type that does not exist",
            _ASKED,
            replace(
                _FACTS,
                extensions=(
                    replace(
                        _EXTENSION,
                        settings={
                            "enableInference": "True",
                            "allowInsecureConnections": "True",
                        },
                    ),
                ),
            ),
            _NOW,
            Skip(
                Reason.BAD_DECLARATION,
                "inferenceRouterServiceType: 'Ingress' is not one of clusterip, "
                "loadbalancer, nodeport",
            ),
            Settings(("inferenceRouterServiceType=Ingress",)),
        ),
        Example(
            "it is as it should be",
            _ASKED,
            _FACTS,
            _NOW,
            Skip(Reason.SET_ALREADY, "these settings are in force"),
            Settings(("enableTraining=true",)),
        ),
    ),
)
