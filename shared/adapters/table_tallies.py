"""Tallies in Azure Table storage: table ``Tallies``, one partition and one row a key.

A row is replaced only if nobody replaced it since it was read, and inserted only if
there is none: of fifty that count at once one is written, and the others read again.
Nothing is remembered in memory, so that every instance counts alike.

Source: https://learn.microsoft.com/rest/api/storageservices/update-entity2
(``If-Match`` and the 412 that answers it).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from shared.adapters.storage import Storage
from shared.adapters.table_store import Found, TableStore
from shared.adapters.tally_rows import KINDS, span_of, tally_key, tally_of, tally_row
from shared.core.errors import StaleFacts
from shared.core.tallies import BREAKER, Tally
from shared.core.wire import write_moment

AT_ONCE = 16
_TABLE, _KEY = "Tallies", ["PartitionKey", "RowKey"]
_IN_SPAN = "PartitionKey ge @first and PartitionKey lt @behind"


class TableTallies:
    """Implements ``shared.ports.oversight.Tallies``."""

    def __init__(self, storage: Storage, prefix: str = "Nightshift") -> None:
        """Remember the account; the first call connects."""
        self._store = TableStore(storage, prefix)

    async def read(self, keys: Sequence[str]) -> dict[str, Tally]:
        """Read tallies at once; one that does not exist yet comes empty.

        Raises:
            InvalidTarget: A row is no tally: whoever cannot count may not act.
        """
        wanted = tuple(dict.fromkeys(keys))
        found = await asyncio.gather(*(self._read(key) for key in wanted))
        return dict(zip(wanted, found, strict=True))

    async def _read(self, key: str) -> Tally:
        found = await self._store.read(_TABLE, tally_key(key))
        return tally_of(found.row, found.etag) if found is not None else Tally(key)

    async def save(self, tally: Tally) -> Tally:
        """Store a tally that is still at ``tally.etag``; return it as it is now.

        Raises:
            StaleFacts: Somebody else counted meanwhile: read again.
        """
        etag = await self._store.save(_TABLE, tally_row(tally), tally.etag)
        return replace(tally, etag=etag)

    async def tripped(self) -> tuple[Tally, ...]:
        """Return the breakers that are open; reads no other kind of tally."""
        where = f"{_IN_SPAN} and is_tripped eq true"
        found = await self._store.query(_TABLE, where, span_of(BREAKER))
        return tuple(tally_of(one.row, one.etag) for one in found)

    async def forget(self, before: datetime, limit: int) -> int:
        """Delete what has been idle since before a moment, at the version it was found at."""
        where = f"{_IN_SPAN} and idle_since lt @before"
        moment = {"before": write_moment(before) or ""}
        found: list[Found] = []
        for kind in KINDS:
            if len(found) < limit:
                found += await self._store.query(
                    _TABLE,
                    where,
                    {**span_of(kind), **moment},
                    limit=limit - len(found),
                    columns=_KEY,
                )
        gate = asyncio.Semaphore(AT_ONCE)

        async def drop(one: Found) -> None:
            key = str(one.row["PartitionKey"]), str(one.row["RowKey"])
            async with gate:
                with suppress(StaleFacts):  # somebody counts in it again
                    await self._store.drop(_TABLE, key, etag=one.etag)

        await asyncio.gather(*(drop(one) for one in found))
        return len(found)
