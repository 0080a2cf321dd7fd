"""Tallies as they are stored: every writer sees every other, or writes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_store import TableStore
from shared.adapters.table_tallies import TableTallies
from shared.adapters.tally_rows import tally_key
from shared.core.errors import InvalidTarget, RetryLater, StaleFacts
from shared.core.settings import Settings
from shared.core.tallies import MOST_COUNT, MOST_ENTRIES, Entry, Tally
from shared.ports.oversight import Tallies
from tests.builders import MINUTE, NOW, instance

DAY = timedelta(days=1)
POOL, RULE = "plans|pool|/a/b", "plans|rule|repair"
ODD = Entry(
    token="0123-ü%'\n",
    target="/subscriptions/s/ä' or 1 eq 1/x",
    at=NOW.replace(microsecond=123_457),
    ended_at=NOW + MINUTE,
    outcome="done",
    amount=0.1,
    rule="repair",
    event="https://host/a?b=c#d/",
    is_involuntary=True,
)


async def test_what_nobody_counted_yet_is_empty(tallies: Tallies):
    """A table that does not exist yet is no error and no count."""
    assert {POOL: Tally(POOL), RULE: Tally(RULE)} == await tallies.read([POOL, RULE, POOL])
    assert () == await tallies.tripped()


async def test_a_tally_is_read_back_as_it_was_stored(tallies: Tallies):
    """To the microsecond and the last sign: limits are counted from it."""
    key = "breaker|pool|/A/b'|ü%"
    tally = Tally(
        key,
        (ODD, Entry("t-2", "", NOW)),
        tripped_at=NOW,
        canary="plan-1",
        threshold=5,
        canary_at=NOW + MINUTE,
    )
    stored = await tallies.save(tally)
    assert stored.etag
    assert replace(tally, etag=stored.etag) == stored
    assert {key: stored} == await tallies.read([key])


async def test_of_two_who_read_the_same_one_writes(tallies: Tallies):
    """The other reads again and sees what it would not have counted."""
    first = await tallies.save(Tally(POOL, (ODD,)))
    await tallies.save(replace(first, entries=()))
    with pytest.raises(StaleFacts):
        await tallies.save(replace(first, entries=(ODD, ODD)))
    assert () == (await tallies.read([POOL]))[POOL].entries


async def test_of_two_who_found_nothing_one_writes(tallies: Tallies):
    """The very first count is as exact as the others."""
    await tallies.save(Tally(POOL, (ODD,)))
    with pytest.raises(StaleFacts):
        await tallies.save(Tally(POOL))


async def test_open_breakers_are_found_and_closed_ones_are_not(tallies: Tallies):
    """Who resets breakers asks for them, not for every tally there is."""
    await tallies.save(Tally(POOL, (ODD,)))
    opened = await tallies.save(Tally("breaker|pool|/a", (ODD,), tripped_at=NOW, threshold=3))
    closed = await tallies.save(Tally("breaker|pool|/b", tripped_at=NOW))
    await tallies.save(replace(closed, tripped_at=None))
    assert (opened,) == await tallies.tripped()


def idle(kind: str, number: int, ago: timedelta, **fields) -> Tally:
    """Make a tally in which one plan ended so long ago, or one failure was heard."""
    is_plan = kind not in {"breaker", "strikes"}
    entry = Entry(f"t-{number}", f"/t/{number}", NOW - ago - MINUTE)
    over = replace(entry, ended_at=NOW - ago, outcome="done") if is_plan else entry
    return Tally(f"{kind}|rule|r-{number}", (over,), **fields)


async def test_what_nobody_counted_in_for_long_is_forgotten(tallies: Tallies):
    """A row for each target that ever had a plan must not stay for ever."""
    old = [
        await tallies.save(idle(kind, 1, 40 * DAY))
        for kind in ("plans", "money", "canary", "breaker", "strikes")
    ]
    empty = await tallies.save(Tally("plans|rule|given-back"))
    young = await tallies.save(idle("plans", 2, 20 * DAY))
    assert 6 == await tallies.forget(NOW - 32 * DAY, 100)
    keys = [one.key for one in (*old, empty, young)]
    left = {key: tally for key, tally in (await tallies.read(keys)).items() if tally.etag}
    assert {young.key: young} == left
    assert 0 == await tallies.forget(NOW - 32 * DAY, 100)


async def test_an_open_breaker_and_a_plan_under_way_are_never_forgotten(tallies: Tallies):
    """However old: the one holds back a fleet, the other still takes a place."""
    breaker = idle("breaker", 1, 40 * DAY, tripped_at=NOW - 40 * DAY, threshold=1)
    under_way = Entry("t-2", "/t/2", NOW - 40 * DAY)
    kept = [
        await tallies.save(breaker),
        await tallies.save(replace(idle("plans", 3, 40 * DAY), entries=(under_way,))),
        await tallies.save(Tally("plans|rule|both", (under_way, ODD))),
    ]
    assert 0 == await tallies.forget(NOW - 32 * DAY, 100)
    assert kept == list((await tallies.read([one.key for one in kept])).values())


async def test_so_many_are_forgotten_at_once_and_no_more(tallies: Tallies):
    """A tick has a limit, and the next goes on where it stopped."""
    for number in range(7):
        await tallies.save(idle("strikes" if number % 2 else "plans", number, 40 * DAY))
    before = NOW - 32 * DAY
    assert [3, 3, 1, 0] == [await tallies.forget(before, 3) for _ in range(4)]


async def test_whoever_counts_in_what_was_forgotten_reads_again(tallies: Tallies):
    """A tally that is gone is at no version: nothing is counted on top of it unseen."""
    old = await tallies.save(idle("plans", 1, 40 * DAY))
    assert 1 == await tallies.forget(NOW - 32 * DAY, 100)
    with pytest.raises(StaleFacts):
        await tallies.save(replace(old, entries=(ODD,)))
    await tallies.save(Tally(old.key, (ODD,)))


async def test_as_many_entries_as_are_kept_fit_in_a_row(tallies: Tallies):
    """A fleet's worth of plans under one key must not stop the counting."""
    entries = tuple(
        Entry(
            f"0123456789ab-{number:024}",
            instance(number).casefold(),
            NOW - number * MINUTE,
            ended_at=NOW,
            outcome="done",
            rule=f"repair-what-the-platform-degraded-{number % 20}",
            event=f"/subscriptions/{number % 9}/alerts/{number:032x}",
        )
        for number in range(MOST_ENTRIES)
    )
    stored = await tallies.save(Tally(POOL, entries))
    assert stored == (await tallies.read([POOL]))[POOL]


async def test_what_is_counted_in_meanwhile_is_not_forgotten(storage: Storage):
    """Between the finding and the deleting somebody may come: then it is in use."""
    prefix = f"T{uuid.uuid4().hex[:16]}"
    table, other = TableTallies(storage, prefix), TableTallies(storage, prefix)
    old = await other.save(idle("plans", 1, 40 * DAY))

    async def count() -> None:
        await other.save(replace(old, entries=(ODD,)))

    table._store = Interrupted(storage, prefix, count)
    await table.forget(NOW - 32 * DAY, 100)
    assert (ODD,) == (await other.read([old.key]))[old.key].entries


class Interrupted(TableStore):
    """Somebody comes between the finding and the deleting of a row."""

    def __init__(self, storage: Storage, prefix: str, between: Callable[[], Awaitable[None]]):
        super().__init__(storage, prefix)
        self._between = between

    async def drop(self, table: str, key: tuple[str, str], *, etag: str = "") -> None:
        """Delete a row after somebody wrote it."""
        await self._between()
        await super().drop(table, key, etag=etag)


@pytest.fixture
def table(storage: Storage) -> TableTallies:
    """The real store alone."""
    return TableTallies(storage, f"T{uuid.uuid4().hex[:16]}")


async def test_what_does_not_fit_loses_what_no_limit_needs(table: TableTallies):
    """Ids as long as a hostile sender likes push out the oldest, never the newest 1,000."""
    entries = tuple(
        Entry(
            f"t-{number}", f"/t/{number}", NOW + number * MINUTE, event="e" * 300 + f"{number}"
        )
        for number in range(MOST_ENTRIES)
    )
    await table.save(Tally(POOL, entries))
    read = (await table.read([POOL]))[POOL]
    assert entries[-MOST_COUNT:] == read.entries


async def test_a_row_that_is_no_tally_is_an_error_and_not_an_empty_one(table: TableTallies):
    """A newer release may have written it: not knowing is not being allowed."""
    partition, row = tally_key(POOL)
    await table._store.insert(
        "Tallies", {"PartitionKey": partition, "RowKey": row, "doc0": "[]"}
    )
    with pytest.raises(InvalidTarget, match="is no tally"):
        await table.read([POOL])


async def test_a_store_that_is_away_is_an_error_that_passes():
    """The engine holds; it never takes silence for an empty count."""
    away = (
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
        "TableEndpoint=http://127.0.0.1:9/devstoreaccount1;"
    )
    account = Storage(Settings(storage=away), lambda: pytest.fail("no identity"))
    with pytest.raises(RetryLater):
        await TableTallies(account).read([POOL])
    await account.close()
