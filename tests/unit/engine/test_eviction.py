"""A spot node has thirty seconds: what is done, in which order, and what is written down."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from shared.core.decisions import Reason
from shared.core.errors import ProviderUnavailable
from shared.core.facts import AksNode
from shared.core.plans import PlanOutcome, StepOutcome
from shared.engine import events
from shared.engine.effects.nodes import BLOCKED_RETRY
from tests.builders import NOW, SECOND, a_notice, a_pod, a_reboot, a_rule, started
from tests.fakes.cloud import FOREVER
from tests.shift import Shift

DEADLINE = 30 * SECOND


@pytest.fixture
def shift() -> Shift:
    """A night whose one rule drains nodes that are being taken."""
    return Shift.begin(a_rule())


def outcomes(shift: Shift) -> list[StepOutcome | None]:
    """How the only plan's steps ended."""
    return [record.outcome for record in shift.plan.steps]


def test_a_node_is_cordoned_before_its_pods_are_asked_to_leave(shift: Shift):
    """The other way round an evicted pod may land on the very node again."""
    node = shift.with_node(a_pod("a"), a_pod("b"))
    shift.deliver(a_notice())
    assert [("cordon", node.name), ("evict", "a"), ("evict", "b")] == shift.world.effects
    shift.run_until_quiet()
    assert PlanOutcome.DONE == shift.plan.outcome
    assert [StepOutcome.DONE, StepOutcome.DONE] == outcomes(shift)
    assert all(record.verified_at for record in shift.plan.steps)


def test_the_first_effect_does_not_wait_for_the_queue(shift: Shift):
    """The fast path: of thirty seconds none is spent on a hop."""
    shift.with_node()
    shift.deliver(a_notice())
    assert shift.done("cordon")
    assert NOW == shift.now


def test_the_ledger_shows_the_margin_that_was_left(shift: Shift):
    """Whoever reads the plan sees whether the platform was beaten, and by how much."""
    shift.with_node(looks_to_leave=3)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    plan = shift.plan
    assert plan.steps[1].finished_at is not None
    assert NOW + DEADLINE - plan.steps[1].finished_at == plan.margin
    assert plan.margin is not None
    assert timedelta(0) < plan.margin < DEADLINE


def test_the_nodes_of_other_machines_are_left_alone(shift: Shift):
    """A node is found by the machine it runs on; its neighbour keeps its pods."""
    shift.with_node(a_pod("mine"))
    neighbour = shift.with_node(a_pod("theirs"), number=30)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert ["mine"] == shift.done("evict")
    assert neighbour == shift.node(30)


def test_daemons_and_static_pods_stay(shift: Shift):
    """They belong to the node: kubectl leaves them, and waits for nobody else."""
    daemon, static = a_pod("d", controller="DaemonSet"), a_pod("s", is_mirror=True)
    shift.with_node(daemon, static, a_pod("w"))
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert ["w"] == shift.done("evict")
    assert (PlanOutcome.DONE, 2) == (shift.plan.outcome, shift.plan.steps[1].detail["left"])


def test_one_pod_that_may_not_go_stops_the_drain_before_any_eviction(shift: Shift):
    """As in kubectl: half a drain would cost the work of both halves."""
    shift.with_node(a_pod("w"), a_pod("data", has_local_storage=True))
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    drain = shift.plan.steps[1]
    assert [] == shift.done("evict")
    assert (StepOutcome.FAILED, Reason.UNDRAINABLE_PODS) == (drain.outcome, drain.reason)
    assert ["jobs/data"] == list(drain.detail["refused"])


def test_what_is_lost_anyway_is_evicted_by_force(shift: Shift):
    """The machine dies whatever its pods hold: a signal to end is all they can have."""
    shift.with_node(a_pod("data", has_local_storage=True), a_pod("alone", controller=""))
    shift.deliver(a_notice())
    assert ["data", "alone"] == shift.done("evict")


def test_a_pods_grace_is_cut_to_what_is_left_to_the_deadline(shift: Shift):
    """Ten minutes of grace on a machine with thirty seconds is no grace at all."""
    shift.with_node(a_pod("slow", grace=timedelta(minutes=10)), a_pod("quick", grace=SECOND))
    slow, quick = shift.world.cluster.pods_by_uid.values()
    shift.move(5 * SECOND)
    shift.deliver(a_notice())
    assert ([22 * SECOND], [None]) == (slow.graces, quick.graces)


def test_a_rules_own_cap_on_grace_is_kept():
    """A person may want pods gone sooner than the deadline asks."""
    shift = Shift.begin(a_rule(pod_grace=10 * SECOND))
    pod = a_pod("slow", grace=timedelta(minutes=10))
    shift.with_node(pod)
    slow = shift.world.cluster.pods_by_uid["slow"]
    shift.deliver(a_notice())
    assert [10 * SECOND] == slow.graces


def test_a_budgets_no_is_asked_again_but_not_at_once(shift: Shift):
    """Asking without a pause hammers the API server and moves no pod."""
    shift.with_node(a_pod("w"), blocks=3)
    asked = []
    shift.hooks.append(lambda at: asked.append(shift.now) if at == "before evict" else None)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    pauses = [b - a for a, b in pairwise(asked)]
    assert (4, True) == (len(asked), all(pause >= BLOCKED_RETRY for pause in pauses))
    assert PlanOutcome.DONE == shift.plan.outcome


def test_a_budget_that_never_gives_way_fails_at_the_deadline_with_names(shift: Shift):
    """Nobody must believe the node was emptied; who was left is written down."""
    shift.with_node(a_pod("w"), a_pod("kept"))
    shift.world.cluster.pods_by_uid["kept"].blocks = FOREVER
    shift.deliver(a_notice())
    shift.run_until_quiet()
    drain = shift.plan.steps[1]
    assert (StepOutcome.FAILED, Reason.DEADLINE_PASSED) == (drain.outcome, drain.reason)
    assert (1, ["jobs/kept"]) == (drain.detail["evicted"], drain.detail["remaining"])
    assert PlanOutcome.PARTIAL == shift.plan.outcome
    assert shift.plan.margin is not None
    assert shift.plan.margin <= timedelta(0)


def test_without_a_deadline_a_budget_may_take_as_long_as_the_rule_says():
    """A notice that has begun names no moment; the drain ends all the same."""
    shift = Shift.begin(a_rule(timeout=timedelta(minutes=2)))
    shift.with_node(a_pod("kept"), blocks=FOREVER)
    shift.deliver(started(a_notice()))
    shift.run_until_quiet()
    drain = shift.plan.steps[1]
    assert (StepOutcome.FAILED, Reason.TIMED_OUT) == (drain.outcome, drain.reason)


def test_a_long_drain_is_not_taken_for_trouble(shift: Shift):
    """Looking each second for minutes, then one error of the API server: it goes on."""
    shift.with_node(a_pod("w"), blocks=50)
    shift.deliver(a_reboot())
    shift.wait(timedelta(minutes=4))
    assert shift.plan.steps[1].attempts > 40
    with shift.raising("read pods", ProviderUnavailable("listing pods", after=SECOND)):
        shift.run_until_quiet()
    assert PlanOutcome.DONE == shift.plan.outcome


def test_an_empty_node_is_found_drained_already(shift: Shift):
    """Nothing to do is a good end, and is called by its own name."""
    shift.with_node(a_pod("d", controller="DaemonSet"))
    shift.deliver(a_notice())
    assert [StepOutcome.DONE, StepOutcome.ALREADY] == outcomes(shift)
    assert PlanOutcome.DONE == shift.plan.outcome


def test_a_node_that_goes_away_meanwhile_is_no_failure(shift: Shift):
    """The platform was quicker: there is nothing left to drain."""
    shift.with_node(looks_to_leave=100)
    shift.deliver(a_notice())
    shift.world.cluster.nodes.clear()
    shift.run_until_quiet()
    drain = shift.plan.steps[1]
    assert Reason.TARGET_GONE == drain.reason


def test_a_machine_that_is_no_node_is_skipped_and_the_event_says_why(shift: Shift):
    """Not every spot machine is in a cluster; no plan, and no silence either."""
    shift.with_node()
    shift.world.cluster.nodes.clear()
    shift.deliver(a_notice())
    assert ([], ["not_a_node"]) == (shift.plans, shift.reasons())


def test_a_notice_whose_deadline_has_passed_begins_nothing(shift: Shift):
    """Too late is told as too late, with no half-hearted cordon."""
    shift.with_node()
    shift.move(DEADLINE)
    shift.deliver(a_notice())
    assert ([], ["deadline_passed"]) == (shift.world.effects, shift.reasons())


def test_a_step_that_comes_too_late_is_refused_and_not_begun(shift: Shift):
    """Left to the queue, and the queue was late: nothing is begun after the deadline."""
    shift.with_node()
    shift.deliver(a_notice(), budget=timedelta(0))
    shift.move(DEADLINE)
    shift.run_until_quiet()
    assert ([], PlanOutcome.REFUSED) == (shift.world.effects, shift.plan.outcome)
    assert Reason.DEADLINE_PASSED == shift.plan.steps[0].reason


def test_started_after_scheduled_is_the_same_plan(shift: Shift):
    """One incident in two phases: the second finds the first's plan at work."""
    shift.with_node(looks_to_leave=5)
    shift.deliver(a_notice())
    shift.deliver(started(a_notice()))
    shift.run_until_quiet()
    assert PlanOutcome.DONE == shift.plan.outcome
    assert 2 == len(shift.done("evict"))
    assert ["act", "duplicate"] == shift.reasons()


def test_a_notice_about_many_machines_opens_a_plan_for_each(shift: Shift):
    """A whole scale set may be named at once; none waits for another."""
    for number in range(1, 6):
        shift.with_node(a_pod(f"p{number}"), number=number)
    shift.deliver(*(a_notice(number) for number in range(1, 6)))
    shift.run_until_quiet()
    assert [PlanOutcome.DONE] * 5 == [plan.outcome for plan in shift.plans]
    assert {f"p{n}" for n in range(1, 6)} == set(shift.done("evict"))


def test_a_spent_budget_hands_the_plan_to_the_queue(shift: Shift):
    """The sender waits only so long; the work goes on from the step it had reached."""
    shift.with_node()
    shift.hooks.append(lambda at: shift.move(20 * SECOND) if at == "after cordon" else None)
    shift.deliver(a_notice())
    assert ([], True) == (shift.done("evict"), shift.plan.is_open)
    assert shift.plan.lease is None
    shift.run_until_quiet()
    assert PlanOutcome.DONE == shift.plan.outcome


def test_a_worker_whose_lease_runs_out_sends_no_further_eviction(shift: Shift):
    """Another may have begun by then; two would evict everything twice."""
    shift.with_node(a_pod("a"), a_pod("b"))
    shift.hooks.append(lambda at: shift.move(29 * SECOND) if at == "after evict" else None)
    shift.deliver(a_reboot())
    assert ["a"] == shift.done("evict")
    shift.hooks.clear()
    shift.run_until_quiet()
    assert ["a", "b"] == shift.done("evict")


def test_a_pod_that_leaves_is_not_asked_twice(shift: Shift):
    """A second eviction may shorten the grace the first one gave."""
    shift.with_node(a_pod("a"), looks_to_leave=10)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert ["a"] == shift.done("evict")


def test_an_older_message_is_dropped(shift: Shift):
    """The hidden watchdog appears after the plan went on without it: nothing happens."""
    node: AksNode = shift.with_node(looks_to_leave=100)
    shift.deliver(a_reboot())
    seq = shift.plan.wake_seq
    shift.wait(3 * SECOND)
    before = shift.plan
    assert before.wake_seq > seq
    left = shift.invoke(events.wake(shift.night, {"plan": before.id, "seq": seq}))
    assert (None, before) == (left, shift.plan)
    assert node.name == shift.node().name
