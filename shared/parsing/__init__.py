"""From each source's JSON to signals: one module a schema, and the table that picks it.

Whatever arrives becomes signals, an explicit nothing (``Unanswered``), or a refusal
that says why (``Malformed`` for one event, ``MalformedEvent`` for a whole body).
Parsers do not know each other; only this file knows them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from shared.core.envelopes import Envelope, Malformed, read_envelope
from shared.core.errors import MalformedEvent
from shared.core.json_bounds import check_json, describe, load_json, show
from shared.core.json_reading import JsonObject
from shared.core.signals import Signal, Unanswered
from shared.parsing import (
    common_alert,
    container_service_events,
    health_resources,
    kubernetes_service,
    machine_learning,
    maintenance_configurations,
    resource_events,
    scheduled_events,
)
from shared.parsing.runbook_request import RunbookRequest, parse_runbook_request

__all__ = [
    "EVENT_TYPES",
    "Malformed",
    "RunbookRequest",
    "parse_alert",
    "parse_events",
    "parse_runbook_request",
]

MAX_EVENTS_BODY = 1024 * 1024  # bytes; Event Grid delivers at most 1 MB at once
MAX_ALERT_BODY = 512 * 1024  # bytes; twice the 256 KB an alert may have
MAX_EVENTS = 5000  # Event Grid's largest batch
# Source: https://learn.microsoft.com/azure/event-grid/delivery-and-retry (batches),
# https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-common-schema (256 KB)

Parsed = Signal | Unanswered | Malformed
Parser = Callable[[Envelope], tuple[Parsed, ...]]


def parse_events(
    body: bytes | str | object, *, received_at: datetime | None = None
) -> tuple[Parsed, ...]:
    """Read what Event Grid delivers, directly or through a storage queue.

    Takes one event or an array, CloudEvents or Event Grid schema, and the in-VM
    document as the forwarder sends it. An event that cannot be read is ``Malformed``
    in its place; the others of the array are not lost.

    Args:
        received_at: Stands in for the time of an event that carries none.

    Raises:
        MalformedEvent: The body as a whole is unreadable: too large, not JSON, neither
            an object nor an array, or more than 5000 events.
    """
    value = load_json(body, limit=MAX_EVENTS_BODY)
    if not isinstance(value, list | dict):
        raise MalformedEvent(f"$: was {describe(value)}, should be an event or an array")
    events = value if isinstance(value, list) else [value]
    if len(events) > MAX_EVENTS:
        raise MalformedEvent(f"$: was {len(events)} events, should be at most {MAX_EVENTS}")
    if not events:
        return (Unanswered("", "event_grid", "the array holds no event"),)
    results: list[Parsed] = []
    for index, event in enumerate(events):
        results += _parse_event(index, event, received_at)
    return tuple(results)


def parse_alert(body: bytes | str | object) -> tuple[Signal | Unanswered, ...]:
    """Read what an action group posts: one alert in the common alert schema.

    Raises:
        MalformedEvent: It cannot be read, or has another schema.
    """
    value = load_json(body, limit=MAX_ALERT_BODY)
    check_json(value)
    return common_alert.parse(JsonObject.of(value))


def _parse_event(index: int, event: object, received_at: datetime | None) -> list[Parsed]:
    """Read one event; a refusal is a value here and names its place in the batch."""
    try:
        check_json(event)
        found = _dispatch(JsonObject.of(event), received_at)
    except MalformedEvent as exc:
        return [Malformed(index, str(exc), show(event))]
    return [replace(one, index=index) if isinstance(one, Malformed) else one for one in found]


def _dispatch(event: JsonObject, received_at: datetime | None) -> tuple[Parsed, ...]:
    """Pick the parser by the event's type; an unknown type is an explicit nothing."""
    if event.has("DocumentIncarnation") and not event.has("specversion"):
        return scheduled_events.parse_bare_document(event)
    if event.has("document") and not event.has("specversion"):
        return scheduled_events.parse_document(_bare_envelope(event, received_at))
    envelope = read_envelope(event.fields, received_at=received_at)
    parser = _PARSERS.get(envelope.type.casefold())
    if parser is None:
        why = f"no parser knows the event type {envelope.type}"
        return (Unanswered(envelope.id, "event_grid", why),)
    return parser(envelope)


def _bare_envelope(event: JsonObject, received_at: datetime | None) -> Envelope:
    """Stand in for the envelope of a forwarder's document that was posted bare."""
    observed_at = event.optional_moment("observedAt") or received_at
    if observed_at is None:
        raise event.wrong("observedAt", "the moment the document was read")
    kind = scheduled_events.DOCUMENT_TYPE
    identity = event.optional_identifier("id") or f"{kind}:{observed_at.isoformat()}"
    return Envelope(identity, kind, "", "", observed_at, event)


def _maintenance(envelope: Envelope) -> tuple[Parsed, ...]:
    """Tell AKS's notices from those about VMs: they once shared one event type."""
    info = envelope.data.loose_object("resourceInfo")
    kind = info.loose_text("type").casefold()
    if kind.startswith(container_service_events.RESOURCE_TYPE):
        return container_service_events.parse(envelope)
    return scheduled_events.parse(envelope)


_SCHEMAS: tuple[tuple[tuple[str, ...], Parser], ...] = (
    (scheduled_events.EVENT_TYPES, _maintenance),
    ((scheduled_events.DOCUMENT_TYPE,), scheduled_events.parse_document),
    (container_service_events.EVENT_TYPES, container_service_events.parse),
    (health_resources.EVENT_TYPES, health_resources.parse),
    (resource_events.EVENT_TYPES, resource_events.parse),
    (machine_learning.EVENT_TYPES, machine_learning.parse),
    (kubernetes_service.EVENT_TYPES, kubernetes_service.parse),
    (maintenance_configurations.EVENT_TYPES, maintenance_configurations.parse),
)
EVENT_TYPES = tuple(event_type for types, _ in _SCHEMAS for event_type in types)
"""Every type of event that somebody here reads, as its source spells it."""
_PARSERS: dict[str, Parser] = {
    event_type.casefold(): parser for types, parser in _SCHEMAS for event_type in types
}
