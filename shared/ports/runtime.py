"""The clock, the queue that wakes plans, and the place for large or odd documents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol


class Clock(Protocol):
    """The only source of the present time and of a worker's own name."""

    def now(self) -> datetime:
        """Timezone-aware UTC."""
        ...

    def token(self) -> str:
        """A name nobody else has, for a lease's owner; never part of an id."""
        ...


class WakeQueue(Protocol):
    """The queue ``plans``: what is to be looked at again, and when."""

    async def put(self, message: Mapping[str, Any], *, delay: timedelta) -> None:
        """Store a message that becomes visible after ``delay`` (at most 7 days)."""
        ...


class Records(Protocol):
    """Documents too large, or too broken, for a table row."""

    async def keep(self, name: str, document: Mapping[str, Any]) -> None:
        """Store a JSON document under a name; the first one stored stands."""
        ...

    async def put(self, name: str, document: Mapping[str, Any]) -> None:
        """Store a JSON document under a name; the last one stored stands."""
        ...

    async def read(self, name: str) -> Mapping[str, Any] | None:
        """Return a document, or None."""
        ...

    async def quarantine(self, name: str, body: bytes, *, why: str, source: str) -> None:
        """Keep what could not be parsed, as it came, with the reason; repeatable."""
        ...

    async def archive(self, name: str, document: bytes) -> None:
        """Keep a copy of a delivery; ``name`` is a path of letters, digits and ``.-_/``."""
        ...

    async def forget_archive(self, *, before: str, limit: int) -> int:
        """Delete the first ``limit`` copies, as far as their names sort before ``before``.

        Returns:
            How many were deleted; fewer than ``limit`` means that no more are left.
        """
        ...
