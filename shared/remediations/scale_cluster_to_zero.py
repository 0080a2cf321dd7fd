"""Let an Azure ML compute cluster go down to no nodes when nothing runs on it.

Only where every node it has is idle: then nobody waits for one. The most that it may grow
to stays. A cluster that is kept warm on purpose says so by its tag ``nightshift: off``.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster
("Setting the minimum number of nodes to 0": nodes idle for longer than the idle time go)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.example_signals import found_by
from shared.core.facts import FactsKind, MlCluster, Resource
from shared.core.ml_examples import NOW, WORKSPACE
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import ML_COMPUTE
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb

AT_WORK = ("running", "preparing")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        idle: How long a node may stay unused before it goes.
    """

    idle: timedelta = timedelta(minutes=10)

    def __post_init__(self) -> None:
        """Refuse an idle time in which no next job could follow."""
        if not timedelta(minutes=1) <= self.idle <= timedelta(days=1):
            raise ValueError("idle does not fit: write 1m to 1d")


def decide(signal: Signal, facts: MlCluster, settings: Settings, now: datetime) -> Decision:
    """Set the least to none, once nothing runs there."""
    if facts.nodes is None:
        return Hold(Reason.NO_DATA, detail="what its nodes do is not told")
    if facts.state == "resizing":
        return Hold(Reason.NO_DATA, detail="it is being resized")
    busy = sum(facts.nodes.get(state, 0) for state in AT_WORK)
    if busy:
        return Skip(Reason.IN_USE, f"nodes at work: {busy}")
    idle = facts.idle_before_scale_down
    if facts.least == 0 and idle is not None and idle <= settings.idle:
        return Skip(Reason.SET_ALREADY, "it goes to zero by itself")
    args = {"least": 0, "idle_s": settings.idle.total_seconds()}
    return Act((Step(Verb.ML_SCALE, signal.target, args),))


def recheck(plan: Plan, facts: MlCluster, settings: Settings, now: datetime) -> Reason | None:
    """Stop when a job came in the meantime."""
    nodes = facts.nodes or {}
    return Reason.IN_USE if any(nodes.get(state, 0) for state in AT_WORK) else None


_ID = f"{WORKSPACE}/computes/gpu"
_CLUSTER = MlCluster(
    Resource(_ID, ML_COMPUTE, "gpu", pool=WORKSPACE, pool_size=2),
    is_low_priority=False,
    least=2,
    most=8,
    nodes={"idle": 2},
    idle_before_scale_down=timedelta(minutes=2),
    state="steady",
)
_FOUND = found_by("compute_clusters", SignalType.AML_CLUSTER_FOUND, _ID, NOW)
_SCALE = Act((Step(Verb.ML_SCALE, _ID, {"least": 0, "idle_s": 600.0}),))

REMEDIATION = Remediation(
    name="scale_cluster_to_zero",
    summary="Let an idle Azure ML compute cluster go down to no nodes.",
    answers=frozenset({SignalType.AML_CLUSTER_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.ML_CLUSTER,
    settings=Settings,
    verbs=frozenset({Verb.ML_SCALE}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example("two nodes are kept, and both are idle", _FOUND, _CLUSTER, NOW, _SCALE),
        Example(
            "the least is none, but a node stays for a day",
            _FOUND,
            replace(_CLUSTER, least=0, idle_before_scale_down=timedelta(days=1)),
            NOW,
            _SCALE,
        ),
        Example(
            "a job runs on it",
            _FOUND,
            replace(_CLUSTER, nodes={"idle": 1, "running": 1}),
            NOW,
            Skip(Reason.IN_USE, "nodes at work: 1"),
        ),
        Example(
            "it goes to zero by itself",
            _FOUND,
            replace(_CLUSTER, least=0),
            NOW,
            Skip(Reason.SET_ALREADY, "it goes to zero by itself"),
        ),
    ),
)
