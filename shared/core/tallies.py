"""Tallies: who acted, or failed, where and when; what the counting guardrails count.

One tally a place: a rule, a pool, a zone, a target. It is stored by a conditional
write, so that of fifty that count at once each sees the others. How keys are made is
in ``shared.core.places``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.plans import PlanOutcome, plan_id
from shared.core.signals import Signal
from shared.core.terms import Strikes

PLANS, MONEY, CANARY, BREAKER, STRIKES = "plans", "money", "canary", "breaker", "strikes"
LONGEST_WINDOW = timedelta(days=31)
"""What is older is forgotten; no rule may count over a longer time."""
MOST_ENTRIES = 2_000
MOST_COUNT = 1_000
"""The highest count a limit may state: half of what is kept, so that it is exact."""
STALE = timedelta(minutes=5)
"""An entry that is open for longer may be of a plan that a crash kept from opening."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
NO_FAILURE = frozenset({PlanOutcome.DONE.value, PlanOutcome.WITHDRAWN.value})
"""Outcomes that count as no failure: it worked, or it was not wanted any more."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One plan, strike or failure.

    Attributes:
        token: Plan id; for a strike or a failure ``event_token``.
        target: Full ARM id, folded.
        at: When it began, aware UTC; for a strike when the source saw the event, for a
            failure see ``breakers.failed_at``.
        ended_at: When the plan closed, or the failure was forgiven; None: it may still
            be under way.
        outcome: How the plan closed (``PlanOutcome``), or empty.
        amount: What it costs, for money.
        rule: Whose it is.
        event: Id of its event, so that a reset can look again.
        is_involuntary: The platform made it.
        unknown: What a newer release wrote beside all this; kept as it is.
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
    unknown: tuple[Any, ...] = ()

    @property
    def is_open(self) -> bool:
        """Tell whether it has not ended as far as anybody wrote down."""
        return self.ended_at is None

    @property
    def has_failed(self) -> bool:
        """Tell whether the plan closed as anything but done or withdrawn."""
        return self.ended_at is not None and self.outcome not in NO_FAILURE

    def is_within(self, window: timedelta, now: datetime) -> bool:
        """Tell whether it began less than a time ago."""
        return now - window < self.at


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted at one place.

    Attributes:
        key: Names the place; see ``shared.core.places``.
        tripped_at: Since when the breaker is open; None if it is closed.
        threshold: Failed targets that tripped it.
        canary: Plan that tries whether the storm is over, or empty.
        canary_at: Since when.
        unknown: What a newer release wrote beside all this; kept as it is.
        etag: Version of the row; empty if there is none yet.
    """

    key: str
    entries: tuple[Entry, ...] = ()
    tripped_at: datetime | None = None
    canary: str = ""
    etag: str = ""
    threshold: int = 0
    canary_at: datetime | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What is counted: the first word of the key."""
        return self.key.partition("|")[0]

    def find(self, token: str) -> Entry | None:
        """Return the entry of a token, or None."""
        return next((one for one in self.entries if one.token == token), None)


def fold(resource_id: str) -> str:
    """Write an ARM id as it stands in keys and entries."""
    return resource_id.strip().rstrip("/").casefold()


def event_token(event_id: str, target: str) -> str:
    """Name an event about a target, whatever its id contains."""
    return plan_id("", event_id, target)


def seen_at(signal: Signal, now: datetime) -> datetime:
    """Return when the source saw it, never in the future: a fast clock opens no door."""
    return min(signal.observed_at, now)


def strike(tally: Tally, signal: Signal, strikes: Strikes, now: datetime) -> tuple[Tally, int]:
    """Count an event about a target; return how many there were in time, with this one.

    By when the source saw them, so that late delivery and any order count alike, and an
    event that was held for hours has as many as when it came: the most in any span of
    ``within`` that this event is in. The same event again is the same strike.
    """
    token = event_token(signal.event_id, signal.target)
    own = Entry(token, fold(signal.target), seen_at(signal, now), event=signal.event_id)
    struck = put(tally, own)
    if struck is not tally:
        struck = replace(struck, entries=recent(struck.entries, now))
    at = (struck.find(token) or own).at
    seen = [one.at for one in struck.entries]
    ends = [end for end in seen if at <= end < at + strikes.within] or [at]
    counts = (sum(1 for one in seen if end - strikes.within < one <= end) for end in ends)
    return struck, max(counts)


def put(tally: Tally, *entries: Entry) -> Tally:
    """Add entries that are not there yet."""
    known = {one.token for one in tally.entries}
    new = tuple(one for one in entries if one.token not in known)
    return replace(tally, entries=(*tally.entries, *new)) if new else tally


def note_begun(tally: Tally, *entries: Entry) -> Tally:
    """Write down what is never limited: involuntary plans, several at once if need be."""
    latest = max((one.at for one in entries), default=None)
    noted = put(tally, *entries)
    if latest is None or noted is tally:
        return tally
    return replace(noted, entries=kept(noted.entries, latest))


def release(tally: Tally, token: str) -> Tally:
    """Take back what was reserved for a plan that was never opened."""
    found = tally.find(token)
    if tally.kind == BREAKER:
        if tally.canary != token:
            return tally
        return replace(tally, canary="", canary_at=None)
    if found is None or not found.is_open:
        return tally
    return replace(tally, entries=tuple(one for one in tally.entries if one is not found))


def mark_ended(tally: Tally, token: str, outcome: str, now: datetime) -> Tally:
    """Write down how a plan ended; the first end stands."""
    found = tally.find(token)
    if found is None or not found.is_open:
        return tally
    ended = replace(found, ended_at=now, outcome=outcome)
    return replace(
        tally, entries=tuple(ended if one is found else one for one in tally.entries)
    )


def stale_tokens(tally: Tally, now: datetime) -> tuple[str, ...]:
    """Name plans whose reservation is old and open: the ledger knows if they exist.

    What the ledger has never heard of is released, what it closed is ended, what it
    has open stays.
    """
    if tally.kind == STRIKES:
        return ()
    if tally.kind == BREAKER:
        is_old = tally.canary_at is not None and tally.canary_at + STALE <= now
        return (tally.canary,) if tally.canary and is_old else ()
    return tuple(one.token for one in tally.entries if one.is_open and one.at + STALE <= now)


def idle_since(tally: Tally) -> datetime | None:
    """Tell since when nothing was counted here that a plan or a breaker still needs.

    None while it must stay whatever its age: an open breaker, and a plan that nobody
    wrote down as ended. Strikes and failures are never ended, they only grow old.
    """
    if tally.tripped_at is not None or tally.canary:
        return None
    if tally.kind not in {STRIKES, BREAKER} and any(one.is_open for one in tally.entries):
        return None
    moments = (moment for one in tally.entries for moment in (one.at, one.ended_at) if moment)
    return max(moments, default=_LONG_AGO)


def kept(
    entries: Iterable[Entry],
    now: datetime,
    window: timedelta = LONGEST_WINDOW,
    most: int = MOST_ENTRIES,
) -> tuple[Entry, ...]:
    """Forget what has ended and no window can count any more, and the oldest of too many.

    Each target's newest entry is kept before any target's second one, because limits
    count targets.
    """
    since = now - window
    young = [one for one in entries if one.ended_at is None or since < one.at]
    if len(young) <= most:
        return tuple(young)
    first: list[Entry] = []
    rest: list[Entry] = []
    seen: set[str] = set()
    for one in sorted(young, key=lambda one: one.at, reverse=True):
        (rest if one.target in seen else first).append(one)
        seen.add(one.target)
    tokens = {one.token for one in [*first, *rest][:most]}
    return tuple(one for one in young if one.token in tokens)


def recent(entries: Iterable[Entry], now: datetime) -> tuple[Entry, ...]:
    """Forget strikes and failures that are too old, though nothing ever ends them."""
    return kept((one for one in entries if one.is_within(LONGEST_WINDOW, now)), now)


def leaving(moments: Iterable[datetime], allowed: int) -> datetime | None:
    """Tell when so many of what counts have left that one more is allowed.

    Args:
        moments: When each one leaves its window; as many as ``allowed`` or more.
        allowed: What may be there at most; None is returned for 0, which is never.
    """
    ordered = sorted(moments)
    return ordered[len(ordered) - allowed] if allowed > 0 else None


def merged(tallies: Mapping[str, Tally], changed: Iterable[Tally]) -> dict[str, Tally]:
    """Lay changed tallies over those that were read."""
    return {**tallies, **{one.key: one for one in changed}}
