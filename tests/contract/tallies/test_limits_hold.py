"""Many at once against one limit: what the pure rules promise, kept by the store."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core import guardrails
from shared.core.contexts import Context
from shared.core.decisions import Hold, Reason
from shared.core.errors import StaleFacts
from shared.core.reservations import heard, reserve, tally_keys
from shared.core.terms import Canary, Limit, LimitScope
from shared.ports.oversight import Tallies
from tests.builders import HOUR, NOW, a_degradation, instance
from tests.tallying import PLANS_ON_POOL, a_breaker, counted, storm_tally

TEN = Limit(LimitScope.POOL, percent=10, within=HOUR)


def asking(number: int, *, age=timedelta(0), **fields) -> Context:
    """One of many events, each about a machine of its own."""
    seen = {"event_id": f"e-{number}", "target": instance(number), "observed_at": NOW - age}
    signal = a_degradation(**seen)
    return counted(signal=signal, **fields)


async def attempt(tallies: Tallies, context: Context) -> Hold | None:
    """Do what the engine does: read, ask, reserve, save; once more if somebody counted."""
    for _ in range(300):
        read = await tallies.read(tally_keys(context))
        fresh = replace(context, tallies=read)
        answer = guardrails.ask(fresh)
        changed = heard(fresh) if answer is not None else reserve(fresh)
        try:
            for tally in changed:
                await tallies.save(tally)
        except StaleFacts:
            await asyncio.sleep(random.random() * 0.02)
            continue
        return answer
    raise AssertionError("never got through")


@pytest.mark.parametrize("limits", [(TEN,), (replace(TEN, within=None),)], ids=["1h", "now"])
async def test_of_fifty_at_once_exactly_ten_act(tallies: Tallies, limits):
    """Ten percent of a pool of a hundred: not eleven, and not nine because they collided."""
    contexts = [asking(number, limits=limits) for number in range(50)]
    answers = await asyncio.gather(*(attempt(tallies, one) for one in contexts))
    assert 10 == answers.count(None)
    assert {Reason.BLAST_RADIUS} == {no.reason for no in answers if no is not None}
    assert 10 == len((await tallies.read([PLANS_ON_POOL]))[PLANS_ON_POOL].entries)


async def test_two_limits_over_two_places_are_both_exact(tallies: Tallies):
    """The lesser holds, and nobody waits for another for ever."""
    limits = (TEN, Limit(LimitScope.RULE, count=4, within=HOUR))
    contexts = [asking(number, limits=limits) for number in range(30)]
    answers = await asyncio.gather(*(attempt(tallies, one) for one in contexts))
    assert 4 == answers.count(None)


async def test_duplicates_delivered_at_once_count_once(tallies: Tallies):
    """Event Grid delivers at least once: five copies of four events are four plans."""
    contexts = [asking(number % 4, limits=(TEN,)) for number in range(20)]
    answers = await asyncio.gather(*(attempt(tallies, one) for one in contexts))
    assert [None] * 20 == answers
    assert 4 == len((await tallies.read([PLANS_ON_POOL]))[PLANS_ON_POOL].entries)


async def test_of_twenty_at_once_one_is_the_canary(tallies: Tallies):
    """A rule's very first plan goes alone, however many events come in that second."""
    terms = Canary(first=1, soak=HOUR, every=24 * HOUR)
    contexts = [asking(number, canary=terms) for number in range(20)]
    answers = await asyncio.gather(*(attempt(tallies, one) for one in contexts))
    assert 1 == answers.count(None)


async def test_of_twenty_at_once_one_tries_whether_the_storm_is_over(tallies: Tallies):
    """A half-open breaker lets one through; who restarts meanwhile finds it so stored."""
    before = storm_tally(tripped_at=NOW - HOUR, threshold=5)
    await tallies.save(before)
    late = [asking(number, breaker=a_breaker(), age=HOUR) for number in range(20)]
    answers = await asyncio.gather(*(attempt(tallies, one) for one in late))
    assert 1 == answers.count(None)
    assert {Reason.BREAKER_OPEN} == {no.reason for no in answers if no is not None}
