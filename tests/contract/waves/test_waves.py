"""One job, one row: who begins a wave and who joins it, whoever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.adapters.table_waves import wave_of
from shared.core.errors import InvalidTarget, StaleFacts
from shared.core.waves import Wave, join, note_told
from shared.engine.effects.waves import changed
from shared.ports import Waves
from tests.builders import MINUTE, NOW, SECOND
from tests.fakes.effects import no_trap
from tests.shift import a_night, a_world

KEY = "/subscriptions/s/x|job_set/jobs/llm ünïcödé"


def begun(wave: Wave, plan: str) -> Wave:
    """Begin a wave."""
    return join(wave, plan, now=NOW, window=MINUTE, lead=12 * SECOND, until=None)


async def test_a_job_that_never_met_a_wave_comes_empty(waves: Waves):
    """Then whoever reads it begins one."""
    assert Wave(KEY) == await waves.read(KEY)


async def test_a_wave_reads_as_it_was_written(waves: Waves):
    """Another instance must see the same moment, and who was told."""
    first = await waves.save(begun(await waves.read(KEY), "p-1"))
    names = ("jobs/llm-0", "jobs/llm-1")
    told = note_told(first, names, now=NOW + SECOND, gather=SECOND, saved="step-7")
    saved = await waves.save(told)
    assert saved == await waves.read(KEY)
    assert replace(told, etag=saved.etag) == saved


async def test_of_many_that_begin_at_once_one_does(waves: Waves):
    """Each would send a signal of its own."""
    empty = await waves.read(KEY)
    tries = (waves.save(begun(empty, f"p-{n}")) for n in range(8))
    ended = await asyncio.gather(*tries, return_exceptions=True)
    won = [one for one in ended if isinstance(one, Wave)]
    lost = [one for one in ended if isinstance(one, StaleFacts)]
    assert (1, 7) == (len(won), len(lost))
    assert won == [await waves.read(KEY)]


async def test_a_job_on_a_hundred_nodes_is_one_wave_that_hardly_anybody_writes(waves: Waves):
    """Plans come at once; whoever comes later reads, and nobody is turned away."""
    ports = replace(a_night(a_world(NOW, no_trap)).ports, waves=waves)
    writes: list[str] = []

    def joining(plan: str) -> Callable[[Wave], Wave]:
        def change(wave: Wave) -> Wave:
            wanted = begun(wave, plan)
            writes.extend([plan] if wanted is not wave else [])
            return wanted

        return change

    met = await asyncio.gather(*(changed(ports, KEY, joining(f"p-{n}")) for n in range(100)))
    assert 1 == len({wave.first for wave in met})
    assert {NOW + 12 * SECOND} == {wave.leave_at for wave in met}
    assert len(writes) == len(set(writes)), "nobody tried to write twice"


async def test_a_wave_that_somebody_changed_is_not_written_over(waves: Waves):
    """A moment that was brought forward must not go back."""
    first = await waves.save(begun(await waves.read(KEY), "p-1"))
    await waves.save(replace(first, leave_at=NOW + SECOND))
    with pytest.raises(StaleFacts):
        await waves.save(replace(first, leave_at=NOW + MINUTE))
    assert NOW + SECOND == (await waves.read(KEY)).leave_at


async def test_two_jobs_have_two_waves(waves: Waves):
    """One telling must not silence the other."""
    await waves.save(begun(await waves.read(KEY), "p-1"))
    assert Wave("other") == await waves.read("other")


def test_a_row_that_is_no_wave_is_said_to_be_none():
    """Whoever reads it goes on without; the words say which row it was."""
    with pytest.raises(InvalidTarget, match="llm is no wave"):
        wave_of({"key": "llm", "doc0": "{}"}, "e")
