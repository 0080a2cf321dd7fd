"""One cluster's slurmrestd: get, post and delete, over aiohttp.

What went wrong is read from ``errors[].error_number`` and never from the HTTP status
alone: an unknown node is answered 200 by one call and 500 by the next, and an expired
token 511. A token is made for each call and lives a minute.

The API's version is v0.0.42, which 24.11 to 26.05 all serve. Only a server that does not
know it is asked what it serves: that document has hundreds of kilobytes.

Source: https://slurm.schedmd.com/rest.html, https://slurm.schedmd.com/jwt.html,
https://github.com/SchedMD/slurm/blob/master/slurm/slurm_errno.h
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from shared.adapters.sdk_options import CONNECT_S, has_proxy
from shared.core.errors import (
    AutomationError,
    Forbidden,
    InvalidTarget,
    ProviderUnavailable,
)
from shared.core.slurm_clusters import SlurmCluster
from shared.core.wording import line

if TYPE_CHECKING:
    from aiohttp import ClientSession

Json = Mapping[str, Any]
VERSIONS = ("v0.0.42", "v0.0.43", "v0.0.44", "v0.0.45", "v0.0.41", "v0.0.40")
REQUEUE_VERSION = "v0.0.45"
NO_SUCH_JOB, JOB_IS_MOVING, JOB_IS_OVER = 2017, 2020, 2021
TOTAL_S = 8.0
_TOKEN_S = 60
_SKEW_S = 5
_SOON = timedelta(seconds=2)
_WORDS_LIMIT = 200
_NO_SUCH_NODE = 2018
_TOKEN_REFUSED = frozenset({1007})
_NOT_PERMITTED = frozenset({2002, 2010})
_NOT_THAT_WAY = frozenset({2028, 2018, 2017, 9207})
_SERVED = re.compile(r"/slurm/(v0\.0\.\d+)/")


class SlurmApi:
    """A client for one cluster."""

    def __init__(self, cluster: SlurmCluster, key: bytes) -> None:
        """Connect to nothing yet."""
        self.cluster = cluster
        self._key = key
        self._version = VERSIONS[0]
        self._served: str | None = None
        self._session: ClientSession | None = None

    async def nodes(self) -> Sequence[Json]:
        """List every node."""
        return await self._items("nodes", "/nodes/")

    async def jobs(self) -> Sequence[Json]:
        """List every job that the controller still knows."""
        return await self._items("jobs", "/jobs/")

    async def node(self, name: str) -> Json | None:
        """Read one node; None if there is none of that name."""
        status, body = await self._ask("GET", f"/node/{quote(name, safe='')}")
        found = body.get("nodes")
        if isinstance(found, list) and found and isinstance(found[0], Mapping):
            return found[0]
        if _numbers(body) and set(_numbers(body)) <= {0, _NO_SUCH_NODE}:
            return None
        raise self._refusal(f"reading node {name}", status, body)

    async def update(self, name: str, change: Json) -> None:
        """Change a node. After an error a part of it may have been applied."""
        path = f"/node/{quote(name, safe='')}"
        status, body = await self._ask("POST", path, body=change)
        self._must_be_good(f"updating node {name}", status, body)

    async def signal(self, job: int, signal: str, flags: str) -> bool:
        """Send a signal to a job; False if it is over, or between two runs."""
        query = {"signal": signal, **({"flags": flags} if flags else {})}
        status, body = await self._ask("DELETE", f"/job/{job}", query=query)
        doing = f"signalling job {job}"
        return self._each_job(doing, status, body)

    async def requeue(self, job: int) -> bool:
        """Put a job back into the queue; False if it is over. Only where that is served.

        Source: https://slurm.schedmd.com/rest_api.html (v0.0.45, job requeue)
        """
        status, body = await self._ask(
            "GET",
            f"/job/{job}/requeue",
            query={"Incomplete": "true"},
            version=REQUEUE_VERSION,
        )
        return self._each_job(f"requeueing job {job}", status, body)

    async def has_requeue(self) -> bool:
        """Tell whether this server can put a job back into the queue."""
        return f"/slurm/{REQUEUE_VERSION}/job/{{job_id}}/requeue" in await self._catalogue()

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _items(self, key: str, path: str) -> Sequence[Json]:
        status, body = await self._ask("GET", path)
        doing = f"listing {key}"
        self._must_be_good(doing, status, body)
        if not isinstance(body.get(key), list):
            raise self._refusal(doing, status, body)  # no list is not an empty one
        return _mappings(body[key])

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        version: str = "",
    ) -> tuple[int, Json]:
        """Send one request; once more in a version that is served, if this one is not."""
        asked = version or self._version
        status, raw = await self._send(method, f"/slurm/{asked}{path}", query, body)
        answer = _json(raw)
        if status != HTTPStatus.NOT_FOUND or answer is not None or version:
            return status, answer or {}
        self._version = self._choose(await self._catalogue(), asked)
        status, raw = await self._send(method, f"/slurm/{self._version}{path}", query, body)
        return status, _json(raw) or {}

    async def _catalogue(self) -> str:
        if self._served is None:
            status, raw = await self._send("GET", "/openapi/v3", None, None)
            if status != HTTPStatus.OK:
                raise self._refusal("asking what is served", status, _json(raw) or {})
            self._served = raw.decode(errors="replace").replace("\\/", "/")
        return self._served

    def _choose(self, catalogue: str, asked: str) -> str:
        served = sorted(set(_SERVED.findall(catalogue)))
        known = [one for one in VERSIONS if one in served and one != asked]
        if not known:
            said = ", ".join(served) or "no version at all"
            raise InvalidTarget(
                f"Slurm {self.cluster.name} serves {said}; wanted: one of "
                f"{', '.join(sorted(VERSIONS))} (Slurm 23.11 or newer)"
            )
        return known[0]

    async def _send(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Json | None
    ) -> tuple[int, bytes]:
        import aiohttp

        headers = {
            "X-SLURM-USER-NAME": self.cluster.user,
            "X-SLURM-USER-TOKEN": token(self._key, self.cluster.user, time.time()),
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        data = None if body is None else json.dumps(body).encode()
        try:
            async with self._built().request(
                method,
                self.cluster.url + path,
                params=query,
                data=data,
                headers=headers,
                allow_redirects=False,
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise ProviderUnavailable(
                f"{method} {path} of Slurm {self.cluster.name}: {type(exc).__name__}",
                after=_SOON,
            ) from exc

    def _must_be_good(self, doing: str, status: int, body: Json) -> None:
        if status != HTTPStatus.OK or body.get("errors"):
            raise self._refusal(doing, status, body)

    def _each_job(self, doing: str, status: int, body: Json) -> bool:
        """Read the answer about one job: its error has a place of its own."""
        self._must_be_good(doing, status, body)
        for one in _mappings(body.get("status")):
            error = one.get("error")
            said = error if isinstance(error, Mapping) else {"code": one.get("error_code")}
            code = _number(said.get("code"))
            if code in {NO_SUCH_JOB, JOB_IS_MOVING, JOB_IS_OVER}:
                return False
            if code:
                words = said.get("message") or one.get("why") or one.get("error") or ""
                found = {"errors": [{"error_number": code, "error": words}]}
                raise self._refusal(doing, HTTPStatus.OK, found)
        return True

    def _refusal(self, doing: str, status: int, body: Json) -> AutomationError:
        """Say what an error means, by Slurm's own number."""
        numbers, words = _numbers(body), _words(body)
        text = f"{doing} of Slurm {self.cluster.name}: {status}"
        text = " ".join(part for part in (text, ",".join(map(str, numbers)), words) if part)
        if status == HTTPStatus.UNAUTHORIZED or _TOKEN_REFUSED.intersection(numbers):
            return Forbidden(f"{text}: the token is refused; is NIGHTSHIFT_SLURM_KEY its key?")
        if _NOT_PERMITTED.intersection(numbers):
            return Forbidden(f"{text}: user {self.cluster.user} is no operator of Slurm")
        if _NOT_THAT_WAY.intersection(numbers) or status == HTTPStatus.BAD_REQUEST:
            return InvalidTarget(text)
        return ProviderUnavailable(text, after=_SOON)

    def _built(self) -> ClientSession:
        if self._session is None:
            import ssl

            import aiohttp

            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=ssl.create_default_context()),
                timeout=aiohttp.ClientTimeout(total=TOTAL_S, sock_connect=CONNECT_S),
                trust_env=has_proxy(),
            )
        return self._session


def token(key: bytes, user: str, now: float) -> str:
    """Make a token as Slurm's own ``scontrol token`` does, good for a minute.

    Source: https://slurm.schedmd.com/jwt.html (HS256 over exp, iat and sun)
    """
    issued = int(now) - _SKEW_S
    head = _part({"alg": "HS256", "typ": "JWT"})
    claims = _part({"exp": issued + _SKEW_S + _TOKEN_S, "iat": issued, "sun": user})
    signed = f"{head}.{claims}"
    digest = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_url_safe(digest)}"


def _part(document: Json) -> str:
    return _url_safe(json.dumps(document, separators=(",", ":")).encode())


def _url_safe(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _json(raw: bytes) -> Json | None:
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None


def _mappings(found: object) -> list[Json]:
    if not isinstance(found, list):
        return []
    return [one for one in found if isinstance(one, Mapping)]


def _number(found: object) -> int:
    return found if type(found) is int else 0


def _numbers(body: Json) -> list[int]:
    return [_number(one.get("error_number")) for one in _mappings(body.get("errors"))]


def _words(body: Json) -> str:
    errors = _mappings(body.get("errors"))
    said = (str(one.get("error") or one.get("description") or "") for one in errors)
    return line("; ".join(part for part in said if part), _WORDS_LIMIT)
