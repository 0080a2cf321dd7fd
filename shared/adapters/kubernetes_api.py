"""One Kubernetes API server: get, list, patch and create, over aiohttp.

TLS trusts the cluster's own CA and nothing else. Every answer that is an error becomes
one of our own errors here, naming the verb and the resource, except where the caller
says it wants to read that answer itself (an eviction's 429).

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared.adapters.azure_errors import retry_after
from shared.adapters.sdk_options import CONNECT_S, READ_S, has_proxy
from shared.core.errors import (
    AutomationError,
    Forbidden,
    InvalidTarget,
    ProviderUnavailable,
    StaleFacts,
    Throttled,
)
from shared.core.lanes import LATER, URGENT, Lanes

if TYPE_CHECKING:
    from aiohttp import ClientSession

Json = Mapping[str, Any]
_SOON = timedelta(seconds=1)
_CHUNK = 500
_MERGE_PATCH = "application/merge-patch+json"
_CONNECTIONS = 64
_MESSAGE_LIMIT = 400


@dataclass(frozen=True, slots=True)
class KubernetesAnswer:
    """What the API server answered.

    Attributes:
        body: The object, or the ``Status`` that explains an error; empty if it was no JSON.
        patience: How long the server asks to wait, or None.
    """

    status: int
    body: Json
    patience: timedelta | None = None

    @property
    def message(self) -> str:
        """The server's own words, shortened."""
        return str(self.body.get("message") or "").strip()[:_MESSAGE_LIMIT]

    @property
    def causes(self) -> frozenset[str]:
        """Machine-readable reasons of a ``Status`` (``NamespaceTerminating``...)."""
        causes = (self.body.get("details") or {}).get("causes") or ()
        return frozenset(str(cause.get("reason") or "") for cause in causes)


class Unauthorised(Forbidden):
    """The API server does not take our token, or we have the wrong API server."""


class KubernetesApi:
    """A client for one cluster."""

    def __init__(
        self, server: str, ca_pem: str, token: Callable[[], Awaitable[str]], *, name: str
    ) -> None:
        self._server = server.rstrip("/")
        self._ca = ca_pem
        self._token = token
        self._name = name
        self._session: ClientSession | None = None
        self._lanes = Lanes(_CONNECTIONS)

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Json | None:
        """GET one object; None if there is none."""
        answer = await self.send("GET", path, query=query)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return self._good("get", path, answer)

    async def items(
        self, path: str, query: Mapping[str, str] | None = None
    ) -> AsyncIterator[Json]:
        """Yield every item of a list, in chunks of 500.

        Raises:
            StaleFacts: The list changed too much while it was read; read it again.
        """
        asked = {**(query or {}), "limit": str(_CHUNK)}
        while True:
            answer = await self.send("GET", path, query=asked)
            if answer.status == HTTPStatus.GONE:
                raise StaleFacts(f"list {path} in {self._name}: the list has expired")
            page = self._good("list", path, answer)
            for item in page.get("items") or ():
                yield item
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                return
            asked["continue"] = str(following)

    async def merge_patch(self, path: str, patch: Json) -> Json:
        """Apply a JSON merge patch.

        Raises:
            StaleFacts: The object is not at the ``resourceVersion`` the patch names.
            InvalidTarget: There is no such object.
        """
        answer = await self.send("PATCH", path, body=patch, content_type=_MERGE_PATCH)
        return self._good("patch", path, answer)

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
    ) -> KubernetesAnswer:
        """Send one request; only a request without an answer is an error here."""
        import aiohttp

        headers = {
            "Authorization": f"Bearer {await self._token()}",
            "Accept": "application/json",
            "Content-Type": content_type,
        }
        data = None if body is None else json.dumps(body).encode()
        try:
            async with (
                self._lanes.place(_lane_of(path)),
                self._built().request(
                    method, self._server + path, params=query, data=data, headers=headers
                ) as response,
            ):
                raw = await response.read()
                patience = retry_after(response.headers)
                return KubernetesAnswer(response.status, _json(raw), patience)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            words = f"{type(exc).__name__} {exc}".strip()
            raise ProviderUnavailable(
                f"{method} {path} in {self._name}: {words}", after=_SOON
            ) from exc

    def refusal(self, verb: str, path: str, answer: KubernetesAnswer) -> AutomationError:
        """Return the error that says what the engine should do about an answer."""
        text = f"{verb} {path} in {self._name}: {answer.status} {answer.message}".rstrip()
        status, after = answer.status, answer.patience or _SOON
        if status == HTTPStatus.UNAUTHORIZED:
            return Unauthorised(text)
        if status == HTTPStatus.FORBIDDEN:
            return Forbidden(text)
        if status == HTTPStatus.CONFLICT:
            return StaleFacts(text)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Throttled(text, after=after)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status < HTTPStatus.BAD_REQUEST:
            return ProviderUnavailable(text, after=after)
        return InvalidTarget(text)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _good(self, verb: str, path: str, answer: KubernetesAnswer) -> Json:
        if answer.status in {HTTPStatus.OK, HTTPStatus.CREATED}:
            return answer.body
        raise self.refusal(verb, path, answer)

    def _built(self) -> ClientSession:
        if self._session is None:
            import ssl

            import aiohttp

            trust = ssl.create_default_context(cadata=self._ca)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=trust, limit=_CONNECTIONS),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_S, sock_read=READ_S
                ),
                trust_env=has_proxy(),
            )
        return self._session


def _lane_of(path: str) -> int:
    """Put nodes before pods: every node is cordoned before any is emptied."""
    return URGENT if path.startswith("/api/v1/nodes") else LATER


def _json(raw: bytes) -> Json:
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
