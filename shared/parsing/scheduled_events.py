"""Maintenance notices: from the control plane, and from inside a VM.

Touches the notice's own words only: which machine, what, when. Whether a machine is
an AKS node is for the facts. Both documents are read: the Event Grid notice
``ScheduledEventEmitted``, whose ``resourceInfo.id`` names a VM, a scale set or an
availability set, and the in-VM document that a forwarder wraps as
``{"vmId": ARM id, "scaleSetId"?: ARM id, "jobId"?: ARM id, "document": {...}}``. The
forwarder's own ``EventStatus`` is ``Gone``: the endpoint does not tell of that notice any
more. ``jobId`` is the Azure ML job on a node of a compute cluster, ``hookExitCode`` says how
the forwarder's local hook ended.

Source: https://learn.microsoft.com/azure/event-grid/event-schema-scheduled-events,
https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from shared.core.envelopes import Envelope, Malformed
from shared.core.errors import MalformedEvent
from shared.core.hooks import EXIT_CODE
from shared.core.json_bounds import bounded, show
from shared.core.json_reading import JsonObject, read_arm_id
from shared.core.moments import write_moment
from shared.core.resource_ids import ML_JOB, SCALE_SET, SCALE_SET_VM, VM, ResourceId
from shared.core.signals import Phase, Signal, SignalType, Unanswered

SOURCE = "scheduled_events"
EVENT_TYPES = (
    "Microsoft.ResourceNotifications.MaintenanceResources.ScheduledEventEmitted",
    # The same event as the vendor's own table names it; its sample has the one above.
    "Microsoft.Maintenance/scheduledEvents/write",
    "Microsoft.Maintenance.ScheduledEvents",
)
DOCUMENT_TYPE = "Nightshift.ScheduledEvents.Document"
MOST_CODE = 255
MAX_MACHINES = 1000  # a scale set has no more instances

_TYPES = {
    "preempt": SignalType.VM_PREEMPT,
    "terminate": SignalType.VM_TERMINATE,
    "redeploy": SignalType.VM_REDEPLOY,
    "reboot": SignalType.VM_REBOOT,
    "freeze": SignalType.VM_FREEZE,
}
_TAKES = frozenset(
    {
        SignalType.VM_PREEMPT,
        SignalType.VM_TERMINATE,
        SignalType.VM_REDEPLOY,
        SignalType.VM_REBOOT,
    }
)
_PHASES = {
    "scheduled": Phase.SCHEDULED,
    "started": Phase.STARTED,
    "completed": Phase.COMPLETED,
    "canceled": Phase.CANCELED,
    "cancelled": Phase.CANCELED,
}
GONE = "gone"
_EMPTY = "the document holds no notice"
_OWNERS = {VM, SCALE_SET, SCALE_SET_VM, "microsoft.compute/availabilitysets"}
_NOTICE = re.compile(r"/providers/microsoft\.maintenance/.*", re.IGNORECASE | re.DOTALL)
_UNIFORM_ID = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_FLEX_SUFFIX = 8  # characters; a Flex name may by chance be all digits
_NAME = re.compile(r"[^/\x00-\x1f\x7f]{1,260}")


def parse(envelope: Envelope) -> tuple[Signal | Unanswered | Malformed, ...]:
    """Read a control-plane notice: one signal for each machine it names."""
    info = envelope.data.object("resourceInfo")
    notice = info.arm_id("id")
    try:
        owner = ResourceId.parse(_NOTICE.sub("", notice.text))
    except ValueError:
        owner = notice  # what is left of it is no id: of no known type either
    if owner.type not in _OWNERS or not owner.resource_group:
        raise info.wrong("id", "the id of a VM, scale set or availability set")
    machines = _Machines(owner)
    return _signals(info.object("properties"), machines, envelope, notice.text)


def parse_document(envelope: Envelope) -> tuple[Signal | Unanswered | Malformed, ...]:
    """Read a forwarded in-VM document: signals for every machine of every notice.

    One notice that cannot be read does not lose the others: the document is sent as a
    whole, and a spot eviction may stand next to it.
    """
    own = envelope.data.arm_id("vmId")
    if own.type not in {VM, SCALE_SET_VM} or not own.resource_group:
        raise envelope.data.wrong("vmId", "the id of a VM or of a scale set's instance")
    scale_set = envelope.data.arm_id("scaleSetId") if envelope.data.has("scaleSetId") else None
    document = envelope.data.object("document")
    if not document.has("Events"):
        raise document.wrong("Events", "an array of notices")
    machines = _Machines(own, scale_set)
    job = _job(envelope.data)
    hook = _hook(envelope.data)
    results: list[Signal | Unanswered | Malformed] = []
    for index, value in enumerate(document.array("Events")):
        try:
            notice = JsonObject.of(value, f"{document.at('Events')}[{index}]")
            found = _signals(notice, machines, envelope, "")
            if hook is not None:
                found = _about_hook(found, own, hook)
            results += _about_job(found, own, job) if job else found
        except MalformedEvent as exc:
            results.append(Malformed(0, str(exc), show(value)))
    return tuple(results) or (Unanswered(envelope.id, SOURCE, _EMPTY),)


def _job(data: JsonObject) -> str:
    """Read which Azure ML job runs on the machine, if its forwarder was told."""
    if not data.has("jobId"):
        return ""
    job = data.arm_id("jobId")
    if job.type != ML_JOB:
        raise data.wrong("jobId", "the id of an Azure ML job")
    return job.text


def _hook(data: JsonObject) -> int | None:
    """Read how the forwarder's local hook ended, if that is what it tells."""
    if not data.has("hookExitCode"):
        return None
    code = data.fields.get("hookExitCode")
    if type(code) is not int or not -MOST_CODE <= code <= MOST_CODE:
        raise data.wrong("hookExitCode", f"an exit code, {-MOST_CODE} to {MOST_CODE}")
    return code


def _about_hook(
    found: tuple[Signal | Unanswered | Malformed, ...], own: ResourceId, code: int
) -> tuple[Signal | Unanswered | Malformed, ...]:
    """Keep what is about the machine on which the hook ran, and say how that ended."""
    return tuple(
        replace(one, attributes={**one.attributes, EXIT_CODE: code})
        for one in found
        if isinstance(one, Signal) and one.target.casefold() == own.key
    )


def _about_job(
    found: tuple[Signal | Unanswered | Malformed, ...], own: ResourceId, job: str
) -> list[Signal | Unanswered | Malformed]:
    """Turn what is about the machine itself into what is about the job on it.

    The machine is a node of a compute cluster, in a subscription that is not ours: nothing
    can be read of it and nothing done to it. A freeze the job sits out, and that a notice
    came to pass must not end the wait for the run's end.
    """
    about: list[Signal | Unanswered | Malformed] = []
    for one in found:
        if not isinstance(one, Signal) or one.target.casefold() != own.key:
            continue
        if one.type not in _TAKES or one.phase is Phase.COMPLETED:
            why = "the job goes on, or its workspace tells how it ended"
            about.append(Unanswered(one.event_id, SOURCE, why))
            continue
        said = {**one.attributes, "machine": own.text, "notice": one.type.value}
        about.append(
            replace(
                one,
                type=SignalType.AML_RUN_INTERRUPTED,
                target=job,
                deadline=None,
                attributes=said,
            )
        )
    return about or [Unanswered("", SOURCE, "it is about other machines than the job's")]


def parse_bare_document(document: JsonObject) -> tuple[Unanswered, ...]:
    """Read a document without its wrapper: it names machines by bare names only.

    Raises:
        MalformedEvent: It holds a notice, for machines nobody can tell.
    """
    if document.has("Events") and not document.array("Events"):
        return (Unanswered("", SOURCE, _EMPTY),)
    raise MalformedEvent(
        f"{document.path}: is an in-VM document without the machine's id, should be "
        'wrapped as {"vmId": ARM id, "document": {...}} '
        f"in a CloudEvent of type {DOCUMENT_TYPE}"
    )


class _Machines:
    """Gives the names in a notice their ARM ids, seen from the resource it is about."""

    def __init__(self, owner: ResourceId, scale_set: ResourceId | None = None) -> None:
        self._owner = owner
        self._is_flex = owner.type == VM
        uniform = ResourceId.parse(owner.parent) if owner.type == SCALE_SET_VM else None
        self._scale_set = uniform or (
            owner if owner.type == SCALE_SET else None if self._is_flex else scale_set
        )
        self._group = (
            f"/subscriptions/{owner.subscription}/resourceGroups/{owner.resource_group}"
        )

    def own(self) -> str:
        """Give the id of the machine itself, empty if the notice is about a group of them."""
        return self._owner.text if self._owner.type in {VM, SCALE_SET_VM} else ""

    def find(self, name: str) -> str:
        """Give one machine's id.

        Uniform instances are ``{scale set}_{decimal id}``; Flex ones are VMs of their own,
        named ``{scale set}_{8 characters}``, and so are the members of availability sets.

        Raises:
            ValueError: It can be no machine's name.

        Source: https://learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-instance-ids
        """
        if name.startswith("/"):
            return read_arm_id(name).text
        if not _NAME.fullmatch(name):
            raise ValueError(name)
        if self._scale_set is not None:
            prefix, _, number = name.rpartition("_")
            is_ours = prefix.casefold() == self._scale_set.name.casefold()
            if is_ours and self._is_uniform(number):
                return f"{self._scale_set.text}/virtualMachines/{number}"
        if self._is_flex and name.casefold() == self._owner.name.casefold():
            return self._owner.text
        return f"{self._group}/providers/Microsoft.Compute/virtualMachines/{name}"

    def _is_uniform(self, number: str) -> bool:
        known = self._owner.type == SCALE_SET_VM
        return bool(_UNIFORM_ID.fullmatch(number)) and (known or len(number) != _FLEX_SUFFIX)


def _signals(
    notice: JsonObject, machines: _Machines, envelope: Envelope, notice_id: str
) -> tuple[Signal | Unanswered | Malformed, ...]:
    """Make one signal for each machine of one notice."""
    event_type = notice.text("EventType")
    status = notice.text("EventStatus")
    deadline, unread = _deadline(notice)
    phase = _phase(notice, status, deadline, envelope)
    names = notice.texts("Resources", at_most=MAX_MACHINES)
    attributes = {
        "event_type": event_type,
        "event_source": notice.loose_text("EventSource"),
        "duration_seconds": notice.loose_number("DurationInSeconds"),
        "not_before": write_moment(deadline) if deadline else None,
        **({"not_before_unread": unread} if unread else {}),
        "notice_id": notice_id,
        "description": notice.loose_text("Description"),
        "resources": list(names),
    }
    signal = Signal(
        type=_TYPES.get(event_type.casefold(), SignalType.VM_ADVISORY),
        event_id=notice.identifier("EventId").lower(),
        source=SOURCE,
        target="",
        observed_at=envelope.time,
        phase=phase,
        deadline=None if status.casefold() == GONE else deadline,
        attributes=bounded(attributes),
    )
    targets = _targets(notice, machines, names)
    return tuple(replace(signal, target=target) for target in targets)


def _deadline(notice: JsonObject) -> tuple[datetime | None, str]:
    """Read when it begins; a moment that cannot be read is none, and is told as it was.

    The machine is taken at that moment all the same: a notice without one is acted on at
    once, and so is this.
    """
    try:
        return notice.optional_moment("NotBefore"), ""
    except MalformedEvent:
        return None, show(notice.fields.get("NotBefore"))


def _phase(
    notice: JsonObject, status: str, deadline: datetime | None, envelope: Envelope
) -> Phase:
    """Read where a notice stands; one that disappeared inside the VM was either of two.

    The in-VM endpoint only stops telling of a notice. It came to pass if it was started,
    approved, or due, or if the machine has started anew since; otherwise it was withdrawn.

    Source: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
    (a completed or canceled event is no longer listed).
    """
    if status.casefold() == GONE:
        has_come = (
            notice.loose_text("LastStatus").casefold() == "started"
            or (deadline is not None and deadline <= envelope.time)
            or any(notice.fields.get(sign) is True for sign in ("StartRequested", "Rebooted"))
        )
        return Phase.COMPLETED if has_come else Phase.CANCELED
    phase = _PHASES.get(status.casefold())
    if phase is None:
        raise notice.wrong("EventStatus", "Scheduled, Started, Completed, Canceled or Gone")
    return phase


def _targets(notice: JsonObject, machines: _Machines, names: tuple[str, ...]) -> list[str]:
    """Find the machines' ids, each once; the notice's own VM if it names none."""
    found: dict[str, str] = {}
    for name in names:
        try:
            target = machines.find(name)
        except ValueError:
            raise notice.wrong("Resources", "names of machines") from None
        found.setdefault(target.casefold(), target)
    if not found and machines.own():
        return [machines.own()]
    if not found:
        raise notice.wrong("Resources", "names of machines, at least one")
    return list(found.values())
