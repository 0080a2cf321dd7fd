"""The envelope of one event, in either of Event Grid's two schemas.

Decides nothing about what the event means; ``shared.parsing`` does, by its type.

Source: https://learn.microsoft.com/azure/event-grid/event-schema,
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from shared.core.errors import MalformedEvent
from shared.core.json_bounds import check_json, load_json
from shared.core.json_reading import JsonObject

MAX_DATA = 1024 * 1024  # bytes; Event Grid delivers at most 1 MB


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event as it was sent.

    Attributes:
        type: ``eventType`` or CloudEvents ``type``, as written.
        source: ``topic`` or CloudEvents ``source``: the resource that says it.
        time: When it says it happened, aware UTC.
        data: The payload, within bounds, its fields not yet read.
    """

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    data: JsonObject


@dataclass(frozen=True, slots=True)
class Malformed:
    """One event that could not be read; its neighbours in the batch are not lost.

    Attributes:
        index: Its place in the batch, 0 for a single event.
        why: The path, what was there, what should be.
        raw: The event as JSON text, for the quarantine.
    """

    index: int
    why: str
    raw: str


def read_envelope(event: object, *, received_at: datetime | None = None) -> Envelope:
    """Read an envelope, told apart by ``specversion`` and ``eventType``.

    Args:
        received_at: Stands in for the time, which CloudEvents may leave out.

    Raises:
        MalformedEvent: It is neither schema, or lacks an id, a type or data.
    """
    fields = JsonObject.of(event)
    if fields.has("specversion"):
        if not fields.text("specversion").startswith("1."):
            raise fields.wrong("specversion", "1.0")
        names = ("type", "source", "time")
    elif fields.has("eventType"):
        names = ("eventType", "topic", "eventTime")
    else:
        raise MalformedEvent(
            "$: has neither specversion (CloudEvents) nor eventType (Event Grid schema)"
        )
    kind, source, time = names
    moment = fields.optional_moment(time) or received_at
    if moment is None:
        raise fields.wrong(time, "a moment (RFC 1123 or ISO 8601)")
    return Envelope(
        id=fields.identifier("id"),
        type=fields.identifier(kind),
        source=fields.optional_identifier(source),
        subject=fields.loose_text("subject"),
        time=moment,
        data=_data(fields),
    )


def _data(fields: JsonObject) -> JsonObject:
    """Read the payload; CloudEvents may carry it in base64."""
    if fields.has("data") or not fields.has("data_base64"):
        return fields.object("data")
    path = fields.at("data_base64")
    try:
        raw = base64.b64decode(fields.text("data_base64"), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedEvent(f"{path}: should be base64, is not") from None
    try:
        value = load_json(raw, limit=MAX_DATA)
        check_json(value)
    except MalformedEvent as exc:
        raise MalformedEvent(f"{path}: decoded, {exc}") from None
    return JsonObject.of(value, path)
