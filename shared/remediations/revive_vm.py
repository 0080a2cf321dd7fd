"""Restart or redeploy a running VM that does not answer, its console kept first.

For a ladder: restart, then redeploy, then a person, each verified by ``facts.is_well``.
A machine that answers again is left alone, and so is one of which neither resource health
nor its agent says that it does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, Resource, VmHealth
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import VM
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


class How(StrEnum):
    """What is tried."""

    RESTART = "restart"
    REDEPLOY = "redeploy"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        how: ``restart`` where it is, or ``redeploy`` to another host, which loses what is
            on its temporary disk.
        settle: How long a machine that was just started or changed is given, before a
            restart; a redeploy follows a restart that did not help, and waits for nothing.
    """

    how: How = How.RESTART
    settle: timedelta = timedelta(minutes=10)


def decide(signal: Signal, facts: VmHealth, settings: Settings, now: datetime) -> Decision:
    """Keep its console, then do what the rule says, if it is known not to answer."""
    if facts.power is None:
        return Hold(Reason.NO_DATA, detail="the power state could not be read")
    if facts.power != "running":
        return Skip(Reason.NOT_RUNNING, f"its power state is {facts.power}")
    said = (
        f"resource health: {facts.availability or 'nothing'}, agent: {facts.agent or 'none'}"
    )
    if facts.is_well is None:
        return Hold(Reason.NO_DATA, detail=said)
    if facts.is_well:
        return Skip(Reason.IS_WELL, said)
    settled = facts.changed_at + settings.settle if facts.changed_at else now
    if settings.how is How.RESTART and now < settled:
        return Hold(Reason.TOO_SOON, until=settled)
    verb = Verb.RESTART if settings.how is How.RESTART else Verb.REDEPLOY
    return Act((Step(Verb.BOOT_DIAGNOSTICS, signal.target), Step(verb, signal.target)))


def recheck(plan: Plan, facts: VmHealth, settings: Settings, now: datetime) -> Reason | None:
    """Stop when it was shut down, or answers before anything was done to it."""
    if facts.power in {"deallocated", "deallocating", "stopped"}:
        return Reason.NOT_RUNNING
    return Reason.IS_WELL if facts.is_well else None


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_GROUP = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/train/providers"
_VM = f"{_GROUP}/Microsoft.Compute/virtualMachines/trainer-1"
_GONE = Signal(
    type=SignalType.VM_AVAILABILITY_CHANGED,
    event_id="h-1",
    source="health_resources",
    target=_VM,
    observed_at=_NOW,
    attributes={"current": "Unavailable"},
)
_SILENT = VmHealth(
    Resource(_VM, VM, "trainer-1"),
    "running",
    "unavailable",
    "not ready",
    _NOW - timedelta(days=1),
    is_well=False,
)
_CONSOLE = Step(Verb.BOOT_DIAGNOSTICS, _VM)

REMEDIATION = Remediation(
    name="revive_vm",
    summary="Restart or redeploy a running VM that does not answer, its console kept first.",
    answers=frozenset(
        {
            SignalType.VM_AVAILABILITY_CHANGED,
            SignalType.ALERT_METRIC,
            SignalType.ALERT_LOG,
            SignalType.ALERT_RESOURCE_HEALTH,
            SignalType.RUNBOOK,
        }
    ),
    facts=FactsKind.VM_HEALTH,
    settings=Settings,
    verbs=frozenset({Verb.BOOT_DIAGNOSTICS, Verb.RESTART, Verb.REDEPLOY}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "it does not answer: its console is kept, then it is restarted",
            _GONE,
            _SILENT,
            _NOW,
            Act((_CONSOLE, Step(Verb.RESTART, _VM))),
        ),
        Example(
            "the restart did not help: another host, at once",
            _GONE,
            replace(_SILENT, changed_at=_NOW - timedelta(minutes=5)),
            _NOW,
            Act((_CONSOLE, Step(Verb.REDEPLOY, _VM))),
            Settings(how=How.REDEPLOY),
        ),
        Example(
            "it answers again: left alone",
            _GONE,
            replace(_SILENT, availability="available", agent="ready", is_well=True),
            _NOW,
            Skip(Reason.IS_WELL, "resource health: available, agent: ready"),
        ),
        Example(
            "somebody restarted it five minutes ago: given time",
            _GONE,
            replace(_SILENT, changed_at=_NOW - timedelta(minutes=5)),
            _NOW,
            Hold(Reason.TOO_SOON, until=_NOW + timedelta(minutes=5)),
        ),
        Example(
            "nobody knows how it is: never guess",
            _GONE,
            replace(_SILENT, availability="unknown", agent="", is_well=None),
            _NOW,
            Hold(Reason.NO_DATA, detail="resource health: unknown, agent: none"),
        ),
        Example(
            "it was shut down: nobody misses it",
            _GONE,
            replace(_SILENT, power="deallocated"),
            _NOW,
            Skip(Reason.NOT_RUNNING, "its power state is deallocated"),
        ),
    ),
)
