"""Which version of a container's rules is in force: the newest one that loads.

A version that does not load never replaces one that did; it is refused with every
problem, and stays refused until the container changes. Looking lists the container and
reads what has changed; nothing here decides when to look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from shared.core.errors import GiveUp, RetryLater, StaleFacts
from shared.engine.rule_versions import (
    Refused,
    decoded,
    file_name,
    refuse_listing,
    rule_files,
    version_of,
)
from shared.ports.rule_source import GoodVersion, RuleBlob, RuleSource
from shared.rules.book import RuleBook
from shared.rules.problems import Problems, RuleProblem, RulesRefused

if TYPE_CHECKING:
    from shared.engine.trying import Trying

Load = Callable[[Mapping[str, str]], RuleBook]
"""Load all layers with this one on top; raises ``RulesRefused`` and nothing else."""
TRIES = 3
READ_AT_ONCE = 8
NEWS_AT_MOST = 20
NOBODYS = ""
"""The version when none of the container's is in force: the package's layers alone."""


@dataclass(frozen=True, slots=True)
class News:
    """Something that has yet to be told: a version was taken or refused.

    Attributes:
        refused: What is wrong, or None if the version is in force now.
        good: What to keep of a version that is in force now.
        rules: How many rules are in force with it.
    """

    version: str
    at: datetime
    refused: Refused | None = None
    good: GoodVersion | None = None
    rules: int = 0


@dataclass(slots=True)
class RuleWatch:
    """One process's knowledge of a container.

    Attributes:
        load: See ``Load``; it is slow and runs in a thread.
        in_force: The container's version in force, or ``NOBODYS``.
        is_last_good: It is not what the container held at the first look, but the version
            that was kept.
        refused: The version that the container holds and that is not in force.
        refused_at: When that was first seen here.
        texts: The files of that version.
        trying: Tries what loads in some scopes first, and tells of it; None: what loads
            counts everywhere at once.
        unread: Why the container could not be looked at last time; empty if it could.
        news: Oldest first; whoever tells them takes them out.
    """

    container: str
    load: Load
    in_force: str = NOBODYS
    texts: Mapping[str, str] = field(default_factory=dict)
    trying: Trying | None = None
    is_last_good: bool = False
    refused: Refused | None = None
    refused_at: datetime | None = None
    unread: str = ""
    looked_at: datetime | None = None
    news: list[News] = field(default_factory=list)
    _bodies: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    @property
    def is_degraded(self) -> bool:
        """Tell whether the rules in force may not be what the container says."""
        back = self.trying.rejection(self.in_force) if self.trying is not None else None
        is_other = self.refused is not None or self.is_last_good or back is not None
        return is_other or bool(self.unread)

    async def begin(self, source: RuleSource, now: datetime) -> RuleBook:
        """Load rules for the first time: the container's, or else its last good version.

        Raises:
            RetryLater, GiveUp: Neither the container nor what was kept of it can be read.
                Nobody may act then: a rule that a person switched off there is on in the
                package.
            RulesRefused: The package's own layers do not load.
        """
        book = await self.look(source, now)
        if book is not None:
            return book
        good = await source.last_good()
        if good is not None:
            # It was good with the package of its day; with this one it may not be.
            kept = await self._loaded(good.id, good.texts)
            if not isinstance(kept, Refused):
                self.in_force, self.is_last_good, self.texts = good.id, True, good.texts
                return kept
        return await asyncio.to_thread(self.load, {})

    async def look(self, source: RuleSource, now: datetime) -> RuleBook | None:
        """Look once; return the new rules if a new version is to be in force.

        Never raises for what is wrong with the container: see ``refused`` and ``unread``.
        """
        try:
            version, found = await self._fetched(source)
        except (RetryLater, StaleFacts) as error:
            self.unread = str(error)
            return None
        self.unread, self.looked_at = "", now
        if version == self.in_force:
            self.refused, self.refused_at, self.is_last_good = None, None, False
            return None
        if self.refused is not None and self.refused.version == version:
            return None
        book = found if isinstance(found, Refused) else await self._loaded(version, found)
        if isinstance(book, Refused):
            self.refused, self.refused_at = book, now
            self._tell(News(version, now, refused=book))
            return None
        self.in_force, self.is_last_good = version, False
        self.refused, self.refused_at = None, None
        if not isinstance(found, Refused):
            self.texts = found
            good = GoodVersion(version, now, found)
            if self.trying is None:
                self._tell(News(version, now, good=good, rules=len(book.rules)))
        return book

    async def _loaded(self, version: str, texts: Mapping[str, str]) -> RuleBook | Refused:
        """Load in a thread: it takes a tenth of a second, and an event may be waiting."""
        try:
            return await asyncio.to_thread(self.load, texts)
        except RulesRefused as error:
            return Refused(version, error.problems)

    def _wholly_refused(self, version: str, wrong: str, suggestion: str) -> Refused:
        """Refuse a version for what is wrong with no file in particular."""
        problem = RuleProblem(f"blob:{self.container}", 1, 1, wrong, suggestion)
        return Refused(version, (problem,))

    def _tell(self, news: News) -> None:
        self.news.append(news)
        del self.news[:-NEWS_AT_MOST]

    async def _fetched(self, source: RuleSource) -> tuple[str, Refused | Mapping[str, str]]:
        """Return the container's version and its texts, or what is wrong with them."""
        try:
            for _ in range(TRIES - 1):
                try:
                    return await self._fetched_once(source)
                except StaleFacts:
                    continue
            return await self._fetched_once(source)
        except GiveUp as error:
            version = version_of(f"{self.container}: {error}", ())
            wrong, _, better = str(error).partition("; ")
            better = better or "see NIGHTSHIFT_RULES_CONTAINER"
            return version, self._wholly_refused(version, wrong, better)

    async def _fetched_once(
        self, source: RuleSource
    ) -> tuple[str, Refused | Mapping[str, str]]:
        files = rule_files(await source.listing())
        version = version_of(self.container, files)
        is_known = version == self.in_force
        if is_known or (self.refused is not None and version == self.refused.version):
            return version, {}
        problems = Problems()
        refuse_listing(self.container, files, problems)
        texts = {} if len(problems) else await self._texts(source, files, problems)
        try:
            problems.refuse_if_any(texts)
        except RulesRefused as error:
            return version, Refused(version, error.problems)
        return version, texts

    async def _texts(
        self, source: RuleSource, files: Sequence[RuleBlob], problems: Problems
    ) -> dict[str, str]:
        """Read those files whose version is another than last time."""
        gate = asyncio.Semaphore(READ_AT_ONCE)

        async def one(blob: RuleBlob) -> tuple[str, bytes]:
            known = self._bodies.get(blob.name)
            if known is not None and known[0] == blob.etag:
                return known
            async with gate:
                return blob.etag, await source.read(blob)

        bodies = await asyncio.gather(*(one(blob) for blob in files))
        self._bodies = {blob.name: body for blob, body in zip(files, bodies, strict=True)}
        names = {blob.name: file_name(self.container, blob.name) for blob in files}
        return {
            names[blob]: decoded(names[blob], body, problems)
            for blob, (_, body) in self._bodies.items()
        }
