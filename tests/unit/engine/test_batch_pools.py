"""Idle Batch pools: looked at, set to no nodes or given their formula back, or left."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.batch_pools import FORMULA_LABEL
from shared.core.decisions import Reason
from shared.core.plans import PlanOutcome, StepOutcome
from shared.engine import surveying
from tests.batch_pools import a_found_pool, with_idle_pool
from tests.builders import ACCOUNT, NOW, SUBSCRIPTION, a_rule
from tests.fakes.cloud import FakeTask
from tests.shift import Shift

FORMULA = "$TargetDedicatedNodes = 2;"


@pytest.fixture
def shift() -> Shift:
    """A night whose one rule lets idle pools rest."""
    return Shift.begin(a_rule("rest_idle_pool"))


def test_an_idle_pool_goes_to_no_nodes_and_is_seen_to_be_there(shift: Shift):
    """Batch accepts a resize long before it is over."""
    pool = with_idle_pool(shift)
    shift.deliver(a_found_pool())
    shift.run_until_quiet()
    detail = shift.plan.steps[0].detail
    assert (["gpu 0"], {}, PlanOutcome.DONE, 2) == (
        shift.done("resize_pool"),
        pool.nodes,
        shift.plan.outcome,
        detail["nodes"],
    )


def test_a_pool_gets_the_formula_back_that_its_owner_keeps(shift: Shift):
    """Even while nodes are at work: the formula says what becomes of them."""
    pool = with_idle_pool(shift)
    pool.labels[FORMULA_LABEL] = FORMULA
    pool.nodes["n-1"].tasks = 1
    shift.deliver(a_found_pool())
    shift.run_until_quiet()
    assert (FORMULA, 2, PlanOutcome.DONE) == (
        pool.formula,
        len(pool.nodes),
        shift.plan.outcome,
    )


@pytest.mark.parametrize("state", ["starting", "unusable", "offline", "preempted"])
def test_a_pool_with_a_node_in_any_other_state_is_not_idle(shift: Shift, state: str):
    """What it does cannot be told, or somebody looks at it."""
    with_idle_pool(shift).nodes["n-1"].state = state
    shift.deliver(a_found_pool())
    assert ([], ["in_use"]) == (shift.done("resize_pool"), shift.reasons("s-1"))


def test_a_pool_whose_job_has_a_task_that_waits_keeps_its_nodes(shift: Shift):
    """The nodes are idle for the moment between two tasks; other pools' tasks do not count."""
    with_idle_pool(shift)
    shift.with_job(FakeTask("next", state="active"), name="other").pool = "cpu"
    job = shift.with_job(FakeTask("next", state="active"))
    shift.deliver(a_found_pool())
    del job.tasks["next"]
    shift.deliver(a_found_pool(event_id="s-2"))
    shift.run_until_quiet()
    assert (["in_use"], ["gpu 0"]) == (shift.reasons("s-1"), shift.done("resize_pool"))


def test_a_task_that_comes_before_the_step_keeps_the_nodes(shift: Shift):
    """Nodes and jobs are read again in the step itself."""
    with_idle_pool(shift)
    shift.deliver(a_found_pool())
    shift.with_job(FakeTask("next", state="active"))
    shift.run_until_quiet()
    step = shift.plan.steps[0]
    assert ([], StepOutcome.REFUSED, Reason.IN_USE) == (
        shift.done("resize_pool"),
        step.outcome,
        step.reason,
    )


def test_a_formula_set_by_somebody_else_is_theirs(shift: Shift):
    """Before the decision, and between decision and step."""
    pool = with_idle_pool(shift)
    shift.deliver(a_found_pool())
    pool.formula, pool.is_autoscaled = "theirs", True
    shift.run_until_quiet()
    shift.deliver(a_found_pool(event_id="s-2"))
    assert ("theirs", []) == (pool.formula, shift.done("resize_pool"))
    assert (Reason.SET_ALREADY, ["set_already"]) == (
        shift.plans[0].steps[0].reason,
        shift.reasons("s-2"),
    )


def test_whoever_labels_the_pool_keeps_it_as_it_is(shift: Shift):
    """Its metadata is read as if it were tags."""
    with_idle_pool(shift).labels["nightshift"] = "off"
    shift.deliver(a_found_pool())
    assert ["opted_out"] == shift.reasons("s-1")


def test_a_pool_that_is_being_resized_is_waited_for(shift: Shift):
    """Batch takes one resize at a time."""
    pool = with_idle_pool(shift)
    shift.deliver(a_found_pool())
    pool.resizes_left = 3
    shift.run_until_quiet()
    assert (["gpu 0"], PlanOutcome.DONE) == (shift.done("resize_pool"), shift.plan.outcome)


def test_a_worker_that_dies_after_asking_asks_once(shift: Shift):
    """The next one finds the pool being resized, then at no nodes."""
    with_idle_pool(shift)
    shift.deliver(a_found_pool())
    shift.hooks.append(lambda at: shift.die(at) if at == "after resize_pool" else None)
    shift.poll()
    shift.hooks.clear()
    shift.run_until_quiet()
    assert (["gpu 0"], PlanOutcome.DONE) == (shift.done("resize_pool"), shift.plan.outcome)


def test_the_survey_finds_pools_of_a_fixed_size_and_the_rule_lets_them_rest(shift: Shift):
    """From the account's list to the pool; one with a formula is none of its business."""
    with_idle_pool(shift)
    shift.world.batch_nodes.add(ACCOUNT, "own").is_autoscaled = True
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Batch/batchAccounts"
    shift.world.estate.tell(path, {"id": ACCOUNT, "location": "westeurope"})
    message = {
        "survey": "batch_pools",
        "subscription": SUBSCRIPTION,
        "began_at": NOW.isoformat(),
    }
    report = shift.invoke(surveying.carry_out_survey(shift.night, message))
    shift.run_until_quiet()
    assert report is not None
    assert [("pool_of_fixed_size", "acted")] == [
        (one["name"], one["decision"]) for one in report.findings
    ]
    assert ["gpu 0"] == shift.done("resize_pool")


def test_nodes_that_are_idle_for_a_moment_are_kept(shift: Shift):
    """Until every one of them is idle for as long as the rule says."""
    shift.world.batch_nodes.began = NOW - timedelta(minutes=10)
    with_idle_pool(shift)
    shift.deliver(a_found_pool())
    assert ["too_soon"] == shift.reasons("s-1")
