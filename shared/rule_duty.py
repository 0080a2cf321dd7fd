"""Keeps one process's rules up to date: the first look, the looks after it, the log.

Only where a container of rules is set; without one nothing here is imported. A look is a
task beside whatever the process does: no decision waits for it, and one that fails or is
cut short leaves the rules as they are and is made up for.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from shared.adapters.blob_rules import BlobRules
from shared.adapters.clock import SystemClock
from shared.adapters.credentials import credential
from shared.adapters.storage import Storage
from shared.core.errors import AutomationError, RetryLater
from shared.core.remediation import Remediation
from shared.core.rollouts import RolloutTerms
from shared.core.settings import Settings
from shared.engine.night import Night
from shared.engine.rule_news import tell
from shared.engine.rule_watch import NOBODYS, RuleWatch
from shared.engine.trying import Arranged, Newest, Trying
from shared.ports.rule_source import RuleSource
from shared.rules.book import RuleBook
from shared.rules.loading import load_rules
from shared.rules.problems import RuleProblem, RulesRefused
from shared.rules.trials import Trial

_LOG = logging.getLogger("nightshift")
FIRST_LOOK_LIMIT_S = 10.0
REST_S = 5.0
"""After a first look that found nothing to go on with: every invocation would wait."""
TICK_S = 0.1
SHOWN = 20


def load_top(
    layers: Sequence[Mapping[str, str]],
    top: Mapping[str, str],
    remediations: Mapping[str, Remediation],
) -> RuleBook:
    """Load rules; a text that makes the loader itself fail is refused like any other.

    Raises:
        RulesRefused: Anything is wrong.
    """
    try:
        return load_rules([*layers, top], remediations)
    except RulesRefused:
        raise
    except Exception as error:
        _LOG.exception("rules loading=failed")
        wrong = f"loading them failed: {type(error).__name__}: {error}"
        file = next(iter(top)) if len(top) == 1 else "rules"
        problem = RuleProblem(file, 1, 1, wrong, "undo the last change and report this")
        raise RulesRefused([problem]) from error


class RuleDuty:
    """One process's watch over a container of rules."""

    def __init__(
        self,
        settings: Settings,
        layers: Sequence[Mapping[str, str]],
        remediations: Mapping[str, Remediation],
        swap: Callable[[RuleBook, Trial | None], Night],
        *,
        opened: Callable[[Storage, str], RuleSource] = BlobRules,
    ) -> None:
        """Remember what to load.

        Args:
            layers: The package's.
            swap: Puts new rules in force, and others on trial, and returns the engine as
                it is now.
            opened: Makes the container of that name in an account accessible.
        """

        def load(texts: Mapping[str, str]) -> RuleBook:
            return load_top(layers, texts, remediations)

        terms = RolloutTerms(
            settings.rules_canary, settings.rules_canary_soak, settings.rules_canary_failures
        )
        self.watch = RuleWatch(settings.rules_container, load)
        self.watch.trying = Trying(terms, load) if terms.percent else None
        self.trial: Trial | None = None
        self._newest: Newest | None = None
        self._arranged = ("", "")
        self._settings = settings
        self._swap = swap
        self._opened = opened
        self._clock = SystemClock()
        self._storage: Storage | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._looked_s = self._tell_from_s = -math.inf
        self._failed: tuple[float, AutomationError] | None = None
        self._said = ""

    def begin(self, storage: Storage) -> RuleBook:
        """Load rules before the first decision; blocks for as long as that takes.

        On a loop and with clients of its own, for whoever calls may stand on a loop. At
        that moment nothing else can go on in this process: nobody has rules yet.

        Args:
            storage: For the looks after this one.

        Raises:
            RetryLater, GiveUp, RulesRefused: See ``RuleWatch.begin``.
        """
        self._storage = storage
        if self._failed is not None and time.monotonic() < self._failed[0] + REST_S:
            raise self._failed[1]
        with ThreadPoolExecutor(1, "nightshift-rules") as pool:
            try:
                book = pool.submit(asyncio.run, self._first_look()).result()
            except AutomationError as error:
                self._failed = time.monotonic(), error
                raise
        self._looked_s = time.monotonic()
        self._log()
        return book

    async def _first_look(self) -> RuleBook:
        identity = credential(self._settings)
        storage = Storage(self._settings, lambda: identity)
        source = self._opened(storage, self._settings.rules_container)
        try:
            async with asyncio.timeout(FIRST_LOOK_LIMIT_S):
                book = await self.watch.begin(source, self._clock.now())
                arranged = await self._arrange(source, book)
                return book if arranged is None else arranged.rules
        except TimeoutError as error:
            late = f"reading rules took longer than {FIRST_LOOK_LIMIT_S:.0f} s"
            raise RetryLater(late, after=timedelta(seconds=REST_S)) from error
        finally:
            await storage.close()
            await identity.close()

    def nudge(self, night: Night) -> None:
        """Begin a look aside if it is time for one; return at once."""
        task = self._task
        if task is not None and not task.done() and not task.get_loop().is_closed():
            return
        has_news = bool(self.watch.news) and time.monotonic() >= self._tell_from_s
        if self._storage is None or not (has_news or self._left_s() <= 0):
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        source = self._opened(self._storage, self._settings.rules_container)
        self._task = loop.create_task(self._round(night, source))

    def _left_s(self) -> float:
        """Return how long until the next look is due."""
        every = self._settings.rules_poll.total_seconds()
        return self._looked_s + every - time.monotonic()

    async def _round(self, night: Night, source: RuleSource) -> None:
        """Look if it is time, put what loads in force, tell what there is to tell."""
        try:
            if self._left_s() <= 0:
                self._looked_s = time.monotonic()
                book = await self.watch.look(source, self._clock.now())
                if self.watch.trying is not None:
                    night = await self._try(night, source, self.watch.trying, book)
                elif book is not None:
                    night = self._swap(book, None)
                self._log()
            self._tell_from_s = time.monotonic() + REST_S
            await tell(night, self.watch, source)
        except asyncio.CancelledError:
            self._looked_s = -math.inf
            _LOG.warning("rules look=cut_short: the next invocation looks again")
            raise
        except AutomationError as error:
            _LOG.warning("rules look=untold why=%r", str(error))
        except Exception:  # noqa: BLE001 - nobody awaits this task; the rules in force stay
            _LOG.exception("rules look=failed: the rules in force stay")
        # Keep looking while no event comes: the next one must not meet old rules.
        if self._timer is not None:
            self._timer.cancel()
        after_s = max(self._left_s(), 0) + TICK_S
        self._timer = asyncio.get_running_loop().call_later(after_s, self.nudge, night)

    async def _arrange(self, source: RuleSource, book: RuleBook | None) -> Arranged | None:
        """Ask which rules count where, if they are tried at all; remember the trial.

        Args:
            book: The rules as they are with a version that was just loaded.
        """
        watch = self.watch
        if watch.trying is None:
            return None
        if book is not None and watch.in_force != NOBODYS and not watch.is_last_good:
            self._newest = Newest(watch.in_force, book, watch.texts)
        arranged = await watch.trying.arrange(source, self._newest, self._clock.now())
        if arranged is not None:
            self.trial = arranged.trial
            trial = arranged.trial.version if arranged.trial else ""
            self._arranged = (arranged.stable, trial)
        return arranged

    async def _try(
        self, night: Night, source: RuleSource, trying: Trying, book: RuleBook | None
    ) -> Night:
        """Follow what all instances share, judge the trial, put in force what changed."""
        before = self._arranged
        arranged = await self._arrange(source, book)
        if await trying.judge(night.ports.tallies, source, self._clock.now()):
            arranged = await self._arrange(source, None)
        if arranged is None or self._arranged == before:
            return night
        _LOG.info("rules stable=%s trial=%s", self._arranged[0], self._arranged[1] or "none")
        return self._swap(arranged.rules, arranged.trial)

    def _log(self) -> None:
        """Say what has changed since it was said last, once."""
        watch = self.watch
        refused = watch.refused.version if watch.refused else ""
        said = f"{watch.in_force}|{watch.is_last_good}|{refused}|{bool(watch.unread)}"
        if said == self._said:
            return
        self._said = said
        in_force = watch.in_force or "none"
        kind = "last_good" if watch.is_last_good else "newest" if watch.in_force else "package"
        level = logging.WARNING if watch.is_degraded else logging.INFO
        _LOG.log(
            level,
            "rules container=%s in_force=%s kind=%s refused=%s unread=%r",
            watch.container,
            in_force,
            kind,
            refused or "none",
            watch.unread,
        )
        for problem in (watch.refused.problems if watch.refused else ())[:SHOWN]:
            _LOG.error("rules refused=%s %s", refused, problem)
