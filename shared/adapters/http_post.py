"""Post a body to an address that is a secret, over aiohttp; tell what became of it.

An address of a webhook lets whoever knows it post, so errors name its host and nothing
else; what the library itself says of an error is not repeated, as it names addresses.

What an answer means: 400, 413 and 422 are about the body. Any other refusal is about the
address (revoked, archived, switched off), which a person has to put right: the notices
wait for that.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (400, 403,
404, 410, 500 and their words); https://www.rfc-editor.org/rfc/rfc9110#status.429
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.adapters.azure_errors import retry_after
from shared.adapters.sdk_options import CONNECT_S, has_proxy
from shared.core.errors import (
    AutomationError,
    InvalidTarget,
    ProviderUnavailable,
    Throttled,
    TooLarge,
)
from shared.core.wording import line

if TYPE_CHECKING:
    from aiohttp import ClientSession

TOTAL_S = 10.0
SOON = timedelta(seconds=15)
UNTIL_A_PERSON_CAME = timedelta(minutes=5)
_WORDS_LIMIT = 120
_READ_LIMIT = 2000
_ADDRESS = re.compile(r"https?://\S+")
_ABOUT_THE_BODY = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})


class Poster:
    """Posts to one address, or to several of one kind."""

    def __init__(self, *, total_s: float = TOTAL_S, gap_s: float = 0.0) -> None:
        """Connect to nothing yet.

        Args:
            total_s: How long one post may take in all, in seconds.
            gap_s: How long to wait between two, in seconds.
        """
        self._total_s = total_s
        self._gap_s = gap_s
        self._last = -gap_s
        self._session: ClientSession | None = None

    async def post(
        self, address: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Post a JSON body.

        Raises:
            RetryLater: It was not taken, as far as we know.
            GiveUp: This body never will be.
        """
        import aiohttp

        host = urlsplit(address).hostname or "nowhere"
        await self._wait()
        try:
            async with self._built().post(
                address,
                data=body,
                headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})},
                allow_redirects=False,
            ) as response:
                raw = await response.content.read(_READ_LIMIT)
                error = _refusal(host, response.status, raw, response.headers)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            # Not "from exc": its text has the address, and tracebacks are logged.
            raise ProviderUnavailable(
                f"posting to {host}: {type(exc).__name__}", after=SOON
            ) from None
        if error is not None:
            raise error

    async def _wait(self) -> None:
        now = time.monotonic()
        pause = self._last + self._gap_s - now
        self._last = max(now, self._last + self._gap_s)
        if pause > 0:
            await asyncio.sleep(pause)

    def _built(self) -> ClientSession:
        if self._session is None:
            import ssl

            import aiohttp

            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=ssl.create_default_context()),
                timeout=aiohttp.ClientTimeout(total=self._total_s, sock_connect=CONNECT_S),
                trust_env=has_proxy(),
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _refusal(
    host: str, status: int, raw: bytes, headers: Mapping[str, str]
) -> AutomationError | None:
    """Return what an answer means; None if the body was taken."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    said = _ADDRESS.sub("***", raw.decode(errors="replace"))
    text = f"posting to {host}: {status} {line(said, _WORDS_LIMIT)}".rstrip()
    after = retry_after(headers)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(text, after=after or SOON)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TooLarge(text)
    if status in _ABOUT_THE_BODY:
        return InvalidTarget(text)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return ProviderUnavailable(text, after=after or SOON)
    return ProviderUnavailable(
        f"{text}; is the address in the settings still good?", after=UNTIL_A_PERSON_CAME
    )
