"""Reservations: what opening a plan changes in the tallies, and what its end changes.

The engine reads ``tally_keys``, asks the guardrails, and stores what ``reserve`` gives
one by one in that order, each only if it is as it was read; if somebody counted
meanwhile it reads and asks again. A plan's own reservation counts as itself, so that
going on after a crash is no second plan. What two of fifty cannot both reserve, one of
them does not: that is what makes limits exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from shared.core import breakers
from shared.core.canaries import has_room, standing
from shared.core.contexts import Context
from shared.core.places import canary_key, money_key, place_key
from shared.core.tallies import (
    BREAKER,
    PLANS,
    Entry,
    Tally,
    kept,
    mark_ended,
    note_begun,
    release,
)
from shared.core.terms import LimitScope

Stamps = Mapping[str, datetime]


def tally_keys(context: Context) -> tuple[str, ...]:
    """Name every tally that is asked or written for this plan, in one fixed order.

    The pool's always, because voluntary work waits while an eviction is under way in
    it. An eviction is counted there and nowhere else: it waits for no count.
    """
    keys = set(_plan_keys(context))
    if not context.signal.is_involuntary:
        if context.budget is not None and context.budget.money is not None:
            keys.add(money_key(context.rule))
        if context.canary is not None:
            keys.add(canary_key(context.rule, context.rule_hash))
        keys.add(breakers.breaker_key(context))
    return tuple(sorted(keys - {""}))


def _plan_keys(context: Context) -> set[str]:
    scopes = {LimitScope.POOL}
    if not context.signal.is_involuntary:
        scopes |= {limit.scope for limit in context.limits} | context.counted
        if context.budget is not None and context.budget.retries is not None:
            scopes.add(LimitScope.TARGET)
    known = context.keys
    return {place_key(PLANS, scope, known[scope]) for scope in scopes if scope in known}


def entry_of(context: Context, at: datetime) -> Entry:
    """Write down the plan that is being opened."""
    return Entry(
        token=context.plan_id,
        target=context.target,
        at=at,
        rule=context.rule,
        event=context.signal.event_id,
        is_involuntary=context.signal.is_involuntary,
    )


def heard(context: Context) -> tuple[Tally, ...]:
    """Return what is to be stored although the plan is refused: the failure it tells of."""
    key = breakers.breaker_key(context)
    tally = context.tallies.get(key)
    if not key or tally is None or context.is_dry_run:
        return ()
    after = breakers.hear(context, tally)
    return () if after is tally else (after,)


def reserve(context: Context, stamps: Stamps | None = None) -> tuple[Tally, ...]:
    """Return the tallies that opening this plan changes, in the order to store them.

    Every one that opens plans stores in the same order, so that no two wait for each
    other. Empty if all of it is reserved already. Ask the guardrails first.

    Args:
        stamps: What this very decision wrote before, by key: ``stamp_of``. What another
            delivery of the event wrote gets a new stamp, so that it is not taken back.
    """
    changed = [
        begin(tally, entry_of(context, _begins_at(context, tally, stamps)))
        for key in _plan_keys(context)
        if (tally := context.tallies.get(key)) is not None
    ]
    if not context.signal.is_involuntary:
        changed += _money(context, stamps) + _canary(context, stamps)
        changed += _breaker(context, stamps)
    new = [one for one in changed if one is not context.tallies[one.key]]
    return tuple(sorted(new, key=lambda one: one.key))


def stamp_of(tally: Tally, plan_id: str) -> datetime | None:
    """Return since when a plan is reserved here; None if it is not, or has ended."""
    if tally.kind == BREAKER:
        return tally.canary_at if tally.canary == plan_id else None
    found = tally.find(plan_id)
    return found.at if found is not None and found.is_open else None


def take_back(tally: Tally, plan_id: str, stamp: datetime) -> Tally:
    """Take back a reservation that nobody has relied on since it was stamped."""
    return release(tally, plan_id) if stamp_of(tally, plan_id) == stamp else tally


def _begins_at(context: Context, tally: Tally, stamps: Stamps | None) -> datetime:
    """Return the stamp to write: later than what another wrote, the same as one's own."""
    standing = stamp_of(tally, context.plan_id)
    if stamps is None or standing is None:
        return context.now
    if standing == stamps.get(tally.key):
        return standing
    return max(context.now, standing + timedelta(microseconds=1))


def begin(tally: Tally, entry: Entry) -> Tally:
    """Write a plan down that is being opened now; the same tally if it is there already.

    What was reserved earlier, by somebody who died before the plan was opened, begins
    now: its window does, and it is stale no more. That it is written again is also what
    keeps another from giving it back at this very moment.
    """
    found = tally.find(entry.token)
    if found is None or not found.is_open or found.at >= entry.at:
        return note_begun(tally, entry)
    later = replace(found, at=entry.at)
    entries = tuple(later if one is found else one for one in tally.entries)
    return replace(tally, entries=entries)


def _money(context: Context, stamps: Stamps | None) -> list[Tally]:
    money = context.budget.money if context.budget is not None else None
    tally = context.tallies.get(money_key(context.rule))
    if money is None or tally is None:
        return []
    entry = entry_of(context, _begins_at(context, tally, stamps))
    return [begin(tally, replace(entry, amount=money.each))]


def _canary(context: Context, stamps: Stamps | None) -> list[Tally]:
    terms = context.canary
    tally = context.tallies.get(canary_key(context.rule, context.rule_hash))
    if terms is None or tally is None:
        return []
    entry = entry_of(context, _begins_at(context, tally, stamps))
    found = standing(tally, terms, context.now)
    if any(one.token == entry.token for one in found):
        return [begin(tally, entry)]
    if not has_room(found, terms):
        return []
    return [replace(tally, entries=(*found, entry))]


def _breaker(context: Context, stamps: Stamps | None) -> list[Tally]:
    tally = context.tallies.get(breakers.breaker_key(context))
    if tally is None:
        return []
    after = breakers.hear(context, tally)
    at = _begins_at(context, tally, stamps)
    return [breakers.half_open(after, context.plan_id, at)]


def ended(tally: Tally, plan_id: str, outcome: str, now: datetime) -> Tally:
    """Write down in one of a plan's tallies how it ended; the same tally if it is known."""
    if tally.kind == BREAKER:
        return breakers.canary_ended(tally, plan_id, outcome, now)
    after = mark_ended(tally, plan_id, outcome, now)
    return after if after is tally else replace(after, entries=kept(after.entries, now))
