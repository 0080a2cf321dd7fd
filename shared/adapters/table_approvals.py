"""Questions to people in Azure Table storage: table ``Approvals``.

    <id> / question       one row a question, replaced only at the version it was read
    unsettled / <id>      an entry for each question that is not settled

The entry is written before its question and dropped after the question is settled: a
crash leaves an entry too many, which is tidied when it is met, and never one too few.

Source: https://learn.microsoft.com/rest/api/storageservices/update-entity2 (If-Match)
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.storage import Storage
from shared.adapters.table_rows import document, document_of
from shared.adapters.table_store import Found, TableStore
from shared.core.approvals import Approval, is_approval_id
from shared.core.approvals_json import approval_from_json, approval_to_json
from shared.core.errors import InvalidTarget, StaleFacts
from shared.core.wire import read_moment, write_moment
from shared.ports import Clock

_LOG = logging.getLogger("nightshift")
AT_ONCE = 16
YOUNG = timedelta(minutes=10)
"""An entry this young may be of a question that is just being written."""
_TABLE, _QUESTION, _UNSETTLED = "Approvals", "question", "unsettled"


class TableApprovals:
    """Implements ``shared.ports.Approvals``."""

    def __init__(self, storage: Storage, clock: Clock, prefix: str = "Nightshift") -> None:
        """Remember the account; the first call connects."""
        self._store = TableStore(storage, prefix)
        self._clock = clock

    async def ask(self, approval: Approval) -> Approval:
        """Store a question, unless there is one of that id."""
        known = await self.find(approval.id)
        if known is not None:
            return known
        entry = {
            "PartitionKey": _UNSETTLED,
            "RowKey": approval.id,
            "plan": approval.plan_id,
            "at": write_moment(self._clock.now()),
        }
        await self._store.put(_TABLE, entry)
        try:
            etag = await self._store.insert(_TABLE, _row(approval))
        except StaleFacts:
            return await self.find(approval.id) or approval
        return replace(approval, etag=etag)

    async def find(self, approval_id: str) -> Approval | None:
        """Return a question, whatever its state."""
        if not is_approval_id(approval_id):
            return None
        found = await self._store.read(_TABLE, (approval_id, _QUESTION))
        return None if found is None else approval_of(found)

    async def save(self, approval: Approval) -> Approval:
        """Replace a question; one that is settled now leaves the list of the unsettled."""
        if not approval.etag:
            raise StaleFacts(f"saving approval {approval.id}: it was not read first")
        etag = await self._store.replace(_TABLE, _row(approval), approval.etag)
        if approval.is_settled:
            await self._store.drop(_TABLE, (_UNSETTLED, approval.id))
        return replace(approval, etag=etag)

    async def unsettled(self) -> tuple[Approval, ...]:
        """Return what is not settled, oldest first; tidy what a crash left."""
        return await self._listed("PartitionKey eq @partition", {})

    async def about(self, plan_id: str) -> tuple[Approval, ...]:
        """Return what is not settled about one plan."""
        where = "PartitionKey eq @partition and plan eq @plan"
        return await self._listed(where, {"plan": plan_id})

    async def _listed(self, where: str, values: dict[str, str]) -> tuple[Approval, ...]:
        named = {"partition": _UNSETTLED, **values}
        entries = await self._store.query(_TABLE, where, named)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(entry: Found) -> Approval | None:
            async with gate:
                return await self._read(entry)

        found = await asyncio.gather(*(one(entry) for entry in entries))
        known = (approval for approval in found if approval is not None)
        return tuple(sorted(known, key=lambda one: (one.asked_at, one.id)))

    async def _read(self, entry: Found) -> Approval | None:
        """Read what an entry names; one that cannot be read hides none of the others."""
        try:
            approval = await self.find(str(entry.row["RowKey"]))
        except InvalidTarget as error:
            _LOG.warning("approval unreadable: %s", error)
            return None
        if approval is not None and not approval.is_settled:
            return approval
        if approval is not None or not self._is_young(read_moment(entry.row.get("at"))):
            key = (_UNSETTLED, str(entry.row["RowKey"]))
            with suppress(StaleFacts):  # it was just written again
                await self._store.drop(_TABLE, key, etag=entry.etag)
        return None

    def _is_young(self, at: datetime | None) -> bool:
        return at is not None and self._clock.now() < at + YOUNG


def _row(approval: Approval) -> dict[str, Any]:
    return {
        "PartitionKey": approval.id,
        "RowKey": _QUESTION,
        "state": approval.state.value,
        "rule": approval.rule[:200],
        "expires_at": write_moment(approval.expires_at) or "",
        **document(approval_to_json(approval), f"approval {approval.id}"),
    }


def approval_of(found: Found) -> Approval:
    """Read a question.

    Raises:
        InvalidTarget: The row was not written by this or an older release.
    """
    try:
        return approval_from_json(document_of(found.row), etag=found.etag)
    except (KeyError, ValueError, TypeError) as exc:
        where = found.row.get("PartitionKey")
        raise InvalidTarget(f"the row {where} is no approval: {exc!r}") from exc
