"""Waves in memory, with the same trap as the ledger's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from shared.core.errors import StaleFacts
from shared.core.waves import Wave
from tests.fakes.effects import Trap, no_trap


@dataclass
class FakeWaves:
    """Every job's last wave, by key; a version number stands for the ETag."""

    trap: Trap = no_trap
    stored: dict[str, Wave] = field(default_factory=dict)
    version: int = 0

    async def read(self, key: str) -> Wave:
        """Read a wave."""
        await asyncio.sleep(0)
        self.trap("read wave")
        return self.stored.get(key, Wave(key))

    async def save(self, wave: Wave) -> Wave:
        """Store a wave if nobody did since it was read."""
        await asyncio.sleep(0)
        self.trap("before wave")
        found = self.stored.get(wave.key)
        if wave.etag != (found.etag if found is not None else ""):
            raise StaleFacts(f"somebody else wrote the wave of {wave.key}")
        self.version += 1
        kept = self.stored[wave.key] = replace(wave, etag=f"v{self.version}")
        self.trap("after wave")
        return kept
