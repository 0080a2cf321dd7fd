"""Make the argument a trigger hands to its function.

Uses the converters of azure.functions as the Python worker does, so that a
function sees the same classes and fields here as in Azure.

Source: https://github.com/Azure/azure-functions-python-worker (bindings/meta.py)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.functions import meta

from sandbox.functions_host.loading import EVENT_GRID, HTTP, QUEUE, TIMER


@dataclass(frozen=True)
class QueueMetadata:
    """What the queue knows of a message beside its text."""

    message_id: str
    dequeue_count: int
    pop_receipt: str | None = None
    inserted_on: datetime | None = None
    expires_on: datetime | None = None
    next_visible_on: datetime | None = None


@dataclass(frozen=True)
class HttpCall:
    """The parts of one HTTP request that a function sees."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    route: Mapping[str, str]
    body: bytes


def _decode(trigger: str, datum: meta.Datum, metadata: Mapping[str, meta.Datum] | None) -> Any:
    return meta.get_binding_registry().get(trigger).decode(datum, trigger_metadata=metadata)


def _texts(values: Mapping[str, str]) -> dict[str, meta.Datum]:
    return {name: meta.Datum(value, "string") for name, value in values.items()}


def event_argument(event: Mapping[str, Any]) -> object:
    """Make a ``func.CloudEvent`` or a ``func.EventGridEvent``, by the event's shape."""
    return _decode(EVENT_GRID, meta.Datum(json.dumps(event), "json"), None)


def http_argument(call: HttpCall) -> object:
    """Make a ``func.HttpRequest``."""
    value = {
        "method": meta.Datum(call.method, "string"),
        "url": meta.Datum(call.url, "string"),
        "headers": _texts(call.headers),
        "query": _texts(call.query),
        "params": _texts(call.route),
        "body": meta.Datum(call.body, "bytes"),
    }
    return _decode(HTTP, meta.Datum(value, "http"), {})


def queue_argument(body: bytes, known: QueueMetadata) -> object:
    """Make a ``func.QueueMessage`` with the metadata the queue gave."""
    metadata = {
        "Id": meta.Datum(known.message_id, "string"),
        "DequeueCount": meta.Datum(known.dequeue_count, "int"),
        "PopReceipt": meta.Datum(known.pop_receipt or "", "string"),
    }
    moments = {
        "InsertionTime": known.inserted_on,
        "ExpirationTime": known.expires_on,
        "NextVisibleTime": known.next_visible_on,
    }
    for name, moment in moments.items():
        if moment is not None:
            metadata[name] = meta.Datum(moment.isoformat(), "string")
    return _decode(QUEUE, meta.Datum(body, "bytes"), metadata)


def timer_argument(*, past_due: bool, status: Mapping[str, str]) -> object:
    """Make a ``func.TimerRequest``; the status has Last, Next and LastUpdated."""
    document = {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": dict(status),
        "IsPastDue": past_due,
    }
    return _decode(TIMER, meta.Datum(json.dumps(document), "json"), None)
