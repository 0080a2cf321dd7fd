"""A person pauses while deliveries arrive and processes die: no plan is opened after it.

The pause's own request dies at each of its writes too; the person sends it again, as
the command line tells them to.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shared.core.pauses import Scope
from shared.engine import events
from shared.engine.pausing import Person, lift, pause
from tests.builders import (
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    a_notice,
    a_pod,
    a_reboot,
    a_rule,
    canceled,
)
from tests.fakes.ledger import Crash
from tests.shift import BUDGET, Shift

MACHINES = range(20, 30)
ASKED = {
    "who": Person("ada"),
    "reason": "the array is being moved",
    "expires_in": HOUR,
    "request_id": "r-1",
}


def a_shift() -> Shift:
    """Begin with ten nodes, a pod each."""
    shift = Shift.begin(a_rule())
    for number in MACHINES:
        shift.with_node(a_pod(f"w-{number}"), number=number)
    return shift


def say_pause(shift: Shift):
    """Ask for the pause."""
    return pause(shift.night, Scope.parse("global"), **ASKED)


@pytest.mark.parametrize("after", [0, 5, 10])
def test_plans_opened_before_the_pause_finish_and_none_is_opened_after(after: int):
    """Ten deliveries and a pause at once, whatever order they come in."""
    shift = a_shift()

    async def together() -> None:
        notices = [a_reboot(number, event_id=f"e-{number}") for number in MACHINES]
        said = [events.hear(shift.night, [n], budget=BUDGET) for n in notices]
        await asyncio.gather(*said[:after], say_pause(shift), *said[after:])

    shift.invoke(together())
    shift.deliver(a_reboot(20, event_id="e-late"))
    opened = {plan.id for plan in shift.plans}
    held = [n for n in MACHINES if shift.reasons(f"e-{n}") == ["paused"]]
    assert ["paused"] == shift.reasons("e-late")
    assert len(MACHINES) == len(opened) + len(held)
    shift.run_until_quiet()
    assert opened == {plan.id for plan in shift.plans}
    assert all(not plan.is_open for plan in shift.plans)
    assert len(opened) == len(shift.done("evict"))


@pytest.mark.parametrize("point", ["before pause", "after pause", "before record_event"])
def test_a_pause_whose_request_dies_is_one_pause_after_it_is_sent_again(point: str):
    """Stored or not at the first try: the second makes it so, once."""
    shift = a_shift()
    shift.hooks.append(lambda at: shift.die(at) if at == point else None)
    with pytest.raises(Crash):
        shift.invoke(say_pause(shift))
    shift.hooks.clear()
    shift.move(SECOND)
    stored = shift.invoke(say_pause(shift))
    assert [stored] == list(shift.world.controls.stored.values())
    assert 1 == len(shift.records(stored.id))
    shift.deliver(a_notice(deadline=NOW + MINUTE))
    assert ([], ["paused"]) == (shift.plans, shift.reasons())


@pytest.mark.parametrize("point", ["before lift", "after lift", "before record_event"])
def test_a_lift_whose_request_dies_is_one_lift_after_it_is_sent_again(point: str):
    """And who lifted it is who sent it first."""
    shift = a_shift()
    stored = shift.invoke(say_pause(shift))
    shift.hooks.append(lambda at: shift.die(at) if at == point else None)
    with pytest.raises(Crash):
        shift.invoke(lift(shift.night, stored.id, who=Person("ada")))
    shift.hooks.clear()
    shift.move(SECOND)
    lifted = shift.invoke(lift(shift.night, stored.id, who=Person("ada")))
    assert lifted is not None
    assert 2 == len(shift.records(stored.id))
    at = NOW if point != "before lift" else NOW + SECOND
    assert (at, "ada (self-declared)") == (lifted.lifted_at, lifted.lifted_by)


def points() -> range:
    """Every write of an eviction that is carried out at once."""
    shift = a_shift()
    shift.deliver(a_reboot())
    return range(1, len(shift.passed) + 1)


@pytest.mark.parametrize("number", points())
def test_a_worker_that_dies_before_the_pause_leaves_a_plan_that_still_finishes(number: int):
    """A stored plan is under way, paused or not; one that was not stored is held."""
    shift = a_shift()
    shift.die_at.add(number)
    shift.send(a_reboot())
    shift.die_at.clear()
    was_stored = bool(shift.plans)
    shift.invoke(say_pause(shift))
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    assert was_stored == bool(shift.plans)
    assert (["w-29"] if was_stored else []) == shift.done("evict")
    if not was_stored:
        assert "paused" in shift.reasons()
    shift.deliver(canceled(a_reboot()))
    shift.run_until_quiet()
    assert not shift.node().is_unschedulable


def test_of_two_machines_of_one_event_only_the_paused_one_waits():
    """A scope is not the world."""
    shift = a_shift()
    target = replace(a_reboot(20)).target
    shift.invoke(pause(shift.night, Scope.parse(f"resource:{target}"), **ASKED))
    shift.deliver(a_reboot(20), a_reboot(21))
    shift.run_until_quiet()
    assert ["w-21"] == shift.done("evict")
