"""Add one machine to a spot pool that lost one for good.

Only where the evicted machine is gone: one that is merely deallocated is started again
instead. A pool whose size something else decides (AKS, Batch) is left to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.facts import FactsKind, Resource, SpotPoolFacts
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import SCALE_SET_VM
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        most: No pool is made larger than this.
    """

    most: int = 100

    def __post_init__(self) -> None:
        """Refuse what is no size."""
        if not 1 <= self.most <= 1000:  # noqa: PLR2004 - the most a scale set can have
            raise ValueError("most does not fit: write 1 to 1000")


def decide(
    signal: Signal, facts: SpotPoolFacts, settings: Settings, now: datetime
) -> Decision:
    """Make the pool one larger than it is when the step comes to it."""
    if facts.managed_by:
        return Skip(Reason.MANAGED_POOL, f"its size is decided by {facts.managed_by}")
    if facts.priority == "regular":
        return Skip(Reason.NOT_SPOT, "the pool's machines are not evicted")
    if facts.is_instance_there:
        return Skip(Reason.STILL_THERE, "it was deallocated, not deleted: start it again")
    if facts.capacity >= settings.most:
        return Skip(Reason.POOL_FULL, f"it has {facts.capacity} of at most {settings.most}")
    return Act((Step(Verb.GROW, facts.resource.pool),))


def recheck(
    plan: Plan, facts: SpotPoolFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when others have made it as large as it may be."""
    return Reason.POOL_FULL if facts.capacity >= settings.most else None


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_SET = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.Compute/virtualMachineScaleSets/science"
)
_INSTANCE = f"{_SET}/virtualMachines/7"
_NOTE = Signal(
    type=SignalType.VM_PREEMPTED,
    event_id="h-1",
    source="health_resources",
    target=_INSTANCE,
    observed_at=_NOW,
)
_LOST = Resource(_INSTANCE, SCALE_SET_VM, "7", pool=_SET, pool_size=4)
_FACTS = SpotPoolFacts(_LOST, 4, "spot", is_instance_there=False)

REMEDIATION = Remediation(
    name="scale_pool_by_one",
    summary="Add one machine to a spot scale set that lost one for good.",
    answers=frozenset({SignalType.VM_PREEMPTED, SignalType.RUNBOOK}),
    facts=FactsKind.SPOT_POOL,
    settings=Settings,
    verbs=frozenset({Verb.GROW}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "evicted and deleted: the pool gets another",
            _NOTE,
            _FACTS,
            _NOW,
            Act((Step(Verb.GROW, _SET),)),
        ),
        Example(
            "evicted and deallocated: it can be started again",
            _NOTE,
            replace(_FACTS, is_instance_there=True),
            _NOW,
            Skip(Reason.STILL_THERE, "it was deallocated, not deleted: start it again"),
        ),
        Example(
            "a node pool of AKS: its autoscaler decides",
            _NOTE,
            replace(_FACTS, managed_by="aks"),
            _NOW,
            Skip(Reason.MANAGED_POOL, "its size is decided by aks"),
        ),
        Example(
            "as large as it may be",
            _NOTE,
            replace(_FACTS, capacity=100),
            _NOW,
            Skip(Reason.POOL_FULL, "it has 100 of at most 100"),
        ),
    ),
)
