"""Storm and breaker: when too much fails at once, a rule's idea of the cause is wrong.

The breaker of a place is closed, open, or half-open:

    closed      failures are counted; too many in the window open it
    open        nothing voluntary; each new failure makes it last longer
    half-open   ``wait`` after the last failure: one plan, the canary, tries
                done: closed, and what failed before is forgiven
                else: open again for ``wait``

All of it is in the tally, so that no restart forgets it. A failure that is forgiven
stays written down, because the same event may be heard again. What the platform does
by itself, and what takes an effect back, is never asked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction

from shared.core.contexts import LOOK_AGAIN, Context
from shared.core.decisions import Hold, Reason
from shared.core.durations import format_duration
from shared.core.places import place_key
from shared.core.plans import PlanOutcome
from shared.core.signals import Signal, SignalType
from shared.core.tallies import (
    BREAKER,
    Entry,
    Tally,
    event_token,
    fold,
    put,
    recent,
    seen_at,
)
from shared.core.terms import Breaker

FORGIVEN, STALE_FAILURE = "forgiven", "stale"
DELIVERY = timedelta(minutes=15)
"""How late an event may be and still be news: a metric alert's window and Event Grid's
first six retries (10 s to 10 min) fit in it.

Source: https://learn.microsoft.com/azure/event-grid/delivery-and-retry
"""


def is_failure(
    signal: Signal, created_at: datetime | None, breaker: Breaker, now: datetime
) -> bool:
    """Tell whether an event says that its target fails.

    Not what the platform does by itself, not what a tick or a person asks for, and not
    a machine that is younger than ``young``: it is being set up. One whose age nobody
    knows counts.
    """
    is_asked_for = signal.is_recurring or signal.source in {"tick", "runbook"}
    if signal.is_involuntary or is_asked_for or not signal.phase.opens:
        return False
    if signal.type in {
        SignalType.COMPUTE_IDLE,
        SignalType.COMPUTE_SCHEDULE,
        SignalType.RUNBOOK,
    }:
        return False
    return created_at is None or now - created_at >= breaker.young


def failed_at(signal: Signal, now: datetime) -> datetime:
    """Return when a failure counts: when it is heard, or when it was if that is long ago.

    Alerts take minutes to arrive, so that a window of one minute would never see two of
    them; but what an outage delivered hours late is no storm of now.
    """
    seen = seen_at(signal, now)
    return now if now - seen <= DELIVERY else seen


def note_failure(tally: Tally, signal: Signal, now: datetime) -> Tally:
    """Count an event as a failure of its target.

    The same event is one failure however often it is delivered, and none once it is
    forgiven.
    """
    token = event_token(signal.event_id, signal.target)
    at = failed_at(signal, now)
    noted = put(tally, Entry(token, fold(signal.target), at, event=signal.event_id))
    return tally if noted is tally else replace(noted, entries=recent(noted.entries, now))


def failing(tally: Tally, breaker: Breaker, now: datetime) -> frozenset[str]:
    """Return the targets that failed within the window and were not forgiven."""
    return frozenset(
        one.target
        for one in tally.entries
        if one.is_open and one.is_within(breaker.within, now)
    )


def threshold(breaker: Breaker, population: int | None) -> int | None:
    """Return how many failed targets open a breaker; None if nobody can tell.

    The lesser of the count and, in pools larger than ``small_pool``, the percentage
    rounded up. One at least: where nothing failed there is no storm.
    """
    known = [] if breaker.count is None else [breaker.count]
    if breaker.percent is not None and population is not None:
        if population > breaker.small_pool:
            known.append(-int(-population * Fraction(str(breaker.percent)) // 100))
        elif not known:
            known.append(population + 1)  # of so few, no percentage is a storm
    return max(1, min(known)) if known else None


def trip(tally: Tally, breaker: Breaker, population: int | None, now: datetime) -> Tally:
    """Open the breaker if too much fails and it is not open."""
    limit = threshold(breaker, population)
    if tally.tripped_at is not None or limit is None:
        return tally
    if len(failing(tally, breaker, now)) < limit:
        return tally
    return replace(tally, tripped_at=now, threshold=limit, canary="", canary_at=None)


def tries_at(tally: Tally, breaker: Breaker) -> datetime | None:
    """Return when a canary may try; None if the breaker is closed."""
    if tally.tripped_at is None:
        return None
    failures = (one.at for one in tally.entries if one.is_open)
    return max(tally.tripped_at, *failures) + breaker.wait


def half_open(tally: Tally, plan_id: str, now: datetime) -> Tally:
    """Let one plan try; the first stays the one, and tries from when it is opened."""
    is_other = tally.canary not in {"", plan_id}
    is_noted = (
        tally.canary == plan_id and tally.canary_at is not None and tally.canary_at >= now
    )
    if tally.tripped_at is None or is_other or is_noted:
        return tally
    return replace(tally, canary=plan_id, canary_at=now)


def canary_ended(tally: Tally, plan_id: str, outcome: str, now: datetime) -> Tally:
    """Close the breaker if the canary is done; else it stays open for another ``wait``.

    What failed after the canary began is not forgiven: it may be the next storm.
    """
    if not plan_id or tally.canary != plan_id:
        return tally
    over = replace(tally, canary="", canary_at=None)
    if tally.tripped_at is None:
        return over
    if outcome != PlanOutcome.DONE:
        return replace(over, tripped_at=now)
    began = tally.canary_at or now
    before = {one.token for one in tally.entries if one.at <= began}
    return _closed(_forgive(over, before, FORGIVEN, now))


def reset(tally: Tally, still_failing: Collection[str], now: datetime) -> Tally:
    """Drop the failures that nobody sees any more; close if the rest is no storm.

    Args:
        still_failing: Tokens of the failures that are true still, by a fresh look.
    """
    stale = {one.token for one in tally.entries} - set(still_failing)
    left = _forgive(tally, stale, STALE_FAILURE, now)
    targets = {one.target for one in left.entries if one.is_open}
    if left.tripped_at is not None and len(targets) < max(1, left.threshold):
        return _closed(left)
    return left


def _forgive(tally: Tally, tokens: Collection[str], why: str, now: datetime) -> Tally:
    return replace(
        tally,
        entries=tuple(
            replace(one, ended_at=now, outcome=why)
            if one.is_open and one.token in tokens
            else one
            for one in tally.entries
        ),
    )


def _closed(tally: Tally) -> Tally:
    return replace(tally, tripped_at=None, threshold=0, canary="", canary_at=None)


def breaker_key(context: Context) -> str:
    """Name the tally of the place that the rule's breaker watches, or empty for none."""
    terms = context.breaker
    place = context.keys.get(terms.scope) if terms is not None else None
    return place_key(BREAKER, terms.scope, place) if terms and place else ""


def hear(context: Context, tally: Tally) -> Tally:
    """Count the event that is being judged, and open the breaker if it is one too many."""
    terms = context.breaker
    if terms is None or context.signal.is_involuntary:
        return tally
    heard = tally
    if is_failure(context.signal, context.created_at, terms, context.now):
        heard = note_failure(tally, context.signal, context.now)
    return trip(heard, terms, context.population, context.now)


def breaker(context: Context) -> Hold | None:
    """Hold what is voluntary in a storm, and until one canary has shown that it is over."""
    terms, key = context.breaker, breaker_key(context)
    if terms is None:
        return None
    if not key and context.keys:
        return None  # in no scale set, or whatever the breaker watches
    tally = context.tally(key)
    if isinstance(tally, Hold):
        return tally
    if threshold(terms, context.population) is None:
        return Hold(
            Reason.NO_DATA,
            context.now + LOOK_AGAIN,
            "nobody knows how large its pool is, and the breaker has a percentage alone",
        )
    heard = hear(context, tally)
    due = tries_at(heard, terms)
    if due is None:
        return None
    if tally.tripped_at is None:
        return Hold(Reason.STORM, due, _storm(heard, terms, context))
    return _while_open(context, heard, due)


def _while_open(context: Context, tally: Tally, due: datetime) -> Hold | None:
    if tally.canary:
        if tally.canary == context.plan_id:
            return None
        words = f"plan {tally.canary} tries whether the storm is over"
        return Hold(Reason.BREAKER_OPEN, context.now + LOOK_AGAIN, words)
    if context.now >= due:
        return None
    since = tally.tripped_at.strftime("%Y-%m-%dT%H:%M:%SZ") if tally.tripped_at else ""
    words = f"open since {since}; one plan may try when nothing new has failed for a while"
    return Hold(Reason.BREAKER_OPEN, due, words)


def _storm(tally: Tally, terms: Breaker, context: Context) -> str:
    failed = len(failing(tally, terms, context.now))
    place = context.keys[terms.scope].rpartition("/")[2]
    return (
        f"{failed} targets of {terms.scope} {place} failed within "
        f"{format_duration(terms.within)}; {tally.threshold} are a storm"
    )
