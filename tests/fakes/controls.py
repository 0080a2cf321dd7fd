"""Pauses in memory, with the same trap as the ledger's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.core.pauses import Pause
from tests.fakes.effects import Trap, no_trap


@dataclass
class FakeControls:
    """Every pause there ever was, by id."""

    trap: Trap = no_trap
    stored: dict[str, Pause] = field(default_factory=dict)

    async def pauses(self) -> tuple[Pause, ...]:
        """Read the pauses that nobody lifted."""
        await asyncio.sleep(0)
        self.trap("read pauses")
        return tuple(one for one in self.stored.values() if one.lifted_at is None)

    async def pause(self, pause: Pause) -> Pause:
        """Store a pause, unless there is one of that id."""
        await asyncio.sleep(0)
        self.trap("before pause")
        kept = self.stored.setdefault(pause.id, pause)
        self.trap("after pause")
        return kept

    async def find(self, pause_id: str) -> Pause | None:
        """Return a pause."""
        await asyncio.sleep(0)
        return self.stored.get(pause_id)

    async def lift(self, pause_id: str, *, by: str, at: datetime) -> Pause | None:
        """End a pause now, unless somebody did."""
        await asyncio.sleep(0)
        self.trap("before lift")
        found = self.stored.get(pause_id)
        if found is not None and found.lifted_at is None:
            found = self.stored[pause_id] = replace(found, lifted_by=by, lifted_at=at)
        self.trap("after lift")
        return found
