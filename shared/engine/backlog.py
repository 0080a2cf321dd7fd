"""How many plans are open, and since when the oldest of them: what a stuck night looks like.

Nothing here changes anything; it is read only where somebody watches.
"""

from __future__ import annotations

from datetime import datetime

from shared.core.errors import InvalidTarget
from shared.engine.night import Night
from shared.ports.telemetry import Telemetry

MOST_LOOKED_AT = 20


async def tell_backlog(night: Night, telemetry: Telemetry, count: int) -> None:
    """Tell how many plans a sweep found open, and the age of the oldest.

    Raises:
        RetryLater: The ledger could not be read; the next sweep comes soon.
    """
    if not telemetry.is_on:
        return
    oldest = await _oldest(night) if count else None
    now = night.ports.clock.now()
    age_s = max((now - oldest).total_seconds(), 0.0) if oldest is not None else 0.0
    telemetry.gauge("nightshift.plans.open", count)
    telemetry.gauge("nightshift.plans.oldest_open_age", age_s)


async def _oldest(night: Night) -> datetime | None:
    """Find since when the oldest open plan is open: the index gives the oldest first.

    An entry may be of a plan that is closed by now; a few of those are passed over.
    """
    left = MOST_LOOKED_AT
    async for plan_id in night.ports.ledger.open_plans():
        try:
            stored = await night.ports.ledger.find(plan_id)
        except InvalidTarget:  # a newer release's: its age is told when that is back
            stored = None
        if stored is not None and stored.plan.is_open:
            return stored.plan.created_at
        left -= 1
        if not left:
            return None
    return None
