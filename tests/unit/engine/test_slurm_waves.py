"""A Slurm job on several noticed nodes: one signal and one requeue, whatever comes when."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.plans import Plan, PlanOutcome
from tests.builders import NOW, SECOND, a_notice, a_resource, a_rule, canceled, instance
from tests.shift import Shift

NODES = {29: "gpu029", 30: "gpu030", 31: "gpu031", 32: "gpu032"}
ASKING = {"asks": "batch:USR1"}


@pytest.fixture(params=["requeue over REST", "node set down"])
def shift(request: pytest.FixtureRequest) -> Shift:
    """Begin a night with four nodes that are noticed, and one that stays."""
    shift = Shift.begin(a_rule("drain_slurm_node"))
    shift.world.slurm.has_requeue = request.param == "requeue over REST"
    for number, name in NODES.items():
        put(shift, number, name)
    shift.world.slurm.add("stays001")
    return shift


def put(shift: Shift, number: int, name: str) -> None:
    """Put an idle Slurm node on a machine."""
    shift.world.slurm.add(name, instance(number))
    shift.world.resources.add(a_resource(instance(number)))


def run(shift: Shift, **job: object) -> int:
    """Let one job run on all of them."""
    return shift.world.slurm.run(*NODES.values(), **job)


def signals(shift: Shift, number: int) -> list[str]:
    """Return what a job was sent."""
    return shift.world.slurm.jobs_by_id[number].signals


def moves(shift: Shift) -> list[str]:
    """Return every effect that moves a job."""
    return shift.done("slurm_requeue") + shift.done("slurm_down")


def plan_of(shift: Shift, number: int) -> Plan:
    """Return the plan of a machine."""
    return next(plan for plan in shift.plans if plan.target == instance(number))


def test_four_notices_at_once_are_one_signal_and_one_requeue(shift: Shift):
    """The job is one, however many of its nodes go."""
    number = run(shift, **ASKING)
    shift.deliver(*(a_notice(n) for n in NODES))
    shift.run_until_quiet()
    assert ["batch:USR1"] == signals(shift, number)
    assert (1, 1) == (len(moves(shift)), shift.world.slurm.job(number).restarts)
    assert {PlanOutcome.DONE} == {plan.outcome for plan in shift.plans}


def test_notices_that_come_seconds_apart_are_one_wave(shift: Shift):
    """Every node is drained before the job moves, so that it begins on none of them."""
    number = run(shift, **ASKING)
    for n in NODES:
        shift.deliver(a_notice(n, event_id=f"e-{n}", deadline=NOW + 60 * SECOND))
        shift.wait(2 * SECOND)
    shift.run_until_quiet()
    assert ["batch:USR1"] == signals(shift, number)
    assert (1, 1) == (len(moves(shift)), shift.world.slurm.job(number).restarts)
    assert ["slurm_drain"] * 4 == [kind for kind, _ in shift.world.effects if "drain" in kind]
    assert "drain" not in shift.world.effects[-1][0]


def test_a_job_that_does_not_ask_is_moved_once_after_all_nodes_are_drained(shift: Shift):
    """Nobody is signalled, and nobody is moved four times."""
    number = run(shift)
    shift.deliver(*(a_notice(n) for n in NODES))
    shift.run_until_quiet()
    kinds = [kind for kind, _ in shift.world.effects]
    assert ["slurm_drain"] * 4 == kinds[:4]
    assert ([], 1, 1) == (
        signals(shift, number),
        len(moves(shift)),
        shift.world.slurm.job(number).restarts,
    )


def test_the_age_of_the_checkpoint_is_recorded_where_the_job_is_moved(shift: Shift):
    """What came after it is what the eviction cost."""
    number = run(shift, **ASKING, says="2030-01-01T03:00:00Z")
    shift.deliver(*(a_notice(n) for n in NODES))
    shift.run_until_quiet()
    found = {
        run: age
        for plan in shift.plans
        for run, age in plan.steps[2].detail.get("checkpoint_age_s", {}).items()
    }
    assert [f"{number}.0"] == list(found)
    assert 0.0 < found[f"{number}.0"] <= 30.0


def test_a_job_that_began_anew_within_the_window_is_not_signalled_again(shift: Shift):
    """It has nothing new to save; moved it must be, for its node goes."""
    first = run(shift, **ASKING)
    shift.deliver(*(a_notice(n) for n in NODES))
    shift.run_until_quiet()
    shift.world.slurm.machines[instance(33).casefold()] = ("lab", "stays001")
    shift.world.resources.add(a_resource(instance(33)))
    assert ("stays001",) == shift.world.slurm.job(first).nodes
    shift.deliver(a_notice(33, event_id="e-2", deadline=shift.now + 30 * SECOND))
    shift.run_until_quiet()
    assert ["batch:USR1"] == signals(shift, first)


def test_when_the_plan_that_signals_is_gone_another_one_does(shift: Shift):
    """Its notice was withdrawn before it had told the job."""
    number = run(shift, **ASKING)
    shift.hooks.append(lambda at: shift.die(at) if at == "after wave" else None)
    assert not shift.send(a_notice(29))
    shift.hooks.clear()
    shift.deliver(canceled(a_notice(29)))
    shift.deliver(a_notice(30, event_id="e-2"))
    shift.run_until_quiet()
    assert ["batch:USR1"] == signals(shift, number)
    assert 1 == shift.world.slurm.job(number).restarts
    assert PlanOutcome.DONE == plan_of(shift, 30).outcome


def test_when_the_plan_that_would_move_the_job_is_gone_another_one_does(shift: Shift):
    """Seconds after the moment that all waited for, whoever still has it moves it."""
    number = run(shift, **ASKING)
    shift.deliver(a_notice(29), a_notice(30))
    shift.wait(4 * SECOND)
    shift.deliver(canceled(a_notice(29)))
    shift.run_until_quiet()
    assert 1 == shift.world.slurm.job(number).restarts
    other = plan_of(shift, 30)
    assert PlanOutcome.DONE == other.outcome
    ended = other.steps[2].finished_at
    assert ended is not None
    assert ended < NOW + timedelta(seconds=20)


def test_the_rules_window_and_gather_hold_for_slurm_too():
    """A cluster whose notices trickle in may wait longer for them."""
    shift = Shift.begin(a_rule("drain_slurm_node", gather=8 * SECOND))
    for number, name in NODES.items():
        put(shift, number, name)
    shift.world.slurm.add("stays001")
    job = run(shift)
    shift.deliver(a_notice(29))
    shift.wait(7 * SECOND)
    assert 0 == shift.world.slurm.job(job).restarts
    shift.run_until_quiet()
    assert 1 == shift.world.slurm.job(job).restarts
