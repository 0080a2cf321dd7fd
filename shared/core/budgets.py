"""Budget: how often to try again what did not work, and what plans may cost."""

from __future__ import annotations

from decimal import Decimal

from shared.core.contexts import Context
from shared.core.decisions import Hold, Reason
from shared.core.durations import format_duration
from shared.core.places import money_key, place_key
from shared.core.tallies import PLANS, leaving
from shared.core.terms import Budget, LimitScope, Money


def budget(context: Context) -> Hold | None:
    """Stop a rule that keeps failing on a target, or that has spent what it may."""
    terms = context.budget
    if terms is None:
        return None
    if context.tallies_unread is not None:
        return context.tallies_unread
    return _retries(context, terms) or (_money(context, terms.money) if terms.money else None)


def _retries(context: Context, terms: Budget) -> Hold | None:
    if terms.retries is None:
        return None
    tally = context.tally(place_key(PLANS, LimitScope.TARGET, context.target))
    if isinstance(tally, Hold):
        return tally
    failed = [
        one.at + terms.within
        for one in tally.entries
        if one.rule == context.rule
        and one.has_failed
        and one.token != context.plan_id
        and one.is_within(terms.within, context.now)
    ]
    if len(failed) < terms.retries:
        return None
    words = (
        f"{len(failed)} of {terms.retries} plans of this rule on this target ended "
        f"otherwise than done within {format_duration(terms.within)}"
    )
    return Hold(Reason.BUDGET_SPENT, leaving(failed, terms.retries), words)


def _money(context: Context, money: Money) -> Hold | None:
    """Add in decimals: ten times 0.1 is 1."""
    tally = context.tally(money_key(context.rule))
    if isinstance(tally, Hold):
        return tally
    spent = sorted(
        (one.at + money.within, _exact(one.amount))
        for one in tally.entries
        if one.token != context.plan_id and one.is_within(money.within, context.now)
    )
    left = _exact(money.limit) - _exact(money.each)
    total = sum((amount for _, amount in spent), Decimal(0))
    if total <= left:
        return None
    words = (
        f"{total} of {money.limit:g} spent within {format_duration(money.within)}, "
        f"and one plan costs {money.each:g}"
    )
    rest = total
    for until, amount in spent:
        rest -= amount
        if rest <= left:
            return Hold(Reason.BUDGET_SPENT, until, words)
    return Hold(Reason.BUDGET_SPENT, None, words)


def _exact(amount: float) -> Decimal:
    return Decimal(str(amount))
