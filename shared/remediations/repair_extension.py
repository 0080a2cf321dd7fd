"""Find out what is the matter with an Azure ML extension, and mend it or tell a person.

Settings that do not fit together are a person's: which of them was meant, nobody else
knows. What failed, or lacks a component, is reconciled by writing its own settings again,
so many times in a window; after that a person is told, with the reasons of the cluster.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-kubernetes-extension
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.extension_changes import not_now
from shared.core.facts import ExtensionFacts, FactsKind, Resource
from shared.core.ml_extension_facts import (
    BROKEN,
    MlExtension,
    judged,
    missing,
    window_key,
    wrong,
)
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import EXTENSION
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb
from shared.core.workloads import Workload

SHOWN_AT_MOST = 1500


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        at_most: Repairs of one extension in a window; 0 only tells.
        within: The window.
        patience: How long a repair may take until its components are ready.
    """

    at_most: int = 2
    within: timedelta = timedelta(days=1)
    patience: timedelta = timedelta(minutes=20)

    def __post_init__(self) -> None:
        """Refuse a budget that is none."""
        if not 0 <= self.at_most <= 10:  # noqa: PLR2004 - ten a window are a habit
            raise ValueError("at_most does not fit: write 0 to 10")
        if self.within < timedelta(hours=1):
            raise ValueError("within does not fit: write 1h or more")
        if not timedelta(minutes=1) <= self.patience <= timedelta(hours=1):
            raise ValueError("patience does not fit: write 1m to 1h")


def decide(
    signal: Signal, facts: ExtensionFacts, settings: Settings, now: datetime
) -> Decision:
    """Tell of wrong settings; repair what is broken, within the budget; then tell."""
    held = not_now(facts, now)
    if held is not None:
        return held
    extension = facts.extension
    if extension is None:
        return Skip(Reason.TARGET_GONE, "there is no such extension")
    found = _diagnosis(facts, extension)
    if bad := wrong(judged(extension, facts.kind, facts.nodes)):
        return _tell(signal.target, "its settings do not fit together", (*bad, *found))
    if not found:
        seen = "" if facts.workloads is not None else "; nobody can look into its cluster"
        return Skip(Reason.NOTHING_FAILED, f"its state is {extension.state}{seen}")
    if facts.repaired >= settings.at_most:
        return _tell(signal.target, f"repaired {facts.repaired} times, and still", found)
    args = {
        "budget": window_key(facts.resource.id, now, settings.within),
        "most": settings.at_most,
        "patience_s": settings.patience.total_seconds(),
        "because": list(found),
    }
    return Act((Step(Verb.EXTENSION_REPAIR, signal.target, args),))


def recheck(
    plan: Plan, facts: ExtensionFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when somebody deleted it; what is well by now, the step itself sees."""
    return Reason.TARGET_GONE if facts.extension is None else None


def _diagnosis(facts: ExtensionFacts, extension: MlExtension) -> tuple[str, ...]:
    """Say what is the matter: its state, what it reports, what lacks in the cluster."""
    state = (f"its state is {extension.state}",) if extension.state in BROKEN else ()
    return (*state, *extension.errors, *missing(facts, extension))


def _tell(target: str, why: str, found: tuple[str, ...]) -> Act:
    message = f"Azure ML extension: {why}: {'; '.join(found)}"
    return Act((Step(Verb.TELL, target, {"message": message[:SHOWN_AT_MOST]}),))


_NOW = datetime(2030, 1, 10, 3, tzinfo=UTC)
_CLUSTER = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.ContainerService/managedClusters/train"
)
_ID = f"{_CLUSTER}/providers/Microsoft.KubernetesConfiguration/extensions/azureml"
_RESOURCE = Resource(_ID, EXTENSION, "azureml", "westeurope", pool=_CLUSTER)
_EXTENSION = MlExtension(_ID, "succeeded", {"enableTraining": "True"})
_PARTS = (
    *("gateway", "aml-operator", "metrics-controller-manager"),
    *("azureml-kube-state-metrics", "azureml-prometheus-operator"),
    *("volcano-admission", "volcano-controllers", "volcano-scheduler"),
)
_WELL = (
    *(Workload("Deployment", name, 1, 1) for name in _PARTS),
    Workload("DaemonSet", "fluent-bit", 3, 3),
    Workload("StatefulSet", "prometheus-prom-prometheus", 1, 1),
)
_FACTS = ExtensionFacts(
    _RESOURCE,
    "managedClusters",
    nodes=3,
    extensions=(_EXTENSION,),
    workloads=_WELL,
)
_STUCK = "gateway-0: ImagePullBackOff: Back-off pulling image"
_SICK = replace(_FACTS, workloads=(replace(_WELL[0], ready=0, because=(_STUCK,)), *_WELL[1:]))
_FOUND = Signal(
    type=SignalType.EXTENSION_DEGRADED,
    event_id="survey-ml_extensions-20300110T0300-x",
    source="survey",
    target=_ID,
    observed_at=_NOW,
    is_recurring=True,
)
_WHY = f"gateway: 0 of 1 are ready ({_STUCK})"
_NOTHING = "enableTraining: neither training nor inference is enabled: set one of them to True"
_REPAIR = Act(
    (
        Step(
            Verb.EXTENSION_REPAIR,
            _ID,
            {
                "budget": window_key(_ID, _NOW, timedelta(days=1)),
                "most": 2,
                "patience_s": 1200.0,
                "because": [_WHY],
            },
        ),
    )
)

REMEDIATION = Remediation(
    name="repair_extension",
    summary="Diagnose an Azure ML extension; reconcile it within a budget, or tell a person.",
    answers=frozenset({SignalType.EXTENSION_DEGRADED, SignalType.RUNBOOK}),
    facts=FactsKind.ML_EXTENSION,
    settings=Settings,
    verbs=frozenset({Verb.EXTENSION_REPAIR, Verb.TELL}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example("a component is not ready: reconciled", _FOUND, _SICK, _NOW, _REPAIR),
        Example(
            "the budget is spent: a person is told why",
            _FOUND,
            replace(_SICK, repaired=2),
            _NOW,
            _tell(_ID, "repaired 2 times, and still", (_WHY,)),
        ),
        Example(
            "its settings do not fit together: a person is told which",
            _FOUND,
            replace(_FACTS, extensions=(replace(_EXTENSION, settings={}),)),
            _NOW,
            _tell(
                _ID,
                "its settings do not fit together",
                (_NOTHING,),
            ),
        ),
        Example(
            "all is well",
            _FOUND,
            _FACTS,
            _NOW,
            Skip(Reason.NOTHING_FAILED, "its state is succeeded"),
        ),
    ),
)
