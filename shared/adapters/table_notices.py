"""Notices that wait to be sent, in Azure Table storage; rows as in ``notice_rows``.

A notice waits beside a row that bears its id, both written in one transaction: posted again
it is found, whether it still waits or was sent within the last day. So nothing is lost while
a channel is down, and a redelivery tells nothing twice.

Source: https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
(100 rows of one partition).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from shared.adapters import notice_rows as rows
from shared.adapters.storage import Storage
from shared.adapters.table_store import Found, Operation, TableStore
from shared.core.errors import InvalidTarget, StaleFacts
from shared.core.moments import write_moment
from shared.core.notice import Notice
from shared.core.pacing import Pace
from shared.core.terms import Channel

KEPT = timedelta(days=1)
FORGOTTEN_AT_ONCE = 200
_TOGETHER = 50  # notices, two rows each
_TABLE = "Notices"
_RANGE = "PartitionKey eq @partition and RowKey ge @low and RowKey lt @high"


class TableNotices:
    """Implements ``shared.ports.Notices``."""

    def __init__(
        self, storage: Storage, channels: Collection[Channel], prefix: str = "Nightshift"
    ) -> None:
        """Remember the account; the first call connects.

        Args:
            channels: Those that somebody sends to; for others nothing is stored.
        """
        self._store = TableStore(storage, prefix)
        self._channels = frozenset(channels)

    async def post(self, notice: Notice) -> tuple[Channel, ...]:
        """Store a notice for each configured channel, once."""
        wanted = tuple(c for c in dict.fromkeys(notice.channels) if c in self._channels)
        await asyncio.gather(*(self._post(channel, notice) for channel in wanted))
        return wanted

    async def _post(self, channel: Channel, notice: Notice) -> None:
        operations: list[Operation] = [
            ("create", rows.posted_row(channel, notice.id)),
            ("create", rows.waiting_row(channel, notice)),
        ]
        with suppress(StaleFacts):  # it waits already, or was sent
            await self._store.transact(_TABLE, operations)

    async def backlog(self, channel: Channel, *, limit: int) -> tuple[Notice, ...]:
        """Return what waits for a channel, oldest first."""
        values = {
            "partition": str(channel),
            "low": rows.WAITING,
            "high": rows.WAITING[:-1] + rows.AFTER,
        }
        found = await self._store.query(_TABLE, _RANGE, values, limit=limit)
        return tuple(_readable(found))

    async def drop(self, channel: Channel, notices: Sequence[Notice], *, at: datetime) -> None:
        """Note that these were sent; forget what was sent more than a day before."""
        pairs = [_moved(channel, one, at) for one in notices]
        await self._together(pairs)
        values = {
            "partition": str(channel),
            "low": rows.SENT,
            "high": rows.sent_before(at - KEPT),
        }
        old = await self._store.query(_TABLE, _RANGE, values, limit=FORGOTTEN_AT_ONCE)
        await self._together([_forgotten(channel, str(one.row["RowKey"])) for one in old])

    async def _together(self, pairs: Sequence[list[Operation]]) -> None:
        """Do many pairs a call; where another was faster, one pair a call."""
        for at in range(0, len(pairs), _TOGETHER):
            part = pairs[at : at + _TOGETHER]
            try:
                await self._store.transact(_TABLE, [one for pair in part for one in pair])
            except StaleFacts:
                for pair in part:
                    with suppress(StaleFacts):
                        await self._store.transact(_TABLE, pair)

    async def pace(self, channel: Channel) -> Pace:
        """Read how often a channel was written to, and how long it rests."""
        found = await self._store.read(_TABLE, (rows.PACE, str(channel)))
        return rows.pace_in(found.row, found.etag) if found else Pace(channel)

    async def keep_pace(self, pace: Pace) -> Pace:
        """Replace a pace that is still at ``pace.etag``."""
        etag = await self._store.save(_TABLE, rows.pace_row(pace), pace.etag)
        return replace(pace, etag=etag)

    async def use_once(self, key: str, *, at: datetime) -> bool:
        """Take what may be taken once a day."""
        old = {"partition": rows.USED, "old": write_moment(at - KEPT)}
        for found in await self._store.query(
            _TABLE, "PartitionKey eq @partition and at lt @old", old, limit=FORGOTTEN_AT_ONCE
        ):
            await self._store.drop(_TABLE, (rows.USED, str(found.row["RowKey"])))
        try:
            await self._store.insert(_TABLE, rows.used_row(key, at))
        except StaleFacts:
            return False
        return True

    async def give_back(self, key: str) -> None:
        """Let it be taken again."""
        await self._store.drop(_TABLE, rows.used_key(key))


def _readable(found: Iterable[Found]) -> Iterable[Notice]:
    """Read what this release can; what a newer one wrote waits for it."""
    for one in found:
        with suppress(InvalidTarget):
            yield rows.notice_in(one.row)


def _moved(channel: Channel, notice: Notice, at: datetime) -> list[Operation]:
    return [
        ("delete", rows.waiting_key(channel, notice)),
        ("upsert", rows.sent_row(channel, notice, at), {"mode": "replace"}),
    ]


def _forgotten(channel: Channel, sent_key: str) -> list[Operation]:
    return [
        ("delete", rows.posted_row(channel, rows.notice_id_in(sent_key))),
        ("delete", {"PartitionKey": str(channel), "RowKey": sent_key}),
    ]
