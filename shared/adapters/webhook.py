"""A plain webhook: JSON for a program, signed if there is a key, named so that twice is once.

Source: https://www.rfc-editor.org/rfc/rfc2104 (HMAC)
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from shared.adapters.http_post import Poster
from shared.core.cards_webhook import SIGNATURE, signature, webhook_message
from shared.core.notice import Link, Notice
from shared.core.terms import Channel
from shared.ports import Clock

MESSAGE_ID = "Nightshift-Message"


class WebhookMessenger:
    """Implements ``shared.ports.Messenger``."""

    def __init__(self, address: str, link: Link, clock: Clock, key: str = "") -> None:
        """Remember where to post; the first message connects."""
        self._address = address
        self._link = link
        self._clock = clock
        self._key = key
        self._poster = Poster()

    @property
    def channel(self) -> Channel:
        """The webhook."""
        return Channel.WEBHOOK

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send notices as one message."""
        message = webhook_message(notices, self._link)
        body = json.dumps(message, ensure_ascii=False).encode()
        headers = {MESSAGE_ID: str(message["id"])}
        if self._key:
            headers[SIGNATURE] = signature(self._key, body, self._clock.now())
        await self._poster.post(self._address, body, headers)

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()
