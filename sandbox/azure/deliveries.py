"""What a custom topic's subscriptions deliver, where the world describes any.

To a function of the app, as Event Grid does: one event a call, with the key of the
Functions host. The app's site holds where that is in ``_host`` (``url`` and ``key``), which
is never shown. Nothing is tried again: what fails is counted as ``undelivered``.

Source: https://learn.microsoft.com/azure/event-grid/delivery-and-retry,
https://learn.microsoft.com/azure/event-grid/event-filtering
"""

import asyncio
from http import HTTPStatus

import aiohttp

from sandbox.azure.call import Json
from sandbox.azure.state import State

SUBSCRIPTION = "Microsoft.EventGrid/topics/eventSubscriptions"
SITE = "microsoft.web/sites"
PATIENCE_S = 30.0
_under_way: set[asyncio.Task[None]] = set()


def deliver(state: State, topic: str, schema: str, events: list[Json]) -> None:
    """Begin to deliver events to whoever subscribed; returns at once."""
    for one in list(state.world.of_type(SUBSCRIPTION, "/subscriptions")):
        parts = one["id"].lower().split("/")
        if parts[-3] != topic.lower():
            continue
        wanted = one["properties"].get("filter", {}).get("includedEventTypes") or []
        folded = {str(name).lower() for name in wanted}
        name = "type" if schema == "CloudEventSchemaV1_0" else "eventType"
        for event in events:
            if folded and str(event[name]).lower() not in folded:
                continue
            task = asyncio.get_running_loop().create_task(
                _one(state, one["properties"].get("destination") or {}, schema, event)
            )
            _under_way.add(task)
            task.add_done_callback(_under_way.discard)


async def _one(state: State, destination: Json, schema: str, event: Json) -> None:
    resource = str((destination.get("properties") or {}).get("resourceId", ""))
    site, _, function = resource.partition("/functions/")
    held = state.world.get(site) or {}
    host = held.get("_host") or {}
    if destination.get("endpointType") != "AzureFunction" or not host:
        state.world.count("undelivered", resource or "nowhere")
        return
    is_cloud = schema == "CloudEventSchemaV1_0"
    content = "application/cloudevents+json" if is_cloud else "application/json"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_S)) as http,
            http.post(
                f"{host['url']}/runtime/webhooks/EventGrid",
                params={"functionName": function, "code": host["key"]},
                headers={"aeg-event-type": "Notification", "content-type": content},
                json=event if is_cloud else [event],
            ) as answer,
        ):
            is_taken = answer.status < HTTPStatus.MULTIPLE_CHOICES
    except (aiohttp.ClientError, TimeoutError):
        is_taken = False
    state.world.count("delivered" if is_taken else "undelivered", resource)
