"""What a crash between the table ledger's writes leaves, and how the sweep mends it."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_ledger import TableLedger
from shared.adapters.table_outbox import TableOutbox
from shared.adapters.table_store import TableStore
from shared.core import ledger as laws
from shared.core.errors import ProviderUnavailable
from shared.ports import Head
from tests.contract.ledger.conftest import Build, closed, opened
from tests.fakes.ledger import Crash, FakeClock


class DyingStore(TableStore):
    """Tables that end the process before or after their nth write."""

    is_after = False
    left = 10**9
    error: BaseException = Crash()

    def die(self, write: int, *, after: bool) -> None:
        """Set when to die, counted from 0."""
        self.left, self.is_after = write, after

    async def _call(self, table, doing, operation, **options):
        if doing in {"reading a row", "querying rows"}:
            return await super()._call(table, doing, operation, **options)
        self.left -= 1
        if self.left < 0 and not self.is_after:
            raise self.error
        answer = await super()._call(table, doing, operation, **options)
        if self.left < 0:
            raise self.error
        return answer


@pytest.fixture
def store(storage: Storage) -> DyingStore:
    """Tables of this test's own."""
    return DyingStore(storage, f"T{uuid.uuid4().hex[:16]}")


@pytest.fixture
def mortal(storage: Storage, store: DyingStore, clock: FakeClock) -> TableLedger:
    """A ledger over tables that die when told to."""
    ledger = TableLedger(storage, clock, store._prefix)
    ledger._store = ledger._listing._store = store
    return ledger


POINTS = [(write, after) for write in range(3) for after in (False, True)]


@pytest.mark.parametrize(("write", "after"), POINTS)
async def test_a_crash_while_opening_never_hides_an_open_plan(
    mortal: TableLedger,
    storage: Storage,
    store: DyingStore,
    build: Build,
    clock: FakeClock,
    write,
    after,
):
    """Whatever is open, the sweep and the export see; what never was, is forgotten."""
    plan = build()
    store.die(write, after=after)
    with pytest.raises(Crash):
        await mortal.open(plan, Head())
    store.die(10**9, after=False)
    seen = [one async for one in mortal.open_plans()]
    is_stored = await mortal.find(plan.id) is not None
    assert (write == 2 and after) == is_stored
    pointers = (await TableOutbox(storage, store._prefix).backlog()).pointers
    assert not is_stored or [plan.id] == [pointer.key for pointer in pointers]
    assert ([plan.id] if (write, after) != (0, False) else []) == seen
    clock.move(timedelta(minutes=4))
    await mortal.tidy(plan.id)
    assert seen == [one async for one in mortal.open_plans()], "it may be just being written"
    clock.move(timedelta(minutes=2))
    await mortal.tidy(plan.id)
    left = [one async for one in mortal.open_plans()]
    assert ([plan.id] if is_stored else []) == left


CLOSING = [(write, after) for write in range(3) for after in (False, True)]


@pytest.mark.parametrize(("write", "after"), CLOSING)
async def test_a_crash_while_closing_is_mended_by_the_sweep(
    mortal: TableLedger, store: DyingStore, build: Build, clock: FakeClock, write, after
):
    """Closed and given back together or not at all; then filed, then out of sight."""
    stored = await opened(mortal, build())
    ended = laws.close(stored.plan, now=clock.now())
    store.die(write, after=after)
    with pytest.raises(Crash):
        await mortal.save(stored, ended)
    store.die(10**9, after=False)
    is_closed = (write, after) != (0, False)
    found = await mortal.find(ended.id)
    assert is_closed == (not found.plan.is_open)
    head = (await mortal.look(ended.target, [])).head
    assert ("" if is_closed else ended.id) == head.in_flight
    async for plan_id in mortal.open_plans():
        await mortal.tidy(plan_id)
    assert ([] if is_closed else [ended.id]) == [one async for one in mortal.open_plans()]
    listed = await mortal.list_plans(state="closed", limit=9, after="")
    assert ((ended,) if is_closed else ()) == listed.plans


async def test_a_plan_is_closed_even_if_filing_it_has_to_wait(
    mortal: TableLedger, store: DyingStore, build: Build, clock: FakeClock
):
    """The truth is written; a busy index must not make the worker think it failed."""
    stored = await opened(mortal, build())
    store.error = ProviderUnavailable("filing", after=timedelta(seconds=1))
    store.die(1, after=False)
    saved = await mortal.save(stored, laws.close(stored.plan, now=clock.now()))
    store.die(10**9, after=False)
    assert saved == await mortal.find(stored.plan.id)
    await mortal.tidy(stored.plan.id)
    listed = await mortal.list_plans(state="closed", limit=9, after="")
    assert (saved.plan,) == listed.plans


async def test_a_plan_is_filed_once(mortal: TableLedger, build: Build, clock: FakeClock):
    """Tidying again must not list it again."""
    stored = await closed(mortal, build(), clock)
    clock.move(timedelta(hours=1))
    await mortal.tidy(stored.plan.id)
    listed = await mortal.list_plans(state="", limit=9, after="")
    assert (stored.plan,) == listed.plans
