"""Reserving: what a decision writes down before its plan is stored, and takes back if not.

Two deliveries of one event share the plan and so its reservation. Each puts its own
stamp on it before it relies on it: a reservation is taken back only by the decision that
made it, and only while no other has put a stamp on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from shared.core import reservations
from shared.core.contexts import Context
from shared.core.errors import StaleFacts
from shared.core.tallies import Tally
from shared.engine import counting
from shared.engine.night import Night
from shared.engine.turns import Turn


@dataclass(slots=True)
class Claim:
    """What one decision has reserved for its plan.

    Attributes:
        stamps: Its stamp at each place, by the tally's key.
        own: Places where it was the first, and no other put a stamp on it since.
    """

    plan: str
    stamps: dict[str, datetime] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)

    async def reserve(self, night: Night, context: Context, turn: Turn) -> bool:
        """Store what opening the plan takes; False if somebody counted meanwhile: ask again.

        Raises:
            RetryLater: It could not be stored; what was stored before is found as stale.
        """
        for tally in reservations.reserve(context, self.stamps):
            try:
                await turn.save(night.ports.tallies, tally)
            except StaleFacts:
                return False
            self._stamped(context.tallies[tally.key], tally)
        return True

    def _stamped(self, before: Tally, after: Tally) -> None:
        """Note a stamp; what another put its stamp on meanwhile is one's own no more."""
        key, was = after.key, reservations.stamp_of(before, self.plan)
        stamp = reservations.stamp_of(after, self.plan)
        if stamp is None:
            return
        if was is None:
            self.own.add(key)
        elif was != self.stamps.get(key):
            self.own.discard(key)
        self.stamps[key] = stamp

    async def give_back(self, night: Night) -> None:
        """Take back what this decision reserved and nobody relies on: it opens no plan."""
        for key in sorted(self.own):
            stamp = self.stamps[key]

            def take_back(tally: Tally, stamp: datetime = stamp) -> Tally:
                return reservations.take_back(tally, self.plan, stamp)

            await counting.change(night, [key], take_back)
        self.own.clear()
        self.stamps.clear()
