"""The host's own endpoints: its state, and firing any function by hand.

Source: https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http
"""

import asyncio
import json
import uuid
from datetime import UTC, datetime

from aiohttp import web

from sandbox.functions_host.arguments import (
    HttpCall,
    QueueMetadata,
    event_argument,
    http_argument,
    queue_argument,
    timer_argument,
)
from sandbox.functions_host.invoker import Invoker, Outcome
from sandbox.functions_host.keys import Keys
from sandbox.functions_host.loading import EVENT_GRID, HTTP, QUEUE, LoadedFunction


class Admin:
    """Serve ``/admin/...``; everything but the ping needs the master key."""

    def __init__(
        self, functions: tuple[LoadedFunction, ...], keys: Keys, invoker: Invoker
    ) -> None:
        self._functions = {f.name: f for f in functions}
        self._keys = keys
        self._invoker = invoker
        self._fired: set[asyncio.Task[Outcome]] = set()

    async def status(self, request: web.Request) -> web.Response:
        """Say that the host is running and which functions it runs."""
        if not self._keys.opens("admin", request):
            return web.Response(status=401)
        return web.json_response({"state": "Running", "functions": sorted(self._functions)})

    async def fire(self, request: web.Request) -> web.Response:
        """Start one invocation in the background: 202, as the real host answers."""
        if not self._keys.opens("admin", request):
            return web.Response(status=401)
        function = self._functions.get(request.match_info["name"])
        if function is None:
            known = ", ".join(sorted(self._functions))
            return web.Response(status=404, text=f"no such function; known are {known}")
        try:
            argument = _argument(function, _input(await request.read()))
        except (ValueError, TypeError) as exc:
            return web.Response(status=400, text=str(exc))
        task = asyncio.create_task(self._invoker.invoke(function, argument))
        self._fired.add(task)
        task.add_done_callback(self._fired.discard)
        return web.Response(status=202)


def _input(body: bytes) -> str:
    if not body.strip():
        return ""
    try:
        document = json.loads(body)
        value = document.get("input", "")
    except (ValueError, AttributeError) as exc:
        raise ValueError('the body must be JSON like {"input": "..."}') from exc
    return value if isinstance(value, str) else json.dumps(value)


def _argument(function: LoadedFunction, text: str) -> object:
    kind = function.trigger["type"]
    if kind == QUEUE:
        now = datetime.now(UTC)
        known = QueueMetadata(str(uuid.uuid4()), dequeue_count=1, inserted_on=now)
        return queue_argument(text.encode(), known)
    if kind == EVENT_GRID:
        event = json.loads(text or "null")
        if not isinstance(event, dict):
            raise ValueError("the input of an Event Grid function must be one event as JSON")
        return event_argument(event)
    if kind == HTTP:
        url = f"http://localhost/{function.trigger.get('route') or function.name}"
        return http_argument(HttpCall("POST", url, {}, {}, {}, text.encode()))
    return timer_argument(past_due=False, status={})
