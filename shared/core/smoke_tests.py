"""Smoke tests: made-up events that go the whole way in and end as dry runs.

An event is one only if its id is a ticket that this app gave out, for this way in, not
long ago. The prefix alone says nothing: an event that merely looks like one is heard like
any other. A ticket's id is drawn by the app and names no incident of the platform's, so
that no ticket can stand in the way of a real event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

PREFIX = "nightshift-smoke-"
LIVES = timedelta(minutes=15)
"""How long a ticket counts: Event Grid's first retries come within ten minutes."""


class Inlet(StrEnum):
    """A way in that can be tried."""

    EVENT_GRID = "event_grid"
    QUEUE = "queue"
    ALERT = "alert"
    RUNBOOK = "runbook"
    TIMER = "timer"


SOURCES: Mapping[Inlet, frozenset[str]] = {
    Inlet.EVENT_GRID: frozenset({"scheduled_events"}),
    Inlet.QUEUE: frozenset({"machine_learning"}),
    Inlet.ALERT: frozenset({"common_alert"}),
    Inlet.RUNBOOK: frozenset({"runbook"}),
    Inlet.TIMER: frozenset({"tick"}),
}
"""Which parser a ticket's event comes through: a ticket for one way counts on no other."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave for one made-up event.

    Attributes:
        id: The event's id; begins with ``PREFIX``.
        target: What the dry run is about, whatever target the event names.
    """

    id: str
    inlet: Inlet
    target: str
    issued_at: datetime

    def is_good(self, source: str, now: datetime) -> bool:
        """Tell whether an event that came through this source now is the one meant."""
        return source in SOURCES[self.inlet] and now < self.issued_at + LIVES


def looks_like_one(event_id: str) -> bool:
    """Tell whether asking for a ticket is worth a read; no more than that."""
    return event_id.startswith(PREFIX)
