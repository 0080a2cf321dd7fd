"""What a rule may demand: the parts that go together, and what does not.

One builder a term. Each takes values that ``shared.rules.measures`` has read, looks at
them together, and raises ValueError with ``what is wrong: what to write``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.core.decisions import Reason
from shared.core.steps import Verb
from shared.core.terms import (
    ApprovalKind,
    ApprovalTerms,
    Breaker,
    Budget,
    Canary,
    Limit,
    LimitScope,
    Money,
    Strikes,
)
from shared.rules.book import RuleTest

POOLS = frozenset({LimitScope.POOL, LimitScope.SCALE_SET})
BREAKER_SCOPES = frozenset(LimitScope) - {LimitScope.TARGET}
NOTHING = "nothing"
SAFE_VERBS = (Verb.CORDON, Verb.SAVE_EXIT_INFO, Verb.SNAPSHOT)
"""What may be done although nobody said yes: it takes nothing away."""
OUTCOMES = ("act", "hold", "skip", "no_match")

EVERY = timedelta(days=1)
EXPIRES = timedelta(hours=2)
RETRIES_WITHIN = timedelta(days=7)
MONEY_WITHIN = timedelta(days=30)
STORM_WITHIN = timedelta(minutes=10)
STORM_COUNT, STORM_PERCENT, SMALL_POOL = 5, 30.0, 5
YOUNG = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Asked:
    """An approval as a rule file demands it; no terms: nobody is asked.

    Attributes:
        when: A condition that is not compiled yet, or None for every plan.
    """

    terms: ApprovalTerms | None = None
    when: str | None = None


def strikes(count: int, within: timedelta) -> Strikes:
    """Act at the ``count``-th event."""
    return Strikes(count, within)


def limit(
    scope: LimitScope,
    count: int | None = None,
    percent: float | None = None,
    at_least: int | None = None,
    at_most: int | None = None,
    within: timedelta | None = None,
) -> Limit:
    """Limit how many targets may be acted on.

    Raises:
        ValueError: A part is missing, or does not go with another.
    """
    if count is None and percent is None:
        raise ValueError(f"a limit on {scope} limits nothing: write count, percent or both")
    if percent is not None and scope not in POOLS:
        raise ValueError(
            f"percent needs a pool, and {scope} is none: write count, or scope pool"
        )
    if percent is None and (at_least is not None or at_most is not None):
        raise ValueError("min and max bound a percentage: write percent, or leave them out")
    if at_least is not None and at_most is not None and at_least > at_most:
        raise ValueError(f"min {at_least} is more than max {at_most}: write the lesser in min")
    return Limit(scope, count, percent, at_least, at_most, within)


def canary(soak: timedelta, first: int = 1, every: timedelta = EVERY) -> Canary:
    """Try on a few first.

    Raises:
        ValueError: The proof would be too old before it is made.
    """
    if every <= soak:
        raise ValueError("every is not longer than soak: write for example every 1d")
    return Canary(first, soak, every)


def breaker(
    scope: LimitScope = LimitScope.POOL,
    within: timedelta = STORM_WITHIN,
    count: int | None = STORM_COUNT,
    small_pool: int = SMALL_POOL,
    wait: timedelta = STORM_WITHIN,
    young: timedelta = YOUNG,
    **rest: float | None,
) -> Breaker:
    """Stop when too many targets fail at once; ``percent`` is 30 where there is a pool.

    Raises:
        ValueError: A part is missing, or does not go with another.
    """
    if scope not in BREAKER_SCOPES:
        raise ValueError(
            f"a breaker over {scope} is a cooldown: write scope pool, or guard.cooldown"
        )
    percent = rest.get("percent", STORM_PERCENT if scope in POOLS else None)
    if percent is not None and scope not in POOLS:
        raise ValueError(f"percent needs a pool, and {scope} is none: leave percent out")
    if count is None and percent is None:
        raise ValueError("the breaker would never trip: write count, percent or both")
    return Breaker(scope, within, count, percent, small_pool, wait, young)


def money(limit: float, each: float, within: timedelta = MONEY_WITHIN) -> Money:
    """Limit what plans cost.

    Raises:
        ValueError: Not one plan could ever be paid.
    """
    if 0 < limit < each:
        raise ValueError(
            f"one plan costs {each:g}, the limit is {limit:g}: write a limit of at least "
            f"{each:g}, or 0 to block all"
        )
    return Money(limit, each, within)


def budget(
    retries: int | None = None,
    within: timedelta = RETRIES_WITHIN,
    money: Money | None = None,
) -> Budget:
    """Limit how often to try again, and what may be spent.

    Raises:
        ValueError: It limits nothing.
    """
    if retries is None and money is None:
        raise ValueError("the budget limits nothing: write retries, money or both")
    return Budget(retries, within, money)


def approval(
    kind: ApprovalKind = ApprovalKind.REQUIRED,
    when: str | None = None,
    expires: timedelta | None = None,
    if_expired: Verb | None = None,
) -> Asked:
    """Ask a person first.

    Raises:
        ValueError: Nobody is asked, or what follows silence takes something away.
    """
    if kind is ApprovalKind.NONE:
        if when is not None or expires is not None or if_expired is not None:
            raise ValueError("nobody is asked: write kind required, or only approval none")
        return Asked()
    return Asked(ApprovalTerms(kind, expires or EXPIRES, if_expired), when)


def safe_step(verb: Verb) -> Verb:
    """Let through what may be done when nobody answers.

    Raises:
        ValueError: It takes something away.
    """
    if verb not in SAFE_VERBS:
        known = ", ".join((NOTHING, *SAFE_VERBS))
        raise ValueError(f"{verb} is not done without a yes: write one of {known}")
    return verb


def trial(
    event: str | Mapping[str, Any],
    expect: str,
    facts: str | Mapping[str, Any] | None = None,
    reason: Reason | None = None,
    steps: tuple[str, ...] | None = None,
    at: datetime | None = None,
    name: str = "",
) -> RuleTest:
    """Say what a rule should answer to an event.

    Raises:
        ValueError: It expects what cannot come together.
    """
    if reason is not None and expect not in {"hold", "skip"}:
        raise ValueError(f"{expect} has no reason: expect hold or skip, or leave reason out")
    if steps is not None and expect != "act":
        raise ValueError(f"{expect} has no steps: expect act, or leave steps out")
    said = None if reason is None else reason.value
    return RuleTest(event, expect, "", facts, said, steps, at, name)
