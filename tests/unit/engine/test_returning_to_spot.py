"""What an eviction had changed goes back: to on demand, and from there to spot again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.decisions import Reason
from shared.core.plans import PlanOutcome, StepOutcome
from shared.core.spot_marks import TAG, SpotMark, read_mark, write_mark
from shared.core.steps import Verb
from shared.remediations.restart_evicted_vm import Strategy
from tests.builders import HOUR, MINUTE, NOW, VM, a_rule, quiet
from tests.evictions import an_eviction, evict
from tests.fakes.cloud import FakeMachine
from tests.fakes.ledger import Crash
from tests.shift import Shift

SIZE, SMALL = "Standard_NC24ads_A100_v4", "Standard_NC12s_v3"
SPOT, PAID = (SIZE, "spot"), (SIZE, "regular")
NONE_LEFT = "SkuNotAvailable: The requested tier is currently not available."
WAYS = {"strategies": (Strategy.START, Strategy.ON_DEMAND)}


def evicted(**settings: Any) -> Shift:
    """Begin a night in which a spot machine was taken, and spot has no capacity."""
    rules = (
        a_rule("restart_evicted_vm", **{**WAYS, **settings}),
        a_rule("return_to_spot", gpu_metric="gpu/use"),
    )
    shift = Shift.begin(*rules)
    evict(shift)
    shift.world.replacement.refuses[SPOT] = NONE_LEFT
    return shift


def machine(shift: Shift) -> FakeMachine:
    """Return the machine as it is now."""
    return shift.world.compute.machines_by_id[VM.casefold()]


def paid_for() -> Shift:
    """Begin six hours after a machine came back on demand; nobody uses it."""
    shift = evicted()
    shift.deliver(an_eviction())
    shift.run_until_quiet()
    shift.move(6 * HOUR)
    shift.world.metrics.tell(VM, quiet(timedelta(minutes=30)))
    return shift


def is_as(shift: Shift, size: str, priority: str) -> bool:
    """Tell whether the machine runs as that, its disks with it."""
    found = machine(shift)
    is_whole = not shift.world.replacement.disks_are_gone
    return is_whole and (found.power, found.resource.size, found.priority) == (
        "running",
        size,
        priority,
    )


def test_on_demand_is_the_machine_made_anew_around_its_disks_and_marked():
    """Azure changes no priority; the tag says what it was, for whoever turns it back."""
    shift = evicted()
    shift.deliver(an_eviction())
    shift.run_until_quiet()
    assert is_as(shift, *PAID)
    assert ["detach", "remove", "make"] == [kind for kind, _ in shift.world.effects]
    assert (PlanOutcome.DONE, Verb.REBUILD) == (
        shift.plan.outcome,
        shift.plan.steps[0].step.verb,
    )
    mark = read_mark(machine(shift).resource.tags)
    assert mark is not None
    assert ("on_demand", SIZE, "Deallocate") == (mark.how, mark.size, mark.eviction)
    assert NOW <= mark.since <= shift.now


def test_a_rule_without_on_demand_may_delete_nothing():
    """The power to delete a machine is granted by the verb, and the verb by the strategy."""
    shift = evicted(strategies=(Strategy.START,))
    shift.deliver(an_eviction())
    assert Verb.START is shift.plan.steps[0].step.verb


def test_a_machine_that_would_lose_something_is_not_taken_apart():
    """An extension or an identity of its own is not made again; the next way is tried."""
    shift = evicted(within=10 * MINUTE)
    shift.world.replacement.would_lose = ("its extension AADSSHLogin",)
    shift.deliver(an_eviction())
    shift.run_until_quiet()
    assert [] == shift.done("remove")
    step = shift.plan.steps[0]
    assert (StepOutcome.FAILED, Reason.NO_CAPACITY) == (step.outcome, step.reason)
    said = [one["said"] for one in step.detail["tried"] if one["how"] == "on_demand"]
    assert "AADSSHLogin" in said[0]


def test_a_machine_whose_power_state_is_not_known_is_not_taken_apart():
    """It might run."""
    shift = evicted()
    machine(shift).power = "deallocated"
    shift.deliver(an_eviction(), budget=timedelta(0))
    machine(shift).power = None
    shift.wait(10 * MINUTE)
    assert [] == shift.done("remove")


@pytest.mark.parametrize("answer", ["refuses", "fails"])
def test_a_machine_in_pieces_is_put_together_in_the_next_way(answer: str):
    """No capacity on demand either, after it was taken apart: spot is asked again."""
    shift = evicted()
    said = getattr(shift.world.replacement, answer)
    said[PAID] = "AllocationFailed: no room."
    shift.deliver(an_eviction())
    shift.wait(2 * MINUTE)
    assert shift.plan.is_open
    shift.world.replacement.refuses.pop(SPOT)
    shift.run_until_quiet()
    assert (True, PlanOutcome.DONE) == (is_as(shift, *SPOT), shift.plan.outcome)
    assert TAG not in machine(shift).resource.tags, "it is what it was"


def test_a_machine_in_pieces_is_not_given_up_after_the_rules_time():
    """Its disks lie there without a machine: a day is tried, and the record stays."""
    shift = evicted(within=10 * MINUTE)
    shift.world.replacement.refuses[PAID] = "AllocationFailed: no room."
    shift.deliver(an_eviction())
    shift.wait(2 * HOUR)
    assert (True, VM.casefold() in shift.world.compute.machines_by_id) == (
        shift.plan.is_open,
        False,
    )
    shift.run_until_quiet(limit=timedelta(hours=48))
    asked = [where for where in shift.passed if where == "before make"]
    assert len(asked) < 250, "nobody is asked every second for a day"
    step = shift.plan.steps[0]
    assert (Reason.NO_CAPACITY, "gone") == (step.reason, step.detail["power"])
    assert step.detail["blueprint"] in shift.world.records.kept


def test_a_crash_anywhere_neither_loses_the_machine_nor_its_disks():
    """From the eviction to on demand, dying once at each point there is."""
    whole = evicted()
    whole.deliver(an_eviction())
    whole.run_until_quiet()
    for point, name in enumerate(whole.passed, start=1):
        shift = evicted()
        shift.die_at.add(len(shift.passed) + point)
        while True:
            try:
                shift.deliver(an_eviction())
                break
            except Crash:
                shift.move(timedelta(seconds=10))
        shift.run_until_quiet()
        assert is_as(shift, *PAID), f"{point}: {name}"
        assert PlanOutcome.DONE is shift.plan.outcome, f"{point}: {name}"


def test_after_hours_on_demand_an_idle_machine_is_spot_again():
    """Capacity is back: down, made anew as it was first, the mark gone with it."""
    shift = paid_for()
    shift.world.replacement.refuses.clear()
    shift.tick()
    shift.run_until_quiet()
    assert is_as(shift, *SPOT)
    assert TAG not in machine(shift).resource.tags
    back = shift.plans[-1]
    assert (PlanOutcome.DONE, [Verb.DEALLOCATE, Verb.REBUILD]) == (
        back.outcome,
        [one.step.verb for one in back.steps],
    )
    assert all(one.verified_at for one in back.steps)
    shift.move(HOUR)
    plans = len(shift.plans)
    shift.tick()
    assert plans == len(shift.plans), "there is nothing left to turn back"


def test_a_crash_anywhere_on_the_way_back_loses_nothing_either():
    """Down, in pieces, together again: whoever goes on finds enough to go on with."""
    whole = paid_for()
    whole.world.replacement.refuses.clear()
    before = len(whole.passed)
    whole.tick()
    whole.run_until_quiet()
    for point, name in enumerate(whole.passed[before:], start=1):
        shift = paid_for()
        shift.world.replacement.refuses.clear()
        shift.die_at.add(len(shift.passed) + point)
        while True:
            try:
                shift.tick()
                break
            except Crash:
                shift.move(MINUTE)
        shift.run_until_quiet()
        assert is_as(shift, *SPOT), f"{point}: {name}"
        assert TAG not in machine(shift).resource.tags, f"{point}: {name}"


def test_without_spot_capacity_it_comes_back_as_it_was_and_the_plan_says_so():
    """A machine that nobody can have any more would be worse than a dear one."""
    shift = paid_for()
    shift.tick()
    shift.run_until_quiet()
    back = shift.plans[-1]
    assert is_as(shift, *PAID)
    assert (StepOutcome.FAILED, Reason.NO_CAPACITY) == (
        back.steps[1].outcome,
        back.steps[1].reason,
    )
    assert read_mark(machine(shift).resource.tags) is not None, "it is tried again another day"


def test_a_machine_that_works_is_left_on_demand():
    """Money is not worth a job; not known is not idle either."""
    shift = paid_for()
    shift.world.metrics.tell(VM, replace(quiet(timedelta(minutes=30)), gpu=0.9))
    shift.tick()
    shift.world.metrics.tell(VM, replace(quiet(timedelta(minutes=30)), cpu=None))
    shift.move(MINUTE)
    shift.tick()
    assert (1, True) == (len(shift.plans), is_as(shift, *PAID))


def test_somebody_who_begins_to_work_keeps_the_machine():
    """Decided while it was idle, carried out a moment later: looked at again before."""
    shift = paid_for()
    shift.world.replacement.refuses.clear()
    shift.tick()
    shift.world.metrics.tell(VM, replace(quiet(timedelta(minutes=30)), cpu=0.9))
    shift.move(timedelta(seconds=10))
    shift.run_until_quiet()
    assert is_as(shift, *PAID)
    assert Reason.BUSY == shift.plans[-1].steps[0].reason


def test_a_resized_machine_gets_its_size_back_without_being_made_anew():
    """Size is something that Azure changes; nothing is deleted for it."""
    shift = evicted(strategies=(Strategy.START, Strategy.OTHER_SIZE), sizes=(SMALL,))
    shift.deliver(an_eviction())
    shift.run_until_quiet()
    assert is_as(shift, SMALL, "spot")
    shift.world.replacement.refuses.clear()
    shift.move(6 * HOUR)
    shift.world.metrics.tell(VM, quiet(timedelta(minutes=30)))
    shift.tick()
    shift.run_until_quiet()
    assert (True, [], {}) == (
        is_as(shift, *SPOT),
        shift.done("remove"),
        dict(machine(shift).resource.tags),
    )


def test_a_delete_lock_stops_what_would_take_it_apart():
    """Somebody wrote that this machine is not deleted, and that is what it would be."""
    from shared.core.protection import LockLevel

    shift = paid_for()
    shift.world.replacement.refuses.clear()
    shift.world.resources.lock(VM, LockLevel.CAN_NOT_DELETE)
    shift.tick()
    assert 1 == len(shift.plans)


def test_only_marked_machines_are_measured_for_it():
    """A tick over thousands of machines asks for the metrics of a few."""
    shift = Shift.begin(a_rule("return_to_spot"))
    for number in range(3):
        shift.with_machine(f"{VM}-{number}")
    tally = shift.tick()
    assert ({"not_marked": 3}, []) == (dict(tally.by_reason), shift.world.metrics.asked)


@pytest.mark.parametrize(
    "text",
    ["", "on_demand", "on_demand;a b;Deallocate;-1;2030-01-01T00:00:00Z", "x;y;z;1;now"],
)
def test_a_tag_that_is_no_mark_is_none(text: str):
    """Whoever may tag a machine cannot have it turned into whatever they like."""
    with pytest.raises(ValueError, match="none of ours"):
        read_mark({TAG.upper(): text})


@pytest.mark.parametrize("price", [-1.0, 0.98765, 12.0])
def test_a_mark_is_read_as_it_was_written(price: float):
    """Its price too: a machine that may cost so much is not made one without a limit."""
    mark = SpotMark("other_size", SIZE, "Delete", price, NOW)
    assert mark == read_mark({TAG: write_mark(mark)})
