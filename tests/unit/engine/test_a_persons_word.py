"""What a person says always wins, at whatever stage it is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.plans import PlanOutcome, StepOutcome
from tests.builders import (
    MINUTE,
    SECOND,
    VM,
    a_degradation,
    a_notice,
    a_reboot,
    a_rule,
    canceled,
    instance,
)
from tests.fakes.cloud import FOREVER
from tests.shift import Shift

OFF = {"NightShift": " Off "}


def test_a_machine_that_is_tagged_off_is_observed_and_not_touched():
    """The tag stops acting, not looking: the event says what would have been done."""
    shift = Shift.begin(a_rule())
    shift.with_node(tags=OFF)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert ([], [], ["opted_out"]) == (shift.plans, shift.world.effects, shift.reasons())


def test_a_tag_that_is_set_while_a_plan_runs_stops_it_before_the_next_effect():
    """From the moment a person says off, no more pods are asked to leave."""
    shift = Shift.begin(a_rule())
    shift.with_node(blocks=FOREVER)
    shift.deliver(a_reboot())
    shift.set_tags(instance(29), OFF)
    shift.world.cluster.pods_by_uid["worker-29-0"].blocks = 0
    shift.run_until_quiet()
    drain = shift.plan.steps[1]
    assert ([], Reason.OPTED_OUT) == (shift.done("evict"), drain.reason)
    assert StepOutcome.REFUSED == drain.outcome


def test_a_tag_that_is_set_between_two_snapshots_stops_the_second():
    """Every step looks again, not only the first."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os", "data")
    shift.deliver(a_degradation())
    shift.poll()
    shift.set_tags(VM, OFF)
    shift.run_until_quiet()
    assert (1, 0) == (len(shift.done("create_snapshot")), len(shift.done("redeploy")))
    assert Reason.OPTED_OUT in [record.reason for record in shift.plan.steps]


def test_a_person_who_uncordons_during_the_drain_ends_it():
    """They want the node to work: not one more pod is asked to leave."""
    shift = Shift.begin(a_rule())
    shift.with_node(blocks=FOREVER)
    shift.deliver(a_reboot())
    shift.wait(3 * SECOND)
    shift.set_node(replace(shift.node(), is_unschedulable=False))
    shift.world.cluster.pods_by_uid["worker-29-0"].blocks = 0
    shift.run_until_quiet()
    drain = shift.plan.steps[1]
    assert ([], Reason.UNCORDONED_BY_HAND) == (shift.done("evict"), drain.reason)
    assert (False, PlanOutcome.PARTIAL) == (
        shift.node().is_unschedulable,
        shift.plan.outcome,
    )


def test_a_person_who_uncordons_while_our_worker_is_dead_is_heard_too():
    """The next worker finds its own mark on a node that takes work: somebody said no."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    shift.hooks.append(lambda at: shift.die(at) if at == "after cordon" else None)
    assert not shift.send(a_reboot())
    shift.hooks.clear()
    shift.set_node(replace(shift.node(), is_unschedulable=False))
    shift.move(MINUTE)
    shift.run_until_quiet()
    cordon = shift.plan.steps[0]
    assert (StepOutcome.REFUSED, Reason.UNCORDONED_BY_HAND) == (cordon.outcome, cordon.reason)
    assert (False, []) == (shift.node().is_unschedulable, shift.done("evict"))


def test_undoing_what_a_person_undid_already_changes_nothing():
    """The node takes work again; the withdrawal only takes our mark off."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    shift.set_node(replace(shift.node(), is_unschedulable=False))
    shift.deliver(canceled(a_reboot()))
    shift.run_until_quiet()
    assert (False, ()) == (shift.node().is_unschedulable, shift.node().cordoned_by)


def test_a_cordon_whose_mark_somebody_removed_is_theirs_now():
    """Who takes our mark off takes the cordon over: a withdrawal leaves it."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    shift.set_node(replace(shift.node(), cordoned_by=()))
    shift.deliver(canceled(a_reboot()))
    shift.run_until_quiet()
    undo = shift.plans[1].steps[0]
    assert (StepOutcome.ALREADY, Reason.NOT_OURS) == (undo.outcome, undo.reason)
    assert shift.node().is_unschedulable


@pytest.mark.parametrize("power", ["deallocated", "stopped"])
def test_a_machine_that_was_shut_down_meanwhile_is_not_redeployed(power: str):
    """It will start on another host by itself; moving it would start it."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os")
    shift.world.compute.snapshot_looks = 5
    shift.deliver(a_degradation())
    shift.poll()
    shift.world.compute.machines_by_id[VM.casefold()].power = power
    shift.run_until_quiet()
    assert [] == shift.done("redeploy")
    assert Reason.NOT_RUNNING in [record.reason for record in shift.plan.steps]


def test_a_rule_that_only_observes_touches_nothing():
    """The default: the decision is recorded with what it would have done."""
    from shared.core.plans import Mode

    shift = Shift.begin(a_rule(mode=Mode.OBSERVE))
    shift.with_node()
    [given] = shift.deliver(a_notice())
    assert ([], ["observe_only"]) == (shift.plans, shift.reasons())
    assert ["cordon", "drain"] == [s["verb"] for s in given.rulings[0].to_json()["would"]]
    assert timedelta(0) == shift.now - a_notice().observed_at
