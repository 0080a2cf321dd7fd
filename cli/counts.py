"""Tallies in memory, for a replay and for an explanation: counted, and stored nowhere."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.core import reservations, tallies
from shared.core.contexts import Context
from shared.core.decisions import Act
from shared.core.places import place_key, strikes_key
from shared.core.plans import PlanOutcome
from shared.core.signals import Signal
from shared.core.tallies import BREAKER, CANARY, MONEY, PLANS, STRIKES, Tally
from shared.core.terms import LimitScope
from shared.engine.rulings import Ruling, after_strike
from shared.rules.book import Rule, RuleBook

Horizons = Mapping[str, timedelta]
"""How long what has ended is counted, by the first two words of a tally's key."""
_NONE = timedelta(0)


def horizons(book: RuleBook) -> Horizons:
    """Tell how long these rules count anything: what is older need not be kept.

    A tally in the ledger keeps all that any rule may ever state; a hundred thousand
    events would make each count a search through it. Retries count what failed, and in
    a replay nothing does.
    """
    found: dict[str, timedelta] = {}

    def add(kind: str, scope: LimitScope, span: timedelta) -> None:
        key = place_key(kind, scope, "").rpartition("|")[0]
        found[key] = max(span, found.get(key, _NONE))

    for rule in (version for one in book.rules for version in (one, *versions(one))):
        for limit in rule.limits:
            add(PLANS, limit.scope, limit.within or _NONE)
        if rule.breaker is not None:
            span = 2 * (rule.breaker.within + rule.breaker.wait)
            add(BREAKER, rule.breaker.scope, span)
        if rule.canary is not None:
            span = 2 * (rule.canary.every + rule.canary.soak)
            add(CANARY, LimitScope.RULE, span)
        if rule.budget is not None:
            add(PLANS, LimitScope.TARGET, rule.budget.within)
            add(
                MONEY,
                LimitScope.RULE,
                rule.budget.money.within if rule.budget.money else _NONE,
            )
        if rule.strikes is not None:
            key = f"{STRIKES}|{rule.name.casefold()}"
            found[key] = max(rule.strikes.within, found.get(key, _NONE))
    return found


def versions(rule: Rule) -> Iterator[Rule]:
    """Return the rule's other versions, for some targets."""
    return (other for _, other in rule.overrides)


@dataclass(slots=True)
class Counts:
    """What would have been counted by now.

    Attributes:
        ends: When each plan under way ends, which, and where it is counted; a heap.
    """

    horizons: Horizons = field(default_factory=dict)

    stored: dict[str, Tally] = field(default_factory=dict)
    ends: list[tuple[datetime, str, tuple[str, ...]]] = field(default_factory=list)

    def seen(self, context: Context) -> Context:
        """Add to what the guardrails look at what is counted at its moment."""
        while self.ends and self.ends[0][0] <= context.now:
            at, plan, keys = heapq.heappop(self.ends)
            for key in keys:
                done = PlanOutcome.DONE.value
                ended = reservations.ended(self.stored[key], plan, done, at)
                self.stored[key] = self._kept(ended, context.now)
        keys = reservations.tally_keys(context)
        return replace(context, tallies={k: self.stored.get(k, Tally(k)) for k in keys})

    def opened(self, context: Context, *, until: datetime) -> None:
        """Count a plan that every guardrail let pass, and that is done at a moment."""
        changed = reservations.reserve(context)
        self.stored |= {one.key: one for one in changed}
        keys = tuple(one.key for one in changed)
        heapq.heappush(self.ends, (until, context.plan_id, keys))

    def refused(self, context: Context) -> None:
        """Keep what a refused event tells: that its target fails."""
        heard = reservations.heard(context)
        self.stored |= {one.key: self._kept(one, context.now) for one in heard}

    def struck(self, rule: Rule, signal: Signal, ruling: Ruling, now: datetime) -> Ruling:
        """Count a strike where the rule wants several before it acts."""
        if rule.strikes is None or not isinstance(ruling.decision, Act):
            return ruling
        key = strikes_key(rule.name, signal.target)
        tally, count = tallies.strike(
            self.stored.get(key, Tally(key)), signal, rule.strikes, now
        )
        self.stored[key] = self._kept(tally, now)
        return after_strike(rule, ruling, count)

    def _kept(self, tally: Tally, now: datetime) -> Tally:
        """Forget what no rule counts any more."""
        if not self.horizons:
            return tally
        kind, scope, *_ = tally.key.split("|")
        span = self.horizons.get(f"{kind}|{scope}", _NONE)
        since = now - span
        is_plan = kind != BREAKER  # a failure has no end: it is as old as it is
        young = tuple(
            one for one in tally.entries if since < one.at or (is_plan and one.is_open)
        )
        return tally if len(young) == len(tally.entries) else replace(tally, entries=young)
