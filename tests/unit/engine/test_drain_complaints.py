"""What people complain of in other tools that drain nodes: one test each.

docs/DRAIN.md lists the complaints, and which tests elsewhere answer the others.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.plans import PlanOutcome, StepOutcome
from shared.core.signals import Phase, Signal
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
    instance,
    started,
)
from tests.fakes.cloud import FOREVER
from tests.shift import Shift


@pytest.fixture
def shift() -> Shift:
    """A night whose one rule drains nodes."""
    return Shift.begin(a_rule())


def over(signal: Signal) -> Signal:
    """Let the platform say that it is done."""
    return replace(signal, phase=Phase.COMPLETED, deadline=None)


def test_notices_of_machines_that_are_gone_hold_up_nobody(shift: Shift):
    """They are answered, acknowledged and never looked at again."""
    shift.with_node(number=30)
    gone = [a_notice(number, event_id=f"gone-{number}") for number in range(100, 120)]
    shift.deliver(*gone, a_notice(30, event_id="here"))
    assert [["target_gone"]] * 20 == [shift.reasons(one.event_id) for one in gone]
    assert 2 == len(shift.done("evict"))
    shift.run_until_quiet()
    assert [instance(30)] == [plan.target for plan in shift.plans]


def test_a_start_that_is_told_again_and_again_holds_up_nobody(shift: Shift):
    """A stale InProgress must neither drain twice nor keep the next notice waiting."""
    shift.with_node(number=29)
    shift.with_node(number=30)
    stale = started(a_notice(29))
    for _ in range(10):
        shift.deliver(stale)
        shift.wait(5 * SECOND)
    shift.deliver(
        a_notice(30, event_id="e-2", observed_at=shift.now, deadline=shift.now + MINUTE)
    )
    shift.run_until_quiet()
    assert (2, 4) == (len(shift.plans), len(shift.done("evict")))


def test_one_node_that_cannot_be_drained_does_not_block_the_others(shift: Shift):
    """Every machine of a notice has its own plan."""
    shift.with_node(number=29, blocks=FOREVER)
    shift.with_node(number=30)
    shift.deliver(a_notice(29), a_notice(30))
    shift.run_until_quiet()
    outcomes = {plan.target: plan.outcome for plan in shift.plans}
    assert {instance(29): PlanOutcome.PARTIAL, instance(30): PlanOutcome.DONE} == outcomes


def test_a_notice_of_which_only_the_start_is_heard_is_drained_all_the_same(shift: Shift):
    """The announcement may be lost; late is better than never, and is told as what it is."""
    shift.with_node()
    shift.deliver(started(a_reboot()))
    shift.run_until_quiet()
    assert (PlanOutcome.DONE, None) == (shift.plan.outcome, shift.plan.deadline)
    assert 2 == len(shift.done("evict"))


@pytest.mark.parametrize("end", [canceled, over], ids=["withdrawn", "over"])
def test_a_node_does_not_stay_cordoned_because_its_drain_failed(shift: Shift, end):
    """The failure is told; the cordon goes with the notice all the same."""
    shift.with_node(blocks=FOREVER)
    shift.deliver(a_reboot())
    shift.wait(16 * MINUTE)
    assert PlanOutcome.PARTIAL == shift.plan.outcome
    shift.deliver(end(a_reboot()))
    shift.run_until_quiet()
    node = shift.node()
    assert (False, (), ()) == (node.is_unschedulable, node.cordoned_by, node.taints)


def test_a_notice_that_comes_again_after_it_was_taken_back_begins_no_loop(shift: Shift):
    """Announced, withdrawn, announced again by a late copy: drained once."""
    shift.with_node()
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    shift.deliver(canceled(a_reboot()))
    shift.run_until_quiet()
    for _ in range(3):
        shift.deliver(a_reboot())
        shift.run_until_quiet()
    assert not shift.node().is_unschedulable
    assert 1 == len(shift.done("cordon"))


def test_what_comes_back_to_the_node_is_not_evicted_for_ever(shift: Shift):
    """A pod that tolerates everything is put on the same node again at once."""
    keen = a_pod("keen", tolerates_cordon=True, created_at=NOW - HOUR)
    node = shift.with_node(keen)

    def controller(where: str) -> None:
        if where == "after evict":
            name = f"keen-{len(shift.done('evict'))}"
            again = replace(keen, name=name, uid=name, created_at=shift.now + SECOND)
            shift.world.cluster.run(again, node)

    shift.hooks.append(controller)
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    assert ["keen"] == shift.done("evict")
    assert PlanOutcome.DONE == shift.plan.outcome


def test_a_drain_names_the_pods_that_it_asked_to_leave(shift: Shift):
    """Whoever misses a pod finds in the plan that it was evicted, and for which notice."""
    shift.with_node(a_pod("a"), a_pod("b"), a_pod("d", controller="DaemonSet"))
    shift.deliver(a_notice())
    shift.run_until_quiet()
    detail = shift.plan.steps[1].detail
    assert (2, ["jobs/a", "jobs/b"]) == (detail["evicted"], sorted(detail["pods"]))


def test_a_node_that_a_person_cordoned_is_drained_and_stays_theirs(shift: Shift):
    """Another tool skips such a node; its pods would die with the machine."""
    shift.with_node()
    shift.set_node(replace(shift.node(), is_unschedulable=True))
    shift.deliver(a_notice())
    shift.run_until_quiet()
    cordon, drain = shift.plan.steps
    assert (StepOutcome.ALREADY, Reason.CORDONED_BY_OTHERS) == (cordon.outcome, cordon.reason)
    assert (StepOutcome.DONE, 2) == (drain.outcome, len(shift.done("evict")))
    assert (True, (), ()) == (
        shift.node().is_unschedulable,
        shift.node().cordoned_by,
        shift.node().taints,
    )


def test_the_grace_is_what_the_notice_leaves_and_not_one_second(shift: Shift):
    """Its own moment counts, not the moment at which we heard of it."""
    shift.with_node(a_pod("slow", grace=timedelta(minutes=10)))
    slow = shift.world.cluster.pods_by_uid["slow"]
    shift.deliver(a_notice(deadline=NOW + 90 * SECOND))
    assert [87 * SECOND] == slow.graces


def test_a_worker_that_died_does_not_keep_its_node(shift: Shift):
    """Its lease ends by itself, and the next worker goes on where it stopped."""
    shift.with_node()
    shift.hooks.append(lambda at: shift.die(at) if at == "before evict" else None)
    assert not shift.send(a_reboot())
    shift.hooks.clear()
    shift.run_until_quiet()
    assert (PlanOutcome.DONE, 2) == (shift.plan.outcome, len(shift.done("evict")))


def test_a_notice_whose_moment_cannot_be_read_is_acted_on_at_once(shift: Shift):
    """Nobody knows how long is left: the node is emptied now, each pod with its own grace."""
    shift.with_node()
    told = {"not_before_unread": "'tomorrow'"}
    shift.deliver(a_notice(deadline=None, attributes=told))
    shift.run_until_quiet()
    assert (PlanOutcome.DONE, None) == (shift.plan.outcome, shift.plan.deadline)
    assert shift.plan.created_at == NOW
    assert "'tomorrow'" == shift.plan.signal["attributes"]["not_before_unread"]
