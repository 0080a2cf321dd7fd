"""A person's view of a sandbox over HTTP: send events, read plans, look at the world."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import aiohttp

from sandbox.state_folder import Sandbox

Json = dict[str, Any]
OK_MOST = 300
PATIENCE_S = 120.0


class NotAccepted(Exception):
    """The sandbox answered with something else than success."""


class Site:
    """One sandbox, spoken to only over its own HTTP endpoints."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        trust = ssl.create_default_context(cafile=sandbox.ca_file)
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=200)
        )

    async def __aenter__(self) -> Self:
        """Open nothing: the session was built with the site."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the session."""
        await self._http.close()

    async def call(
        self, method: str, path: str, body: object = None, *, key: str = "", **headers: str
    ) -> tuple[int, Any]:
        """Call the Functions host; returns the status and the JSON answer."""
        url = f"{self.sandbox.functions_url}{path}"
        sent = {"x-functions-key": key or self.sandbox.function_key, **headers}
        async with self._http.request(method, url, json=body, headers=sent) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def send_event(self, *events: Json) -> None:
        """Deliver events to the Event Grid trigger, as Event Grid does.

        Raises:
            NotAccepted: Event Grid would send them again.
        """
        status, said = await self.call(
            "POST",
            "/runtime/webhooks/EventGrid?functionName=on_maintenance_event",
            list(events) if "specversion" not in events[0] else events[0],
            key=self.sandbox.system_key,
            **{"aeg-event-type": "Notification"},
        )
        _must_be_good(status, said)

    async def send_alert(self, alert: Json) -> Any:
        """Post an alert, as an action group does."""
        status, said = await self.call("POST", "/api/alerts", alert)
        _must_be_good(status, said)
        return said

    async def fire(self, function: str) -> None:
        """Fire a timer by hand."""
        status, said = await self.call(
            "POST", f"/admin/functions/{function}", {"input": ""}, key=self.sandbox.master_key
        )
        _must_be_good(status, said)

    async def event(self, event_id: str) -> Json | None:
        """Read what became of an event."""
        status, said = await self.call("GET", f"/api/events/{event_id}")
        return said if status < OK_MOST else None

    async def plans(self, event_id: str) -> list[Json]:
        """Read the plans of an event."""
        seen: Json = await self.event(event_id) or {"plans": []}
        return list(seen["plans"])

    async def closed_plans(
        self, event_id: str, count: int, *, limit_s: float = PATIENCE_S
    ) -> list[Json]:
        """Wait until an event has so many closed plans and none that is open."""

        async def closed() -> list[Json]:
            plans = await self.plans(event_id)
            done = [p for p in plans if p["state"] == "closed"]
            return plans if len(done) == len(plans) >= count else []

        return list(await until(closed, limit_s=limit_s))

    async def azure(self, method: str, path: str, body: object = None) -> Any:
        """Call the Azure stand-in's own endpoints: the world, the calls, the faults."""
        url = f"{self.sandbox.azure_url}{path}"
        async with self._http.request(method, url, json=body) as answer:
            text = await answer.text()
            _must_be_good(answer.status, text)
            return json.loads(text) if text else None

    async def world(self) -> Json:
        """Read the whole world."""
        found: Json = await self.azure("GET", "/_world")
        return found


async def until(look: Callable[[], Awaitable[Any]], *, limit_s: float = PATIENCE_S) -> Any:
    """Look until something is seen; returns the last look when time is up.

    Args:
        limit_s: Of nothing but patience: what is looked for is there in seconds, unless it
            never comes, or the machine has other work.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + limit_s
    while True:
        seen = await look()
        if seen or loop.time() >= end:
            return seen
        await asyncio.sleep(0.2)


def _must_be_good(status: int, said: object) -> None:
    if status >= OK_MOST:
        raise NotAccepted(f"answered {status}: {said}")


def resource(world: Json, resource_id: str) -> Json | None:
    """Find a resource of a world by its id."""
    wanted = resource_id.casefold()
    return next((r for r in world["resources"] if r["id"].casefold() == wanted), None)


def power(world: Json, vm: str) -> str:
    """Read a VM's power state from a world."""
    found = resource(world, vm) or {}
    view = found.get("properties", {}).get("instanceView", {})
    codes = [s["code"] for s in view.get("statuses", [])]
    return next((c.split("/")[1] for c in codes if c.startswith("PowerState/")), "unknown")


def objects(world: Json, cluster: str, kind: str) -> list[Json]:
    """Read a cluster's objects of one kind from a world."""
    found = {k.casefold(): v for k, v in world["kubernetes"].items()}[cluster.casefold()]
    return [o for o in found["objects"] if o["kind"] == kind]
