"""Move the pods off an AKS node that the platform is about to take, or that a person names.

Cordon first, so that nothing new lands; then evict as kubectl does, asking budgets,
each pod's grace capped by what is left to the deadline. A job that has pods on several
noticed nodes is told once, and leaves all of them at one moment. A machine that no cluster
knows is none of this remediation's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.acknowledging import Acknowledge
from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.facts import AksNode, FactsKind, NodeFacts, Resource
from shared.core.gangs import TOLD, is_signal_key
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import SCALE_SET_VM
from shared.core.signals import Phase, Signal, SignalType
from shared.core.steps import Step, Verb

LOSES_THE_MACHINE = frozenset(
    {SignalType.VM_PREEMPT, SignalType.VM_TERMINATE, SignalType.VM_REDEPLOY}
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        pod_grace: No pod is given longer than this to end; None leaves each its own.
        margin: Time before the deadline by which pods should be gone.
        force: Evict pods that nothing starts again; None means only if the machine is
            lost anyway.
        delete_emptydir_data: Evict pods that use an emptyDir; None as for ``force``.
        timeout: When there is no deadline, how long budgets and pods may take.
        signal: The annotation by which pods are told that ask for it and name none.
        lead: How long a job that was told has to save before its pods leave, as far as the
            deadline leaves; at most half of what is left to it.
        gather: How long the pods of a job that does not ask wait for the other notices.
        window: Notices for nodes of one job that come within it are one wave: one signal,
            and one moment at which all of its pods leave.
        acknowledge: Whether the notice may begin before its time: never, when_drained (all
            its machines are), or always (this machine is not waited for).
    """

    pod_grace: timedelta | None = None
    margin: timedelta = timedelta(seconds=3)
    force: bool | None = None
    delete_emptydir_data: bool | None = None
    timeout: timedelta = timedelta(minutes=15)
    signal: str = TOLD
    lead: timedelta = timedelta(seconds=12)
    gather: timedelta = timedelta(seconds=2)
    window: timedelta = timedelta(seconds=60)
    acknowledge: Acknowledge = Acknowledge.NEVER

    def __post_init__(self) -> None:
        """Refuse a drain that could not even ask."""
        if self.timeout < timedelta(seconds=10):
            raise ValueError("timeout must be at least 10s")
        if not is_signal_key(self.signal):
            raise ValueError(
                f"signal {self.signal!r}: write the name of an annotation, prefix and all, "
                f"such as {TOLD} or example.com/save-now; kubernetes.io is not for us to set"
            )


def decide(signal: Signal, facts: NodeFacts, settings: Settings, now: datetime) -> Decision:
    """Cordon and drain the node behind the machine."""
    if facts.node is None:
        return Skip(Reason.NOT_A_NODE, "no cluster has a node with this providerID")
    is_lost = signal.type in LOSES_THE_MACHINE
    grace = settings.pod_grace
    where = {"node": facts.node.name, "cluster": facts.node.cluster}
    drain = {
        **where,
        "pod_grace_s": grace.total_seconds() if grace is not None else None,
        "margin_s": settings.margin.total_seconds(),
        "force": is_lost if settings.force is None else settings.force,
        "delete_emptydir_data": (
            is_lost if settings.delete_emptydir_data is None else settings.delete_emptydir_data
        ),
        "timeout_s": settings.timeout.total_seconds(),
        "signal": settings.signal,
        "lead_s": settings.lead.total_seconds(),
        "gather_s": settings.gather.total_seconds(),
        "window_s": settings.window.total_seconds(),
    }
    return Act(
        (
            Step(Verb.CORDON, signal.target, where),
            Step(Verb.DRAIN, signal.target, drain),
        )
    )


def recheck(plan: Plan, facts: NodeFacts, settings: Settings, now: datetime) -> Reason | None:
    """Stop when the node is gone.

    That a person put it back to work each round of the drain sees for itself, and takes
    our taint off then.
    """
    return Reason.TARGET_GONE if facts.node is None else None


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_SET = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/mc_train/providers/"
    "Microsoft.Compute/virtualMachineScaleSets/aks-spot-1-vmss"
)
_VM = f"{_SET}/virtualMachines/29"
_NODE = AksNode(
    name="aks-spot-1-vmss00000t",
    cluster="/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/train/providers/"
    "Microsoft.ContainerService/managedClusters/train",
    provider_id=f"azure://{_VM}",
    is_unschedulable=False,
    is_ready=True,
)
_NOTICE = Signal(
    type=SignalType.VM_PREEMPT,
    event_id="e-1",
    source="scheduled_events",
    target=_VM,
    observed_at=_NOW,
    phase=Phase.SCHEDULED,
    deadline=_NOW + timedelta(seconds=30),
)
_FACTS = NodeFacts(Resource(_VM, SCALE_SET_VM, "29", pool=_SET), _NODE)
_WHERE = {"node": _NODE.name, "cluster": _NODE.cluster}
_DRAIN = {
    "pod_grace_s": None,
    "margin_s": 3.0,
    "force": True,
    "delete_emptydir_data": True,
    "timeout_s": 900.0,
    "signal": TOLD,
    "lead_s": 12.0,
    "gather_s": 2.0,
    "window_s": 60.0,
}

REMEDIATION = Remediation(
    name="drain_node",
    summary="Cordon an AKS node and evict its pods before the platform takes the machine.",
    answers=LOSES_THE_MACHINE
    | {SignalType.VM_REBOOT, SignalType.VM_FREEZE, SignalType.RUNBOOK},
    facts=FactsKind.NODE,
    settings=Settings,
    verbs=frozenset({Verb.CORDON, Verb.UNCORDON, Verb.DRAIN}),
    decide=decide,
    recheck=recheck,
    healthy=("facts.node.is_ready",),
    examples=(
        Example(
            "a spot node has thirty seconds: cordon, then drain whatever can go",
            _NOTICE,
            _FACTS,
            _NOW,
            Act((Step(Verb.CORDON, _VM, _WHERE), Step(Verb.DRAIN, _VM, {**_WHERE, **_DRAIN}))),
        ),
        Example(
            "a reboot keeps local data: pods that would lose it are not forced off",
            replace(_NOTICE, type=SignalType.VM_REBOOT),
            _FACTS,
            _NOW,
            Act(
                (
                    Step(Verb.CORDON, _VM, _WHERE),
                    Step(
                        Verb.DRAIN,
                        _VM,
                        {**_WHERE, **_DRAIN, "force": False, "delete_emptydir_data": False},
                    ),
                )
            ),
        ),
        Example(
            "a machine that is no node of any cluster: not for this remediation",
            _NOTICE,
            replace(_FACTS, node=None),
            _NOW,
            Skip(Reason.NOT_A_NODE, "no cluster has a node with this providerID"),
        ),
    ),
)
