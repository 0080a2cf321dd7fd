"""Whether a maintenance notice may be acknowledged: what each machine it names says to it.

Acknowledging counts for every machine that the notice names, and makes the platform begin
at once. So it is said once, only when nothing on any of them is waited for, and never
because nobody knows. Pure: records and plans in, one answer out.

Source: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
(StartRequests: approving an event approves it for all its resources).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from shared.core.decisions import Reason
from shared.core.plans import Plan, PlanOutcome
from shared.core.resource_ids import SCALE_SET_VM, ResourceId
from shared.core.signals import Phase, SignalType

ACKNOWLEDGE = "acknowledge"
"""The setting of a remediation, and what stands for one in the acknowledgement's record."""
ACKNOWLEDGED = f"{Phase.SCHEDULED.value}+acknowledged"
"""The phase of the acknowledgement's record: a row beside those of the notice itself."""
HOOK = "hook"
SOURCE = "scheduled_events"

_NOTICE = re.compile(r"/providers/microsoft\.maintenance/.*", re.IGNORECASE | re.DOTALL)
_NOTHING_RUNS = frozenset(
    {
        Reason.TARGET_GONE,
        Reason.ALREADY_STOPPED,
        Reason.NOT_RUNNING,
    }
)


class Acknowledge(StrEnum):
    """What a rule says about acknowledging the notice it answers.

    NEVER: the notice begins at its own time.
    WHEN_DRAINED: as soon as this machine's plan has ended well, so that it can begin early.
    ALWAYS: this machine is not waited for, and a failed drain does not hold it back.
    """

    NEVER = "never"
    WHEN_DRAINED = "when_drained"
    ALWAYS = "always"


class Standing(StrEnum):
    """Whether a notice, or one machine of it, may be acknowledged."""

    WAITING = "waiting"
    READY = "ready"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Heard(Protocol):
    """What became of one phase of the notice about one machine; the ledger's record."""

    @property
    def phase(self) -> str:
        """A phase, with what tells this hearing from its others after a ``+``."""
        ...

    @property
    def target(self) -> str:
        """The machine."""
        ...

    @property
    def recorded_at(self) -> datetime:
        """When."""
        ...

    @property
    def signal(self) -> Mapping[str, Any]:
        """The signal."""
        ...

    @property
    def decisions(self) -> tuple[Mapping[str, Any], ...]:
        """Each rule's answer."""
        ...


@dataclass(frozen=True, slots=True)
class MachineStanding:
    """How one machine stands to a notice.

    Attributes:
        plan: Id of the plan that decides it, or empty.
        outcome: How that plan ended, or empty.
    """

    target: str
    state: Standing
    plan: str = ""
    outcome: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a notice may be acknowledged.

    Attributes:
        reason: Why not, where it is not for one machine's sake.
        owner: ARM id of the VM, scale set or availability set that it is acknowledged at.
        deadline: When it begins anyway, or None.
        signal: The first that was heard of it.
    """

    event_id: str
    event_type: str
    state: Standing
    machines: tuple[MachineStanding, ...]
    reason: str = ""
    owner: str = ""
    deadline: datetime | None = None
    signal: Mapping[str, Any] = field(default_factory=dict, repr=False)
    acknowledged_at: datetime | None = None


@dataclass(slots=True)
class _Machine:
    target: str
    decisions: list[Mapping[str, Any]] = field(default_factory=list)
    last: Sequence[Mapping[str, Any]] = ()


def is_of_hook(phase: str) -> bool:
    """Tell whether a record is of how a machine's local hook ended: no hearing of its own."""
    return phase.partition("+")[2] == HOOK


def plans_named(records: Sequence[Heard]) -> dict[str, set[str]]:
    """Name the plans that were opened for each machine, by its folded id."""
    found: dict[str, set[str]] = {}
    for record in records:
        names = {
            str(one.get("plan") or "")
            for one in record.decisions
            if one.get("kind") == "act" or one.get("reason") == Reason.DUPLICATE
        }
        found.setdefault(record.target.casefold(), set()).update(names - {""})
    return found


def readiness(
    event_id: str, records: Sequence[Heard], plans: Mapping[str, Plan]
) -> Readiness | None:
    """Sum up all that was heard of a notice; None if nothing was.

    Args:
        records: Everything recorded of the event, oldest first.
        plans: Those that the records name, by id; one that is missing is waited for.
    """
    heard = [
        r for r in records if r.phase != ACKNOWLEDGED and r.target and not is_of_hook(r.phase)
    ]
    if not heard or heard[0].signal.get("source") != SOURCE:
        return None
    machines = _machines(heard)
    named = plans_named(heard)
    standings = tuple(
        _standing(machine, [plans.get(name) for name in sorted(named.get(key, ()))])
        for key, machine in machines.items()
    )
    state, reason = _summed(heard, standings)
    first = heard[0].signal
    return Readiness(
        event_id=event_id,
        event_type=str(_attributes(heard[0]).get("event_type") or first.get("type") or ""),
        state=state,
        machines=standings,
        reason=reason,
        owner=_owner(heard),
        deadline=_deadline(heard),
        signal=first,
        acknowledged_at=next((r.recorded_at for r in records if _is_said(r)), None),
    )


def _machines(heard: Sequence[Heard]) -> dict[str, _Machine]:
    machines: dict[str, _Machine] = {}
    for record in heard:
        known = machines.setdefault(record.target.casefold(), _Machine(record.target))
        known.decisions.extend(record.decisions)
        known.last = record.decisions
    return machines


def _standing(machine: _Machine, plans: Sequence[Plan | None]) -> MachineStanding:
    """Say how one machine stands: by its plans, or by why it has none."""
    last: dict[str, Plan] = {}
    for plan in plans:
        if plan is None:
            return MachineStanding(machine.target, Standing.WAITING)
        if not plan.undoes and plan.rung >= last.get(plan.rule, plan).rung:
            last[plan.rule] = plan
    if last:
        return _worst([_of_plan(machine.target, plan) for plan in last.values()])
    reasons = [str(one.get("reason") or "") for one in machine.decisions]
    held = [str(one.get("reason")) for one in machine.last if one.get("kind") == "hold"]
    if held:
        return MachineStanding(machine.target, Standing.WAITING, reason=held[0])
    idle = next((one for one in reasons if one in _NOTHING_RUNS), "")
    if idle:
        return MachineStanding(machine.target, Standing.READY, reason=idle)
    why = next((one for one in reversed(reasons) if one), Reason.NO_RULE.value)
    return MachineStanding(machine.target, Standing.REFUSED, reason=why)


def _worst(found: Sequence[MachineStanding]) -> MachineStanding:
    """Choose what decides: a refusal before a wait, a wait before a yes."""
    order = (Standing.REFUSED, Standing.WAITING, Standing.READY)
    return min(found, key=lambda one: order.index(one.state))


def _of_plan(target: str, plan: Plan) -> MachineStanding:
    said = plan.settings.get(ACKNOWLEDGE, Acknowledge.NEVER)
    outcome = plan.outcome.value if plan.outcome else ""
    state, reason = Standing.REFUSED, Reason.NOT_ACKNOWLEDGED.value
    if plan.withdrawn is not None:
        reason = plan.withdrawn.value
    elif said == Acknowledge.ALWAYS:
        state, reason = Standing.READY, ""
    elif said != Acknowledge.WHEN_DRAINED:
        pass
    elif plan.is_open:
        state, reason = Standing.WAITING, ""
    elif plan.outcome is PlanOutcome.DONE:
        state, reason = Standing.READY, ""
    else:
        bad = (r.reason for r in plan.steps if r.outcome and not r.outcome.is_good)
        reason = next(bad, "") or Reason.EARLIER_STEP_FAILED.value
    return MachineStanding(target, state, plan.id, outcome, reason)


def _summed(
    heard: Sequence[Heard], standings: Sequence[MachineStanding]
) -> tuple[Standing, str]:
    """Say how the notice stands: by its phase, then by the machines."""
    phases = {record.phase.partition("+")[0] for record in heard}
    if Phase.CANCELED.value in phases:
        return Standing.REFUSED, Reason.WITHDRAWN.value
    if phases - {Phase.SCHEDULED.value}:
        return Standing.REFUSED, Reason.ALREADY_STARTED.value
    if heard[0].signal.get("type") == SignalType.VM_ADVISORY:
        return Standing.REFUSED, Reason.NOT_ACTIONABLE.value
    states = {one.state for one in standings}
    if Standing.REFUSED in states:
        return Standing.REFUSED, ""
    if Standing.WAITING in states or len(standings) < _names(heard):
        return Standing.WAITING, ""
    if not any(one.plan for one in standings):
        return Standing.REFUSED, Reason.NOT_ACKNOWLEDGED.value  # nobody's rule asks for it
    return Standing.READY, ""


def _names(heard: Sequence[Heard]) -> int:
    """Count the machines that the notice names, some of which may not be heard of yet."""
    return max(
        (
            len({str(name).casefold() for name in names})
            for names in (_attributes(record).get("resources") for record in heard)
            if isinstance(names, list)
        ),
        default=0,
    )


def _attributes(record: Heard) -> Mapping[str, Any]:
    found = record.signal.get("attributes")
    return found if isinstance(found, Mapping) else {}


def _owner(heard: Sequence[Heard]) -> str:
    """Name the resource that the notice is acknowledged at.

    The control plane's own notice names it; what a forwarder brought does not, and then it
    is the machine, or the scale set that the machine is an instance of.
    """
    for record in heard:
        notice = str(_attributes(record).get("notice_id") or "")
        if notice:
            return _NOTICE.sub("", notice)
    try:
        target = ResourceId.parse(heard[0].target)
    except ValueError:
        return ""
    return target.parent if target.type == SCALE_SET_VM else target.text


def _deadline(heard: Sequence[Heard]) -> datetime | None:
    texts = [
        str(record.signal["deadline"]) for record in heard if record.signal.get("deadline")
    ]
    return datetime.fromisoformat(texts[-1]) if texts else None


def _is_said(record: Heard) -> bool:
    return record.phase == ACKNOWLEDGED and any(
        one.get("kind") == "act" for one in record.decisions
    )


def is_asked_for(plan: Plan) -> bool:
    """Tell whether a plan that closes may make its notice ready to be acknowledged."""
    return (
        not plan.is_open
        and not plan.undoes
        and plan.withdrawn is None
        and plan.signal.get("source") == SOURCE
        and plan.settings.get(ACKNOWLEDGE, Acknowledge.NEVER) != Acknowledge.NEVER
    )
