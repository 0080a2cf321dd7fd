"""The estate: lists of the resource manager, Resource Graph, and what machines cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from shared.core.money import PriceTable

Json = Mapping[str, Any]


class Prices(Protocol):
    """What an hour of a machine costs by the list."""

    def table(self) -> PriceTable:
        """Return the prices; an empty table if there are none."""
        ...


class References(Protocol):
    """What a deployment compares its estate with: data that is deployed with the app."""

    def rows(self, name: str) -> Sequence[Json]:
        """Return the rows of one list, by its name."""
        ...


class Estate(Protocol):
    """Reads in bulk; decides nothing."""

    def listed(
        self, path: str, *, api_version: str, query: Mapping[str, str]
    ) -> AsyncIterator[Json]:
        """Yield every document of a paged list."""
        ...

    async def one(
        self, path: str, *, api_version: str, query: Mapping[str, str]
    ) -> Json | None:
        """Return one document, or None if there is none."""
        ...

    def graph(self, query: str, *, subscription: str) -> AsyncIterator[Json]:
        """Yield every row that Resource Graph answers for one subscription.

        The query must project ``id``, or what is beyond the first 1,000 rows is refused.
        """
        ...
