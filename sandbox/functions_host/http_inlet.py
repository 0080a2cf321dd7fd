"""Answer the HTTP routes of the app: route, key, function, response.

Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger
"""

from aiohttp import web
from azure.functions import meta

from sandbox.functions_host.arguments import HttpCall, http_argument
from sandbox.functions_host.errors import AppRefused
from sandbox.functions_host.invoker import Invoker
from sandbox.functions_host.keys import Keys
from sandbox.functions_host.loading import HTTP, LoadedFunction
from sandbox.functions_host.routes import Route, best_match

# aiohttp writes these itself from the body it sends.
_OWN_HEADERS = ("content-length", "transfer-encoding")


class HttpInlet:
    """Serve every function that has an HTTP trigger."""

    def __init__(
        self, functions: tuple[LoadedFunction, ...], prefix: str, keys: Keys, invoker: Invoker
    ) -> None:
        self._functions = {f.name: f for f in functions if f.trigger["type"] == HTTP}
        self._routes = [_route(f, prefix) for f in self._functions.values()]
        self._keys = keys
        self._invoker = invoker

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request: 404 without a route, 401 without a key, 500 on failure."""
        found = best_match(self._routes, request.method, request.rel_url.raw_path)
        if found is None:
            return web.Response(status=404)
        route, values = found
        function = self._functions[route.function]
        level = str(function.trigger.get("authLevel", "function")).lower()
        if not self._keys.opens(level, request):
            return web.Response(status=401)
        call = HttpCall(
            method=request.method,
            url=str(request.url),
            headers=dict(request.headers),
            query=dict(request.query),
            route=values,
            body=await request.read(),
        )
        outcome = await self._invoker.invoke(function, http_argument(call))
        return _response(outcome.value) if outcome.succeeded else web.Response(status=500)


def _route(function: LoadedFunction, prefix: str) -> Route:
    template = function.trigger.get("route") or function.name
    methods = frozenset(str(m).upper() for m in function.trigger.get("methods") or ())
    try:
        return Route(function.name, f"{prefix}/{template}", methods)
    except ValueError as exc:
        raise AppRefused(f"function {function.name}: {exc}") from exc


def _response(value: object) -> web.Response:
    """Turn what the function returned into a response, by the library's converter.

    Nothing returned is 204; a type that is no response is the function's
    failure, as in Azure.
    """
    if value is None:
        return web.Response(status=204)
    converter = meta.get_binding_registry().get("http")
    try:
        datum = converter.encode(value, expected_type=None)
    except NotImplementedError:
        return web.Response(status=500)
    if datum.type == "string":
        return web.Response(text=datum.value)
    answer = datum.value
    response = web.Response(status=int(answer["status_code"].value), body=answer["body"].value)
    for name, header in answer["headers"].items():
        if name.lower() not in _OWN_HEADERS:
            response.headers[name] = header.value
    for cookie in answer["cookies"] or ():
        for morsel in cookie.values():
            response.headers.add("Set-Cookie", morsel.OutputString())
    return response
