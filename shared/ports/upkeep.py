"""What looking after the app itself asks: its storage, its rights, its forwarders.

Nothing here is needed to answer an event, but for one read of an event that says it is a
smoke test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from shared.core.beats import Beat
from shared.core.grants import Grant
from shared.core.smoke_tests import Ticket


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token of the app's identity says it is; empty where it does not say."""

    object_id: str = ""
    client_id: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in a queue or a container; not there at all if ``count`` is None.

    Attributes:
        count: How many, as the service counts; of a container at most the asked-for limit.
        oldest: When the oldest came, if the service says so.
        is_public: Anybody may read it without a token.
    """

    count: int | None = None
    oldest: datetime | None = None
    is_public: bool = False


@dataclass(frozen=True, slots=True)
class Roll:
    """Some forwarders, and where to go on from; empty at the end."""

    beats: tuple[Beat, ...]
    next: str = ""


class Premises(Protocol):
    """Where the app lives, seen with its own identity."""

    async def identity(self) -> Identity:
        """Say whom a fresh token for the resource manager names."""
        ...

    async def grants(self, scope: str) -> tuple[Grant, ...]:
        """Read what the app's identity may do at a scope."""
        ...

    async def tables(self) -> frozenset[str]:
        """Name the tables of the app's storage."""
        ...

    async def queue(self, name: str) -> Contents:
        """Count the messages of a queue."""
        ...

    async def container(self, name: str, *, limit: int) -> Contents:
        """Count the blobs of a container, and find the oldest of them."""
        ...

    async def clock_ahead(self) -> timedelta:
        """Tell how far the storage service's clock is ahead of this machine's."""
        ...

    async def reach(self, url: str) -> int:
        """Tell which status an address answers with; any answer shows that it is there."""
        ...

    async def put_event(self, body: bytes) -> None:
        """Put an event into the queue that Event Grid fills, as Event Grid does."""
        ...

    def about(self) -> Mapping[str, Any]:
        """Say what the platform calls this app: ``app_id``, ``instance``, ``python``."""
        ...


class Forwarders(Protocol):
    """The roll of forwarders: each machine's last word."""

    async def note(self, beat: Beat) -> None:
        """Keep a beat in place of the machine's last one."""
        ...

    async def roll(self, *, limit: int, after: str = "") -> Roll:
        """Return forwarders page by page, in an order that stays."""
        ...

    async def silent(self, before: datetime, *, limit: int) -> tuple[Beat, ...]:
        """Return those that were due to be heard again before a moment."""
        ...

    async def drop(self, machines: Sequence[str]) -> None:
        """Take machines off the roll."""
        ...


class Tickets(Protocol):
    """Leave for smoke tests."""

    async def issue(self, ticket: Ticket) -> None:
        """Store a ticket."""
        ...

    async def find(self, ticket_id: str) -> Ticket | None:
        """Return a ticket, whatever its age."""
        ...

    async def waiting(self) -> tuple[Ticket, ...]:
        """Return the timer's tickets, whatever their age; forgets what is long over."""
        ...


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Everything that looking after the app may touch."""

    premises: Premises
    forwarders: Forwarders
    tickets: Tickets
