"""The idle tick: who is provably used by nobody is stopped, and nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core.decisions import Reason
from shared.core.errors import ProviderUnavailable, Throttled
from shared.core.plans import PlanOutcome, StepOutcome
from shared.engine.idle import tick_id
from tests.builders import (
    COMPUTE,
    GROUP,
    HOUR,
    MINUTE,
    SECOND,
    VM,
    a_machine,
    a_rule,
    quiet,
)
from tests.shift import Shift


@pytest.fixture
def shift() -> Shift:
    """A night whose one rule deallocates what nobody uses."""
    return Shift.begin(a_rule("deallocate_idle", cooldown=HOUR, gpu_metric="Guest/gpu"))


def vm(number: int) -> str:
    """Name a machine."""
    return f"{GROUP}/providers/Microsoft.Compute/virtualMachines/dev-{number}"


def test_a_machine_that_did_nothing_for_an_hour_is_deallocated(shift: Shift):
    """Deallocated and not stopped: a stopped machine is still paid for."""
    shift.with_machine()
    tally = shift.tick()
    shift.run_until_quiet()
    assert [VM] == shift.done("deallocate")
    assert ([shift.plan.id], PlanOutcome.DONE) == (tally.plans, shift.plan.outcome)
    assert {"power": "deallocated"} == shift.plan.steps[0].detail


def test_one_of_many_deallocated_together_keeps_its_own_operation(shift: Shift):
    """Whoever asks why one of a thousand still runs finds it in Azure by this name."""
    shift.with_machine()
    shift.world.compute.is_bulk = True
    shift.tick()
    shift.run_until_quiet()
    assert {"power": "deallocated", "operation": "bulk-westeurope"} == shift.plan.steps[
        0
    ].detail


def test_a_compute_instance_is_stopped_by_azure_ml(shift: Shift):
    """Its machine is not in our subscription: only its workspace can stop it."""
    shift.world.machine_learning.add(a_machine(COMPUTE))
    shift.world.metrics.tell(COMPUTE, quiet())
    shift.tick()
    shift.run_until_quiet()
    assert [("stop", COMPUTE)] == shift.world.effects
    assert PlanOutcome.DONE == shift.plan.outcome


@pytest.mark.parametrize(
    ("title", "use"),
    [
        ("no metrics at all", None),
        ("no processor metric", replace(quiet(), cpu=None)),
        ("no GPU metric though it has a GPU", replace(quiet(), gpu=None)),
        ("no network metric", replace(quiet(), network=None)),
        ("no point has a value", replace(quiet(), samples=0)),
        ("too few points have a value", replace(quiet(), samples=10)),
        ("no points were expected, and none came", replace(quiet(0 * HOUR), samples=0)),
        ("the window is shorter than asked", quiet(HOUR - SECOND)),
    ],
)
def test_what_is_not_known_is_never_idle(shift: Shift, title: str, use):
    """Deallocating a machine that trains is the worst this app could do."""
    shift.with_machine(is_quiet=False)
    if use is not None:
        shift.world.metrics.tell(VM, use)
    tally = shift.tick()
    shift.run_until_quiet()
    assert ([], [], 1) == (shift.plans, shift.world.effects, tally.by_reason[Reason.NO_DATA])


@pytest.mark.parametrize("error", [ProviderUnavailable, Throttled])
def test_metrics_that_fail_stop_nothing_and_are_named(shift: Shift, error):
    """An outage of the metrics service must not look like a quiet night."""
    shift.with_machine()
    with shift.raising("read utilisation", error("metrics", after=SECOND)):
        tally = shift.tick()
    shift.run_until_quiet()
    assert ([], 1) == (shift.plans, len(tally.unread))


def test_a_batch_of_metrics_that_cannot_be_read_stops_only_its_own(shift: Shift):
    """The others of the same tick are still seen."""
    for number in (1, 2):
        shift.with_machine(vm(number))
    shift.world.metrics.failing = {vm(1)}
    shift.tick()
    shift.run_until_quiet()
    assert [vm(2)] == shift.done("deallocate")


@pytest.mark.parametrize(
    ("what", "use"),
    [
        ("processor", replace(quiet(), cpu=0.05)),
        ("GPU", replace(quiet(), gpu=0.05)),
        ("network", replace(quiet(), network=100_000.0)),
    ],
)
def test_a_machine_that_does_anything_is_busy(shift: Shift, what: str, use):
    """At the threshold is busy already; which part it was is written down."""
    shift.with_machine()
    shift.world.metrics.tell(VM, use)
    tally = shift.tick()
    assert ([], 1) == (shift.plans, tally.by_reason[Reason.NOT_IDLE])


def test_many_machines_take_one_listing_and_one_metrics_call(shift: Shift):
    """A call a machine would be throttled long before a fleet was seen."""
    reads: list[str] = []
    for number in range(40):
        shift.with_machine(vm(number))
    shift.hooks.append(lambda at: reads.append(at) if at.startswith("read") else None)
    shift.tick()
    assert (1, 1, 0) == (
        reads.count("read machines"),
        len(shift.world.metrics.asked),
        reads.count("read machine"),
    )
    assert 40 == len(shift.plans)


def test_machines_that_are_off_are_not_measured(shift: Shift):
    """What is deallocated costs nothing, not even a metrics call."""
    shift.with_machine()
    shift.world.compute.machines_by_id[VM.casefold()].power = "deallocated"
    tally = shift.tick()
    assert ([], 1) == (shift.world.metrics.asked, tally.by_reason[Reason.ALREADY_STOPPED])


def test_a_power_state_that_cannot_be_read_is_no_data(shift: Shift):
    """Unknown is not off and not on."""
    shift.with_machine()
    shift.world.compute.machines_by_id[VM.casefold()].power = None
    assert 1 == shift.tick().by_reason[Reason.NO_DATA]
    assert [] == shift.plans


def test_somebody_who_came_back_before_the_step_stops_it(shift: Shift):
    """Between the decision and the call an hour may lie, or a person."""
    shift.with_machine()
    shift.tick()
    shift.world.metrics.tell(VM, replace(quiet(), gpu=0.9))
    shift.run_until_quiet()
    step = shift.plan.steps[0]
    assert ([], StepOutcome.REFUSED, Reason.BUSY) == (
        shift.world.effects,
        step.outcome,
        step.reason,
    )


def test_a_machine_just_acted_on_is_given_its_quiet_time(shift: Shift):
    """A person who starts it again must not see it stopped again at once."""
    shift.with_machine()
    shift.tick()
    shift.run_until_quiet()
    shift.world.compute.machines_by_id[VM.casefold()].power = "running"
    shift.move(30 * MINUTE)
    assert 1 == shift.tick().by_reason[Reason.COOLDOWN]
    shift.move(HOUR)
    shift.tick()
    shift.run_until_quiet()
    assert [VM, VM] == shift.done("deallocate")


def test_a_machine_with_an_open_plan_is_left_to_it(shift: Shift):
    """Two ticks in a row, the first's plan still at work: one plan."""
    shift.with_machine()
    shift.world.compute.deallocate_looks = 100
    shift.tick()
    shift.poll()
    shift.move(2 * HOUR)
    shift.world.compute.machines_by_id[VM.casefold()].power = "running"
    assert 1 == shift.tick().by_reason[Reason.IN_FLIGHT]
    assert 1 == len(shift.plans)


def test_two_timers_that_overlap_are_one_tick(shift: Shift):
    """Losing the timer's lease may run it twice in a minute."""
    shift.with_machine()
    shift.tick()
    shift.tick()
    shift.run_until_quiet()
    assert (1, [VM]) == (len(shift.plans), shift.done("deallocate"))


def test_a_ticks_holds_are_not_reminded_of(shift: Shift):
    """The next tick asks again by itself; a message for each machine would pile up."""
    shift.with_machine()
    machine = shift.world.compute.machines_by_id[VM.casefold()]
    machine.started_at = shift.now - 10 * MINUTE
    tally = shift.tick()
    assert (1, []) == (tally.by_reason[Reason.TOO_SOON], shift.world.queue.waiting)


def test_a_tick_records_what_it_saw_by_reason(shift: Shift):
    """Why a machine was not stopped last night can be read this morning."""
    shift.with_machine(vm(1))
    shift.with_machine(vm(2), is_quiet=False)
    shift.tick()
    decisions = shift.records(tick_id(shift.now))
    [summary] = [r for r in decisions if r.target == ""]
    said = {d["reason"] or d["kind"]: d["targets"] for d in summary.decisions}
    assert {"act": [vm(1)], "no_data": [vm(2)]} == said


def test_without_a_rule_nothing_is_even_read():
    """A deployment that does not stop machines does not list them."""
    shift = Shift.begin(a_rule())
    shift.with_machine()
    assert (0, []) == (shift.tick().looked_at, shift.plans)


def test_a_deallocation_is_asked_for_again_only_after_minutes(shift: Shift):
    """Accepted and lost is possible; asking each look would be a storm of our own."""
    shift.with_machine()
    machine = shift.world.compute.machines_by_id[VM.casefold()]

    def stay_on(at: str) -> None:
        if at == "read machine" and len(shift.done("deallocate")) == 1:
            machine.power, machine.looks_left = "running", None

    shift.hooks.append(stay_on)
    shift.tick()
    asked = shift.now
    shift.run_until_quiet()
    assert 2 == len(shift.done("deallocate"))
    assert shift.now - asked >= 3 * MINUTE
    assert PlanOutcome.DONE == shift.plan.outcome
