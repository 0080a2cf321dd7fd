"""Watches: changes as they happen, one JSON object a line.

Decides which changes a client is told, and as what: an object that leaves the
client's selection is DELETED to it, one that enters is ADDED.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import asyncio
import json
from collections.abc import Iterator, Mapping

from aiohttp import web

from sandbox.kubernetes import table
from sandbox.kubernetes.errors import bad_request, expired
from sandbox.kubernetes.listing import Selection
from sandbox.kubernetes.resources import Manifest
from sandbox.kubernetes.store import Change, Store

DEFAULT_SECONDS = 1800.0
_LOOK_AGAIN = 1.0
"""How often a quiet watch looks whether its client is still there."""

_INITIAL_END = {"k8s.io/initial-events-end": "true"}


class Watches:
    """The open watches of one cluster."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wakers: set[asyncio.Event] = set()
        self._is_closed = False
        store.listeners.append(lambda _: self._wake())

    def close(self) -> None:
        """End every open watch, so that a server can shut down."""
        self._is_closed = True
        self._wake()

    def _wake(self) -> None:
        for waker in self._wakers:
            waker.set()

    async def serve(self, request: web.Request, selection: Selection) -> web.StreamResponse:
        """Stream changes until the client goes, its time is over or its revision is too old.

        Raises:
            ApiError: 400 for a resourceVersion or timeout that is no number.
        """
        query = request.query
        since = _number(query.get("resourceVersion") or "0", "resourceVersion")
        lasting = float(_number(query.get("timeoutSeconds") or "0", "timeoutSeconds"))
        include = query.get("includeObject", "Metadata")
        is_table = table.is_wanted(request.headers.get("Accept", ""))
        writer = _Writer(selection, include if is_table else None)
        with_initial = not since or query.get("sendInitialEvents") == "true"
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        waker = asyncio.Event()
        self._wakers.add(waker)
        lines, cursor = [], since
        if with_initial:
            lines, cursor = self._initial(selection, writer, query), self._store.revision
        try:
            await response.prepare(request)
            await _send(response, lines)
            await self._follow(request, response, writer, waker, cursor, lasting)
        except ConnectionError:
            pass  # the client hung up, which is how most watches end
        finally:
            self._wakers.discard(waker)
        return response

    async def _follow(
        self,
        request: web.Request,
        response: web.StreamResponse,
        writer: "_Writer",
        waker: asyncio.Event,
        cursor: int,
        lasting: float,
    ) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + (lasting or DEFAULT_SECONDS)
        while not self._is_closed and loop.time() < end:
            waker.clear()
            if cursor < self._store.oldest_revision:
                stale = expired(f"too old resource version: {cursor}")
                await _send(response, [writer.line("ERROR", stale.status())])
                return
            changes = self._since(cursor)
            if changes:
                cursor = changes[-1].revision
                await _send(response, [line for c in changes for line in writer.lines(c)])
                continue
            try:
                await asyncio.wait_for(waker.wait(), min(_LOOK_AGAIN, end - loop.time()))
            except TimeoutError:
                if request.transport is None or request.transport.is_closing():
                    return

    def _since(self, cursor: int) -> list[Change]:
        found: list[Change] = []
        for change in reversed(self._store.history):
            if change.revision <= cursor:
                break
            found.append(change)
        return found[::-1]

    def _initial(
        self, selection: Selection, writer: "_Writer", query: Mapping[str, str]
    ) -> list[str]:
        resource = selection.target.resource
        found = self._store.all(resource)
        lines = [writer.line("ADDED", found[name]) for name in selection.names(self._store)]
        if query.get("sendInitialEvents") == "true":
            metadata = {
                "resourceVersion": str(self._store.revision),
                "annotations": _INITIAL_END,
            }
            mark = {
                "kind": resource.kind,
                "apiVersion": resource.api_version,
                "metadata": metadata,
            }
            lines.append(writer.line("BOOKMARK", mark))
        return lines


class _Writer:
    """Puts changes into the client's words."""

    def __init__(self, selection: Selection, table_include: str | None) -> None:
        self._selection = selection
        self._include = table_include

    def line(self, event: str, manifest: Manifest) -> str:
        if self._include is not None and event not in ("ERROR", "BOOKMARK"):
            resource = self._selection.target.resource
            version = {"resourceVersion": manifest["metadata"]["resourceVersion"]}
            manifest = table.render(resource, [manifest], version, self._include)
        return json.dumps({"type": event, "object": manifest}) + "\n"

    def lines(self, change: Change) -> Iterator[str]:
        if change.resource is not self._selection.target.resource:
            return
        was = self._selection.matches(change.before)
        is_now = change.event != "DELETED" and self._selection.matches(change.after)
        if was or is_now:
            event = "MODIFIED" if was and is_now else "ADDED" if is_now else "DELETED"
            yield self.line(event, change.after)


async def _send(response: web.StreamResponse, lines: list[str]) -> None:
    if lines:
        await response.write("".join(lines).encode())


def _number(text: str, name: str) -> int:
    if not text.isdigit():
        raise bad_request(f"{name} must be a whole number, not {text!r}")
    return int(text)
