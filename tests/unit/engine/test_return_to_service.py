"""When a notice is over, the node goes back to work once it is seen to be healthy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core.plans import PlanOutcome
from shared.core.signals import Phase, Signal
from tests.builders import HOUR, MINUTE, a_notice, a_reboot, a_rule, instance
from tests.shift import Shift


def over(signal: Signal) -> Signal:
    """Let the platform say that it is done."""
    return replace(signal, phase=Phase.COMPLETED, deadline=None)


@pytest.fixture
def shift() -> Shift:
    """Begin after a node was drained for a reboot."""
    begun = Shift.begin(a_rule())
    begun.with_node()
    begun.deliver(a_reboot())
    begun.run_until_quiet()
    return begun


def set_ready(shift: Shift, *, is_ready: bool) -> None:
    """Let the kubelet report, or stop to."""
    shift.set_node(replace(shift.node(), is_ready=is_ready))


def test_a_node_that_came_back_is_put_to_work_again(shift: Shift):
    """It is what people would do in the morning."""
    assert shift.node().is_unschedulable
    shift.deliver(over(a_reboot()))
    shift.run_until_quiet()
    back = next(plan for plan in shift.plans if plan.undoes)
    assert (False, PlanOutcome.DONE, "drain-node/return") == (
        shift.node().is_unschedulable,
        back.outcome,
        back.rule,
    )


def test_a_node_that_is_not_well_yet_waits(shift: Shift):
    """No pods on a node whose kubelet is silent."""
    set_ready(shift, is_ready=False)
    shift.deliver(over(a_reboot()))
    shift.wait(5 * MINUTE)
    assert shift.node().is_unschedulable
    set_ready(shift, is_ready=True)
    shift.run_until_quiet()
    assert not shift.node().is_unschedulable


def test_a_node_that_stays_ill_is_left_to_people(shift: Shift):
    """It stays out of service, and the plan says that it could not be verified."""
    set_ready(shift, is_ready=False)
    shift.deliver(over(a_reboot()))
    shift.wait(2 * HOUR)
    back = next(plan for plan in shift.plans if plan.undoes)
    assert (PlanOutcome.FAILED, "unverified") == (back.outcome, back.steps[0].reason)
    assert shift.node().is_unschedulable


def test_a_node_that_is_gone_needs_no_return():
    """After an eviction there is nothing to put back."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    del shift.world.resources.resources[instance(29).casefold()]
    del shift.world.cluster.nodes[instance(29).casefold()]
    shift.deliver(over(a_notice()))
    shift.run_until_quiet()
    back = next(plan for plan in shift.plans if plan.undoes)
    assert ("target_gone", PlanOutcome.DONE) == (back.steps[0].reason, back.outcome)


def test_a_cordon_that_was_somebody_elses_stays():
    """Who cordoned it before us has their reasons still."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    shift.set_node(replace(shift.node(), is_unschedulable=True))
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    shift.deliver(over(a_reboot()))
    shift.run_until_quiet()
    assert shift.node().is_unschedulable


def test_a_drain_that_goes_on_is_stopped_when_the_event_is_over():
    """The machine has rebooted already: what is left on it may stay."""
    shift = Shift.begin(a_rule())
    shift.with_node(blocks=1000)
    shift.deliver(a_reboot())
    shift.wait(MINUTE)
    shift.deliver(over(a_reboot()))
    shift.run_until_quiet()
    first = next(plan for plan in shift.plans if not plan.undoes)
    assert (PlanOutcome.WITHDRAWN, "event_over") == (first.outcome, first.withdrawn)
    assert not shift.node().is_unschedulable


def test_an_event_that_is_over_twice_returns_once(shift: Shift):
    """At least once is how events come."""
    shift.deliver(over(a_reboot()))
    shift.run_until_quiet()
    shift.deliver(over(a_reboot()))
    shift.run_until_quiet()
    assert 2 == len(shift.plans)
