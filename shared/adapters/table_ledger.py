"""The ledger in Azure Table storage.

    Plans    partition: target    rows: its head, and its plans
    Open     partition: 1 digit   rows: plans that may be open; what the sweep reads
    Closed   partition: UTC day   rows: closed plans, newest first
    Events   partition: event     rows: what became of each phase about each target
    Budgets  partition: budget    row: who spent from it
    Outbox   partition: 1 digit   rows: plans and records not yet told (``table_outbox``)

Only Plans is the truth; Open and Closed are ways to find it, written so that a crash
leaves an entry too many and never one too few: Open before the plan, Closed after it,
then Open away. ``tidy`` finishes what a crash left. A pointer of the outbox is written
before what it points at, together with Open, so that it delays no opening.

Source: https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from datetime import timedelta

from shared.adapters import outbox_rows as pointers
from shared.adapters import table_rows as rows
from shared.adapters.storage import Storage
from shared.adapters.table_listing import PLANS_AT_ONCE, PlanListing
from shared.adapters.table_outbox import OUTBOX
from shared.adapters.table_store import Found, TableStore, unchanged
from shared.core.errors import InvalidTarget, RetryLater, StaleFacts, Throttled
from shared.core.plans import Plan, target_hash
from shared.core.wire import read_moment
from shared.ports import Clock, EventRecord, Head, PlanPage, StoredPlan, TargetView

YOUNG = timedelta(minutes=5)
"""An entry younger than this may be of a plan that is just being written."""
SPEND_TRIES = 10
_PLANS, _OPEN, _CLOSED = "Plans", "Open", "Closed"
_EVENTS, _BUDGETS = "Events", "Budgets"
# The service takes 15 comparisons in a filter; two are the partition's and the head's.
# Source: https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities
_PLANS_IN_FILTER = 13


class TableLedger:
    """Implements ``shared.ports.Ledger``."""

    def __init__(self, storage: Storage, clock: Clock, prefix: str = "Nightshift") -> None:
        """Remember the account; the first call connects."""
        self._store = TableStore(storage, prefix)
        self._clock = clock
        self._listing = PlanListing(self._store, clock, self.find)

    async def look(self, target: str, plan_ids: Sequence[str]) -> TargetView:
        """Read a target's head and the named plans by one query of its partition."""
        partition = target_hash(target)
        wanted = [i for i in plan_ids if rows.is_plan_id(i) and i.startswith(partition)]
        keys = [rows.HEAD, *(rows.plan_key(i)[1] for i in wanted)]
        size = _PLANS_IN_FILTER + 1
        parts = (keys[at : at + size] for at in range(0, len(keys), size))
        answers = await asyncio.gather(*(self._rows(partition, part) for part in parts))
        head, plans = Head(), {}
        for found in (one for answer in answers for one in answer):
            if found.row["RowKey"] == rows.HEAD:
                head = rows.head_of(found.row, found.etag)
            else:
                stored = rows.plan_of(found.row, found.etag)
                plans[stored.plan.id] = stored
        return TargetView(head, plans)

    async def _rows(self, partition: str, keys: Sequence[str]) -> list[Found]:
        either = " or ".join(f"RowKey eq @k{i}" for i in range(len(keys)))
        values = {"partition": partition, **{f"k{i}": key for i, key in enumerate(keys)}}
        where = f"PartitionKey eq @partition and ( {either} )"  # the library splits at spaces
        return await self._store.query(_PLANS, where, values)

    async def find(self, plan_id: str) -> StoredPlan | None:
        """Return a plan, open or closed."""
        if not rows.is_plan_id(plan_id):
            return None
        found = await self._store.read(_PLANS, rows.plan_key(plan_id))
        return rows.plan_of(found.row, found.etag) if found else None

    async def open(self, plan: Plan, head: Head) -> StoredPlan:
        """Store a new plan and take its target."""
        if not rows.is_plan_id(plan.id) or plan.id[:12] != target_hash(plan.target):
            raise InvalidTarget(f"{plan.id!r} is not the id of a plan for {plan.target!r}")
        row = rows.plan_row(plan)
        if not plan.is_open:
            await self._point_at(pointers.plan_pointer(plan.id))
            etag = await self._store.insert(_PLANS, row)
            await self._file(plan)
            return StoredPlan(plan, etag)
        if head.in_flight:
            raise StaleFacts(f"plan {head.in_flight} has taken the target of {plan.id}")
        await _both(
            self._store.put(_OPEN, rows.open_row(plan.id, self._clock.now())),
            self._point_at(pointers.plan_pointer(plan.id)),
        )
        taken = rows.head_row(plan, head)
        etags = await self._store.transact(
            _PLANS,
            [
                ("create", row),
                ("update", taken, {"mode": "replace", **unchanged(head.etag)})
                if head.etag
                else ("create", taken),
            ],
        )
        return StoredPlan(plan, etags[0])

    async def _point_at(self, key: str) -> None:
        row = pointers.touched_row(key, self._clock.now())
        await self._store.merge(OUTBOX, row)

    async def save(self, stored: StoredPlan, plan: Plan) -> StoredPlan:
        """Replace a plan; one that is closed now gives its target back."""
        if not stored.plan.is_open:
            raise StaleFacts(f"plan {plan.id} is closed and stays closed")
        row = rows.plan_row(plan)
        if plan.is_open:
            return StoredPlan(plan, await self._store.replace(_PLANS, row, stored.etag))
        etags = await self._store.transact(
            _PLANS,
            [
                ("update", row, {"mode": "replace", **unchanged(stored.etag)}),
                ("upsert", rows.free_row(plan), {"mode": "merge"}),
            ],
        )
        # The plan is closed whatever happens now; what fails here, the sweep tidies.
        with contextlib.suppress(RetryLater):
            await self._file(plan)
            await self._store.drop(_OPEN, rows.open_key(plan.id))
        return StoredPlan(plan, etags[0])

    async def _file(self, plan: Plan) -> None:
        if plan.closed_at is not None:
            await self._store.put(_CLOSED, rows.closed_row(plan, plan.closed_at))

    async def open_plans(self) -> AsyncIterator[str]:
        """Yield ids of the plans that may be open, oldest entry first."""
        found = await self._store.query(_OPEN, "", {})
        for entry in sorted(found, key=lambda one: str(one.row["at"])):
            yield str(entry.row["RowKey"])

    async def tidy(self, plan_id: str) -> None:
        """Drop the entry of a plan that is closed, after filing it, or was never stored."""
        if not rows.is_plan_id(plan_id):
            return
        stored = await self.find(plan_id)
        if stored is not None and stored.plan.is_open:
            return
        if stored is not None:
            await self._file(stored.plan)
        elif await self._is_young(plan_id):
            return
        await self._store.drop(_OPEN, rows.open_key(plan_id))

    async def _is_young(self, plan_id: str) -> bool:
        entry = await self._store.read(_OPEN, rows.open_key(plan_id))
        since = read_moment(entry.row["at"]) if entry else None
        return since is not None and self._clock.now() < since + YOUNG

    async def list_plans(self, *, state: str, limit: int, after: str) -> PlanPage:
        """Return plans newest first, the open ones before the closed."""
        return await self._listing.page(state=state, limit=limit, after=after)

    async def record_event(self, record: EventRecord) -> bool:
        """Store a record unless there is one; tell which.

        The pointer goes first and not beside it: a record that is there is never stored
        again, so one that lost its pointer to a crash would never be told.
        """
        row = rows.event_row(record)
        await self._point_at(pointers.event_pointer(row))
        try:
            await self._store.insert(_EVENTS, row)
        except StaleFacts:
            return False
        return True

    async def find_event(self, event_id: str) -> tuple[EventRecord, ...]:
        """Return every record of an event, oldest first."""
        where = "PartitionKey eq @partition"
        values = {"partition": rows.event_partition(event_id)}
        found = await self._store.query(_EVENTS, where, values)
        records = [rows.event_of(one.row) for one in found]
        return tuple(sorted(records, key=lambda record: record.recorded_at))

    async def spend(self, key: str, token: str, limit: int) -> bool:
        """Take one from a budget, once for each token.

        Raises:
            Throttled: Others spent from it at every try.
        """
        for tries in range(SPEND_TRIES):
            found = await self._store.read(_BUDGETS, (rows.budget_partition(key), rows.BUDGET))
            tokens = rows.tokens_of(found.row) if found else []
            if token in tokens:
                return True
            if len(tokens) >= limit:
                return False
            row = rows.budget_row(key, [*tokens, token])
            try:
                await self._store.save(_BUDGETS, row, found.etag if found else "")
            except StaleFacts:
                # Those who collided must not collide again, so each waits differently.
                await asyncio.sleep(random.uniform(0.0, 0.02) * (tries + 1))  # noqa: S311 - no secret
            else:
                return True
        raise Throttled("spending from a busy budget", after=timedelta(seconds=1))

    async def spent(self, keys: Iterable[str]) -> Mapping[str, int]:
        """Return how much of each budget is spent."""
        asked = list(dict.fromkeys(keys))
        counts: dict[str, int] = {}
        for at in range(0, len(asked), PLANS_AT_ONCE):
            part = asked[at : at + PLANS_AT_ONCE]
            reads = (
                self._store.read(_BUDGETS, (rows.budget_partition(key), rows.BUDGET))
                for key in part
            )
            for key, found in zip(part, await asyncio.gather(*reads), strict=True):
                counts[key] = len(rows.tokens_of(found.row)) if found else 0
        return counts


async def _both(*writes: Awaitable[None]) -> None:
    """Do writes side by side and let each end; then raise what the first to fail raised."""
    for outcome in await asyncio.gather(*writes, return_exceptions=True):
        if outcome is not None:
            raise outcome
