"""Read Azure Resource Manager with azure-core alone.

The fast path reads a VM, a scale set and an AKS cluster before its first effect;
``azure.mgmt.*`` would cost a cold start more than the effect. Reads, and the one POST
that lists credentials; effects belong to the real management clients.

Source: https://learn.microsoft.com/rest/api/azure/ (paging by ``nextLink``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from shared.adapters.azure_errors import translated
from shared.adapters.sdk_options import has_proxy, sdk_options
from shared.core.errors import InvalidTarget, ProviderUnavailable
from shared.core.settings import Settings

if TYPE_CHECKING:
    from azure.core import AsyncPipelineClient
    from azure.core.credentials_async import AsyncTokenCredential

Json = Mapping[str, Any]
_PAGES = 1_000
_IN_A_NAME = "/()-._~!$'*,;:@"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no error."""

    status: int
    body: Json


class ArmReader:
    """One pipeline to the resource manager, shared by every adapter that reads there."""

    def __init__(self, credential: AsyncTokenCredential, settings: Settings) -> None:
        self._credential = credential
        self._endpoint = settings.resource_manager.rstrip("/")
        self._scope = settings.resource_manager_audience.rstrip("/") + "/.default"
        self._client: AsyncPipelineClient[Any, Any] | None = None

    async def get(
        self, path: str, *, api_version: str, query: Mapping[str, str] | None = None
    ) -> Json | None:
        """GET a resource by its id; None if there is none."""
        params = {"api-version": api_version, **(query or {})}
        answer = await self._send(
            "GET", self._url(path), params, f"reading {path}", missing_ok=True
        )
        return None if answer.status == HTTPStatus.NOT_FOUND else answer.body

    async def post(
        self,
        path: str,
        *,
        api_version: str,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
    ) -> Json:
        """POST an action that only reads (``list...``) and return what it answers.

        Raises:
            InvalidTarget: There is no such resource.
        """
        params = {"api-version": api_version, **(query or {})}
        answer = await self._send("POST", self._url(path), params, f"asking {path}", body=body)
        return answer.body

    async def change(
        self, method: str, path: str, *, api_version: str, body: Json | None, needs: str
    ) -> None:
        """Change a resource by one call that no client library has, or has without loss.

        Args:
            needs: The operation that the identity must be granted.

        Raises:
            InvalidTarget: There is no such resource.
        """
        params = {"api-version": api_version}
        role = f"that has the action {needs}"
        doing = f"changing {path}"
        await self._send(method, self._url(path), params, doing, body=body, role=role)

    async def pages(
        self, path: str, *, api_version: str, query: Mapping[str, str] | None = None
    ) -> AsyncIterator[Json]:
        """Yield every item of a paged list."""
        url, params = self._url(path), {"api-version": api_version, **(query or {})}
        for _ in range(_PAGES):
            answer = await self._send("GET", url, params, f"listing {path}")
            for item in answer.body.get("value") or ():
                yield item
            following = answer.body.get("nextLink")
            if not following:
                return
            url, params = self._own(str(following)), {}
        raise ProviderUnavailable(
            f"listing {path}: more than {_PAGES} pages", after=timedelta(minutes=1)
        )

    async def look(self, url: str, *, doing: str) -> Answer | None:
        """GET a whole URL that the resource manager gave out; None if it is forgotten."""
        answer = await self._send("GET", self._own(url), {}, doing, missing_ok=True)
        return None if answer.status == HTTPStatus.NOT_FOUND else answer

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _url(self, path: str) -> str:
        """Spell a path so that nothing in a name can lead to another path or query."""
        if {".", ".."} & set(path.split("/")):
            raise InvalidTarget(f"{path!r} is not an ARM id: it has a dot as a segment")
        return self._endpoint + quote(path, safe=_IN_A_NAME)

    def _own(self, url: str) -> str:
        """Refuse to carry our token anywhere but to the resource manager."""
        if urlsplit(url)[:2] != urlsplit(self._endpoint)[:2]:
            host = urlsplit(url).netloc
            raise InvalidTarget(f"following a link of {self._endpoint}: it leads to {host!r}")
        return url

    async def _send(
        self,
        method: str,
        url: str,
        params: Mapping[str, str],
        doing: str,
        *,
        missing_ok: bool = False,
        body: Json | None = None,
        role: str = "",
    ) -> Answer:
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest

        request = HttpRequest(method, url, params=dict(params), json=body)
        async with translated(doing, role=role):
            response = await self._built().send_request(request)
            missing = response.status_code == HTTPStatus.NOT_FOUND and missing_ok
            if response.status_code >= HTTPStatus.BAD_REQUEST and not missing:
                raise HttpResponseError(response=response)
            said = response.json() if response.content and not missing else {}
        return Answer(response.status_code, said if isinstance(said, dict) else {})

    def _built(self) -> AsyncPipelineClient[Any, Any]:
        if self._client is None:
            from azure.core import AsyncPipelineClient
            from azure.core.pipeline import policies

            options = sdk_options()
            self._client = AsyncPipelineClient(
                self._endpoint,
                policies=[
                    policies.RequestIdPolicy(),
                    policies.UserAgentPolicy(base_user_agent="nightshift"),
                    policies.ProxyPolicy(),
                    policies.AsyncRetryPolicy(**options),
                    policies.AsyncBearerTokenCredentialPolicy(self._credential, self._scope),
                ],
                use_env_settings=has_proxy(),
                **options,
            )
        return self._client
