"""Maintenance notices that can be acknowledged, in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from shared.core.errors import InvalidTarget
from tests.fakes.effects import Trapped


@dataclass(kw_only=True)
class FakeMaintenance(Trapped):
    """What was acknowledged; a resource that is not there has no notice.

    Attributes:
        owners: Folded ids of the resources there are; None for every one.
    """

    owners: set[str] | None = None
    acknowledged: list[tuple[str, str]] = field(default_factory=list)

    async def acknowledge(self, owner: str, event_id: str) -> None:
        """Let the platform begin."""
        await asyncio.sleep(0)
        self.before("acknowledge")
        if self.owners is not None and owner.casefold() not in self.owners:
            raise InvalidTarget(f"acknowledging {event_id}: there is no {owner}")
        self.acknowledged.append((owner, event_id))
        self.happened("acknowledge", owner)
