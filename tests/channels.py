"""Webhooks that people would read: a local HTTPS server that keeps what it is sent.

It plays Teams, Slack and a program, each under a secret path of its own, and fails as it
is told: an answer for each next request, then taken again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.azure import certificates

PATHS = {
    "teams": "/workflows/secret-of-teams/triggers/manual/paths/invoke",
    "slack": "/services/T0/B0/secret-of-slack",
    "webhook": "/hooks/secret-of-webhook",
    "reply": "/actions/T0/1/secret-of-reply",
}
SECRETS = ("secret-of", "sig-of-teams")
_TAKEN = {"teams": (202, ""), "slack": (200, "ok"), "webhook": (204, ""), "reply": (200, "ok")}


@dataclass(frozen=True)
class Fault:
    """What to answer instead.

    Attributes:
        wait_s: How long to keep the caller waiting first.
    """

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_s: float = 0.0


@dataclass(frozen=True)
class Taken:
    """One message that was taken."""

    body: Any
    raw: bytes
    headers: Mapping[str, str]
    at: float


@dataclass
class Channels:
    """The server, what each channel took, and what each is to answer next."""

    url: str
    ca_file: Path
    taken: dict[str, list[Taken]] = field(default_factory=lambda: defaultdict(list))
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def address(self, channel: str) -> str:
        """Give a channel's secret address."""
        query = "?api-version=1&sp=%2Ftriggers&sig=sig-of-teams" if channel == "teams" else ""
        return f"{self.url}{PATHS[channel]}{query}"

    @property
    def host(self) -> str:
        """Name the server as ``host:port``."""
        return self.url.removeprefix("https://")

    def bodies(self, channel: str) -> list[Any]:
        """Give what a channel took, in order."""
        return [one.body for one in self.taken[channel]]

    async def hear(self, request: web.Request) -> web.Response:
        """Take a message, or answer as told."""
        [name] = [name for name, path in PATHS.items() if path == request.path] or [""]
        self.calls[name] += 1
        raw = await request.read()
        if name and self.faults[name]:
            fault = self.faults[name].pop(0)
            await asyncio.sleep(fault.wait_s)
            return web.Response(status=fault.status, text=fault.body, headers=fault.headers)
        if not name:
            return web.Response(status=404, text="no_service")
        headers = {key.casefold(): value for key, value in request.headers.items()}
        self.taken[name].append(Taken(json.loads(raw), raw, headers, time.monotonic()))
        status, text = _TAKEN[name]
        return web.Response(status=status, text=text)


@asynccontextmanager
async def open_channels(folder: Path) -> AsyncIterator[Channels]:
    """Serve on a free port of 127.0.0.1, with a certificate of an authority made now."""
    made = certificates.make(folder)
    app = web.Application()
    channels = Channels("", made.ca_file)
    app.router.add_route("*", "/{path:.*}", channels.hear)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=made.context)
    await site.start()
    [(_, port)] = [address[:2] for address in runner.addresses]
    channels.url = f"https://127.0.0.1:{port}"
    try:
        yield channels
    finally:
        await runner.cleanup()
