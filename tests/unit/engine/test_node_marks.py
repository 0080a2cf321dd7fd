"""Whose cordon it is: our taint beside others', and who has the last word on a node."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core.decisions import Reason
from shared.core.facts import AksNode
from shared.core.marks import AUTO_DRAIN
from shared.core.plans import PlanOutcome, StepOutcome
from shared.core.signals import Phase
from tests.builders import a_notice, a_reboot, a_rule, canceled
from tests.fakes.cloud import FOREVER
from tests.shift import Shift

OURS = "nightshift.azure/interruption=vm.reboot:PreferNoSchedule"
THEIRS = f"{AUTO_DRAIN}:NoSchedule"
SPOT = "kubernetes.azure.com/scalesetpriority=spot:NoSchedule"


@pytest.fixture
def shift() -> Shift:
    """A night whose one rule drains nodes, and a spot node."""
    begun = Shift.begin(a_rule())
    begun.with_node()
    begun.set_node(replace(begun.node(), taints=(SPOT,)))
    return begun


def put_back(shift: Shift) -> None:
    """Let a person type ``kubectl uncordon``: it takes no taint away."""
    shift.set_node(replace(shift.node(), is_unschedulable=False))


def test_a_node_says_what_is_coming_and_keeps_what_it_said_before(shift: Shift):
    """Cordon, mark and taint are one effect: none is ever there alone."""
    shift.deliver(a_reboot())
    node = shift.node()
    assert (True, (shift.plan.id,), (SPOT, OURS)) == (
        node.is_unschedulable,
        node.cordoned_by,
        node.taints,
    )
    assert 1 == len(shift.done("cordon"))


@pytest.mark.parametrize("over", [Phase.CANCELED, Phase.COMPLETED])
def test_our_taint_goes_with_our_cordon(shift: Shift, over: Phase):
    """Withdrawn or over: the node is as it was before."""
    before = shift.node()
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    shift.deliver(replace(a_reboot(), phase=over, deadline=None))
    shift.run_until_quiet()
    assert before == shift.node()


def test_a_node_that_auto_drain_had_first_is_drained_and_left_to_it(shift: Shift):
    """Both heard the same notice; AKS opens again what AKS closed."""
    theirs = replace(shift.node(), taints=(SPOT, THEIRS))
    shift.set_node(theirs)
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    cordon, drain = shift.plan.steps
    assert (StepOutcome.ALREADY, Reason.CORDONED_BY_OTHERS) == (cordon.outcome, cordon.reason)
    assert (StepOutcome.DONE, 2) == (drain.outcome, len(shift.done("evict")))
    shift.deliver(canceled(a_reboot()))
    shift.run_until_quiet()
    assert (theirs, []) == (shift.node(), shift.done("cordon"))


def test_auto_drain_that_came_second_finds_the_node_closed_until_it_opens_it(shift: Shift):
    """Our undo takes ours away: mark and taint, and nothing it counts on."""
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    now = shift.node()
    shift.set_node(replace(now, taints=(*now.taints, THEIRS)))
    shift.deliver(canceled(a_reboot()))
    shift.run_until_quiet()
    undo = shift.plans[-1].steps[0]
    left = shift.node()
    assert (True, (), (SPOT, THEIRS)) == (left.is_unschedulable, left.cordoned_by, left.taints)
    assert (StepOutcome.DONE, ["AKS auto-drain"]) == (
        undo.outcome,
        undo.detail["still_cordoned_by"],
    )


STAGES = {
    "before the cordon is verified": "after cordon",
    "before the first look at the pods": "read pods",
    "before the first eviction": "before evict",
}


@pytest.mark.parametrize("at", STAGES.values(), ids=STAGES.keys())
def test_a_person_who_puts_the_node_back_ends_the_plan_at_any_stage(shift: Shift, at: str):
    """From the next look on nothing more is asked to leave, and our taint is gone."""
    for one in shift.world.cluster.pods_by_uid.values():
        one.blocks = 1
    seen: list[AksNode] = []

    def person(where: str) -> None:
        if where == at and not seen:
            seen.append(shift.node())
            put_back(shift)

    shift.hooks.append(person)
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    assert (StepOutcome.REFUSED, Reason.UNCORDONED_BY_HAND) in [
        (record.outcome, record.reason) for record in shift.plan.steps
    ]
    assert [] == shift.done("evict")
    assert (False, (), (SPOT,)) == (
        shift.node().is_unschedulable,
        shift.node().cordoned_by,
        shift.node().taints,
    )


@pytest.mark.parametrize("rounds", [1, 2, 7])
def test_a_person_is_heard_between_two_rounds_of_a_drain(shift: Shift, rounds: int):
    """However many rounds there were: the next one begins with a look at the node."""
    for one in shift.world.cluster.pods_by_uid.values():
        one.blocks = FOREVER
    looks = [0]

    def person(where: str) -> None:
        looks[0] += where == "read pods"
        if looks[0] == rounds:
            looks[0] += 1
            put_back(shift)
            for one in shift.world.cluster.pods_by_uid.values():
                one.blocks = 0

    shift.deliver(a_reboot())
    shift.hooks.append(person)
    shift.run_until_quiet()
    drain = shift.plan.steps[1]
    assert (StepOutcome.REFUSED, Reason.UNCORDONED_BY_HAND) == (drain.outcome, drain.reason)
    assert PlanOutcome.PARTIAL == shift.plan.outcome
    node = shift.node()
    assert (False, (), (SPOT,)) == (node.is_unschedulable, node.cordoned_by, node.taints)


def test_after_the_drain_a_persons_word_is_not_taken_back(shift: Shift):
    """The plan has ended; the reboot that follows finds the node open and leaves it open."""
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    put_back(shift)
    shift.run_until_quiet()
    assert not shift.node().is_unschedulable
    shift.deliver(replace(a_reboot(), phase=Phase.COMPLETED, deadline=None))
    shift.run_until_quiet()
    node = shift.node()
    assert (False, (), (SPOT,)) == (node.is_unschedulable, node.cordoned_by, node.taints)


def test_a_machine_whose_node_proves_nothing_is_told_with_its_own_reason():
    """A node without a providerID: the name fits, and nobody acts on a name."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    shift.world.cluster.unproven.add(a_notice().target.casefold())
    shift.deliver(a_notice())
    assert ([], [], ["no_provider_id"]) == (
        shift.plans,
        shift.world.effects,
        shift.reasons(),
    )
