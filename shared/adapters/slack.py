"""Slack, through an incoming webhook, and the answers written under a click.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
https://docs.slack.dev/interactivity/handling-user-interaction (``response_url``)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from shared.adapters.http_post import Poster
from shared.core.cards_slack import slack_message
from shared.core.notice import Link, Notice
from shared.core.terms import Channel

GAP_S = 1.0
"""Slack takes one message a second of a webhook."""
REPLY_S = 1.5
"""A click must be acknowledged within three seconds, and is decided before this."""


class SlackMessenger:
    """Implements ``shared.ports.Messenger``."""

    def __init__(self, address: str, link: Link, signing_secret: str = "") -> None:
        """Remember where to post; the first message connects.

        Args:
            signing_secret: With it, questions get buttons that decide.
        """
        self._address = address
        self._link = link
        self._secret = signing_secret
        self._poster = Poster(gap_s=GAP_S)

    @property
    def channel(self) -> Channel:
        """Slack."""
        return Channel.SLACK

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send notices as one message."""
        stamp = self._stamp if self._secret else None
        message = slack_message(notices, self._link, stamp)
        await self._poster.post(self._address, _written(message))

    def _stamp(self, approval_id: str, is_yes: bool) -> str:
        from shared.parsing.slack_reply import button_value  # not before a question is asked

        return button_value(self._secret, approval_id, is_yes=is_yes)

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()


async def answer_click(address: str, message: Mapping[str, Any]) -> None:
    """Write an answer to whoever clicked, or in place of the message they clicked in.

    Raises:
        AutomationError: It was not taken; what was decided stays decided.
    """
    poster = Poster(total_s=REPLY_S)
    try:
        await poster.post(address, _written(message))
    finally:
        await poster.close()


def _written(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode()
