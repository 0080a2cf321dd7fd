"""Turns spare writes in vain; they are never what makes a count exact."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from shared.core.errors import StaleFacts
from shared.core.tallies import Entry, Tally
from shared.engine import turns as module
from shared.engine.turns import Gate, Turn, Turns
from tests.builders import NOW
from tests.fakes.tallies import FakeTallies

KEY, OTHER = "plans|pool|/p", "plans|rule|r"


def with_one_more(tally: Tally, token: str) -> Tally:
    """Count one more."""
    return replace(tally, entries=(*tally.entries, Entry(token, "/t", NOW)))


async def count(turns: Turns, tallies: FakeTallies, token: str, *keys: str) -> None:
    """Count at each place, and fail if anybody counted meanwhile."""
    async with turns.take(keys or [KEY]) as turn:
        for tally in (await turn.read(tallies, keys or [KEY])).values():
            await turn.save(tallies, with_one_more(tally, token))


def watched() -> tuple[FakeTallies, list[str]]:
    """Make a store and the list of what is done to it."""
    done: list[str] = []
    return FakeTallies(trap=done.append), done


async def test_a_hundred_at_once_read_once_and_none_writes_in_vain():
    """A lost race would be StaleFacts; each sees what the one before wrote."""
    turns, (tallies, done) = Turns(), watched()
    await asyncio.gather(*(count(turns, tallies, f"p-{number}") for number in range(100)))
    assert 100 == len(tallies.stored[KEY].entries)
    assert (1, 100) == (done.count("read tallies"), done.count("before count"))


async def test_whoever_comes_later_reads_for_itself():
    """Another process may have counted since: nothing is remembered between turns."""
    turns, (tallies, done) = Turns(), watched()
    await count(turns, tallies, "p-1")
    await tallies.save(with_one_more(tallies.stored[KEY], "elsewhere"))
    await count(turns, tallies, "p-2")
    assert 2 == done.count("read tallies")
    assert 3 == len(tallies.stored[KEY].entries)


async def test_who_came_after_a_reading_does_not_use_it():
    """It might be older than the asking: what was counted before one asks is always seen."""
    turns, (tallies, done) = Turns(), watched()
    async with turns.take([KEY]) as first:
        await first.read(tallies, [KEY])
        late = asyncio.create_task(count(turns, tallies, "late"))
        await asyncio.sleep(0)
        await tallies.save(Tally(KEY, (Entry("elsewhere", "/t", NOW),)))
    await late
    assert 2 == done.count("read tallies")
    assert ["elsewhere", "late"] == [one.token for one in tallies.stored[KEY].entries]


async def test_what_another_process_changed_is_read_again():
    """A turn that lost against it tells the next in line nothing."""
    turns, (tallies, done) = Turns(), watched()
    waiting: list[asyncio.Task[None]] = []

    async def lose() -> None:
        async with turns.take([KEY]) as turn:
            waiting.append(asyncio.create_task(count(turns, tallies, "next")))
            await asyncio.sleep(0)
            read = (await turn.read(tallies, [KEY]))[KEY]
            await tallies.save(with_one_more(read, "elsewhere"))
            await turn.save(tallies, with_one_more(read, "lost"))

    with pytest.raises(StaleFacts):
        await lose()
    await waiting[0]
    assert ["elsewhere", "next"] == [one.token for one in tallies.stored[KEY].entries]
    assert 2 == done.count("read tallies")


async def test_two_places_are_taken_in_one_order():
    """Whoever names them the other way round waits for nobody for ever."""
    turns, (tallies, _) = Turns(), watched()
    there, back = (KEY, OTHER), (OTHER, KEY)
    names = [(f"p-{number}", there if number % 2 else back) for number in range(20)]
    async with asyncio.timeout(5):
        await asyncio.gather(*(count(turns, tallies, token, *keys) for token, keys in names))
    assert {KEY: 20, OTHER: 20} == {
        key: len(tally.entries) for key, tally in tallies.stored.items()
    }


@asynccontextmanager
async def held(turns: Turns) -> AsyncIterator[Turn]:
    """Let somebody count for so long that the others lose patience."""
    async with turns.take([KEY, OTHER]) as turn:
        yield turn


async def test_who_waits_too_long_goes_without_a_turn(monkeypatch: pytest.MonkeyPatch):
    """A store that hangs for one must not hold up all; the write is conditional anyway."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    turns, (tallies, _) = Turns(), watched()
    async with held(turns) as turn:
        await turn.read(tallies, [KEY])
        await count(turns, tallies, "impatient", KEY, "plans|zone|z")
        assert ["impatient"] == [one.token for one in tallies.stored[KEY].entries]
        with pytest.raises(StaleFacts):
            await turn.save(tallies, Tally(KEY))


async def test_an_eviction_waits_for_no_voluntary_turn():
    """Voluntary work must see it soon; among themselves sixty evictions take turns."""
    turns, (tallies, done) = Turns(), watched()

    async def urgent(token: str) -> None:
        async with turns.take([KEY], is_urgent=True) as turn:
            tally = (await turn.read(tallies, [KEY]))[KEY]
            await turn.save(tallies, with_one_more(tally, token))

    async with held(turns), asyncio.timeout(5):
        await asyncio.gather(*(urgent(f"e-{number}") for number in range(60)))
    assert (1, 60) == (done.count("read tallies"), done.count("before count"))
    assert {} == turns._places


async def test_nothing_is_kept_of_a_place_where_nobody_waits(
    monkeypatch: pytest.MonkeyPatch,
):
    """A process that lives for weeks counts at every target there is."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    turns, (tallies, _) = Turns(), watched()
    async with held(turns):
        await count(turns, tallies, "impatient", KEY, "plans|zone|z")
        gone = asyncio.create_task(count(turns, tallies, "gone"))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
    with pytest.raises(StaleFacts):
        async with turns.take([KEY]) as turn:
            await turn.save(tallies, Tally(KEY))
    assert {} == turns._places


def test_no_more_than_its_number_pass_a_gate_at_once():
    """Five hundred deliveries are five hundred invocations: they must not drown the store."""
    gate = Gate(3)
    inside: list[int] = []
    most: list[int] = []

    async def one(number: int) -> None:
        async with gate.enter():
            inside.append(number)
            most.append(len(inside))
            await asyncio.sleep(0)
            inside.remove(number)

    async def many() -> None:
        await asyncio.gather(*(one(number) for number in range(50)))

    asyncio.run(many())
    asyncio.run(many())  # in a process whose loop is another by now
    assert (3, 100) == (max(most), len(most))


def test_all_do_what_comes_first_before_any_does_what_comes_after():
    """Five hundred nodes are cordoned before the first of them is emptied."""
    gate, done = Gate(3), []

    async def one(number: int) -> None:
        async with gate.enter() as place:
            await asyncio.sleep(0)
            done.append(("first", number))
            await place.step_back()
            done.append(("after", number))
            await place.step_back()  # once only: it would wait again for nothing

    async def many() -> None:
        await asyncio.gather(*(one(number) for number in range(20)))

    asyncio.run(many())
    before = done[: done.index(("after", 0))]
    assert [("first", n) for n in range(18)] == before[:18], "the last ones leave room"
    assert 40 == len(set(done))


async def test_who_comes_later_and_has_not_begun_goes_before_who_has():
    """The second hundred notices of a storm arrive while the first are being worked on."""
    gate, order = Gate(1), []
    may_go = {name: asyncio.Event() for name in "abc"}

    async def one(name: str) -> None:
        async with gate.enter() as place:
            order.append(f"{name} first")
            await may_go[name].wait()
            await place.step_back()
            order.append(f"{name} after")

    async def soon() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(one("a")), asyncio.create_task(one("b"))]
    await soon()
    may_go["a"].set()  # it steps back, and the place is b's
    await soon()
    tasks.append(asyncio.create_task(one("c")))  # who comes while it waits to go on
    await soon()
    may_go["b"].set()
    may_go["c"].set()
    await asyncio.gather(*tasks)
    assert ["a first", "b first", "c first"] == order[:3]


async def test_what_is_begun_does_not_wait_for_ever_for_those_who_come(
    monkeypatch: pytest.MonkeyPatch,
):
    """A flood that does not end must not keep the pods of a cordoned node where they are."""
    monkeypatch.setattr(module, "LONGEST_BACK_S", 0.02)
    gate, is_back = Gate(1), asyncio.Event()

    async def comes_and_comes() -> None:
        while not is_back.is_set():
            async with gate.enter():
                await asyncio.sleep(0.005)

    flood = [asyncio.create_task(comes_and_comes()) for _ in range(3)]
    async with gate.enter() as place:
        async with asyncio.timeout(5):
            await place.step_back()
        is_back.set()
    await asyncio.gather(*flood)


async def test_whoever_waits_for_the_step_back_is_told_even_if_it_was_ended():
    """What is written down afterwards must not wait for a holder that is gone."""
    gate = Gate(1)
    async with gate.enter() as place:
        async with gate_is_full(gate):
            held = asyncio.create_task(place.step_back())
            await asyncio.sleep(0)
            held.cancel()
            await asyncio.gather(held, return_exceptions=True)
        async with asyncio.timeout(1):
            await place.stepped_back()


@asynccontextmanager
async def gate_is_full(gate: Gate) -> AsyncIterator[None]:
    """Let somebody else wait for the only place."""

    async def other() -> None:
        async with gate.enter():
            await over.wait()

    over = asyncio.Event()
    waiting = asyncio.create_task(other())
    await asyncio.sleep(0)
    yield
    over.set()
    await waiting
