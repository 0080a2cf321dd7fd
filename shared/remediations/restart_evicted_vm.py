"""Start a spot machine again that was evicted and deallocated.

The rule says in which ways, in what order: as it was, in another size, at the full price.
Capacity and quota lead to the next way, after the last way comes a pause and the first one
again, until the time limit. An instance of a scale set has its size and priority from the
set, so it is only started. Azure changes no machine from spot to regular: for ``on_demand``
it is deleted and made anew around its disks and network cards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, Resource, SpotFacts
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import SCALE_SET_VM, VM
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb

LOOK_AGAIN = timedelta(seconds=30)
REGULAR = "regular"


class Strategy(StrEnum):
    """One way to bring a machine back."""

    START = "start"
    OTHER_SIZE = "other_size"
    ON_DEMAND = "on_demand"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        strategies: The ways, in order: ``start`` as it was, ``other_size`` in each of
            ``sizes``, ``on_demand`` in its own size at the full price: the machine is
            deleted and made anew around its disks, which must lose it nothing else.
        sizes: What ``other_size`` tries, in order.
        pause: How long to wait before the first way is tried again; doubled each round,
            15 minutes at most.
        within: When to give up.
    """

    strategies: tuple[Strategy, ...] = (Strategy.START,)
    sizes: tuple[str, ...] = ()
    pause: timedelta = timedelta(minutes=1)
    within: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        """Refuse a list that could not be gone through."""
        if not self.strategies:
            raise ValueError("strategies is empty: write at least [start]")
        if len(set(self.strategies)) != len(self.strategies):
            raise ValueError("strategies names one twice: write each once")
        if (Strategy.OTHER_SIZE in self.strategies) != bool(self.sizes):
            raise ValueError("sizes and other_size need each other: write both or none")
        if self.pause < timedelta(seconds=5):
            raise ValueError("pause must be at least 5s")


def decide(signal: Signal, facts: SpotFacts, settings: Settings, now: datetime) -> Decision:
    """Start it, once the platform has let go of it."""
    if facts.priority == REGULAR:
        return Skip(Reason.NOT_SPOT, "its priority is regular: it was not evicted")
    if facts.power is None:
        return Hold(Reason.NO_DATA, detail="the power state could not be read")
    if facts.power in {"running", "starting"}:
        return Skip(Reason.ALREADY_RUNNING, f"its power state is {facts.power}")
    if facts.power in {"deallocating", "stopping"}:
        return Hold(Reason.STILL_LEAVING, now + LOOK_AGAIN, f"it is {facts.power}")
    args: dict[str, Any] = {
        "ways": _ways(facts, settings),
        "pause_s": settings.pause.total_seconds(),
        "within_s": settings.within.total_seconds(),
    }
    may_rebuild = any(way["priority"] != facts.priority for way in args["ways"])
    verb = Verb.REBUILD if may_rebuild else Verb.START
    return Act((Step(verb, signal.target, args),))


def _ways(facts: SpotFacts, settings: Settings) -> list[dict[str, Any]]:
    """Write down what the machine should be in each way, before anything changes it."""
    own, priority = facts.resource.size, facts.priority
    if facts.resource.type == SCALE_SET_VM:
        return [{"how": Strategy.START.value, "size": own, "priority": priority}]
    found: list[dict[str, Any]] = []
    for strategy in settings.strategies:
        sizes = settings.sizes if strategy is Strategy.OTHER_SIZE else (own,)
        paid = REGULAR if strategy is Strategy.ON_DEMAND else priority
        found += [{"how": strategy.value, "size": size, "priority": paid} for size in sizes]
    return found


def recheck(plan: Plan, facts: SpotFacts, settings: Settings, now: datetime) -> Reason | None:
    """Go on: that it runs meanwhile is what the step itself looks for."""
    return None


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_GROUP = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/train/providers"
_VM = f"{_GROUP}/Microsoft.Compute/virtualMachines/trainer-1"
_SIZE = "Standard_NC24ads_A100_v4"
_NOTE = Signal(
    type=SignalType.VM_PREEMPTED,
    event_id="h-1",
    source="health_resources",
    target=_VM,
    observed_at=_NOW,
)
_FACTS = SpotFacts(Resource(_VM, VM, "trainer-1", size=_SIZE), "deallocated", "spot")
_LIMITS = {"pause_s": 60.0, "within_s": 3600.0}
_AS_IT_WAS = {"how": "start", "size": _SIZE, "priority": "spot"}

REMEDIATION = Remediation(
    name="restart_evicted_vm",
    summary="Start an evicted spot machine again, by strategies in order, until it runs.",
    answers=frozenset({SignalType.VM_PREEMPTED, SignalType.RUNBOOK}),
    facts=FactsKind.SPOT,
    settings=Settings,
    verbs=frozenset({Verb.START, Verb.REBUILD}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "evicted and deallocated: started as it was",
            _NOTE,
            _FACTS,
            _NOW,
            Act((Step(Verb.START, _VM, {"ways": [_AS_IT_WAS], **_LIMITS}),)),
        ),
        Example(
            "three strategies: as it was, then smaller, then at the full price",
            _NOTE,
            _FACTS,
            _NOW,
            Act(
                (
                    Step(
                        Verb.REBUILD,
                        _VM,
                        {
                            "ways": [
                                _AS_IT_WAS,
                                {
                                    "how": "other_size",
                                    "size": "Standard_NC12",
                                    "priority": "spot",
                                },
                                {"how": "on_demand", "size": _SIZE, "priority": "regular"},
                            ],
                            **_LIMITS,
                        },
                    ),
                )
            ),
            Settings(strategies=tuple(Strategy), sizes=("Standard_NC12",)),
        ),
        Example(
            "the platform is still taking it: looked at again",
            _NOTE,
            replace(_FACTS, power="deallocating"),
            _NOW,
            Hold(Reason.STILL_LEAVING, _NOW + LOOK_AGAIN, "it is deallocating"),
        ),
        Example(
            "somebody was faster: it runs",
            _NOTE,
            replace(_FACTS, power="running"),
            _NOW,
            Skip(Reason.ALREADY_RUNNING, "its power state is running"),
        ),
        Example(
            "no spot machine: whoever deallocated it had a reason",
            _NOTE,
            replace(_FACTS, priority="regular"),
            _NOW,
            Skip(Reason.NOT_SPOT, "its priority is regular: it was not evicted"),
        ),
    ),
)
