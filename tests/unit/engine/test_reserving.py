"""What was reserved for a plan that is not opened is given back; what is relied on is not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from shared.core.errors import StaleFacts
from shared.core.plans import plan_id
from shared.core.tallies import Entry, Tally
from shared.core.terms import Limit, LimitScope
from shared.engine import counting, events
from shared.engine.reserving import Claim
from shared.engine.turns import Turns
from tests.builders import HOUR, NOW, SCALE_SET, VM, a_degradation, a_rule
from tests.shift import Shift
from tests.tallying import PLANS_ON_POOL, counted

RULE = "snapshot-and-redeploy"
ON_RULE = f"plans|rule|{RULE}"
ONE_OF_RULE = Limit(LimitScope.RULE, count=1, within=HOUR)
TWO_OF_POOL = Limit(LimitScope.POOL, count=2, within=HOUR)
OWN = plan_id("repair", "h-1", VM)


def a_shift() -> Shift:
    """Begin with one machine of a pool, and a rule with a limit over both."""
    terms = {"limits": (TWO_OF_POOL, ONE_OF_RULE)}
    shift = Shift.begin(a_rule("snapshot_and_redeploy", terms=terms))
    shift.with_machine(VM, "os", is_quiet=False)
    machine = shift.world.compute.machines_by_id[VM.casefold()]
    machine.resource = replace(machine.resource, pool=SCALE_SET, pool_size=100)
    return shift


def elsewhere(shift: Shift, key: str) -> None:
    """Let another process count one plan at a place."""
    stored = shift.world.tallies.stored
    before = stored.get(key, Tally(key))
    entry = Entry("elsewhere", "/another/machine", NOW)
    stored[key] = replace(before, entries=(*before.entries, entry), etag="elsewhere")


def once(shift: Shift, where: str, number: int, do) -> None:
    """Do something when a point is passed for the nth time."""
    passed = []

    def hook(at: str) -> None:
        if at == where:
            passed.append(at)
            if len(passed) == number:
                do()

    shift.hooks.append(hook)


def tokens(shift: Shift, key: str) -> list[str]:
    """Whose entries lie at a place."""
    return [one.token for one in shift.world.tallies.stored.get(key, Tally(key)).entries]


def test_what_a_later_limit_refused_is_given_back_to_the_earlier_one():
    """The pool has room again at once, and not only when the reservation is stale."""
    shift = a_shift()
    once(shift, "after count", 1, lambda: elsewhere(shift, ON_RULE))
    shift.deliver(a_degradation())
    assert ["blast_radius"] == shift.reasons("h-1")
    assert ["elsewhere"] == tokens(shift, ON_RULE)
    assert [] == tokens(shift, PLANS_ON_POOL)


def test_a_plan_whose_target_was_taken_meanwhile_keeps_no_place():
    """It is refused as in flight then: what it took of the limits is free again."""
    shift = a_shift()
    taken = StaleFacts("somebody took the target")
    shift.hooks.append(lambda at: _raise(taken) if at == "before open" else None)
    assert not shift.send(a_degradation())
    assert [] == tokens(shift, PLANS_ON_POOL) + tokens(shift, ON_RULE)


def test_a_plan_that_was_stored_and_whose_answer_was_lost_stays_counted():
    """The library tries again by itself, and is told that there is such a plan: its own."""
    shift = a_shift()
    with shift.raising("after open", StaleFacts("the row exists")):
        shift.deliver(a_degradation())
    assert [shift.plan.id] == tokens(shift, PLANS_ON_POOL) == tokens(shift, ON_RULE)


def _raise(error: Exception) -> None:
    raise error


def test_two_processes_with_the_same_event_open_one_plan_and_it_stays_counted():
    """The one that finds the plan there gives back nothing that the other relies on."""
    shift = a_shift()
    other = replace(shift.night, turns=Turns())
    signal = a_degradation()

    async def both() -> None:
        nights = [shift.night, other] * 4
        budget = timedelta(0)
        await asyncio.gather(*(events.hear(one, [signal], budget=budget) for one in nights))

    shift.invoke(both())
    assert [shift.plan.id] == tokens(shift, PLANS_ON_POOL) == tokens(shift, ON_RULE)


def one_of_two(shift: Shift, claim: Claim) -> None:
    """Let one delivery of an event reserve."""
    context = counted(rule="repair", signal=a_degradation(), plan_id=OWN)
    keys = counting.keys(context)

    async def reserve() -> None:
        async with shift.night.turns.take(keys) as turn:
            read = await turn.read(shift.world.tallies, keys)
            assert await claim.reserve(shift.night, replace(context, tallies=read), turn)

    shift.invoke(reserve())


def test_a_reservation_that_another_delivery_relies_on_stays():
    """Even in the same microsecond: its plan may be stored at this very moment."""
    shift, first, second = a_shift(), Claim(OWN), Claim(OWN)
    one_of_two(shift, first)
    one_of_two(shift, second)
    shift.invoke(first.give_back(shift.night))
    shift.invoke(second.give_back(shift.night))
    [key] = shift.world.tallies.stored
    assert [OWN] == tokens(shift, key)


def test_what_was_made_first_but_relied_on_by_another_is_nobodys_to_take_back():
    """Stamped again after the other's stamp: the other's plan may be stored already."""
    shift, first, second = a_shift(), Claim(OWN), Claim(OWN)
    one_of_two(shift, first)
    one_of_two(shift, second)
    one_of_two(shift, first)
    shift.invoke(first.give_back(shift.night))
    [key] = shift.world.tallies.stored
    assert [OWN] == tokens(shift, key)


def test_a_reservation_that_nobody_relies_on_goes_and_may_be_made_again():
    """Whoever comes after starts anew."""
    shift, first, second = a_shift(), Claim(OWN), Claim(OWN)
    one_of_two(shift, first)
    [key] = shift.world.tallies.stored
    shift.invoke(first.give_back(shift.night))
    assert [] == tokens(shift, key)
    one_of_two(shift, second)
    shift.invoke(first.give_back(shift.night))
    assert [OWN] == tokens(shift, key)


def test_what_a_decision_wrote_itself_it_does_not_write_again():
    """A race lost at the second place costs no second write at the first."""
    shift, claim = a_shift(), Claim(OWN)
    one_of_two(shift, claim)
    before = dict(shift.world.tallies.stored)
    one_of_two(shift, claim)
    assert before == shift.world.tallies.stored
