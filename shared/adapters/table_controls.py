"""Pauses in Azure Table storage, in one partition: table ``Controls``.

    now:<id>    nobody lifted it: what every decision reads
    past:<id>   lifted, or ended long ago

Lifting moves a row in one transaction, so that what is read before each decision stays
short, however many pauses there have been.

Source: https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.recent import Recent
from shared.adapters.storage import Storage
from shared.adapters.table_store import Found, TableStore, unchanged
from shared.core.errors import InvalidTarget, StaleFacts
from shared.core.pauses import Pause, Scope, is_pause_id
from shared.core.wire import read_moment, write_moment

FRESH = timedelta(seconds=2)
"""How old what is read before a decision may be.

Long enough that a storm of events reads pauses once and not a thousand times, short
enough that a person who pauses sees it obeyed by every instance before they let go of
the key. On the instance that took the pause it is obeyed at once.
"""
KEPT_AFTER_END = timedelta(days=1)
TRIES = 4
_TABLE, _PARTITION = "Controls", "pauses"
_NOW, _PAST = "now:", "past:"
_AFTER_NOW = "now;"  # the character after the colon: the end of the range of row keys
_ALL = "all"


class TableControls:
    """Implements ``shared.ports.Controls``."""

    def __init__(self, storage: Storage, prefix: str = "Nightshift") -> None:
        """Remember the account; the first call connects."""
        self._store = TableStore(storage, prefix)
        self._recent: Recent[tuple[Pause, ...]] = Recent(ttl=FRESH, limit=1)

    async def pauses(self) -> tuple[Pause, ...]:
        """Read the pauses that nobody lifted."""
        return await self._recent.get(_ALL, self._read)

    async def _read(self) -> tuple[Pause, ...]:
        return tuple(pause_of(found) for found in await self._rows())

    async def _rows(self) -> list[Found]:
        where = "PartitionKey eq @partition and RowKey ge @low and RowKey lt @high"
        values = {"partition": _PARTITION, "low": _NOW, "high": _AFTER_NOW}
        return await self._store.query(_TABLE, where, values)

    async def pause(self, pause: Pause) -> Pause:
        """Store a pause; file those that ended long before it began."""
        stored = await self.find(pause.id)
        if stored is not None:
            return stored
        try:
            await self._store.insert(_TABLE, _row(_NOW, pause))
        except StaleFacts:
            return await self.find(pause.id) or pause
        finally:
            self._recent.forget(_ALL)
        for found in await self._rows():
            one = pause_of(found)
            if one.expires_at and one.expires_at + KEPT_AFTER_END < pause.created_at:
                await self._move(found, one)
        return pause

    async def find(self, pause_id: str) -> Pause | None:
        """Return a pause, in force, ended or lifted."""
        if not is_pause_id(pause_id):
            return None
        for prefix in (_NOW, _PAST):  # in this order: it only ever moves that way
            found = await self._store.read(_TABLE, (_PARTITION, f"{prefix}{pause_id}"))
            if found is not None:
                return pause_of(found)
        return None

    async def lift(self, pause_id: str, *, by: str, at: datetime) -> Pause | None:
        """End a pause now, unless somebody did."""
        if not is_pause_id(pause_id):
            return None
        for _ in range(TRIES):
            found = await self._store.read(_TABLE, (_PARTITION, f"{_NOW}{pause_id}"))
            if found is None:
                break
            lifted = replace(pause_of(found), lifted_by=by, lifted_at=at)
            if await self._move(found, lifted):
                return lifted
        return await self.find(pause_id)

    async def _move(self, found: Found, pause: Pause) -> bool:
        """File a pause as past; tell whether it was still there to be filed."""
        gone = {"PartitionKey": _PARTITION, "RowKey": f"{_NOW}{pause.id}"}
        try:
            await self._store.transact(
                _TABLE,
                [("create", _row(_PAST, pause)), ("delete", gone, unchanged(found.etag))],
            )
        except StaleFacts:
            return False
        finally:
            self._recent.forget(_ALL)
        return True


def _row(prefix: str, pause: Pause) -> dict[str, Any]:
    return {
        "PartitionKey": _PARTITION,
        "RowKey": f"{prefix}{pause.id}",
        "scope": str(pause.scope),
        "owner": pause.owner,
        "is_owner_verified": pause.is_owner_verified,
        "reason": pause.reason,
        "created_at": write_moment(pause.created_at),
        "expires_at": write_moment(pause.expires_at) or "",
        "lifted_at": write_moment(pause.lifted_at) or "",
        "lifted_by": pause.lifted_by,
    }


def pause_of(found: Found) -> Pause:
    """Read a pause.

    Raises:
        InvalidTarget: The row was not written by this or an older release.
    """
    row = found.row
    try:
        return Pause(
            id=str(row["RowKey"]).partition(":")[2],
            scope=Scope.parse(str(row["scope"])),
            owner=str(row["owner"]),
            reason=str(row["reason"]),
            created_at=datetime.fromisoformat(row["created_at"]),
            expires_at=read_moment(row["expires_at"]),
            is_owner_verified=bool(row.get("is_owner_verified")),
            lifted_at=read_moment(row.get("lifted_at")),
            lifted_by=str(row.get("lifted_by") or ""),
        )
    except (KeyError, ValueError, TypeError) as exc:
        raise InvalidTarget(f"the row {row.get('RowKey')} is no pause: {exc!r}") from exc
