"""Custom topics of Event Grid: what is published is kept in the world.

A topic that the world describes (``Microsoft.EventGrid/topics``) takes its input
schema only; any other name is taken for a topic of either schema.

Source: https://learn.microsoft.com/azure/event-grid/post-to-custom-topic and
https://learn.microsoft.com/azure/event-grid/quotas-limits
"""

import re

from sandbox.azure import deliveries
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError

MOST_BYTES = 1024 * 1024
API_VERSION = "2018-01-01"
_PATH = re.compile(r"/eventgrid/([^/]+)/api/events", re.IGNORECASE)
_CLOUD_EVENTS = "application/cloudevents"
_REQUIRED = {
    "CloudEventSchemaV1_0": ("id", "source", "type", "specversion"),
    "EventGridSchema": ("id", "subject", "eventType", "eventTime", "data", "dataVersion"),
}


def answer(call: Call) -> Reply:
    """Take the events of one call, all or none."""
    match = _PATH.fullmatch(call.path)
    if match is None or call.method != "POST":
        raise ServiceError(404, "NotFound", "A topic takes events at POST /api/events.")
    if call.query.get("api-version", API_VERSION) != API_VERSION:
        raise _bad(f"The api-version must be {API_VERSION}.")
    if len(call.raw) > MOST_BYTES:
        raise ServiceError(
            413,
            "RequestEntityTooLarge",
            f"The maximum size of a request is {MOST_BYTES} bytes; got {len(call.raw)}.",
        )
    schema = _schema(call, match[1])
    events = _events(call)
    for index, event in enumerate(events):
        _check(event, schema, index)
    call.state.world.published.setdefault(match[1], []).extend(events)
    deliveries.deliver(call.state, match[1], schema, events)
    return Reply(200)


def _bad(message: str) -> ServiceError:
    return ServiceError(400, "BadRequest", message)


def _schema(call: Call, topic: str) -> str:
    """Tell the schema by the content type, and refuse one that the topic does not take."""
    content = call.headers.get("Content-Type", "")
    is_cloud = content.lower().startswith(_CLOUD_EVENTS)
    sent = "CloudEventSchemaV1_0" if is_cloud else "EventGridSchema"
    for one in call.state.world.of_type("Microsoft.EventGrid/topics", "/subscriptions"):
        if one["name"].lower() == topic.lower():
            wanted = one["properties"].get("inputSchema", "EventGridSchema")
            if wanted != sent:
                raise _bad(
                    f"The topic '{topic}' takes {wanted}; the Content-Type says {sent}."
                )
    return sent


def _events(call: Call) -> list[Json]:
    content = call.headers.get("Content-Type", "").lower()
    body = call.json("BadRequest")
    single = content.startswith(_CLOUD_EVENTS + "+json")
    if single != isinstance(body, dict):
        raise _bad(
            f"The Content-Type '{content}' wants {'one event' if single else 'a list'}."
        )
    events = [body] if isinstance(body, dict) else body
    if not isinstance(events, list) or not all(isinstance(one, dict) for one in events):
        raise _bad("The body must be events: JSON objects.")
    return events


def _check(event: Json, schema: str, index: int) -> None:
    for name in _REQUIRED[schema]:
        if event.get(name) in (None, ""):
            raise _bad(f"The event at index {index} lacks the property '{name}' of {schema}.")
    if schema == "CloudEventSchemaV1_0" and event["specversion"] != "1.0":
        raise _bad(f"The event at index {index} has specversion '{event['specversion']}'.")
