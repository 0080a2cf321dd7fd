"""What people oversee: counted limits, questions to them, and what they are told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from shared.core.approvals import Approval
from shared.core.notice import Notice
from shared.core.pacing import Pace
from shared.core.tallies import Tally
from shared.core.terms import Channel


class Tallies(Protocol):
    """Counts that hold across instances and restarts."""

    async def read(self, keys: Sequence[str]) -> dict[str, Tally]:
        """Read tallies at once; one that does not exist yet comes empty."""
        ...

    async def save(self, tally: Tally) -> Tally:
        """Store a tally that is still at ``tally.etag``; return it as it is now.

        Raises:
            StaleFacts: Somebody else counted meanwhile: read again.
        """
        ...

    async def tripped(self) -> tuple[Tally, ...]:
        """Return the breakers that are open."""
        ...

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete tallies in which nothing was counted since a moment; see ``idle_since``.

        One that somebody counts in meanwhile stays.

        Args:
            limit: How many at most.

        Returns:
            How many there were; fewer than ``limit`` if there are no more.
        """
        ...


class Approvals(Protocol):
    """Questions to people; decided by one conditional write."""

    async def ask(self, approval: Approval) -> Approval:
        """Store a question; if there is one of that id, that one stands and is returned."""
        ...

    async def find(self, approval_id: str) -> Approval | None:
        """Return a question, whatever its state; None for what has not the form of an id."""
        ...

    async def save(self, approval: Approval) -> Approval:
        """Replace a question that is still at ``approval.etag``.

        Raises:
            StaleFacts: Somebody decided meanwhile.
        """
        ...

    async def unsettled(self) -> tuple[Approval, ...]:
        """Return what is not settled (``Approval.is_settled``), oldest first."""
        ...

    async def about(self, plan_id: str) -> tuple[Approval, ...]:
        """Return what is not settled about one plan, at the cost of that alone."""
        ...


class Notices(Protocol):
    """Messages that wait to be sent; stored before what they tell of is done."""

    async def post(self, notice: Notice) -> tuple[Channel, ...]:
        """Store a notice for each of its channels that is configured.

        The same one again is one, for a day after it was sent, too.

        Returns:
            Those channels; empty if nobody will be told.
        """
        ...

    async def backlog(self, channel: Channel, *, limit: int) -> tuple[Notice, ...]:
        """Return what waits for a channel, oldest first; what cannot be read stays."""
        ...

    async def drop(self, channel: Channel, notices: Sequence[Notice], *, at: datetime) -> None:
        """Note that these were sent at a moment: they wait no longer."""
        ...

    async def pace(self, channel: Channel) -> Pace:
        """Read how often a channel was written to, and how long it rests."""
        ...

    async def keep_pace(self, pace: Pace) -> Pace:
        """Replace a pace that is still at ``pace.etag``.

        Raises:
            StaleFacts: Somebody else writes to the channel.
        """
        ...

    async def use_once(self, key: str, *, at: datetime) -> bool:
        """Take what may be taken once a day; False if it was taken before."""
        ...

    async def give_back(self, key: str) -> None:
        """Let it be taken again: what it was taken for did not happen."""
        ...


class Messenger(Protocol):
    """Sends to one channel."""

    @property
    def channel(self) -> Channel:
        """Which one."""
        ...

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send notices as one message.

        Raises:
            RetryLater: It was not taken; ``after`` says when to try again.
            GiveUp: It never will be: these notices are kept aside with the reason.
        """
        ...
