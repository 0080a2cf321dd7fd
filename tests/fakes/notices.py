"""Notices in memory, and a channel that keeps what it is sent, with the ledger's trap."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.core.errors import AutomationError, StaleFacts
from shared.core.notice import Notice
from shared.core.notice_json import notice_of, notice_to_json
from shared.core.pacing import Pace
from shared.core.terms import Channel
from tests.fakes.effects import Trap, no_trap

KEPT = timedelta(days=1)


@dataclass
class FakeNotices:
    """What waits and what was sent, by channel and id, as the table has it.

    Attributes:
        posted: Every notice that was ever posted, by id.
    """

    trap: Trap = no_trap
    channels: Collection[Channel] = tuple(Channel)
    posted: dict[str, Notice] = field(default_factory=dict)
    waiting: dict[Channel, dict[str, str]] = field(default_factory=dict)
    sent: dict[Channel, dict[str, datetime]] = field(default_factory=dict)
    paces: dict[Channel, Pace] = field(default_factory=dict)
    used: dict[str, datetime] = field(default_factory=dict)
    writes: int = 0

    async def post(self, notice: Notice) -> tuple[Channel, ...]:
        """Store a notice for each configured channel, once."""
        await asyncio.sleep(0)
        self.trap("before post")
        self.posted.setdefault(notice.id, notice)
        wanted = tuple(c for c in dict.fromkeys(notice.channels) if c in self.channels)
        for channel in wanted:
            if notice.id not in self.sent.get(channel, {}):
                text = json.dumps(notice_to_json(notice))
                self.waiting.setdefault(channel, {}).setdefault(notice.id, text)
        self.trap("after post")
        return wanted

    async def backlog(self, channel: Channel, *, limit: int) -> tuple[Notice, ...]:
        """Return what waits for a channel, oldest first."""
        await asyncio.sleep(0)
        self.trap("read backlog")
        texts = self.waiting.get(channel, {}).values()
        found = [notice_of(json.loads(text)) for text in texts]
        return tuple(sorted(found, key=lambda one: (one.at, one.id))[:limit])

    async def drop(self, channel: Channel, notices: Sequence[Notice], *, at: datetime) -> None:
        """Note that these were sent; forget what was sent more than a day before."""
        await asyncio.sleep(0)
        self.trap("before drop")
        sent = self.sent.setdefault(channel, {})
        for one in notices:
            if self.waiting.get(channel, {}).pop(one.id, None) is not None:
                sent[one.id] = at
        self.sent[channel] = {name: then for name, then in sent.items() if then >= at - KEPT}
        self.trap("after drop")

    async def pace(self, channel: Channel) -> Pace:
        """Read how often a channel was written to, and how long it rests."""
        await asyncio.sleep(0)
        self.trap("read pace")
        return self.paces.get(channel, Pace(channel))

    async def keep_pace(self, pace: Pace) -> Pace:
        """Replace a pace that is still at its version."""
        await asyncio.sleep(0)
        self.trap("before keep pace")
        if self.paces.get(pace.channel, Pace(pace.channel)).etag != pace.etag:
            raise StaleFacts(f"somebody else writes to {pace.channel}")
        self.writes += 1
        self.paces[pace.channel] = kept = replace(pace, etag=f"v{self.writes}")
        self.trap("after keep pace")
        return kept

    async def use_once(self, key: str, *, at: datetime) -> bool:
        """Take what may be taken once a day."""
        await asyncio.sleep(0)
        self.trap("before use once")
        self.used = {name: then for name, then in self.used.items() if then >= at - KEPT}
        is_free = key not in self.used
        self.used.setdefault(key, at)
        self.trap("after use once")
        return is_free

    async def give_back(self, key: str) -> None:
        """Let it be taken again."""
        await asyncio.sleep(0)
        self.trap("before give back")
        self.used.pop(key, None)
        self.trap("after give back")


@dataclass
class FakeMessenger:
    """A channel that keeps what it takes.

    Attributes:
        down: Raised for every message, as long as it is set.
        refuses: Tells which messages it will never take.
    """

    channel: Channel = Channel.TEAMS
    trap: Trap = no_trap
    down: AutomationError | None = None
    refuses: Callable[[Sequence[Notice]], AutomationError | None] = lambda _: None
    messages: list[tuple[Notice, ...]] = field(default_factory=list)
    calls: int = 0

    async def send(self, notices: Sequence[Notice]) -> None:
        """Take a message, or raise."""
        await asyncio.sleep(0)
        self.calls += 1
        self.trap(f"before send {self.channel}")
        error = self.down or self.refuses(notices)
        if error is not None:
            raise error
        self.messages.append(tuple(notices))
        self.trap(f"after send {self.channel}")

    @property
    def told(self) -> list[str]:
        """Ids of the notices it was sent, in order, repeated ones too."""
        return [one.id for message in self.messages for one in message]
