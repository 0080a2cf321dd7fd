"""Canary: a rule acts on a few targets first, and goes on only if they stayed good.

The first plans of a rule as it is written now are its canaries. All further plans wait
until each of them closed as done and ``soak`` has passed; one that ended otherwise
stops the rule for ``every``. A canary that passed stands for ``every``, then the next
plans are canaries again. One that was withdrawn says nothing, and another takes its
place.
"""

from __future__ import annotations

from datetime import datetime

from shared.core.contexts import LOOK_AGAIN, Context
from shared.core.decisions import Hold, Reason
from shared.core.durations import format_duration
from shared.core.places import canary_key
from shared.core.plans import PlanOutcome
from shared.core.tallies import Entry, Tally
from shared.core.terms import Canary


def standing(tally: Tally, terms: Canary, now: datetime) -> tuple[Entry, ...]:
    """Return the canaries of the present round; empty if a new one is to begin."""
    stands = max(terms.every, terms.soak)
    found = tuple(
        one
        for one in tally.entries
        if one.outcome != PlanOutcome.WITHDRAWN
        and not (one.has_failed and one.ended_at and one.ended_at + stands <= now)
    )
    ended = [one.ended_at for one in found if one.ended_at is not None]
    is_whole = len(ended) == len(found) and not has_room(found, terms)
    return () if is_whole and max(ended) + stands <= now else found


def has_room(found: tuple[Entry, ...], terms: Canary) -> bool:
    """Tell whether one more may go first; one at least."""
    return len(found) < max(1, terms.first)


def canary(context: Context) -> Hold | None:
    """Let a few plans go first; hold the others until those have proven good."""
    terms = context.canary
    if terms is None:
        return None
    tally = context.tally(canary_key(context.rule, context.rule_hash))
    if isinstance(tally, Hold):
        return tally
    found = standing(tally, terms, context.now)
    if any(one.token == context.plan_id for one in found):
        return None
    return _failed(found, terms) or _unproven(found, terms, context.now)


def _failed(found: tuple[Entry, ...], terms: Canary) -> Hold | None:
    failed = [one for one in found if one.has_failed and one.ended_at is not None]
    if not failed:
        return None
    last = max(failed, key=lambda one: one.ended_at or one.at)
    stands = max(terms.every, terms.soak)
    until = (last.ended_at or last.at) + stands
    words = f"canary {last.token} ended as {last.outcome or 'unknown'}"
    return Hold(Reason.CANARY_FAILED, until, words)


def _unproven(found: tuple[Entry, ...], terms: Canary, now: datetime) -> Hold | None:
    if has_room(found, terms):
        return None
    under_way = sum(1 for one in found if one.is_open)
    if under_way:
        words = f"{under_way} of {terms.first} canaries under way"
        return Hold(Reason.CANARY, now + LOOK_AGAIN, words)
    soaked_at = max(one.ended_at for one in found if one.ended_at) + terms.soak
    if now >= soaked_at:
        return None
    words = f"canaries are done, and watched for {format_duration(terms.soak)}"
    return Hold(Reason.CANARY, soaked_at, words)
