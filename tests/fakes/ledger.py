"""The ledger, the wake queue, the records and the clock, in memory, with one trap.

``trap`` is called with ``before X`` and ``after X`` around each write. Raised before, the
write has not happened; raised after, it has and only its answer is lost. Writes that
TableLedger does one after the other have a trap between them, too (``after index``,
``after close``, ``after file``), so that every crash it can leave behind is seen here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.adapters import outbox_rows as pointers
from shared.adapters import table_rows as rows
from shared.core.errors import InvalidTarget, StaleFacts
from shared.core.plans import Plan, target_hash
from shared.ports import EventRecord, Head, PlanPage, StoredPlan, TargetView
from tests.fakes.effects import Trap, no_trap

YOUNG = timedelta(minutes=5)
DAYS_BACK = 31
LARGEST_PAGE = 200


class Crash(BaseException):
    """The process died here. Not an Exception, so nothing can swallow it."""


@dataclass
class FakeClock:
    """A clock that moves only when told to, and workers called w1, w2..."""

    at: datetime
    tokens: int = 0

    def now(self) -> datetime:
        """Return the moment it was set to."""
        return self.at

    def token(self) -> str:
        """Return a name nobody else has."""
        self.tokens += 1
        return f"w{self.tokens}"

    def move(self, span: timedelta) -> None:
        """Let time pass."""
        self.at += span


@dataclass
class FakeLedger:
    """Rows with versions: every write that is conditional there is conditional here.

    Attributes:
        index: What the sweep reads: plan id to when its entry was written.
        filed: Ids of plans filed as closed.
        pointers: The outbox: pointer to row and version; ``tests.fakes.audit`` reads it.
    """

    clock: FakeClock
    trap: Trap = no_trap
    plans: dict[str, tuple[rows.Row, str]] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)
    index: dict[str, datetime] = field(default_factory=dict)
    filed: set[str] = field(default_factory=set)
    pointers: dict[str, tuple[rows.Row, str]] = field(default_factory=dict)
    events: dict[tuple[str, str], rows.Row] = field(default_factory=dict)
    budgets: dict[str, list[str]] = field(default_factory=dict)
    versions: int = 0

    def plan(self, plan_id: str) -> Plan:
        """Return a plan that must be there, for a test to look at."""
        return rows.plan_of(*self.plans[plan_id]).plan

    def every_plan(self) -> list[Plan]:
        """Return all plans, in the order in which they were opened."""
        return [self.plan(plan_id) for plan_id in self.plans]

    def _version(self) -> str:
        self.versions += 1
        return f"v{self.versions}"

    async def look(self, target: str, plan_ids: Sequence[str]) -> TargetView:
        """Read a target's head and the named plans."""
        await asyncio.sleep(0)
        partition = target_hash(target)
        found = {
            plan_id: rows.plan_of(*self.plans[plan_id])
            for plan_id in plan_ids
            if plan_id in self.plans and plan_id.startswith(partition)
        }
        return TargetView(self.heads.get(partition, Head()), found)

    async def find(self, plan_id: str) -> StoredPlan | None:
        """Return a plan, open or closed."""
        await asyncio.sleep(0)
        return rows.plan_of(*self.plans[plan_id]) if plan_id in self.plans else None

    async def open(self, plan: Plan, head: Head) -> StoredPlan:
        """Store a new plan and take its target."""
        if not rows.is_plan_id(plan.id) or plan.id[:12] != target_hash(plan.target):
            raise InvalidTarget(f"{plan.id!r} is not the id of a plan for {plan.target!r}")
        row = rows.plan_row(plan)
        await asyncio.sleep(0)
        self.trap("before open")
        if plan.is_open:
            if head.in_flight:
                raise StaleFacts(f"plan {head.in_flight} has taken the target")
            self.index[plan.id] = self.clock.now()
            self.trap("after index")
        self._point_at(pointers.plan_pointer(plan.id))
        self.trap("after pointer")
        await asyncio.sleep(0)
        self._insert(plan, row, head)
        self.trap("after open")
        return StoredPlan(plan, self.plans[plan.id][1])

    def _point_at(self, key: str) -> None:
        row = pointers.touched_row(key, self.clock.now())
        before, _ = self.pointers.get(key, ({}, ""))
        self.pointers[key] = ({**before, **row}, self._version())

    def _insert(self, plan: Plan, row: rows.Row, head: Head) -> None:
        partition = target_hash(plan.target)
        if plan.id in self.plans:
            raise StaleFacts(f"plan {plan.id} exists")
        if not plan.is_open:
            self.filed.add(plan.id)
        elif self.heads.get(partition, Head()).etag != head.etag:
            raise StaleFacts("the target's head has changed")
        else:
            self.heads[partition] = rows.head_of(rows.head_row(plan, head), self._version())
        self.plans[plan.id] = (row, self._version())

    async def save(self, stored: StoredPlan, plan: Plan) -> StoredPlan:
        """Replace a plan; one that is closed now gives its target back."""
        row = rows.plan_row(plan)
        await asyncio.sleep(0)
        self.trap("before save")
        if not stored.plan.is_open:
            raise StaleFacts(f"plan {plan.id} is closed and stays closed")
        if plan.id not in self.plans or self.plans[plan.id][1] != stored.etag:
            raise StaleFacts(f"plan {plan.id} has changed")
        saved = StoredPlan(plan, self._version())
        self.plans[plan.id] = (row, saved.etag)
        if not plan.is_open:
            partition = target_hash(plan.target)
            head = self.heads.get(partition, Head())
            self.heads[partition] = replace(head, in_flight="", etag=self._version())
            self.trap("after close")
            self.filed.add(plan.id)
            self.trap("after file")
            self.index.pop(plan.id, None)
        self.trap("after save")
        return saved

    async def open_plans(self) -> AsyncIterator[str]:
        """Yield ids of the plans that may be open, oldest entry first."""
        await asyncio.sleep(0)
        for plan_id, _ in sorted(self.index.items(), key=lambda item: item[1]):
            yield plan_id

    async def tidy(self, plan_id: str) -> None:
        """Drop the entry of a plan that is closed or was never stored."""
        await asyncio.sleep(0)
        if plan_id in self.plans:
            if self.plan(plan_id).is_open:
                return
        elif plan_id in self.index and self.clock.now() < self.index[plan_id] + YOUNG:
            return
        self.trap("before tidy")
        if plan_id in self.plans:
            self.filed.add(plan_id)
        self.index.pop(plan_id, None)
        self.trap("after tidy")

    async def list_plans(self, *, state: str, limit: int, after: str) -> PlanPage:
        """Return plans newest first, the open ones before the closed."""
        await asyncio.sleep(0)
        if state not in {"open", "closed", ""}:
            raise InvalidTarget(f"state is {state!r}: it may be open, closed or empty")
        if not 1 <= limit <= LARGEST_PAGE:
            raise InvalidTarget(f"limit is {limit}: it may be 1 to {LARGEST_PAGE}")
        listed = self._listed(state)
        start = 0
        if after:
            ids = [plan.id for plan in listed]
            if after not in ids:
                raise InvalidTarget("`after` is not a place in the list of plans")
            start = ids.index(after) + 1
        shown = listed[start : start + limit]
        has_more = start + limit < len(listed)
        return PlanPage(tuple(shown), shown[-1].id if has_more else "")

    def _listed(self, state: str) -> list[Plan]:
        entries = sorted(self.index.items(), key=lambda item: (item[1], item[0]), reverse=True)
        opened = [self.plan(i) for i, _ in entries if i in self.plans]
        filed = [self.plan(i) for i in self.filed]
        oldest = (self.clock.now() - timedelta(days=DAYS_BACK)).date()
        ended = [
            (p.closed_at, p) for p in filed if p.closed_at and p.closed_at.date() >= oldest
        ]
        closed = [p for _, p in sorted(ended, key=lambda item: item[0], reverse=True)]
        return [p for p in opened if p.is_open and state != "closed"] + [
            p for p in closed if state != "open"
        ]

    async def record_event(self, record: EventRecord) -> bool:
        """Store a record unless there is one; tell which."""
        row = rows.event_row(record)
        await asyncio.sleep(0)
        self.trap("before record_event")
        self._point_at(pointers.event_pointer(row))
        self.trap("after pointer")
        key = (row["PartitionKey"], row["RowKey"])
        is_new = key not in self.events
        self.events.setdefault(key, row)
        self.trap("after record_event")
        return is_new

    async def find_event(self, event_id: str) -> tuple[EventRecord, ...]:
        """Return every record of an event, oldest first."""
        await asyncio.sleep(0)
        partition = rows.event_partition(event_id)
        found = [rows.event_of(row) for key, row in self.events.items() if key[0] == partition]
        return tuple(sorted(found, key=lambda record: record.recorded_at))

    async def spend(self, key: str, token: str, limit: int) -> bool:
        """Take one from a budget, once for each token."""
        await asyncio.sleep(0)
        self.trap("before spend")
        tokens = self.budgets.setdefault(key, [])
        if token not in tokens and len(tokens) < limit:
            tokens.append(token)
        self.trap("after spend")
        return token in tokens

    async def spent(self, keys: Iterable[str]) -> Mapping[str, int]:
        """Return how much of each budget is spent."""
        await asyncio.sleep(0)
        return {key: len(self.budgets.get(key, [])) for key in keys}


@dataclass(frozen=True)
class Waiting:
    """A message on the queue, and when it appears."""

    message: Mapping[str, Any]
    visible_at: datetime


@dataclass
class FakeWakeQueue:
    """A queue that hides messages until their time; ``take`` is the host's poll."""

    clock: FakeClock
    trap: Trap = no_trap
    waiting: list[Waiting] = field(default_factory=list)

    async def put(self, message: Mapping[str, Any], *, delay: timedelta) -> None:
        """Store a message that becomes visible after ``delay``."""
        text = json.dumps(message)
        await asyncio.sleep(0)
        self.trap("before put")
        hidden = max(timedelta(0), min(delay, timedelta(days=7)))
        self.waiting.append(Waiting(json.loads(text), self.clock.now() + hidden))
        self.trap("after put")

    def take(self) -> list[Mapping[str, Any]]:
        """Remove and return the messages that are visible now, oldest first."""
        now = self.clock.now()
        due = sorted(
            (w for w in self.waiting if w.visible_at <= now), key=lambda w: w.visible_at
        )
        self.waiting = [w for w in self.waiting if w.visible_at > now]
        return [w.message for w in due]


@dataclass(frozen=True)
class Quarantined:
    """What was kept of a payload that could not be parsed."""

    body: bytes
    why: str
    source: str


@dataclass
class FakeRecords:
    """Documents by name; of those that are kept, the first one stands."""

    trap: Trap = no_trap
    kept: dict[str, str] = field(default_factory=dict)
    quarantined: dict[str, Quarantined] = field(default_factory=dict)
    archived: dict[str, bytes] = field(default_factory=dict)

    async def keep(self, name: str, document: Mapping[str, Any]) -> None:
        """Store a document; if there is one of that name, that one stands."""
        text = json.dumps(document)
        await asyncio.sleep(0)
        self.trap("before keep")
        self.kept.setdefault(name, text)
        self.trap("after keep")

    async def put(self, name: str, document: Mapping[str, Any]) -> None:
        """Store a document in place of whatever has its name."""
        text = json.dumps(document)
        await asyncio.sleep(0)
        self.trap("before write")
        self.kept[name] = text
        self.trap("after write")

    async def read(self, name: str) -> Mapping[str, Any] | None:
        """Return a document, or None."""
        await asyncio.sleep(0)
        if name not in self.kept:
            return None
        document: dict[str, Any] = json.loads(self.kept[name])
        return document

    async def quarantine(self, name: str, body: bytes, *, why: str, source: str) -> None:
        """Keep what could not be parsed, as it came."""
        await asyncio.sleep(0)
        self.trap("before quarantine")
        self.quarantined[name] = Quarantined(body, why, source)
        self.trap("after quarantine")

    async def archive(self, name: str, document: bytes) -> None:
        """Keep a copy of a delivery."""
        await asyncio.sleep(0)
        self.trap("before archive")
        self.archived[name] = document
        self.trap("after archive")

    async def forget_archive(self, *, before: str, limit: int) -> int:
        """Delete the first copies whose names sort before a name."""
        await asyncio.sleep(0)
        self.trap("before forget_archive")
        old = sorted(name for name in self.archived if name < before)[:limit]
        for name in old:
            del self.archived[name]
        self.trap("after forget_archive")
        return len(old)
