"""Tallies in memory, for a replay and for an explanation: counted, and stored nowhere."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.core import reservations, tallies
from shared.core.contexts import Context
from shared.core.decisions import Act, Reason, Skip
from shared.core.places import strikes_key
from shared.core.plans import PlanOutcome
from shared.core.signals import Signal
from shared.core.tallies import Tally
from shared.engine.rulings import Ruling
from shared.rules.book import Rule


@dataclass(slots=True)
class Counts:
    """What would have been counted by now.

    Attributes:
        ends: When each plan under way ends, which, and where it is counted; a heap.
    """

    stored: dict[str, Tally] = field(default_factory=dict)
    ends: list[tuple[datetime, str, tuple[str, ...]]] = field(default_factory=list)

    def seen(self, context: Context) -> Context:
        """Add to what the guardrails look at what is counted at its moment."""
        while self.ends and self.ends[0][0] <= context.now:
            at, plan, keys = heapq.heappop(self.ends)
            for key in keys:
                done = PlanOutcome.DONE.value
                self.stored[key] = reservations.ended(self.stored[key], plan, done, at)
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
        self.stored |= {one.key: one for one in reservations.heard(context)}

    def struck(self, rule: Rule, signal: Signal, ruling: Ruling, now: datetime) -> Ruling:
        """Count a strike where the rule wants several before it acts."""
        if rule.strikes is None or not isinstance(ruling.decision, Act):
            return ruling
        key = strikes_key(rule.name, signal.target)
        tally, count = tallies.strike(
            self.stored.get(key, Tally(key)), signal, rule.strikes, now
        )
        self.stored[key] = tally
        if count >= rule.strikes.count:
            return ruling
        words = f"{count} of {rule.strikes.count} within the time"
        few = Skip(Reason.TOO_FEW_STRIKES, words)
        return replace(ruling, decision=few, draft=ruling.decision)
