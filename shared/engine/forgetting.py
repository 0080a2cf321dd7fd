"""Forgetting what nobody counts any more, as long as a tick may take."""

from __future__ import annotations

from datetime import timedelta

from shared.core.tallies import LONGEST_WINDOW
from shared.engine.night import Night

AT_ONCE = 200
MARGIN = timedelta(days=1)
"""Beyond the longest window: clocks differ, and nothing is gained by haste."""


async def forget_tallies(night: Night) -> tuple[int, bool]:
    """Delete tallies that no rule may count any more.

    Returns:
        How many, and whether all.
    """
    clock, forgotten = night.ports.clock, 0
    start = clock.now()
    before = start - LONGEST_WINDOW - MARGIN
    while clock.now() < start + night.settings.plan_budget:
        count = await night.ports.tallies.forget(before, AT_ONCE)
        forgotten += count
        if count < AT_ONCE:
            return forgotten, True
    return forgotten, False
