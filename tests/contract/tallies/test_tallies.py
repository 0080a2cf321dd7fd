"""Tallies as they are stored: every writer sees every other, or writes nothing."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_tallies import TableTallies
from shared.adapters.tally_rows import tally_key
from shared.core.errors import InvalidTarget, RetryLater, StaleFacts
from shared.core.settings import Settings
from shared.core.tallies import MOST_COUNT, MOST_ENTRIES, Entry, Tally
from shared.ports.oversight import Tallies
from tests.builders import MINUTE, NOW, instance

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
