"""The roll of forwarders and the smoke tests' tickets, in Azure Table storage.

    Forwarders   {first digit}  {40 hex of the machine}   its last beat
    Controls     smoke          {ticket's id}             leave for one made-up event

A beat replaces the machine's last one without looking: whichever of two is kept, both
were heard. Sixteen partitions take the beats of a large estate.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.clock import SystemClock
from shared.adapters.storage import Storage
from shared.adapters.table_store import Found, TableStore
from shared.core.beats import Beat
from shared.core.errors import InvalidTarget
from shared.core.smoke_tests import LIVES, Inlet, Ticket
from shared.core.wire import read_moment, write_moment
from shared.ports.upkeep import Roll

_FORWARDERS, _CONTROLS, _SMOKE = "Forwarders", "Controls", "smoke"
_HEX = frozenset("0123456789abcdef")
_NAME = 40
LONGEST = 1000


class TableForwarders:
    """Implements ``shared.ports.upkeep.Forwarders``."""

    def __init__(self, storage: Storage, prefix: str = "Nightshift") -> None:
        """Remember the account; the first call connects."""
        self._store = TableStore(storage, prefix)

    async def note(self, beat: Beat) -> None:
        """Keep a beat in place of the machine's last one."""
        await self._store.put(_FORWARDERS, _beat_row(beat))

    async def roll(self, *, limit: int, after: str = "") -> Roll:
        """Return forwarders in the order of their hashes.

        Raises:
            InvalidTarget: ``after`` is no place that an earlier page ended with.
        """
        if after and (len(after) != _NAME or not _HEX.issuperset(after)):
            raise InvalidTarget(f"after was {after[:50]!r}; it is `next` of an earlier page")
        # No brackets: the library takes words apart at spaces alone; `and` binds first.
        where = "PartitionKey gt @part or PartitionKey eq @part and RowKey gt @row"
        values = {"part": after[:1], "row": after}
        found = await self._store.query(
            _FORWARDERS, where if after else "", values if after else {}, limit=limit + 1
        )
        shown = found[:limit]
        more = str(shown[-1].row["RowKey"]) if len(found) > limit else ""
        return Roll(tuple(_beat_of(one) for one in shown), more)

    async def silent(self, before: datetime, *, limit: int) -> tuple[Beat, ...]:
        """Return those that were due to be heard again before a moment."""
        where, moment = "silent_from lt @before", write_moment(before) or ""
        found = await self._store.query(_FORWARDERS, where, {"before": moment}, limit=limit)
        return tuple(_beat_of(one) for one in found)

    async def drop(self, machines: Sequence[str]) -> None:
        """Take machines off the roll."""
        await asyncio.gather(*(self._store.drop(_FORWARDERS, _key(one)) for one in machines))


class TableTickets:
    """Implements ``shared.ports.upkeep.Tickets``."""

    def __init__(
        self, storage: Storage, clock: SystemClock, prefix: str = "Nightshift"
    ) -> None:
        """Remember the account; the first call connects."""
        self._store = TableStore(storage, prefix)
        self._clock = clock

    async def issue(self, ticket: Ticket) -> None:
        """Store a ticket."""
        row = {
            "PartitionKey": _SMOKE,
            "RowKey": ticket.id,
            "inlet": ticket.inlet.value,
            "target": ticket.target,
            "issued_at": write_moment(ticket.issued_at),
        }
        await self._store.put(_CONTROLS, row)

    async def find(self, ticket_id: str) -> Ticket | None:
        """Return a ticket; an id that no key of a row can be is no ticket's."""
        if any(char in "/\\#?" or not char.isprintable() for char in ticket_id):
            return None
        found = await self._store.read(_CONTROLS, (_SMOKE, ticket_id))
        return _ticket_of(found) if found else None

    async def waiting(self) -> tuple[Ticket, ...]:
        """Return the timer's tickets, and forget those that are long over."""
        where = "PartitionKey eq @part"
        found = await self._store.query(_CONTROLS, where, {"part": _SMOKE}, limit=LONGEST)
        tickets = [_ticket_of(one) for one in found]
        over = self._clock.now() - LIVES - timedelta(days=1)
        gone = [one for one in tickets if one.issued_at < over]
        await asyncio.gather(*(self._store.drop(_CONTROLS, (_SMOKE, one.id)) for one in gone))
        return tuple(one for one in tickets if one.inlet is Inlet.TIMER and one not in gone)


def _key(machine: str) -> tuple[str, str]:
    mark = hashlib.sha256(machine.casefold().encode()).hexdigest()[:_NAME]
    return mark[0], mark


def _beat_row(beat: Beat) -> dict[str, Any]:
    part, row = _key(beat.machine)
    return {
        "PartitionKey": part,
        "RowKey": row,
        "machine": beat.machine,
        "version": beat.version,
        "every_s": int(beat.every.total_seconds()),
        "sent_at": write_moment(beat.sent_at),
        "heard_at": write_moment(beat.heard_at),
        "silent_from": write_moment(beat.silent_from),
        "waiting": beat.waiting,
        "lost": beat.lost,
        "failing": beat.failing,
    }


def _beat_of(found: Found) -> Beat:
    row = found.row
    try:
        return Beat(
            machine=str(row["machine"]),
            version=str(row["version"]),
            every=timedelta(seconds=int(row["every_s"])),
            sent_at=_moment(row["sent_at"]),
            heard_at=_moment(row["heard_at"]),
            waiting=int(row["waiting"]),
            lost=int(row["lost"]),
            failing=int(row["failing"]),
        )
    except (KeyError, ValueError, TypeError) as exc:
        raise InvalidTarget(f"the row {row.get('RowKey')} is no forwarder's: {exc!r}") from exc


def _ticket_of(found: Found) -> Ticket:
    row = found.row
    try:
        return Ticket(
            id=str(row["RowKey"]),
            inlet=Inlet(str(row["inlet"])),
            target=str(row["target"]),
            issued_at=_moment(row["issued_at"]),
        )
    except (KeyError, ValueError, TypeError) as exc:
        raise InvalidTarget(f"the row {row.get('RowKey')} is no ticket: {exc!r}") from exc


def _moment(text: str) -> datetime:
    moment = read_moment(text)
    if moment is None:
        raise ValueError("no moment")
    return moment
