"""The HTTP face: one request in, one answer out.

Decides which part answers. It checks no credentials: whoever mounts it does.
"""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web

from sandbox.kubernetes import discovery, errors, eviction, table, writes
from sandbox.kubernetes.cluster import Cluster
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.listing import Selection, page
from sandbox.kubernetes.resources import PODS, Manifest
from sandbox.kubernetes.routes import Target, parse
from sandbox.kubernetes.watch import Watches

_READABLE = ("json", "*/*", "application/*")


class KubernetesApi:
    """One cluster's API server, to be mounted under any prefix.

    Args:
        objects: Manifests the cluster starts with.
        clock: Seconds that only grow; tests of what takes time give their own.

    Raises:
        ValueError: a manifest of a kind that is not served, or without a name.
    """

    def __init__(
        self, objects: Iterable[Manifest], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.cluster = Cluster(clock)
        self._watches = Watches(self.cluster.store)
        self.load(objects)

    def load(self, objects: Iterable[Manifest]) -> None:
        """Replace the whole cluster; open watches are told to list again."""
        self.cluster.load(objects)

    def dump(self) -> list[Manifest]:
        """Return every object, as manifests that ``load`` takes."""
        return self.cluster.dump()

    def apply(self, objects: Iterable[Manifest]) -> None:
        """Put objects in, in place of those of the same kind and name."""
        self.cluster.apply(objects)

    def close(self) -> None:
        """End the open watches, which otherwise hold up a server's shutdown."""
        self._watches.close()

    async def handle(self, request: web.Request, path: str) -> web.StreamResponse:
        """Answer a request for a path without the mount's prefix (``api/v1/nodes``)."""
        self.cluster.agenda.wake()
        self.cluster.agenda.run_due()
        try:
            return await self._answer(request, path)
        except ApiError as refusal:
            return _json(refusal.status(), refusal.code, refusal.headers())

    async def _answer(self, request: web.Request, path: str) -> web.StreamResponse:
        found = discovery.answer(path)
        if found is not None:
            if request.method not in ("GET", "HEAD"):
                raise errors.not_allowed()
            return web.Response(text=found) if isinstance(found, str) else _json(found)
        accept = request.headers.get("Accept", "")
        if accept and not any(kind in accept for kind in _READABLE):
            message = "only the following media types are accepted: application/json"
            raise ApiError(406, "NotAcceptable", message)
        target = parse(path)
        if target.subresource == "eviction" and target.resource is PODS:
            return await self._evict(request, target)
        if target.subresource and not (
            target.subresource == "status" and target.resource.has_status
        ):
            raise errors.no_such_path()
        if request.method in ("GET", "HEAD"):
            return await self._read(request, target)
        return await self._write(request, target)

    async def _read(self, request: web.Request, target: Target) -> web.StreamResponse:
        selection = Selection.of(target, request.query)
        if request.query.get("watch") in ("true", "1"):
            return await self._watches.serve(request, selection)
        include = request.query.get("includeObject", "Metadata")
        is_table = table.is_wanted(request.headers.get("Accept", ""))
        if target.name:
            item = writes.existing(self.cluster, target)
            version = {"resourceVersion": item["metadata"]["resourceVersion"]}
            shown = (
                table.render(target.resource, [item], version, include) if is_table else item
            )
            return _json(shown)
        return self._list(request, selection, include if is_table else None)

    def _list(
        self, request: web.Request, selection: Selection, table_include: str | None
    ) -> web.Response:
        store, resource = self.cluster.store, selection.target.resource
        found = page(store, selection, request.query)
        if table_include is not None:
            items = [store.all(resource)[name] for name in found.names]
            return _json(table.render(resource, items, found.metadata(), table_include))
        head = json.dumps(
            {
                "kind": f"{resource.kind}List",
                "apiVersion": resource.api_version,
                "metadata": found.metadata(),
            }
        )
        items_text = ",".join(store.text(resource, name) for name in found.names)
        text = f'{head[:-1]}, "items": [{items_text}]}}'
        return web.Response(text=text, content_type="application/json")

    async def _write(self, request: web.Request, target: Target) -> web.Response:
        is_dry = "All" in request.query.getall("dryRun", [])
        method, has_name = request.method, bool(target.name)
        if method == "POST" and not has_name:
            body = await _object(request)
            return _json(writes.create(self.cluster, target, body, is_dry=is_dry), 201)
        if method == "PUT" and has_name:
            body = await _object(request)
            return _json(writes.update(self.cluster, target, body, is_dry=is_dry))
        if method == "PATCH" and has_name:
            kind, document = request.headers.get("Content-Type", ""), await _body(request)
            return _json(writes.patch(self.cluster, target, kind, document, is_dry=is_dry))
        if method == "DELETE" and has_name and not target.subresource:
            options = await _delete_options(request)
            is_dry = is_dry or bool(options.get("dryRun"))
            return _json(writes.delete(self.cluster, target, options, is_dry=is_dry))
        raise errors.not_allowed()

    async def _evict(self, request: web.Request, target: Target) -> web.Response:
        if request.method != "POST":
            raise errors.not_allowed()
        is_dry = "All" in request.query.getall("dryRun", [])
        body = await _object(request)
        return _json(eviction.evict(self.cluster, target, body, is_dry=is_dry), 201)


def _json(
    body: Any,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> web.Response:
    return web.json_response(body, status=status, headers=headers)


async def _body(request: web.Request) -> Any:
    try:
        return json.loads(await request.read() or b"null")
    except ValueError as problem:
        raise errors.bad_request(f"the body of the request is no JSON: {problem}") from problem


async def _object(request: web.Request) -> Manifest:
    if request.content_type not in ("application/json", "application/octet-stream"):
        raise errors.unsupported_media(request.content_type, "application/json")
    body = await _body(request)
    if not isinstance(body, dict):
        raise errors.bad_request("the body of the request is no JSON object")
    return body


async def _delete_options(request: web.Request) -> Manifest:
    options: Manifest = await _object(request) if request.can_read_body else {}
    grace = options.get("gracePeriodSeconds", request.query.get("gracePeriodSeconds"))
    if grace is not None:
        if not str(grace).lstrip("-").isdigit():
            raise errors.bad_request(
                f"gracePeriodSeconds must be whole seconds, not {grace!r}"
            )
        options["gracePeriodSeconds"] = int(grace)
    policy = request.query.get("propagationPolicy")
    return {**options, "propagationPolicy": policy} if policy else options
