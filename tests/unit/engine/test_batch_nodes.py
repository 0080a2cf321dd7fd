"""Batch nodes: tasks leave them in time, and come back; broken ones are mended or replaced."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.decisions import Reason
from shared.core.plans import PlanOutcome, StepOutcome
from shared.core.signals import Phase
from shared.remediations.mend_batch_node import Means
from shared.remediations.release_batch_node import Tasks
from shared.rules.book import Rung
from tests.batch_nodes import POOL, a_broken_node, an_unusable_alert, with_batch_node
from tests.builders import (
    ACCOUNT,
    MINUTE,
    NOW,
    REMEDIATIONS,
    SECOND,
    a_notice,
    a_reboot,
    a_resource,
    a_rule,
    canceled,
    instance,
)
from tests.fakes.cloud import FakeNodePool, FakePoolNode
from tests.shift import Shift


def released(**settings: Any) -> tuple[Shift, FakePoolNode]:
    """Begin a night with a busy Batch node, and a rule that releases nodes."""
    shift = Shift.begin(a_rule("release_batch_node", **settings))
    return shift, with_batch_node(shift, tasks=2)


def test_a_preempted_node_gets_no_new_tasks_and_those_it_has_go_back():
    """Seconds are left: the tasks are in the queue again before the machine is gone."""
    shift, node = released()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert (False, 0, PlanOutcome.DONE) == (node.takes_tasks, node.tasks, shift.plan.outcome)
    assert ["n-29 requeue"] == shift.done("disable_node")
    assert shift.plan.margin is not None
    assert shift.plan.margin > timedelta(0)


def test_tasks_may_end_where_the_rule_says_so_and_the_deadline_allows():
    """Twelve minutes are enough for what needs five."""
    shift, node = released(tasks=Tasks.TASK_COMPLETION)
    shift.deliver(a_reboot())
    shift.wait(5 * MINUTE)
    assert (2, True) == (node.tasks, shift.plan.is_open)
    shift.world.batch_nodes.finish_tasks("n-29")
    shift.run_until_quiet()
    assert PlanOutcome.DONE == shift.plan.outcome


def test_tasks_that_do_not_end_are_told_and_the_deadline_is_kept():
    """The margin is recorded: nobody says it was in time when it was not."""
    shift, _ = released(tasks=Tasks.TASK_COMPLETION)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    step = shift.plan.steps[1]
    assert (StepOutcome.FAILED, Reason.DEADLINE_PASSED) == (step.outcome, step.reason)
    assert 2 == step.detail["running"]
    assert NOW + 30 * SECOND >= shift.now


def test_a_withdrawn_notice_gives_the_node_tasks_again():
    """Announced preemptions are sometimes taken back."""
    shift, node = released()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    shift.deliver(canceled(a_notice()))
    shift.run_until_quiet()
    assert (True, ["n-29"]) == (node.takes_tasks, shift.done("enable_node"))


def test_a_node_that_somebody_else_disabled_stays_disabled():
    """Batch refuses to disable twice, and whose it is cannot be read off the node later."""
    shift, node = released()
    node.takes_tasks, node.tasks = False, 0
    node.state = "offline"
    shift.deliver(a_notice())
    shift.run_until_quiet()
    shift.deliver(canceled(a_notice()))
    shift.run_until_quiet()
    assert Reason.DISABLED_BY_OTHERS == shift.plans[0].steps[0].reason
    assert (False, [], []) == (
        node.takes_tasks,
        shift.done("disable_node"),
        shift.done("enable_node"),
    )


@pytest.mark.parametrize("where", ["before disable_node", "after disable_node"])
def test_a_disabled_node_is_ours_though_the_worker_died_around_the_call(where: str):
    """The intent was written first, so the withdrawal gives it back."""
    shift, node = released()
    armed = [where]

    def die_once(at: str) -> None:
        if at in armed:
            armed.clear()
            shift.die(at)

    shift.hooks.append(die_once)
    shift.send(a_reboot())
    shift.run_until_quiet()
    assert StepOutcome.DONE == shift.plan.steps[0].outcome
    assert ["n-29 requeue"] == shift.done("disable_node")
    shift.deliver(canceled(a_reboot()))
    shift.run_until_quiet()
    assert node.takes_tasks


def test_a_person_who_enables_the_node_ends_the_plan():
    """Their word counts at any moment."""
    shift, node = released(tasks=Tasks.TASK_COMPLETION)
    shift.deliver(a_reboot())
    shift.wait(MINUTE)
    node.takes_tasks = True
    shift.run_until_quiet()
    assert Reason.ENABLED_BY_HAND == shift.plan.steps[1].reason


def test_after_the_event_a_usable_node_takes_tasks_again():
    """Completed triggers the look at its health and the return to service."""
    shift, node = released()
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    node.state = "rebooting"
    shift.deliver(replace(a_reboot(), phase=Phase.COMPLETED, deadline=None))
    shift.wait(2 * MINUTE)
    assert not node.takes_tasks, "not before it is back"
    node.state = "offline"
    shift.run_until_quiet()
    assert node.takes_tasks


def test_a_machine_of_no_pool_is_left_to_the_next_rule():
    """One notice, any orchestrator: each says by name that it is not meant."""
    shift, _ = released()
    shift.world.resources.add(a_resource(instance(30)))
    shift.deliver(a_notice(30))
    assert [Reason.NOT_A_BATCH_NODE] == shift.reasons()


def broken(*nodes: FakePoolNode, **settings: Any) -> tuple[Shift, FakeNodePool]:
    """Begin a night with broken nodes, and a rule whose ladder mends them."""
    rule = a_rule("mend_batch_node", **settings)
    shift = Shift.begin(rule)
    shift.world.resources.add(a_resource(ACCOUNT))
    return shift, shift.world.batch_nodes.add(ACCOUNT, POOL, *nodes)


def a_ladder() -> Shift:
    """Begin a night with a rule that reboots, then reimages, then replaces."""
    known = REMEDIATIONS["mend_batch_node"]
    rungs = tuple(Rung(known, known.settings(means=m)) for m in Means)
    shift = Shift.begin(a_rule("mend_batch_node", terms={"ladder": rungs[1:]}))
    shift.world.resources.add(a_resource(ACCOUNT))
    return shift


def test_broken_nodes_are_rebooted_at_once_and_seen_to_take_tasks():
    """Both in one step: a node that stays broken keeps no other from being mended."""
    shift, pool = broken(a_broken_node("n-1"), a_broken_node("n-2"), FakePoolNode("n-3"))
    shift.deliver(an_unusable_alert())
    shift.run_until_quiet()
    assert ["n-1", "n-2"] == sorted(shift.done("reboot_node"))
    assert {"idle"} == {node.state for node in pool.nodes.values()}
    assert PlanOutcome.DONE == shift.plan.outcome


def test_what_a_reboot_did_not_mend_is_reimaged_then_replaced():
    """In that order, each only what the one before left broken."""
    shift = a_ladder()
    stubborn = a_broken_node("n-2", mended_by=frozenset({"reimage"}))
    dead = a_broken_node("n-3", mended_by=frozenset())
    pool = shift.world.batch_nodes.add(ACCOUNT, POOL, a_broken_node("n-1"), stubborn, dead)
    shift.deliver(an_unusable_alert())
    shift.run_until_quiet()
    assert ["n-1", "n-2", "n-3"] == sorted(shift.done("reboot_node"))
    assert ["n-2", "n-3"] == sorted(shift.done("reimage_node"))
    assert [f"{POOL} n-3"] == shift.done("remove_nodes")
    assert (3, {"n-1", "n-2", "new-0"}) == (pool.dedicated, set(pool.nodes))
    assert [PlanOutcome.FAILED, PlanOutcome.FAILED, PlanOutcome.DONE] == [
        plan.outcome for plan in shift.plans
    ]


def test_what_batch_does_not_reboot_goes_up_the_ladder_at_once():
    """It reboots only what is idle or running, says its documentation."""
    shift = a_ladder()
    shift.world.batch_nodes.refuses["reboot"] = "NodeStateUnusable"
    shift.world.batch_nodes.add(ACCOUNT, POOL, a_broken_node("n-1"))
    shift.deliver(an_unusable_alert())
    shift.run_until_quiet()
    assert Reason.NOT_MENDED == shift.plans[0].steps[0].reason
    assert "NodeStateUnusable" in str(shift.plans[0].steps[0].detail["refused"])
    assert ["n-1"] == shift.done("reimage_node")


@pytest.mark.parametrize("where", ["before reboot_node", "after reboot_node"])
def test_a_node_is_rebooted_once_though_the_worker_died_around_the_call(where: str):
    """A node that moved since is not sent anything a second time."""
    shift, pool = broken(a_broken_node("n-1"))
    armed = [where]

    def die_once(at: str) -> None:
        if at in armed:
            armed.clear()
            shift.die(at)

    shift.hooks.append(die_once)
    shift.send(an_unusable_alert())
    shift.run_until_quiet()
    assert ["n-1"] == shift.done("reboot_node")
    assert (PlanOutcome.DONE, "idle") == (shift.plan.outcome, pool.nodes["n-1"].state)


@pytest.mark.parametrize("where", ["after remove_nodes", "before resize_pool"])
def test_a_pool_is_refilled_once_though_the_worker_died(where: str):
    """What it was set to was written down before anything was removed."""
    shift, pool = broken(a_broken_node("n-1"), FakePoolNode("n-2"), means=Means.REMOVE)
    armed = [where]

    def die_once(at: str) -> None:
        if at in armed:
            armed.clear()
            shift.die(at)

    shift.hooks.append(die_once)
    shift.send(an_unusable_alert())
    shift.run_until_quiet()
    assert (2, 1, 1) == (
        pool.dedicated,
        len(shift.done("remove_nodes")),
        len(shift.done("resize_pool")),
    )


def test_a_pool_with_a_formula_refills_itself():
    """Batch refuses to resize it."""
    shift, pool = broken(a_broken_node("n-1"), means=Means.REMOVE)
    pool.is_autoscaled = True
    shift.deliver(an_unusable_alert())
    shift.run_until_quiet()
    assert ([], PlanOutcome.DONE) == (shift.done("resize_pool"), shift.plan.outcome)


def test_no_more_nodes_than_allowed_are_mended_at_once():
    """The alert fires again for the others."""
    nodes = [a_broken_node(f"n-{i}") for i in range(7)]
    shift, _ = broken(*nodes, max_nodes=3)
    shift.deliver(an_unusable_alert())
    shift.run_until_quiet()
    assert 3 == len(shift.done("reboot_node"))
