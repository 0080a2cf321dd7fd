"""Waves in Azure Table storage: table ``Waves``, one partition and one row a job.

A row is replaced only if nobody replaced it since it was read, and inserted only if there
is none: of two plans that meet a job at once one begins the wave, and the other reads it.

Source: https://learn.microsoft.com/rest/api/storageservices/update-entity2
(``If-Match`` and the 412 that answers it).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.adapters.storage import Storage
from shared.adapters.table_rows import COLUMN, document, document_of
from shared.adapters.table_store import TableStore
from shared.core.errors import InvalidTarget
from shared.core.waves import Wave
from shared.core.wire import read_moment, write_moment

_TABLE, _ROW = "Waves", "wave"
_MOMENTS = ("began_at", "lead_at", "told_at", "leave_at")


class TableWaves:
    """Implements ``shared.ports.waves.Waves``."""

    def __init__(self, storage: Storage, prefix: str = "Nightshift") -> None:
        """Remember the account; the first call connects."""
        self._store = TableStore(storage, prefix)

    async def read(self, key: str) -> Wave:
        """Read the last wave of a job; one that never met any comes empty.

        Raises:
            InvalidTarget: The row is no wave.
        """
        found = await self._store.read(_TABLE, wave_key(key))
        return wave_of(found.row, found.etag) if found is not None else Wave(key)

    async def save(self, wave: Wave) -> Wave:
        """Store a wave that is still at ``wave.etag``; return it as it is now.

        Raises:
            StaleFacts: Somebody else wrote meanwhile: read again.
        """
        etag = await self._store.save(_TABLE, wave_row(wave), wave.etag)
        return replace(wave, etag=etag)


def wave_key(key: str) -> tuple[str, str]:
    """Return partition and row of a job; a key may hold what a partition's may not."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()[:24], _ROW


def wave_row(wave: Wave) -> dict[str, Any]:
    """Write a wave."""
    partition, row = wave_key(wave.key)
    moments = {name: write_moment(getattr(wave, name)) for name in _MOMENTS}
    written = {
        "key": wave.key,
        "first": wave.first,
        "leader": wave.leader,
        "told": list(wave.told),
        "saved": wave.saved,
        **moments,
    }
    return {
        "PartitionKey": partition,
        "RowKey": row,
        "key": wave.key[:COLUMN].encode(errors="replace").decode(),
        "began_at": moments["began_at"] or "",
        **document(written, f"the wave of {wave.key[:COLUMN]}"),
    }


def wave_of(row: Mapping[str, Any], etag: str) -> Wave:
    """Read a wave.

    Raises:
        InvalidTarget: The row was not written by this or an older release.
    """
    try:
        written = document_of(row)
        return Wave(
            key=written["key"],
            first=written["first"],
            leader=written["leader"],
            told=tuple(str(one) for one in written["told"]),
            saved=written["saved"],
            etag=etag,
            **{name: read_moment(written[name]) for name in _MOMENTS},
        )
    except (KeyError, ValueError, TypeError) as exc:
        raise InvalidTarget(f"the row of {row.get('key')} is no wave: {exc!r}") from exc
