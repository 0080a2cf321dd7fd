"""Stop paying for a VM or an Azure ML compute instance that nobody is using.

Idle is proven, never assumed: the processor, the network and, where there is one, the
GPU were all quiet over a whole window of which enough points have a value. Whatever
could not be read means "not known", and not known is never idle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.example_signals import idle_tick
from shared.core.facts import FactsKind, MachineFacts, Resource, Utilisation
from shared.core.idleness import busy_with, must_be_sensible, no_longer_quiet, unknown_use
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import VM
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        idle_for: How long everything must have been quiet.
        cpu_below: Busiest five minutes of the processor, fraction 0..1.
        gpu_below: The same of the GPU.
        network_below: Busiest five minutes of the network, bytes a second.
        coverage: Share of the window's points that must have a value, 0..1.
        gpu_metric: ``namespace/name`` of the guest metric with GPU utilisation in
            percent; without it a machine with a GPU is never idle.
        even_if_busy: Deallocate whatever the metrics say; for a person's runbook.
    """

    idle_for: timedelta = timedelta(minutes=60)
    cpu_below: float = 0.05
    gpu_below: float = 0.05
    network_below: float = 100_000.0
    coverage: float = 0.9
    gpu_metric: str = ""
    even_if_busy: bool = False

    def __post_init__(self) -> None:
        """Refuse what would make every machine idle, or none."""
        must_be_sensible(self)


def decide(signal: Signal, facts: MachineFacts, settings: Settings, now: datetime) -> Decision:
    """Deallocate the machine once it has been quiet for ``idle_for``."""
    if facts.power is None:
        return Hold(Reason.NO_DATA, detail="the power state could not be read")
    if facts.power != "running":
        return Skip(Reason.ALREADY_STOPPED, f"its power state is {facts.power}")
    if not (settings.even_if_busy and signal.type is SignalType.RUNBOOK):
        doubt = unknown_use(facts, settings)
        if doubt:
            return Hold(Reason.NO_DATA, detail=doubt)
        busy = busy_with(facts.utilisation, settings)
        if busy:
            return Skip(Reason.NOT_IDLE, busy)
        if facts.started_at and now < facts.started_at + settings.idle_for:
            return Hold(Reason.TOO_SOON, until=facts.started_at + settings.idle_for)
    return Act((Step(Verb.DEALLOCATE, signal.target),))


def recheck(
    plan: Plan, facts: MachineFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when somebody began to use the machine meanwhile."""
    asked_anyway = settings.even_if_busy and plan.signal.get("type") == SignalType.RUNBOOK
    if facts.power != "running" or asked_anyway:
        return None
    return no_longer_quiet(facts, settings)


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_GROUP = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers"
_VM = f"{_GROUP}/Microsoft.Compute/virtualMachines/dev-1"
_QUIET = Utilisation(
    window=timedelta(hours=1),
    cpu=0.01,
    gpu=0.0,
    network=900.0,
    samples=12,
    expected_samples=12,
)
_IDLE = MachineFacts(
    Resource(_VM, VM, "dev-1", size="Standard_NC24ads_A100_v4"), "running", True, _QUIET
)
_TICK = idle_tick(_VM, _NOW)

REMEDIATION = Remediation(
    name="deallocate_idle",
    summary="Deallocate a VM or stop an Azure ML compute instance that is provably idle.",
    answers=frozenset({SignalType.COMPUTE_IDLE, SignalType.RUNBOOK}),
    facts=FactsKind.MACHINE,
    settings=Settings,
    verbs=frozenset({Verb.DEALLOCATE}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "an hour of silence: deallocate",
            _TICK,
            _IDLE,
            _NOW,
            Act((Step(Verb.DEALLOCATE, _VM),)),
        ),
        Example(
            "the GPU metric is missing: never guess",
            _TICK,
            replace(_IDLE, utilisation=replace(_QUIET, gpu=None)),
            _NOW,
            Hold(Reason.NO_DATA, detail="it has a GPU and no GPU metric"),
        ),
        Example(
            "half of the points have no value: never guess",
            _TICK,
            replace(_IDLE, utilisation=replace(_QUIET, samples=6)),
            _NOW,
            Hold(Reason.NO_DATA, detail="6 of 12 points have a value"),
        ),
        Example(
            "the GPU works: busy",
            _TICK,
            replace(_IDLE, utilisation=replace(_QUIET, gpu=0.05)),
            _NOW,
            Skip(Reason.NOT_IDLE, "GPU at 5.0%"),
        ),
        Example(
            "switched on ten minutes ago: look again when the hour is over",
            _TICK,
            replace(_IDLE, started_at=_NOW - timedelta(minutes=10)),
            _NOW,
            Hold(Reason.TOO_SOON, until=_NOW + timedelta(minutes=50)),
        ),
        Example(
            "deallocated already: nothing to stop",
            _TICK,
            replace(_IDLE, power="deallocated"),
            _NOW,
            Skip(Reason.ALREADY_STOPPED, "its power state is deallocated"),
        ),
    ),
)
