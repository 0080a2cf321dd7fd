"""The estate in memory: documents by id, listed by type, and what Resource Graph holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.errors import AutomationError
from shared.core.money import PriceTable
from tests.fakes.effects import Trapped

Json = Mapping[str, Any]


@dataclass
class FakePrices:
    """Prices as told."""

    told: PriceTable = field(default_factory=PriceTable)

    def table(self) -> PriceTable:
        """Return them."""
        return self.told


@dataclass
class FakeReferences:
    """Lists of reference as told; one that nobody told of is empty."""

    told: dict[str, list[Json]] = field(default_factory=dict)

    def rows(self, name: str) -> list[Json]:
        """Return them."""
        return self.told.get(name, [])


@dataclass(kw_only=True)
class FakeEstate(Trapped):
    """Lists as told.

    Attributes:
        lists: Folded path to its documents; a path nobody told of is an empty list.
        rows: Folded subscription to the rows that every query of it answers.
        failing: Folded path or subscription to the error that reading it raises.
        asked: Every path or query that was read, in order.
    """

    lists: dict[str, list[Json]] = field(default_factory=dict)
    rows: dict[str, list[Json]] = field(default_factory=dict)
    failing: dict[str, AutomationError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def tell(self, path: str, *documents: Json) -> None:
        """Say what a path lists."""
        self.lists[path.casefold()] = list(documents)

    async def listed(
        self, path: str, *, api_version: str, query: Mapping[str, str]
    ) -> AsyncIterator[Json]:
        """Yield what was told of a path."""
        for document in self._read(path, self.lists.get(path.casefold(), [])):
            yield document

    async def one(
        self, path: str, *, api_version: str, query: Mapping[str, str]
    ) -> Json | None:
        """Return the first document told of a path."""
        return next(iter(self._read(path, self.lists.get(path.casefold(), []))), None)

    async def graph(self, query: str, *, subscription: str) -> AsyncIterator[Json]:
        """Yield the rows of a subscription."""
        self.asked.append(query)
        for row in self._read(subscription, self.rows.get(subscription.casefold(), [])):
            yield row

    def _read(self, key: str, documents: list[Json]) -> list[Json]:
        self.reading("estate")
        self.asked.append(key)
        error = self.failing.get(key.casefold())
        if error is not None:
            raise error
        return list(documents)
