"""The outbox, on the fake ledger and on tables: what is written there, and who may take it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters import table_outbox
from shared.adapters.storage import Storage
from shared.adapters.table_ledger import TableLedger
from shared.adapters.table_outbox import TableOutbox
from shared.core import ledger as laws
from shared.core.errors import StaleFacts
from shared.ports import EventRecord, Ledger, Outbox
from tests.contract.ledger.conftest import NOW, Build, closed, opened
from tests.fakes.audit import FakeOutbox
from tests.fakes.ledger import FakeClock, FakeLedger


@pytest.fixture
def outbox(ledger: Ledger, request: pytest.FixtureRequest) -> Outbox:
    """The outbox of the same ledger."""
    if isinstance(ledger, FakeLedger):
        return FakeOutbox(ledger)
    storage: Storage = request.getfixturevalue("storage")
    assert isinstance(ledger, TableLedger)
    return TableOutbox(storage, ledger._store._prefix)


def a_record(event: str = "event/1?", phase: str = "fired") -> EventRecord:
    """Make a record whose event id no row key may hold."""
    return EventRecord(event, phase, "", NOW, {"source": "test"}, ({"kind": "skip"},))


async def keys(outbox: Outbox) -> list[str]:
    """Keys of the pointers, oldest first."""
    return [pointer.key for pointer in (await outbox.backlog()).pointers]


async def test_a_plan_that_is_opened_is_in_the_outbox(
    ledger: Ledger, outbox: Outbox, build: Build
):
    """The pointer leads to the plan as it is now, not as it was."""
    stored = await opened(ledger, build())
    stored = await ledger.save(stored, laws.close(stored.plan, now=NOW))
    [pointer] = (await outbox.backlog()).pointers
    assert stored.plan == await outbox.content(pointer)
    assert ({}, {}, None) == (pointer.exported, pointer.later, pointer.claimed_until)


async def test_a_plan_that_never_was_open_is_in_the_outbox(
    ledger: Ledger, outbox: Outbox, build: Build
):
    """A stored dry run is audited as well as any other plan."""
    plan = laws.dry_run(build(), now=NOW)
    await opened(ledger, plan)
    [pointer] = (await outbox.backlog()).pointers
    assert plan == await outbox.content(pointer)


async def test_an_events_record_is_in_the_outbox(ledger: Ledger, outbox: Outbox):
    """Every refusal is told, whatever characters its event's id has."""
    records = [a_record(), a_record(phase="fired+1"), a_record(event="e|2")]
    for record in records:
        await ledger.record_event(record)
    found = [await outbox.content(p) for p in (await outbox.backlog()).pointers]
    assert sorted(map(repr, records)) == sorted(map(repr, found))


async def test_the_oldest_comes_first(
    ledger: Ledger, outbox: Outbox, build: Build, clock: FakeClock
):
    """After hours of trouble the oldest records are the ones waited for."""
    plans = []
    for _ in range(5):
        plans.append((await opened(ledger, build())).plan.id)
        clock.move(timedelta(seconds=1))
    assert plans == await keys(outbox)


async def test_progress_is_kept_as_it_was_written(
    ledger: Ledger, outbox: Outbox, build: Build
):
    """A plan of a thousand steps has more slots than a number column has bits."""
    await opened(ledger, build())
    [pointer] = (await outbox.backlog()).pointers
    noted = replace(
        pointer,
        exported={"log_analytics": 1 << 2000 | 5, "outcome_topic": 0},
        later={"log_analytics": NOW + timedelta(hours=1)},
        claimed_until=NOW,
    )
    saved = await outbox.save(noted)
    [found] = (await outbox.backlog()).pointers
    assert replace(noted, etag=saved.etag) == saved == found


async def test_of_two_who_claim_a_pointer_one_does(
    ledger: Ledger, outbox: Outbox, build: Build
):
    """Two ticks that overlap must not both send what is there."""
    await opened(ledger, build())
    [pointer] = (await outbox.backlog()).pointers
    await outbox.save(replace(pointer, claimed_until=NOW))
    with pytest.raises(StaleFacts):
        await outbox.save(replace(pointer, claimed_until=NOW))
    with pytest.raises(StaleFacts):
        await outbox.drop(pointer)


async def test_what_is_dropped_is_gone_and_stays_gone(
    ledger: Ledger, outbox: Outbox, build: Build, clock: FakeClock
):
    """A claim on what another has finished must not bring it back."""
    await closed(ledger, build(), clock)
    [pointer] = (await outbox.backlog()).pointers
    await outbox.drop(pointer)
    await outbox.drop(pointer)
    with pytest.raises(StaleFacts):
        await outbox.save(pointer)
    assert [] == await keys(outbox)


async def test_a_record_that_comes_again_keeps_the_progress_and_moves_the_version(
    ledger: Ledger, outbox: Outbox, clock: FakeClock
):
    """Whoever was about to drop the pointer as an orphan must find that it is none."""
    await ledger.record_event(a_record())
    [pointer] = (await outbox.backlog()).pointers
    pointer = await outbox.save(replace(pointer, exported={"log_analytics": 1}))
    clock.move(timedelta(minutes=9))
    assert await ledger.record_event(a_record()) is False
    with pytest.raises(StaleFacts):
        await outbox.drop(pointer)
    [again] = (await outbox.backlog()).pointers
    assert ({"log_analytics": 1}, clock.now()) == (again.exported, again.at)


async def test_a_plan_that_loses_a_race_leaves_a_pointer_to_nothing(
    ledger: Ledger, outbox: Outbox, build: Build
):
    """The pointer goes first, so it may lead nowhere; the export forgets it in time."""
    rival = build(target="one", event="another")
    before = (await ledger.look("one", [])).head
    winner = await opened(ledger, build(target="one"))
    with pytest.raises(StaleFacts):
        await ledger.open(rival, before)
    found = {p.key: await outbox.content(p) for p in (await outbox.backlog()).pointers}
    assert {winner.plan.id: winner.plan, rival.id: None} == found


async def test_a_sinks_rest_is_known_to_every_instance(
    ledger: Ledger, outbox: Outbox, build: Build
):
    """A Retry-After holds for the app, not for the process that met it."""
    await opened(ledger, build())
    until = NOW + timedelta(minutes=3)
    await outbox.rest("log_analytics", until)
    backlog = await outbox.backlog()
    assert ({"log_analytics": until}, 1) == (backlog.rest, len(backlog.pointers))


async def test_a_large_outbox_is_read_in_parts(
    storage: Storage, clock: FakeClock, build: Build, monkeypatch: pytest.MonkeyPatch
):
    """One page of each partition, so that no digit starves the others."""
    monkeypatch.setattr(table_outbox, "PAGE", 3)
    name = f"T{id(build):x}"
    ledger, outbox = TableLedger(storage, clock, name), TableOutbox(storage, name)
    plans = [(await opened(ledger, build())).plan.id for _ in range(20)]
    await outbox.rest("log_analytics", NOW)
    backlog = await outbox.backlog()
    by_digit = [sum(plan[0] == digit for plan in plans) for digit in "0123456789abcdef"]
    assert sum(min(count, 3) for count in by_digit) == len(backlog.pointers)
    assert {"log_analytics": NOW} == backlog.rest
    assert (max(by_digit) < 3) == backlog.is_complete
