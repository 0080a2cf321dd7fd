"""The HTTPS server: records a call, meets it with its fault, checks its token, answers.

Knows no service; ``services`` says which one a path belongs to.
"""

import asyncio
import json
import time
from urllib.parse import parse_qsl

from aiohttp import web

from sandbox.azure import controls, kubernetes_mount, services
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.faults import Fault
from sandbox.azure.state import State

MAX_BODY = 64 * 1024 * 1024


def make(state: State) -> web.Application:
    """Build the application: one handler, since the services have tables of their own."""
    app = web.Application(client_max_size=MAX_BODY)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await _answer(state, request)

    app.router.add_route("*", "/{path:.*}", answer)
    return app


async def _answer(state: State, request: web.Request) -> web.StreamResponse:
    raw = await request.read()
    if request.path.startswith("/_"):
        return written(controls.answer(state, request.method, request.path, raw))
    query = request.query_string
    path = f"{request.path}?{query}" if query else request.path
    entry = state.calls.open(request.method, path, raw)
    began = time.perf_counter()
    fault = state.faults.take(f"{request.method} {path}")
    try:
        response = await _with_fault(state, request, raw, fault)
        if response is None:
            return web.Response()  # nobody is there to read it: the connection is gone
        entry["status"] = response.status
    finally:
        entry["ms"] = round((time.perf_counter() - began) * 1000, 3)
    return response


async def _with_fault(
    state: State, request: web.Request, raw: bytes, fault: Fault | None
) -> web.StreamResponse | None:
    """Answer, unless a fault stands in the way, before the effect or after it.

    None says that the fault ended the connection.
    """
    if fault is None:
        return await _serve(state, request, raw, None)
    if fault.delay:
        await asyncio.sleep(fault.delay)
    response = None
    if fault.after_effect or not (fault.drop_connection or fault.status):
        response = await _serve(state, request, raw, fault.operation)
    if fault.drop_connection:
        if request.transport is not None:
            request.transport.abort()
        return None
    if fault.status:
        return written(_faulty(fault.status, fault))
    return response or web.Response(status=500)


def _faulty(status: int, fault: Fault) -> Reply:
    words = {429: "TooManyRequests", 503: "ServiceUnavailable", 403: "AuthorizationFailed"}
    code = words.get(status, "InternalServerError" if status >= 500 else "Fault")  # noqa: PLR2004 - HTTP's classes
    body = fault.body or {"error": {"code": code, "message": "A fault that was ordered."}}
    return Reply(status, body, fault.headers)


async def _serve(
    state: State, request: web.Request, raw: bytes, operation_fault: Json | None
) -> web.StreamResponse:
    if request.path.startswith(kubernetes_mount.PREFIX):
        return await kubernetes_mount.answer(state, request)
    asked = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
    call = Call(
        state=state,
        method=request.method,
        path=request.path.rstrip("/") or "/",
        query={key.lower(): value for key, value in asked},
        asked=asked,
        headers=request.headers,
        raw=raw,
        operation_fault=operation_fault,
    )
    return written(_reply(call))


def _reply(call: Call) -> Reply:
    service = services.find(call.path)
    if service is None:
        known = ", ".join(sorted(services.SERVICES))
        missing = ServiceError(404, "NotFound", f"No service is served here; known: {known}.")
        return Reply(404, {"error": {"code": missing.code, "message": missing.message}})
    try:
        if service.audiences:
            own = _own_audiences(call) if service.own_address else ()
            authorization = call.headers.get("Authorization")
            call.state.tokens.check(authorization, (*service.audiences, *own))
        return service.answer(call)
    except ServiceError as error:
        return Reply(error.status, service.error_body(error), error.headers)


def _own_audiences(call: Call) -> tuple[str, ...]:
    """Take the stand-in's own address as an audience: clients told only it ask for it."""
    first = call.path.split("/", 2)[1]
    return (call.state.url, f"{call.state.url}/{first}")


def written(reply: Reply) -> web.Response:
    """Write a reply as HTTP."""
    headers = dict(reply.headers)
    if reply.body is None:
        return web.Response(status=reply.status, headers=headers)
    headers.setdefault("Content-Type", "application/json; charset=utf-8")
    return web.Response(
        status=reply.status, headers=headers, body=json.dumps(reply.body).encode()
    )
