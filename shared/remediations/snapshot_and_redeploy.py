"""Move a VM off a host that is failing, after a snapshot of each of its disks.

No disk, no redeploy: a machine whose disks cannot be saved is left to a person. If any
snapshot fails, the redeploy is not begun.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import DiskFacts, FactsKind, ManagedDisk, Resource
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import VM
from shared.core.signals import Signal, SignalType
from shared.core.snapshots import saving
from shared.core.steps import Step, Verb
from shared.core.wire import write_moment


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        keep: How long the snapshots are wanted; written on them as their expiry.
        within: How old a snapshot may be to do instead of a fresh one; 0s for none.
    """

    keep: timedelta = timedelta(days=14)
    within: timedelta = timedelta(0)


def decide(signal: Signal, facts: DiskFacts, settings: Settings, now: datetime) -> Decision:
    """Snapshot every managed disk, then redeploy the machine."""
    if facts.power is None:
        return Hold(Reason.NO_DATA, detail="the power state could not be read")
    if facts.power != "running":
        return Skip(Reason.NOT_RUNNING, f"its power state is {facts.power}")
    if not facts.disks:
        return Skip(Reason.NO_DISKS, "it has no managed disk that could be saved first")
    saves = tuple(
        Step(Verb.SNAPSHOT, d.id, saving(d.location, now + settings.keep, settings.within))
        for d in facts.disks
    )
    return Act((*saves, Step(Verb.REDEPLOY, signal.target)))


def recheck(plan: Plan, facts: DiskFacts, settings: Settings, now: datetime) -> Reason | None:
    """Stop when the machine has been shut down meanwhile: it will start on another host."""
    is_down = facts.power in {"deallocated", "deallocating", "stopped"}
    return Reason.NOT_RUNNING if is_down else None


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_GROUP = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/train/providers"
    "/Microsoft.Compute"
)
_VM = f"{_GROUP}/virtualMachines/trainer-1"
_OS = ManagedDisk(f"{_GROUP}/disks/trainer-1-os", "westeurope", "os")
_DATA = ManagedDisk(f"{_GROUP}/disks/trainer-1-data", "westeurope", "data")
_NOTE = Signal(
    type=SignalType.VM_DEGRADED,
    event_id="h-1",
    source="health_resources",
    target=_VM,
    observed_at=_NOW,
)
_FACTS = DiskFacts(Resource(_VM, VM, "trainer-1"), "running", (_OS, _DATA))
_SAVE = {"location": "westeurope", "expires": write_moment(_NOW + timedelta(days=14))}

REMEDIATION = Remediation(
    name="snapshot_and_redeploy",
    summary="Snapshot every managed disk of a VM on failing hardware, then redeploy it.",
    answers=frozenset({SignalType.VM_DEGRADED, SignalType.RUNBOOK}),
    facts=FactsKind.DISKS,
    settings=Settings,
    verbs=frozenset({Verb.SNAPSHOT, Verb.REDEPLOY}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "two disks: both are saved before the machine moves",
            _NOTE,
            _FACTS,
            _NOW,
            Act(
                (
                    Step(Verb.SNAPSHOT, _OS.id, _SAVE),
                    Step(Verb.SNAPSHOT, _DATA.id, _SAVE),
                    Step(Verb.REDEPLOY, _VM),
                )
            ),
        ),
        Example(
            "no managed disk: what cannot be saved is not moved",
            _NOTE,
            replace(_FACTS, disks=()),
            _NOW,
            Skip(Reason.NO_DISKS, "it has no managed disk that could be saved first"),
        ),
        Example(
            "shut down already: it starts on another host by itself",
            _NOTE,
            replace(_FACTS, power="deallocated"),
            _NOW,
            Skip(Reason.NOT_RUNNING, "its power state is deallocated"),
        ),
    ),
)
