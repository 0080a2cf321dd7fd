"""Resource Manager's writes, deletes and actions.

The payload carries the caller's token claims and the HTTP request: neither is read.
Of the authorization only who acted *as what* is kept, to tell people from machines.

Source: https://learn.microsoft.com/azure/event-grid/event-schema-subscriptions
"""

from __future__ import annotations

import re

from shared.core.envelopes import Envelope
from shared.core.errors import MalformedEvent
from shared.core.json_bounds import bounded, check_json, load_json
from shared.core.json_reading import JsonObject
from shared.core.signals import Signal, SignalType

SOURCE = "resource_events"
EVENT_TYPES = tuple(
    f"Microsoft.Resources.Resource{change}{result}"
    for change in ("Write", "Delete", "Action")
    for result in ("Success", "Failure", "Cancel")
)
MAX_AUTHORIZATION = 64 * 1024  # bytes

_NAME = re.compile(r".*\.resource(write|delete|action)(success|failure|cancel)")


def parse(envelope: Envelope) -> tuple[Signal, ...]:
    """Read one change: which resource, what was asked, how it ended."""
    data = envelope.data
    match = _NAME.fullmatch(envelope.type.casefold())
    if match is None:
        raise MalformedEvent(f"$.type: was {envelope.type!r}, should be a resource change")
    attributes = {
        "change": match[1],
        "result": match[2],
        "operation": data.loose_text("operationName"),
        "status": data.loose_text("status"),
        "resource_provider": data.loose_text("resourceProvider"),
        "principal_type": _principal_type(data),
        "correlation_id": data.loose_text("correlationId"),
    }
    signal = Signal(
        type=SignalType.RESOURCE_CHANGED,
        event_id=envelope.id,
        source=SOURCE,
        target=data.arm_id("resourceUri").text,
        observed_at=envelope.time,
        attributes=bounded(attributes),
    )
    return (signal,)


def _principal_type(data: JsonObject) -> str:
    """Read ``User``, ``ServicePrincipal``, ...; the authorization may be JSON in a text."""
    authorization = data.get("authorization")
    if isinstance(authorization, str):
        try:
            authorization = load_json(authorization, limit=MAX_AUTHORIZATION)
            check_json(authorization)
        except MalformedEvent:
            return ""
    fields = JsonObject(authorization if isinstance(authorization, dict) else {})
    return fields.loose_object("evidence").loose_text("principalType")
