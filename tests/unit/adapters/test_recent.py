"""What was read a moment ago."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from shared.adapters.recent import Recent


@dataclass
class Source:
    """Something slow to ask, that counts how often it was asked."""

    asked: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fails: bool = False

    async def ask(self) -> int:
        self.asked += 1
        await self.gate.wait()
        if self.fails:
            raise ValueError("no")
        return self.asked


@dataclass
class Clock:
    """Seconds that pass only when told to."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


def remembering(clock: Clock, limit: int = 10) -> Recent[int]:
    return Recent(ttl=timedelta(seconds=15), limit=limit, now=clock)


async def test_callers_at_once_share_one_request() -> None:
    """A storm of events about one machine must not be a storm of reads."""
    source, recent = Source(), remembering(Clock())
    waiting = [asyncio.create_task(recent.get("k", source.ask)) for _ in range(5)]
    await asyncio.sleep(0)
    source.gate.set()
    assert [1] * 5 == await asyncio.gather(*waiting)


async def test_a_value_is_asked_again_when_it_is_old() -> None:
    """A tag somebody has set counts within seconds."""
    source, clock = Source(), Clock()
    source.gate.set()
    recent = remembering(clock)
    seen = [await recent.get("k", source.ask)]
    clock.at = 14.9
    seen.append(await recent.get("k", source.ask))
    clock.at = 15.0
    seen.append(await recent.get("k", source.ask))
    assert [1, 1, 2] == seen


async def test_a_failure_is_told_to_all_and_not_remembered() -> None:
    """One bad minute must not be repeated from memory."""
    source, recent = Source(fails=True), remembering(Clock())
    source.gate.set()
    with pytest.raises(ValueError, match="no"):
        await recent.get("k", source.ask)
    source.fails = False
    assert 2 == await recent.get("k", source.ask)


async def test_a_cancelled_caller_does_not_take_the_answer_away() -> None:
    """An invocation that runs out of time must not fail the others that wait with it."""
    source, recent = Source(), remembering(Clock())
    first = asyncio.create_task(recent.get("k", source.ask))
    second = asyncio.create_task(recent.get("k", source.ask))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert 1 == await second


async def test_the_oldest_leave_when_there_are_too_many() -> None:
    """A process that runs for weeks must not grow with every id it has seen."""
    source, recent = Source(), remembering(Clock(), limit=2)
    source.gate.set()
    for key in ("a", "b", "a", "c"):
        await recent.get(key, source.ask)
    assert [True, False, True] == [recent.age(key) is not None for key in "abc"]
