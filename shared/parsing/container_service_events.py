"""AKS's own maintenance notices (upgrades, node images), seven days and one day ahead.

They once came under the same event type as the notices about VMs, so the dispatch
looks at ``resourceInfo.type``. Field names are camelCase here.

Source: https://learn.microsoft.com/azure/event-grid/event-schema-containerservice-resources
"""

from __future__ import annotations

from dataclasses import replace

from shared.core.envelopes import Envelope
from shared.core.json_bounds import bounded
from shared.core.json_reading import JsonObject, read_arm_id
from shared.core.moments import write_moment
from shared.core.resource_ids import AKS_CLUSTER
from shared.core.signals import Phase, Signal, SignalType

SOURCE = "aks"
EVENT_TYPES = (
    "Microsoft.ResourceNotifications.ContainerServiceEventResources.ScheduledEventEmitted",
)
RESOURCE_TYPE = "microsoft.containerservice/"  # how resourceInfo.type begins
MAX_RESOURCES = 100

_PHASES = {
    "scheduled": Phase.SCHEDULED,
    "started": Phase.STARTED,
    "inprogress": Phase.STARTED,
    "completed": Phase.COMPLETED,
    "canceled": Phase.CANCELED,
    "cancelled": Phase.CANCELED,
    "failed": Phase.FAILED,
}


def parse(envelope: Envelope) -> tuple[Signal, ...]:
    """Read a notice: one signal for each cluster it names."""
    info = envelope.data.object("resourceInfo")
    notice = info.object("properties")
    phase = _PHASES.get(notice.text("eventStatus").casefold())
    if phase is None:
        raise notice.wrong("eventStatus", "Scheduled, Started, Completed, Canceled or Failed")
    deadline = notice.optional_moment("scheduledTime")
    started = notice.loose_moment("startTime")
    attributes = {
        "event": "maintenance_notice",
        "event_source": notice.loose_text("eventSource"),
        "details": notice.loose_text("eventDetails"),
        "description": notice.loose_text("description"),
        "resource_type": notice.loose_text("resourceType"),
        "scheduled_at": write_moment(deadline) if deadline else None,
        "started_at": write_moment(started) if started else None,
        "notice_id": info.loose_text("id"),
    }
    signal = Signal(
        type=SignalType.AKS_EVENT,
        event_id=notice.identifier("eventId").lower(),
        source=SOURCE,
        target="",
        observed_at=envelope.time,
        phase=phase,
        deadline=deadline,
        attributes=bounded(attributes),
    )
    return tuple(replace(signal, target=target) for target in _clusters(info, notice))


def _clusters(info: JsonObject, notice: JsonObject) -> list[str]:
    """Find the clusters' ids, each once: as listed, else from the notice's own id."""
    found: dict[str, str] = {}
    for text in notice.texts("resources", at_most=MAX_RESOURCES):
        try:
            target = read_arm_id(text).text
        except ValueError:
            raise notice.wrong("resources", "ARM ids") from None
        found.setdefault(target.casefold(), target)
    if found:
        return list(found.values())
    own = info.arm_id("id")
    return [own.text if own.type == AKS_CLUSTER else own.parent]
