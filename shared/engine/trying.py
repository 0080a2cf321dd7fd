"""Try a new version of the rules in some scopes, then have it count everywhere, or nowhere.

One process's part in it: all of them share one small document, changed by conditional
writes, and one pair of tallies. Whoever looks first decides; the others follow at their
next look. When to look is not decided here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.core import rollouts
from shared.core.errors import RetryLater, StaleFacts
from shared.core.rollouts import Rejected, Rollout, RolloutTerms, Verdict
from shared.engine.rule_watch import Load
from shared.ports import Tallies
from shared.ports.rule_source import GoodVersion, RuleSource
from shared.rules.book import RuleBook
from shared.rules.problems import RulesRefused
from shared.rules.trials import Trial

TRIES = 4
BEGUN = "trial"


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest version of the container that loads, and its files."""

    version: str
    rules: RuleBook
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that has yet to be told: a trial began, or ended.

    Attributes:
        what: ``trial``, ``promoted`` or ``fell_back``.
    """

    version: str
    at: datetime
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Arranged:
    """Which rules count everywhere, and which are tried in some scopes.

    Attributes:
        stable: The version that ``rules`` are of.
    """

    stable: str
    rules: RuleBook
    trial: Trial | None = None


@dataclass(slots=True)
class Trying:
    """What one process knows of the rollout.

    Attributes:
        state: As it was last read or written; None before that.
        turns: Oldest first; whoever tells them takes them out.
    """

    terms: RolloutTerms
    load: Load
    state: Rollout | None = None
    turns: list[Turn] = field(default_factory=list)
    _books: dict[str, RuleBook] = field(default_factory=dict)

    def rejection(self, version: str) -> Rejected | None:
        """Return when and why a version was tried and taken back; None if it was not."""
        return self.state.rejection(version) if self.state is not None else None

    async def arrange(
        self, source: RuleSource, newest: Newest | None, now: datetime
    ) -> Arranged | None:
        """Say what counts where; a version that nobody has seen yet goes on trial.

        Returns:
            None if no version of the container counts anywhere yet.

        Raises:
            RetryLater, GiveUp: What all instances share cannot be read or written. What
                counted before goes on counting.
        """
        state = await self._noted(source, newest, now)
        if state.stable is None:
            return None
        stable = await self._book(source, state.stable, newest)
        if stable is None:
            # It loaded with the package of its day and does not with this one.
            return Arranged(newest.version, newest.rules) if newest else None
        tried = await self._book(source, state.trial, newest) if state.trial else None
        if tried is None:
            return Arranged(state.stable, stable)
        return Arranged(state.stable, stable, Trial(state.trial, tried, self.terms.percent))

    async def judge(self, tallies: Tallies, source: RuleSource, now: datetime) -> bool:
        """Hold the trial against the rest; tell whether what counts where has changed.

        Raises:
            RetryLater, GiveUp: It could not be counted, or not be stored; it goes on.
        """
        state = self.state
        if state is None or not state.trial:
            return False
        own, other = (rollouts.place(state.trial, is_tried=one) for one in (True, False))
        found = await tallies.read([own, other])
        tried, elsewhere = (rollouts.counts(found[key].entries) for key in (own, other))
        verdict, why = rollouts.judge(state, tried, elsewhere, self.terms, now)
        after = rollouts.decided(state, verdict, why, now)
        if after is state:
            return False
        try:
            await source.save_rollout(after)
        except StaleFacts:
            return True  # another instance was faster, and may have decided otherwise
        self._follow(state, after, now, why)
        if verdict is Verdict.PROMOTE:
            texts = await source.kept(state.trial)
            if texts is not None:
                await source.keep(GoodVersion(state.trial, now, texts))
        return True

    async def _noted(
        self, source: RuleSource, newest: Newest | None, now: datetime
    ) -> Rollout:
        """Read what all share; write that there is a new version, if there is."""
        for _ in range(TRIES):
            before = await source.rollout()
            after = rollouts.seen(before, newest.version, now) if newest else before
            if newest is None or after is before:
                self._follow(self.state or before, before, now)
                return before
            good = GoodVersion(newest.version, now, newest.texts)
            await source.keep(good, is_last=after.stable == newest.version)
            try:
                after = await source.save_rollout(after)
            except StaleFacts:
                continue
            self._follow(self.state or before, after, now)
            return after
        raise RetryLater(
            "others kept changing which rules count where", after=timedelta(seconds=5)
        )

    def _follow(self, before: Rollout, after: Rollout, now: datetime, why: str = "") -> None:
        """Take a state over, and note what is to be told of it; told twice it is one."""
        self.state = after
        if after.trial and after.trial != before.trial:
            self.turns.append(Turn(after.trial, after.since or now, BEGUN))
        known = {one.version for one in before.rejected}
        self.turns += [
            Turn(one.version, one.at, Verdict.FALL_BACK.value, one.why)
            for one in after.rejected
            if one.version not in known
        ]
        if after.stable and after.stable != before.stable:
            self.turns.append(Turn(after.stable, now, Verdict.PROMOTE.value, why))

    async def _book(
        self, source: RuleSource, version: str, newest: Newest | None
    ) -> RuleBook | None:
        """Return the rules as they are with a version; None if they do not load."""
        if newest is not None and newest.version == version:
            self._books = {version: newest.rules, **self._others(version)}
        if version not in self._books:
            texts = await source.kept(version)
            if texts is None:
                return None
            try:
                self._books[version] = await asyncio.to_thread(self.load, texts)
            except RulesRefused:
                return None
        return self._books[version]

    def _others(self, version: str) -> dict[str, RuleBook]:
        """Keep of the other versions what still counts somewhere."""
        used = (self.state.stable, self.state.trial) if self.state else ()
        return {k: book for k, book in self._books.items() if k in used and k != version}
