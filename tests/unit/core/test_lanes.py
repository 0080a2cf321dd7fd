"""The gate before an API server: so many at a time, the urgent first."""

from __future__ import annotations

import asyncio

from shared.core.lanes import LATER, URGENT, Lanes


async def held(
    lanes: Lanes, lane: int, name: str, told: list[str], end: asyncio.Event
) -> None:
    """Hold a place until the end."""
    async with lanes.place(lane):
        told.append(name)
        await end.wait()


async def test_of_those_who_wait_the_urgent_come_first() -> None:
    """And within a lane whoever came first."""
    lanes, told, end = Lanes(1), list[str](), asyncio.Event()
    order = [("a", LATER), ("b", LATER), ("c", URGENT), ("d", LATER), ("e", URGENT)]
    tasks = []
    for name, lane in order:
        tasks.append(asyncio.create_task(held(lanes, lane, name, told, end)))
        await asyncio.sleep(0)
    end.set()
    await asyncio.gather(*tasks)
    assert ["a", "c", "e", "b", "d"] == told


async def test_no_more_than_so_many_hold_a_place() -> None:
    """An API server is not run over."""
    lanes, told, end = Lanes(3), list[str](), asyncio.Event()
    tasks = [asyncio.create_task(held(lanes, URGENT, str(n), told, end)) for n in range(9)]
    await asyncio.sleep(0.01)
    assert ["0", "1", "2"] == told
    end.set()
    await asyncio.gather(*tasks)
    assert 9 == len(told)


async def test_whoever_stops_waiting_loses_no_place_for_the_others() -> None:
    """Cancelled before its turn, and in the very moment of it."""
    lanes, told, end = Lanes(1), list[str](), asyncio.Event()
    first = asyncio.create_task(held(lanes, LATER, "first", told, end))
    await asyncio.sleep(0)
    gone = asyncio.create_task(held(lanes, URGENT, "gone", told, end))
    late = asyncio.create_task(held(lanes, URGENT, "late", told, end))
    last = asyncio.create_task(held(lanes, LATER, "last", told, end))
    await asyncio.sleep(0)
    gone.cancel()
    end.set()
    await first  # its place is given to the next in this very moment
    late.cancel()
    await asyncio.wait_for(last, timeout=60)
    assert ["first", "last"] == [name for name in told if name != "late"]
    async with asyncio.timeout(60):
        await held(lanes, LATER, "again", told, end)
    assert "again" == told[-1]
