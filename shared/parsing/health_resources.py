"""Resource health, after the fact: availability changed, or an annotation was set.

An annotation is told by its name alone: ``context`` and ``category`` are spelled in
three ways. The target is ``targetResourceId``: the vendor's own sample has a typo in
``resourceInfo.id``.

Source: https://learn.microsoft.com/azure/event-grid/event-schema-health-resources,
https://learn.microsoft.com/azure/service-health/resource-health-vm-annotation
"""

from __future__ import annotations

from typing import Any

from shared.core.envelopes import Envelope
from shared.core.json_bounds import bounded
from shared.core.json_reading import JsonObject
from shared.core.signals import Signal, SignalType

SOURCE = "health_resources"
AVAILABILITY = "Microsoft.ResourceNotifications.HealthResources.AvailabilityStatusChanged"
ANNOTATION = "Microsoft.ResourceNotifications.HealthResources.ResourceAnnotated"
EVENT_TYPES = (AVAILABILITY, ANNOTATION)

_ANNOTATIONS = {
    # Early: the machine still runs and can be saved and moved.
    "virtualmachinemigrationscheduledfordegradedhardware": SignalType.VM_DEGRADED,
    "virtualmachinepossiblydegradedduetohardwarefailure": SignalType.VM_DEGRADED,
    "virtualmachinescheduledforservicehealing": SignalType.VM_DEGRADED,
    # Late: a spot eviction that has happened.
    "virtualmachinepreempted": SignalType.VM_PREEMPTED,
}


def parse(envelope: Envelope) -> tuple[Signal, ...]:
    """Read one health event."""
    properties = envelope.data.object("resourceInfo").object("properties")
    if envelope.type.casefold() == AVAILABILITY.casefold():
        return (_availability_changed(envelope, properties),)
    return (_annotated(envelope, properties),)


def _availability_changed(envelope: Envelope, properties: JsonObject) -> Signal:
    attributes = {
        "previous": properties.loose_text("previousAvailabilityState"),
        "current": properties.text("availabilityState"),
        "target_type": properties.loose_text("targetResourceType"),
    }
    return _signal(SignalType.VM_AVAILABILITY_CHANGED, envelope, properties, attributes)


def _annotated(envelope: Envelope, properties: JsonObject) -> Signal:
    annotation = properties.text("annotationName")
    context = properties.loose_text("context")
    attributes = {
        "annotation": annotation,
        "reason": properties.loose_text("reason"),
        "summary": properties.loose_text("summary"),
        "context": context,
        "is_platform_initiated": context.casefold().startswith("platform"),
        "category": properties.loose_text("category"),
        "impact_type": properties.loose_text("impactType"),
        "target_type": properties.loose_text("targetResourceType"),
    }
    kind = _ANNOTATIONS.get(annotation.casefold(), SignalType.VM_HEALTH_ANNOTATED)
    return _signal(kind, envelope, properties, attributes)


def _signal(
    kind: SignalType, envelope: Envelope, properties: JsonObject, attributes: dict[str, Any]
) -> Signal:
    return Signal(
        type=kind,
        event_id=envelope.id,
        source=SOURCE,
        target=properties.arm_id("targetResourceId").text,
        observed_at=properties.loose_moment("occurredTime") or envelope.time,
        attributes=bounded(attributes),
    )
