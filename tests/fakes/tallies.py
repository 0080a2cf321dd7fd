"""Tallies in memory, with the same trap as the ledger's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.core.errors import StaleFacts
from shared.core.tallies import Tally, idle_since
from tests.fakes.effects import Trap, no_trap


@dataclass
class FakeTallies:
    """Every tally that was ever stored, by key; a version number stands for the ETag."""

    trap: Trap = no_trap
    stored: dict[str, Tally] = field(default_factory=dict)
    version: int = 0

    async def read(self, keys: Sequence[str]) -> dict[str, Tally]:
        """Read tallies."""
        await asyncio.sleep(0)
        self.trap("read tallies")
        return {key: self.stored.get(key, Tally(key)) for key in keys}

    async def save(self, tally: Tally) -> Tally:
        """Store a tally if nobody did since it was read."""
        await asyncio.sleep(0)
        self.trap("before count")
        found = self.stored.get(tally.key)
        if tally.etag != (found.etag if found is not None else ""):
            raise StaleFacts(f"somebody else counted at {tally.key}")
        self.version += 1
        kept = self.stored[tally.key] = replace(tally, etag=f"v{self.version}")
        self.trap("after count")
        return kept

    async def tripped(self) -> tuple[Tally, ...]:
        """Return the breakers that are open."""
        await asyncio.sleep(0)
        self.trap("read breakers")
        return tuple(one for one in self.stored.values() if one.tripped_at is not None)

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete what has been idle for long."""
        await asyncio.sleep(0)
        self.trap("before forget")
        old = [
            key
            for key, tally in sorted(self.stored.items())
            if (since := idle_since(tally)) is not None and since < before
        ]
        for key in old[:limit]:
            del self.stored[key]
        return len(old[:limit])
