"""The outbox in Azure Table storage: what ``TableLedger`` has yet to tell the outside.

The ledger writes a pointer before what it points at, so that a crash leaves a pointer
too many and never one too few. Here they are read, claimed and dropped, each by a
conditional write.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from shared.adapters import outbox_rows as pointers
from shared.adapters import table_rows as rows
from shared.adapters.storage import Storage
from shared.adapters.table_store import Found, TableStore
from shared.core.plans import Plan
from shared.ports import Backlog, EventRecord, Pointer

PAGE = 1000
OUTBOX = "Outbox"
_PLANS, _EVENTS = "Plans", "Events"


class TableOutbox:
    """Implements ``shared.ports.Outbox``."""

    def __init__(self, storage: Storage, prefix: str = "Nightshift") -> None:
        """Remember the account; the first call connects."""
        self._store = TableStore(storage, prefix)

    async def backlog(self) -> Backlog:
        """Read up to a page, and if there is more a page of each partition.

        Every tick reads it, so an outbox of usual size must cost one call.
        """
        found = await self._store.query(OUTBOX, "", {}, limit=PAGE)
        is_complete = len(found) < PAGE
        if not is_complete:
            parts = await asyncio.gather(*(self._part(one) for one in pointers.PARTITIONS))
            is_complete = all(len(part) < PAGE for part in parts)
            found = [one for part in parts for one in part]
        resting = {
            str(one.row["RowKey"]): datetime.fromisoformat(one.row["at"])
            for one in found
            if one.row["PartitionKey"] == pointers.REST
        }
        read = [
            pointers.mended(one.row, one.etag)
            for one in found
            if one.row["PartitionKey"] != pointers.REST
        ]
        oldest_first = sorted(read, key=lambda pointer: pointer.at)
        return Backlog(tuple(oldest_first), resting, is_complete)

    async def _part(self, partition: str) -> list[Found]:
        where = "PartitionKey eq @partition"
        return await self._store.query(OUTBOX, where, {"partition": partition}, limit=PAGE)

    async def content(self, pointer: Pointer) -> Plan | EventRecord | None:
        """Read the plan or the event's record that a pointer names."""
        if rows.is_plan_id(pointer.key):
            found = await self._store.read(_PLANS, rows.plan_key(pointer.key))
            return rows.plan_of(found.row, found.etag).plan if found else None
        found = await self._store.read(_EVENTS, pointers.event_key(pointer.key))
        return rows.event_of(found.row) if found else None

    async def save(self, pointer: Pointer) -> Pointer:
        """Replace a pointer that is still at its version."""
        row = pointers.pointer_row(pointer)
        etag = await self._store.replace(OUTBOX, row, pointer.etag)
        return pointers.pointer_of(row, etag)

    async def drop(self, pointer: Pointer) -> None:
        """Delete a pointer that is still at its version."""
        key = pointers.pointer_key(pointer.key)
        await self._store.drop(OUTBOX, key, etag=pointer.etag)

    async def rest(self, sink: str, until: datetime) -> None:
        """Note that a sink asked for patience."""
        await self._store.put(OUTBOX, pointers.rest_row(sink, until))
