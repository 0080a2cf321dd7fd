"""Tallies: who acted, or failed, where and when; what the counting guardrails count.

One tally a place: a rule, a pool, a zone, a target. It is stored by a conditional
write, so that of fifty that count at once each sees the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One plan, strike or failure.

    Attributes:
        token: Plan id; for a strike or a failure the event's id and its target's hash.
        target: Full ARM id, folded.
        at: When it began, aware UTC.
        ended_at: When the plan closed, or None: it may still be under way.
        outcome: How the plan closed (``PlanOutcome``), or empty.
        amount: What it costs, for money.
        rule: Whose it is.
        event: Id of its event, so that a reset can look again.
        is_involuntary: The platform made it.
    """

    token: str
    target: str
    at: datetime
    ended_at: datetime | None = None
    outcome: str = ""
    amount: float = 0.0
    rule: str = ""
    event: str = ""
    is_involuntary: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted at one place.

    Attributes:
        key: Names the place: ``{what}|{scope}|{value}``, folded.
        tripped_at: Since when the breaker is open; None if it is closed.
        canary: Plan that tries whether the storm is over, or empty.
        etag: Version of the row; empty if there is none yet.
    """

    key: str
    entries: tuple[Entry, ...] = ()
    tripped_at: datetime | None = None
    canary: str = ""
    etag: str = ""
