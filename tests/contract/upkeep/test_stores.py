"""The roll of forwarders and the smoke tests' tickets: the same on fakes and in tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_upkeep import TableTickets
from shared.core.beats import Beat
from shared.core.errors import InvalidTarget
from shared.core.smoke_tests import Inlet, Ticket
from shared.ports.upkeep import Forwarders, Tickets
from tests import builders as make

NOW = datetime.now(UTC)


def a_beat(number: int, **fields: object) -> Beat:
    """A forwarder's word."""
    beat = Beat(make.instance(number), "1.1", timedelta(minutes=15), NOW, NOW, 1, 2, 3)
    return replace(beat, **fields)  # type: ignore[arg-type]


async def test_a_beat_is_read_back_as_it_was_noted(forwarders: Forwarders):
    """Whoever looks sees what was said."""
    await forwarders.note(a_beat(1))
    page = await forwarders.roll(limit=10)
    assert ((a_beat(1),), "") == (page.beats, page.next)


async def test_the_last_beat_replaces_the_one_before_whatever_its_case(
    forwarders: Forwarders,
):
    """One row a machine: ids are spelled in more than one way."""
    await forwarders.note(a_beat(1))
    shouted = a_beat(1, machine=make.instance(1).upper(), waiting=9)
    await forwarders.note(shouted)
    page = await forwarders.roll(limit=10)
    assert [9] == [one.waiting for one in page.beats]


async def test_pages_show_each_machine_once(forwarders: Forwarders):
    """However the estate is hashed."""
    for number in range(7):
        await forwarders.note(a_beat(number))
    seen: list[str] = []
    after = ""
    while True:
        page = await forwarders.roll(limit=3, after=after)
        seen += [one.machine for one in page.beats]
        after = page.next
        if not after:
            break
    assert sorted(make.instance(number) for number in range(7)) == sorted(seen)


async def test_a_place_that_no_page_ended_with_is_refused(forwarders: Forwarders):
    """A made-up place must not become a query."""
    with pytest.raises(InvalidTarget):
        await forwarders.roll(limit=3, after="x' or 1 eq 1")


async def test_the_silent_are_those_that_were_due(forwarders: Forwarders):
    """By each one's own habit."""
    await forwarders.note(a_beat(1, heard_at=NOW - timedelta(minutes=46)))
    await forwarders.note(a_beat(2, heard_at=NOW - timedelta(minutes=44)))
    seldom = {"every": timedelta(hours=1), "heard_at": NOW - timedelta(minutes=170)}
    await forwarders.note(a_beat(3, **seldom))
    silent = await forwarders.silent(NOW, limit=10)
    assert [make.instance(1)] == [one.machine for one in silent]


async def test_who_is_dropped_is_gone_and_may_come_again(forwarders: Forwarders):
    """And dropping twice is no error."""
    await forwarders.note(a_beat(1))
    for _ in range(2):
        await forwarders.drop([make.instance(1)])
    assert () == (await forwarders.roll(limit=10)).beats
    await forwarders.note(a_beat(1))
    assert 1 == len((await forwarders.roll(limit=10)).beats)


async def test_a_ticket_is_found_by_its_whole_id_alone(tickets: Tickets):
    """Part of an id, or one with a character no key has, is nobody's."""
    ticket = Ticket("nightshift-smoke-1-alert", Inlet.ALERT, "/subscriptions/s", NOW)
    await tickets.issue(ticket)
    assert ticket == await tickets.find(ticket.id)
    for wrong in (
        "nightshift-smoke-1",
        f"{ticket.id}/x",
        f"{ticket.id}#",
        "nightshift-smoke-%",
    ):
        assert await tickets.find(wrong) is None


async def test_only_the_timers_tickets_wait(tickets: Tickets):
    """The others are brought by events."""
    for inlet in Inlet:
        await tickets.issue(Ticket(f"nightshift-smoke-1-{inlet}", inlet, "/t", NOW))
    assert ["nightshift-smoke-1-timer"] == [one.id for one in await tickets.waiting()]


async def test_old_tickets_are_forgotten_where_tickets_are_read(storage: Storage):
    """The table of pauses is read before each decision: it must stay small."""
    store = TableTickets(storage, _Later(), "Kold")
    ticket = Ticket("nightshift-smoke-old-timer", Inlet.TIMER, "/t", NOW)
    await store.issue(ticket)
    assert () == await store.waiting()
    assert await store.find(ticket.id) is None


class _Later:
    """A clock two days on."""

    def now(self) -> datetime:
        """Return the day after tomorrow."""
        return NOW + timedelta(days=2)
