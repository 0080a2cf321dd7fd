"""Notices in memory, with the same trap as the ledger's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from shared.core.notices import Notice
from tests.fakes.effects import Trap, no_trap


@dataclass
class FakeNotices:
    """Every notice that was ever posted, by id."""

    trap: Trap = no_trap
    posted: dict[str, Notice] = field(default_factory=dict)

    async def post(self, notice: Notice) -> None:
        """Store a notice once."""
        await asyncio.sleep(0)
        self.trap("before post")
        self.posted.setdefault(notice.id, notice)
        self.trap("after post")
