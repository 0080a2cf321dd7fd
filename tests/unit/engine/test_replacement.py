"""What was evicted comes back: in one way after another, once, or it is said why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from shared.core.decisions import Reason
from shared.core.errors import ProviderUnavailable
from shared.core.plans import PlanOutcome, StepOutcome
from shared.remediations.restart_evicted_vm import Strategy
from tests.builders import MINUTE, NOW, SCALE_SET, VM, a_machine, a_resource, a_rule, instance
from tests.evictions import an_eviction, evict, lose
from tests.fakes.cloud import FakePool
from tests.shift import Shift

SIZE, SMALL = "Standard_NC24ads_A100_v4", "Standard_NC12s_v3"
SPOT, SMALLER, PAID = (SIZE, "spot"), (SMALL, "spot"), (SIZE, "regular")
NONE_LEFT = "SkuNotAvailable: The requested tier is currently not available."
QUOTA = "OperationNotAllowed: approved LowPriorityCores quota exceeded."
EVERY_WAY = {"strategies": tuple(Strategy), "sizes": (SMALL,)}


def evicted(power: str = "deallocated", **settings: Any) -> Shift:
    """Begin a night in which a spot machine was taken, and a rule that brings it back."""
    shift = Shift.begin(a_rule("restart_evicted_vm", **settings))
    evict(shift, power)
    return shift


def tried(shift: Shift) -> list[str]:
    """Return what was started, in order: size and priority."""
    return [what.partition(" ")[2] for what in shift.done("start")]


def test_an_evicted_machine_is_started_and_seen_to_run():
    """Done is the power state, and not that Azure took the request."""
    shift = evicted()
    shift.deliver(an_eviction())
    shift.run_until_quiet()
    step = shift.plan.steps[0]
    assert (PlanOutcome.DONE, [" ".join(SPOT)]) == (shift.plan.outcome, tried(shift))
    assert (StepOutcome.DONE, SIZE) == (step.outcome, step.detail["size"])
    assert step.verified_at is not None


@pytest.mark.parametrize("words", [NONE_LEFT, QUOTA, "AllocationFailed: no room."])
@pytest.mark.parametrize("late", [False, True], ids=["at once", "by the operation"])
def test_no_capacity_leads_to_the_next_way_and_not_to_the_same_again(words: str, late: bool):
    """Asking again for what there is none of costs the time in which another would do."""
    shift = evicted(**EVERY_WAY, pause=timedelta(minutes=10))
    said = shift.world.replacement.fails if late else shift.world.replacement.refuses
    said.update({SPOT: words, SMALLER: words})
    shift.deliver(an_eviction())
    shift.run_until_quiet()
    made = [what.partition(" ")[2] for what in shift.done("make")]
    assert ([" ".join(SPOT), " ".join(SMALLER)] if late else []) == tried(shift)
    assert [" ".join(PAID)] == made
    assert PlanOutcome.DONE == shift.plan.outcome
    detail = shift.plan.steps[0].detail
    assert ("regular", SIZE) == (detail["priority"], detail["size"])
    assert [("start", SIZE), ("other_size", SMALL)] == [
        (one["how"], one["size"]) for one in detail["tried"]
    ]
    assert NOW + 2 * MINUTE > shift.now, "no pause between two ways"


def test_after_the_last_way_the_first_is_tried_again_after_a_longer_and_longer_pause():
    """Capacity comes back by itself; nobody hammers until it does."""
    shift = evicted(pause=timedelta(seconds=30), within=timedelta(minutes=10))
    shift.world.replacement.fails[SPOT] = NONE_LEFT
    moments: list[timedelta] = []
    shift.hooks.append(
        lambda at: moments.append(shift.now - NOW) if at == "before start" else None
    )
    shift.deliver(an_eviction())
    shift.run_until_quiet()
    gaps = [b - a for a, b in pairwise(moments)]
    assert len(moments) >= 4
    assert all(later > 1.5 * gap for gap, later in pairwise(gaps))
    step = shift.plan.steps[0]
    assert (StepOutcome.FAILED, Reason.NO_CAPACITY) == (step.outcome, step.reason)
    assert NOW + timedelta(minutes=12) > shift.now


def test_another_error_asks_for_the_same_way_once_more_then_goes_on():
    """A conflict passes; one that stays must not keep the other ways from being tried."""
    shift = evicted(**EVERY_WAY)
    shift.world.replacement.fails[SPOT] = "InternalExecutionError: something broke."
    shift.deliver(an_eviction())
    shift.run_until_quiet()
    assert [" ".join(way) for way in (SPOT, SPOT, SMALLER)] == tried(shift)


def test_trouble_with_the_service_tries_no_other_way():
    """An outage says nothing about capacity: nobody pays more because of it."""
    shift = evicted(**EVERY_WAY)
    error = ProviderUnavailable("503", after=timedelta(seconds=5))
    with shift.raising("before start", error, times=3):
        shift.deliver(an_eviction())
        shift.run_until_quiet()
    assert ([" ".join(SPOT)], PlanOutcome.DONE) == (tried(shift), shift.plan.outcome)


@pytest.mark.parametrize("where", ["before start", "after start"])
def test_a_worker_that_dies_around_the_call_starts_no_second_machine(where: str):
    """A start of what starts is none; the next worker reads the machine."""
    shift = evicted()
    armed = [where]

    def die_once(at: str) -> None:
        if at in armed:
            armed.clear()
            shift.die(at)

    shift.hooks.append(die_once)
    shift.send(an_eviction())
    shift.run_until_quiet()
    assert ([" ".join(SPOT)], PlanOutcome.DONE) == (tried(shift), shift.plan.outcome)


def test_a_machine_that_is_still_leaving_is_looked_at_again():
    """The annotation may be faster than the deallocation."""
    shift = evicted(power="deallocating")
    machine = shift.world.compute.machines_by_id[VM.casefold()]
    shift.deliver(an_eviction())
    assert [Reason.STILL_LEAVING] == shift.reasons()
    machine.power = "deallocated"
    shift.wait(2 * MINUTE)
    assert PlanOutcome.DONE == shift.plan.outcome


def test_an_opt_out_between_two_ways_stops_the_next():
    """A person's word counts before every attempt, not only before the first."""
    shift = evicted(pause=MINUTE)
    shift.world.replacement.fails[SPOT] = NONE_LEFT
    shift.deliver(an_eviction())
    shift.wait(30 * timedelta(seconds=1))
    shift.set_tags(VM, {"nightshift": "off"})
    shift.run_until_quiet()
    assert Reason.OPTED_OUT == shift.plan.steps[0].reason
    assert 1 == len(tried(shift))


def lost(**settings: Any) -> Shift:
    """Begin a night in which a pool lost an instance, and a rule that grows pools."""
    shift = Shift.begin(a_rule("scale_pool_by_one", **settings))
    lose(shift)
    return shift


def pool(shift: Shift) -> FakePool:
    """Return the pool as it is now."""
    return shift.world.replacement.pools[SCALE_SET.casefold()]


def test_a_pool_that_lost_a_machine_is_made_one_larger():
    """Seen on the scale set, when its change has ended."""
    shift = lost()
    shift.deliver(an_eviction(instance(7)))
    shift.run_until_quiet()
    assert (5, PlanOutcome.DONE) == (pool(shift).capacity, shift.plan.outcome)
    assert 5 == shift.plan.steps[0].detail["capacity"]


def test_two_machines_lost_at_once_are_two_more_however_the_writes_meet():
    """Each write names what it read, and bears its own name: no one counts for two."""
    shift = lost()
    shift.deliver(an_eviction(instance(7)), an_eviction(instance(8), event_id="e-2"))
    shift.run_until_quiet()
    assert (6, 2) == (pool(shift).capacity, len(shift.done("grow")))


@pytest.mark.parametrize("where", ["before grow", "after grow"])
def test_a_pool_is_grown_once_though_the_worker_died_around_the_call(where: str):
    """The scale set bears the step's name, so the next worker knows."""
    shift = lost()
    armed = [where]

    def die_once(at: str) -> None:
        if at in armed:
            armed.clear()
            shift.die(at)

    shift.hooks.append(die_once)
    shift.send(an_eviction(instance(7)))
    shift.run_until_quiet()
    assert (5, PlanOutcome.DONE) == (pool(shift).capacity, shift.plan.outcome)


def test_a_lost_write_after_which_others_changed_the_pool_stays_unknown():
    """Nobody can tell any more whose machine it is; one too many is not risked."""
    shift = lost()
    armed = ["before grow"]

    def die_and_change(at: str) -> None:
        if at in armed:
            armed.clear()
            pool(shift).version += 1
            shift.die(at)

    shift.hooks.append(die_and_change)
    shift.send(an_eviction(instance(7)))
    shift.run_until_quiet()
    assert (4, StepOutcome.UNKNOWN) == (pool(shift).capacity, shift.plan.steps[0].outcome)


def test_a_pool_that_cannot_get_its_machine_says_that_there_is_none():
    """The rule's next rung may then do something else."""
    shift = lost()
    shift.world.replacement.grow_fails = "OverconstrainedAllocationRequest: no room."
    shift.deliver(an_eviction(instance(7)))
    shift.run_until_quiet()
    assert Reason.NO_CAPACITY == shift.plan.steps[0].reason


def test_a_deallocated_instance_is_started_and_the_pool_not_grown():
    """Else it would be there twice when somebody starts it."""
    shift = lost()
    machine = shift.world.compute.add(a_machine(instance(7)))
    machine.power = "deallocated"
    shift.deliver(an_eviction(instance(7)))
    assert ([Reason.STILL_THERE], 4) == (shift.reasons(), pool(shift).capacity)
    restart = a_rule("restart_evicted_vm", name="again", **EVERY_WAY)
    both = Shift.begin(restart)
    both.world.replacement.add(replace(pool(shift)))
    both.world.resources.add(a_resource(instance(7)))
    both.world.compute.add(machine)
    both.deliver(an_eviction(instance(7)))
    both.run_until_quiet()
    assert ("running", [" ".join(SPOT)]) == (machine.power, tried(both))
