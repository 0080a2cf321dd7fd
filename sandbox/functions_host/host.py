"""Put the parts of the host together, start them, and stop them in order.

The one composition root of the stand-in: it knows every inlet and listener and
no detail of any.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from sandbox.functions_host.admin import Admin
from sandbox.functions_host.event_grid_inlet import EventGridInlet
from sandbox.functions_host.host_json import read_host_json
from sandbox.functions_host.http_inlet import HttpInlet
from sandbox.functions_host.invoker import Invoker
from sandbox.functions_host.keys import Keys
from sandbox.functions_host.loading import QUEUE, TIMER, load_app
from sandbox.functions_host.queue_listener import QueueListener
from sandbox.functions_host.storage import Storage
from sandbox.functions_host.timer_listener import TimerListener
from sandbox.functions_host.timer_state import TimerState

# "The default maximum request body size is 100 MB" for HTTP functions.
_MAX_REQUEST = 100 * 1024 * 1024
_GRACE_S = 10.0


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class HostSettings:
    """What the command line decides."""

    app: Path
    port: int
    keys: Keys
    queue_lease: timedelta = timedelta(minutes=10)


class Host:
    """One instance of the app."""

    def __init__(self, chosen: HostSettings, settings: Mapping[str, str]) -> None:
        folder = chosen.app.resolve()
        options = read_host_json(folder / "host.json")
        functions = load_app(folder)
        self._port = chosen.port
        self._stopping = False
        self._storage = Storage(settings, options.queues.message_encoding)
        invoker = Invoker(folder, self._storage.send, options.function_timeout)
        self._invoker = invoker
        self._http = HttpInlet(functions, options.route_prefix, chosen.keys, invoker)
        self._events = EventGridInlet(functions, chosen.keys, invoker)
        self._admin = Admin(functions, chosen.keys, invoker)
        self._queues = [
            QueueListener(f, self._storage, options.queues, chosen.queue_lease, invoker)
            for f in functions
            if f.trigger["type"] == QUEUE
        ]
        host_id = _host_id(folder, settings)
        self._timers = [
            TimerListener(f, settings, self._timer_state(host_id, f.name), invoker)
            for f in functions
            if f.trigger["type"] == TIMER
        ]

    def _timer_state(self, host_id: str, name: str) -> TimerState:
        return TimerState(self._storage.blobs(), host_id, name)

    async def serve(self, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
        """Run until ``stop`` is set, then let invocations end for up to ten seconds."""
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port)
        pollers: list[asyncio.Task[None]] = []
        try:
            for queue in self._queues:
                await queue.prepare()
            await site.start()
            pollers = [asyncio.create_task(queue.run()) for queue in self._queues]
            pollers += [asyncio.create_task(timer.run()) for timer in self._timers]
            on_ready()
            await _until(stop, pollers)
        finally:
            await self._stop(runner, pollers)

    async def _stop(self, runner: web.AppRunner, pollers: list[asyncio.Task[None]]) -> None:
        self._stopping = True
        queue_pollers = pollers[: len(self._queues)]
        for poller in queue_pollers:
            poller.cancel()
        await self._invoker.drain(_GRACE_S)
        for poller in pollers:
            poller.cancel()
        await asyncio.gather(*pollers, return_exceptions=True)
        for queue in self._queues:
            await queue.finish()
        await runner.cleanup()
        await self._storage.close()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=_MAX_REQUEST, middlewares=[self._refuse_late])
        app.router.add_get("/admin/host/status", self._admin.status)
        app.router.add_post("/admin/functions/{name}", self._admin.fire)
        app.router.add_route(
            "*", "/runtime/webhooks/{name:(?i:eventgrid)}", self._events.handle
        )
        app.router.add_route("*", "/{path:.*}", self._http.handle)
        return app

    @web.middleware
    async def _refuse_late(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._stopping:
            return web.Response(status=503, headers={"Connection": "close"})
        return await handler(request)


def _host_id(folder: Path, settings: Mapping[str, str]) -> str:
    """Name the app in storage that several apps or their tests may share.

    Source: https://learn.microsoft.com/azure/azure-functions/storage-considerations#host-id-considerations
    """
    own = hashlib.sha256(str(folder).encode()).hexdigest()[:32]
    return settings.get("AzureFunctionsWebHost__hostid", own)


async def _until(stop: asyncio.Event, pollers: list[asyncio.Task[None]]) -> None:
    """Wait for the stop; a listener that breaks stops the host with its error."""
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait([waiting, *pollers], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for poller in pollers:
        if poller.done():
            poller.result()
