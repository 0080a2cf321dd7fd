"""Create the Azure ML extension on an AKS cluster, with settings that fit together.

A runbook: the target is the extension's id, which need not exist. Settings are judged
before anything is sent, and every problem is named. On Arc the vendor's installer makes an
Azure Relay and a secret for it; that is left to it.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.extension_changes import not_now, on_arc, read_pairs, with_installers
from shared.core.facts import ExtensionFacts, FactsKind, Resource
from shared.core.ml_extension import ClusterKind, problems
from shared.core.ml_extension_facts import MlExtension, wrong
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import EXTENSION
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a request may set.

    Attributes:
        settings: Each as ``NAME=VALUE``; protected ones are not taken.
    """

    settings: tuple[str, ...] = ("enableTraining=True",)

    def __post_init__(self) -> None:
        """Refuse what is no setting."""
        read_pairs(self.settings)


def decide(
    signal: Signal, facts: ExtensionFacts, settings: Settings, now: datetime
) -> Decision:
    """Create it where there is none, once nothing is wrong with its settings."""
    held = not_now(facts, now)
    if held is not None:
        return held
    if facts.extensions:
        there = facts.extensions[0]
        return Skip(Reason.SET_ALREADY, f"there is {there.name}, its state is {there.state}")
    if relay := on_arc(facts):
        return Skip(Reason.BAD_DECLARATION, relay)
    given = read_pairs(settings.settings)
    bad = wrong(problems(given, (), ClusterKind(facts.kind), nodes=facts.nodes))
    if bad:
        return Skip(Reason.BAD_DECLARATION, "; ".join(bad))
    wanted = with_installers(given, facts)
    return Act((Step(Verb.EXTENSION_CREATE, signal.target, {"settings": wanted}),))


def recheck(
    plan: Plan, facts: ExtensionFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Go on: whether one came meanwhile is what the step itself looks for."""
    return None


_NOW = datetime(2030, 1, 10, 3, tzinfo=UTC)
_CLUSTER = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.ContainerService/managedClusters/train"
)
_ID = f"{_CLUSTER}/providers/Microsoft.KubernetesConfiguration/extensions/azureml"
_RESOURCE = Resource(_ID, EXTENSION, "azureml", "westeurope", pool=_CLUSTER)
_FACTS = ExtensionFacts(_RESOURCE, "managedClusters", nodes=3)
_ASKED = Signal(
    type=SignalType.RUNBOOK,
    event_id="r-1",
    source="runbook",
    target=_ID,
    observed_at=_NOW,
)
_TRAINING = {"settings": with_installers({"enableTraining": "True"}, _FACTS)}

REMEDIATION = Remediation(
    name="create_extension",
    summary="Create the Azure ML extension on an AKS cluster; its settings are judged first.",
    answers=frozenset({SignalType.EXTENSION_DEGRADED, SignalType.RUNBOOK}),
    facts=FactsKind.ML_EXTENSION,
    settings=Settings,
    verbs=frozenset({Verb.EXTENSION_CREATE}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "for training, on a cluster that has none",
            _ASKED,
            _FACTS,
            _NOW,
            Act((Step(Verb.EXTENSION_CREATE, _ID, _TRAINING),)),
        ),
        Example(
            "every problem is named",
            _ASKED,
            _FACTS,
            _NOW,
            Skip(
                Reason.BAD_DECLARATION,
                "inferenceRouterServiceType: inference needs it: loadBalancer, nodePort or "
                "clusterIP; sslCname: HTTPS needs the name clients call: set it, or "
                "allowInsecureConnections to True; sslSecret: HTTPS needs a secret in "
                "azureml, or sslCertPemFile and sslKeyPemFile",
            ),
            Settings(("enableInference=True",)),
        ),
        Example(
            "the cluster has one",
            _ASKED,
            replace(_FACTS, extensions=(MlExtension(_ID, "failed"),)),
            _NOW,
            Skip(Reason.SET_ALREADY, "there is azureml, its state is failed"),
        ),
    ),
)
