"""Where the clusters' API servers are reached: ``/kubernetes/{cluster}/{path}``.

Checks the token, as the cluster's Entra integration does, and hands the request on.
"""

from aiohttp import web

from sandbox.azure import errors, tokens
from sandbox.azure.errors import ServiceError
from sandbox.azure.state import State

PREFIX = "/kubernetes/"


async def answer(state: State, request: web.Request) -> web.StreamResponse:
    """Hand a request to the API server of the cluster it names."""
    name, _, path = request.path[len(PREFIX) :].partition("/")
    try:
        state.tokens.check(request.headers.get("Authorization"), tokens.KUBERNETES)
    except ServiceError:
        return _refused(ServiceError(401, "Unauthorized", "Unauthorized"))
    server = state.world.clusters.server(name)
    if server is None:
        known = ", ".join(state.world.clusters.names) or "none"
        message = f"no cluster is named {name!r} in the world; it has: {known}"
        return _refused(ServiceError(404, "NotFound", message))
    return await server.handle(request, "/" + path)


def _refused(error: ServiceError) -> web.Response:
    return web.json_response(errors.kubernetes_body(error), status=error.status)
