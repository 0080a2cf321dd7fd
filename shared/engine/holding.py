"""Reminders: a Hold that names a moment is looked at again then, by itself.

What holds for long is asked about less and less often, and in the end no more.
"""

from __future__ import annotations

from datetime import timedelta

from shared.core.decisions import Hold
from shared.engine.night import Night
from shared.engine.request import Answer, Request, again
from shared.engine.rulings import is_worth_a_reminder

PROMPT_REMINDERS = 10
MOST_REMINDERS = 300  # a day, at the longest patience
LONGEST_PATIENCE = timedelta(minutes=5)
LONGEST_DELAY = timedelta(days=6)  # a message of the queue lives for seven
_NOTHING = timedelta(0)


def patience(attempt: int) -> timedelta:
    """Return how long to wait at least before the next reminder: none, then longer."""
    if attempt < PROMPT_REMINDERS:
        return _NOTHING
    doublings = min(attempt - PROMPT_REMINDERS, 10)
    return min(timedelta(seconds=2**doublings), LONGEST_PATIENCE)


async def remember_hold(night: Night, given: Answer, request: Request) -> Answer:
    """Queue a reminder for a Hold that names a time, so that it is kept."""
    moments = [
        r.decision.until
        for r in given.rulings
        if isinstance(r.decision, Hold)
        and r.decision.until is not None
        and is_worth_a_reminder(r.decision, given.signal)
    ]
    is_kept = not request.is_dry_run and request.rules is None
    if moments and is_kept and request.attempt < MOST_REMINDERS:
        wanted = max(min(moments) - night.ports.clock.now(), patience(request.attempt))
        message = again(given.signal, request)
        await night.ports.queue.put(message, delay=min(wanted, LONGEST_DELAY))
    return given
