"""The outbox over the fake ledger, and a sink that keeps what it takes, with one trap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.adapters import outbox_rows as pointers
from shared.adapters import table_rows as rows
from shared.core.audit import AuditRecord
from shared.core.errors import AutomationError, InvalidTarget, StaleFacts, TooLarge
from shared.core.plans import Plan
from shared.ports import Backlog, EventRecord, Pointer, Undelivered
from tests.fakes.effects import Trap, no_trap
from tests.fakes.ledger import FakeLedger

PAGE = 1000


@dataclass
class FakeOutbox:
    """Pointers with versions: every write that is conditional there is conditional here."""

    ledger: FakeLedger
    trap: Trap = no_trap
    resting: dict[str, datetime] = field(default_factory=dict)

    async def backlog(self) -> Backlog:
        """Read pointers, oldest first."""
        await asyncio.sleep(0)
        read = [pointers.pointer_of(*one) for one in self.ledger.pointers.values()]
        read.sort(key=lambda pointer: pointer.at)
        return Backlog(tuple(read[:PAGE]), dict(self.resting), len(read) < PAGE)

    async def content(self, pointer: Pointer) -> Plan | EventRecord | None:
        """Read what a pointer names."""
        await asyncio.sleep(0)
        if rows.is_plan_id(pointer.key):
            stored = await self.ledger.find(pointer.key)
            return stored.plan if stored else None
        row = self.ledger.events.get(pointers.event_key(pointer.key))
        return rows.event_of(row) if row else None

    async def save(self, pointer: Pointer) -> Pointer:
        """Replace a pointer that is still at its version."""
        await asyncio.sleep(0)
        self.trap("before save pointer")
        self._must_be_at(pointer)
        if pointer.key not in self.ledger.pointers:
            raise StaleFacts(f"the pointer {pointer.key} is gone")
        row, version = pointers.pointer_row(pointer), self.ledger._version()
        self.ledger.pointers[pointer.key] = (row, version)
        self.trap("after save pointer")
        return pointers.pointer_of(row, version)

    async def drop(self, pointer: Pointer) -> None:
        """Delete a pointer that is still at its version."""
        await asyncio.sleep(0)
        self.trap("before drop pointer")
        self._must_be_at(pointer)
        self.ledger.pointers.pop(pointer.key, None)
        self.trap("after drop pointer")

    def _must_be_at(self, pointer: Pointer) -> None:
        _, version = self.ledger.pointers.get(pointer.key, ({}, pointer.etag))
        if version != pointer.etag:
            raise StaleFacts(f"the pointer {pointer.key} has changed")

    async def rest(self, sink: str, until: datetime) -> None:
        """Note that a sink asked for patience."""
        await asyncio.sleep(0)
        self.trap("before rest")
        self.resting[sink] = until
        self.trap("after rest")


@dataclass
class FakeSink:
    """Keeps what it takes, in order.

    Attributes:
        down: Raised, as it were, by the whole service, for as long as it is set.
        most: More records at once than this are too many.
        refuses: Tells which records the service takes for wrong; one spoils its batch.
    """

    name: str = "log_analytics"
    trap: Trap = no_trap
    wants: Callable[[AuditRecord], bool] = lambda _: True
    down: AutomationError | None = None
    most: int = 10**9
    refuses: Callable[[AuditRecord], bool] = lambda _: False
    taken: list[AuditRecord] = field(default_factory=list)
    calls: int = 0

    def takes(self, record: AuditRecord) -> bool:
        """Tell whether it wants such a record."""
        return self.wants(record)

    async def send(self, records: Sequence[AuditRecord]) -> tuple[Undelivered, ...]:
        """Take all records or none."""
        await asyncio.sleep(0)
        self.trap(f"before send {self.name}")
        self.calls += 1
        error = self._error(records)
        if error is not None:
            return (Undelivered(tuple(records), error),)
        self.taken.extend(records)
        self.trap(f"after send {self.name}")
        return ()

    def _error(self, records: Sequence[AuditRecord]) -> AutomationError | None:
        if self.down is not None:
            return self.down
        if len(records) > self.most:
            return TooLarge(f"413: {len(records)} records at once")
        if any(self.refuses(one) for one in records):
            return InvalidTarget("400: a record is not to the stream's liking")
        return None

    @property
    def ids(self) -> list[str]:
        """Ids of what it took, in order, repeated ones too."""
        return [one.id for one in self.taken]
