"""Teams, through a Workflows webhook: one card a message; taken is 202.

Source: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from shared.adapters.http_post import Poster
from shared.core.cards_teams import teams_message
from shared.core.notice import Link, Notice
from shared.core.terms import Channel

GAP_S = 0.3
"""Four messages a second are one too many already, when two instances send."""


class TeamsMessenger:
    """Implements ``shared.ports.Messenger``."""

    def __init__(self, address: str, link: Link) -> None:
        """Remember where to post; the first message connects."""
        self._address = address
        self._link = link
        self._poster = Poster(gap_s=GAP_S)

    @property
    def channel(self) -> Channel:
        """Teams."""
        return Channel.TEAMS

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send notices as one message."""
        message = teams_message(notices, self._link)
        await self._poster.post(
            self._address, json.dumps(message, ensure_ascii=False).encode()
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()
