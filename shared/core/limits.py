"""Blast radius: how much of a pool, a zone or anything else may be acted on.

A limit counts targets: acting twice on one of them reaches no further. Only a limit
over the target itself counts plans. Percentages are rounded down, so that 30 percent of
a pool of 3 is none.
"""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

from shared.core.contexts import LOOK_AGAIN, Context
from shared.core.decisions import Hold, Reason
from shared.core.durations import format_duration
from shared.core.places import place_key
from shared.core.tallies import PLANS, Entry, leaving
from shared.core.terms import Limit, LimitScope

_NEVER = datetime.max.replace(tzinfo=UTC)


def blast_radius(context: Context) -> Hold | None:
    """Refuse a plan that would reach further than some limit of its rule.

    Of several limits that say no, the answer is the one that holds longest.
    """
    if context.limits and context.tallies_unread is not None:
        return context.tallies_unread
    holds = [hold for limit in context.limits if (hold := _exceeds(context, limit))]
    return max(holds, key=lambda hold: hold.until or _NEVER, default=None)


def _exceeds(context: Context, limit: Limit) -> Hold | None:
    place = context.keys.get(limit.scope)
    if place is None and limit.scope is LimitScope.SCALE_SET and context.keys:
        return None  # a machine in no scale set reaches into none
    allowed = most(limit, context.population)
    if place is None or allowed is None:
        unknown = f"its {limit.scope}" if place is None else "how large its pool is"
        return Hold(
            Reason.NO_DATA,
            context.now + LOOK_AGAIN,
            f"nobody knows {unknown}, and a limit needs it: nobody acts on a guess",
        )
    tally = context.tally(place_key(PLANS, limit.scope, place))
    if isinstance(tally, Hold):
        return tally
    counted = _counted(context, limit, tally.entries)
    if len(counted) < allowed:
        return None
    words = _words(limit, place, len(counted), allowed, context.population)
    return Hold(Reason.BLAST_RADIUS, _until(context, limit, counted, allowed), words)


def most(limit: Limit, population: int | None) -> int | None:
    """Return how many a limit allows: the lesser of its count and its percentage.

    The percentage is of the pool, rounded down, and then not below ``at_least`` nor
    above ``at_most``. 0 blocks all.

    Args:
        population: Targets in the pool.

    Returns:
        None if it asks for a percentage of a pool whose size nobody knows.
    """
    allowed = [] if limit.count is None else [limit.count]
    if limit.percent is not None:
        if population is None:
            return None
        share = int(population * Fraction(str(limit.percent)) / 100)
        if limit.at_least is not None:
            share = max(share, limit.at_least)
        if limit.at_most is not None:
            share = min(share, limit.at_most)
        allowed.append(share)
    return min(allowed, default=0)


def _counted(
    context: Context, limit: Limit, entries: tuple[Entry, ...]
) -> dict[str, datetime]:
    """Return what counts beside this plan, with the latest beginning of each."""
    is_target = limit.scope is LimitScope.TARGET
    found: dict[str, datetime] = {}
    for one in entries:
        name = one.token if is_target else one.target
        if one.token == context.plan_id or name == context.target:
            continue
        within = limit.within
        if one.is_within(within, context.now) if within is not None else one.is_open:
            found[name] = max(one.at, found.get(name, one.at))
    return found


def _until(
    context: Context, limit: Limit, counted: dict[str, datetime], allowed: int
) -> datetime | None:
    if not allowed:
        return None
    if limit.within is None:
        return context.now + LOOK_AGAIN
    return leaving((at + limit.within for at in counted.values()), allowed)


def _words(
    limit: Limit, place: str, counted: int, allowed: int, population: int | None
) -> str:
    what = "plans on" if limit.scope is LimitScope.TARGET else "targets in"
    when = "under way" if limit.within is None else f"within {format_duration(limit.within)}"
    why = ""
    if limit.percent is not None:
        why = f" ({limit.percent:g} percent of a pool of {population}, rounded down)"
    name = place if limit.scope is LimitScope.ZONE else place.rpartition("/")[2]
    return f"{counted} of {allowed} {what} {limit.scope} {name} {when}{why}"
