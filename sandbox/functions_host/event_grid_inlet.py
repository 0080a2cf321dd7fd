"""Take Event Grid's deliveries at ``/runtime/webhooks/EventGrid?functionName=``.

Answers the two handshakes and hands each event of a delivery to the function,
all at once. Any failure fails the whole delivery, which makes Event Grid send
all of it again: 500, otherwise 202.

Source: https://github.com/Azure/azure-sdk-for-net/tree/main/sdk/eventgrid/Microsoft.Azure.WebJobs.Extensions.EventGrid
Source: https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema
Source: https://github.com/cloudevents/spec/blob/v1.0/http-webhook.md
"""

import asyncio
import json
from typing import Any

from aiohttp import web

from sandbox.functions_host.arguments import event_argument
from sandbox.functions_host.invoker import Invoker
from sandbox.functions_host.keys import Keys
from sandbox.functions_host.loading import EVENT_GRID, LoadedFunction

# Event Grid never sends more: "The maximum allowed size for an event is 1 MB".
MAX_BODY = 1024 * 1024
_CLOUD_EVENTS = ("application/cloudevents+json", "application/cloudevents-batch+json")


class EventGridInlet:
    """Serve every function that has an Event Grid trigger."""

    def __init__(
        self, functions: tuple[LoadedFunction, ...], keys: Keys, invoker: Invoker
    ) -> None:
        self._functions = {f.name: f for f in functions if f.trigger["type"] == EVENT_GRID}
        self._keys = keys
        self._invoker = invoker

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one delivery or handshake."""
        if not self._keys.opens("system", request):
            return web.Response(status=401)
        name = request.query.get("functionName", "")
        function = self._functions.get(name)
        if function is None:
            return web.Response(status=404, text=f"cannot find function: '{name}'")
        if request.method == "OPTIONS":
            return _allow_origin(request)
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST, OPTIONS"})
        body = await request.read()
        if len(body) > MAX_BODY:
            return web.Response(status=413, text=f"a delivery may have {MAX_BODY} bytes")
        return await self._answer(request, function, body)

    async def _answer(
        self, request: web.Request, function: LoadedFunction, body: bytes
    ) -> web.Response:
        kind = _kind(request)
        if kind == "unsubscribe":
            return web.Response(status=202)
        try:
            events = _events(body)
        except ValueError as exc:
            return web.Response(status=400, text=str(exc))
        if kind == "subscriptionvalidation":
            return _validation(events)
        if kind == "notification":
            return await self._dispatch(function, events)
        return web.Response(
            status=400,
            text="aeg-event-type must be SubscriptionValidation, Notification or Unsubscribe",
        )

    async def _dispatch(
        self, function: LoadedFunction, events: list[dict[str, Any]]
    ) -> web.Response:
        async def run(event: dict[str, Any]) -> bool:
            try:
                argument = event_argument(event)
            except (ValueError, TypeError, KeyError):
                return False
            return (await self._invoker.invoke(function, argument)).succeeded

        # A task each: the invoker follows invocations by their task.
        tasks = [asyncio.create_task(run(event)) for event in events]
        results = await asyncio.gather(*tasks)
        return web.Response(status=202 if all(results) else 500)


def _kind(request: web.Request) -> str:
    """Read what the request is; a bare CloudEvents post counts as a notification."""
    header = request.headers.get("aeg-event-type", "").lower()
    if not header and request.content_type in _CLOUD_EVENTS:
        return "notification"
    return header


def _events(body: bytes) -> list[dict[str, Any]]:
    try:
        document = json.loads(body)
    except ValueError as exc:
        raise ValueError("the body is not JSON") from exc
    events = document if isinstance(document, list) else [document]
    if not all(isinstance(event, dict) for event in events):
        raise ValueError("the body must be an event or an array of events")
    return events


def _validation(events: list[dict[str, Any]]) -> web.Response:
    data = events[0].get("data") if events else None
    code = data.get("validationCode") if isinstance(data, dict) else None
    if code is None:
        return web.Response(status=400, text="the event has no data.validationCode")
    return web.json_response({"validationResponse": code})


def _allow_origin(request: web.Request) -> web.Response:
    origin = request.headers.get("WebHook-Request-Origin")
    if not origin:
        return web.Response(status=400, text="WebHook-Request-Origin is missing")
    headers = {
        "Allow": "POST",
        "WebHook-Allowed-Origin": origin,
        "WebHook-Allowed-Rate": request.headers.get("WebHook-Request-Rate", "*"),
    }
    return web.Response(status=200, headers=headers)
