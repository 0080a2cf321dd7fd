"""Pods of a Slurm operator: emptied through Slurm, and never evicted."""

from __future__ import annotations

import pytest

from shared.core.decisions import Reason
from shared.core.plans import PlanOutcome, StepOutcome
from shared.core.terms import Match
from tests.builders import SECOND, a_notice, a_pod, a_rule
from tests.shift import Shift

HOST = "slinky-0"


def with_slinky(shift: Shift, *hosts: str) -> None:
    """Put an AKS node into the world that runs Slurm's daemon in a pod."""
    slurmd = [a_pod(f"pod-{host}", controller="NodeSet", slurm_host=host) for host in hosts]
    shift.with_node(a_pod("web"), *slurmd)


@pytest.fixture
def shift() -> Shift:
    """Begin a night whose one rule drains AKS nodes, with a Slurm node in a pod."""
    shift = Shift.begin(a_rule())
    with_slinky(shift, HOST)
    return shift


def drain_of(shift: Shift):
    """Return how the drain ended."""
    return shift.plan.steps[1]


def test_without_a_cluster_the_pod_stays_and_the_drain_says_why(shift: Shift):
    """Nobody can say that it is empty, and evicting it would kill what runs in it."""
    shift.deliver(a_notice())
    shift.run_until_quiet()
    drain = drain_of(shift)
    assert ["web"] == shift.done("evict")
    assert (StepOutcome.FAILED, Reason.SLURM_PODS_REMAIN) == (drain.outcome, drain.reason)
    assert [f"jobs/pod-{HOST}"] == drain.detail["remaining"]


def test_the_drain_waits_until_slurm_has_emptied_the_node(shift: Shift):
    """Its operator drains it in Slurm when we cordon the machine, and its job ends."""
    shift.world.slurm.add(HOST)
    number = shift.world.slurm.run(HOST)
    shift.deliver(a_notice())
    shift.wait(5 * SECOND)
    assert shift.plan.is_open
    shift.world.slurm.operator(HOST, "slurm-operator: cordoned")
    shift.wait(5 * SECOND)
    assert shift.plan.is_open
    job = shift.world.slurm.jobs_by_id[number]
    shift.world.slurm._leave(job, "COMPLETED")
    shift.run_until_quiet()
    assert (["web"], PlanOutcome.DONE) == (shift.done("evict"), shift.plan.outcome)
    seen = drain_of(shift).detail["slurm_pods"]
    assert "DRAIN" in seen[f"jobs/pod-{HOST}"]


def test_a_slurm_node_that_stays_busy_fails_the_drain_at_the_deadline(shift: Shift):
    """The plan names the pod and what Slurm showed; nobody takes the node for empty."""
    shift.world.slurm.add(HOST)
    shift.world.slurm.run(HOST)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    drain = drain_of(shift)
    assert (StepOutcome.FAILED, Reason.DEADLINE_PASSED) == (drain.outcome, drain.reason)
    assert "1 jobs" in drain.detail["slurm_pods"][f"jobs/pod-{HOST}"]
    assert ["web"] == shift.done("evict")


def test_the_slurm_rule_finds_the_node_by_its_pod():
    """Slurm knows the pod's host name and not the machine's; the job saves and moves."""
    shift = Shift.begin(a_rule("drain_slurm_node"))
    with_slinky(shift, HOST)
    shift.world.slurm.add(HOST)
    shift.world.slurm.add("stays001")
    number = shift.world.slurm.run(HOST, asks="batch:USR1", says="saved")
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert PlanOutcome.DONE == shift.plan.outcome
    assert ["batch:USR1"] == shift.world.slurm.jobs_by_id[number].signals
    assert ("stays001",) == shift.world.slurm.job(number).nodes
    assert [] == shift.done("evict")


def test_with_both_rules_slurm_goes_first_and_the_machine_is_drained_after_it():
    """One notice, two systems: the job is moved, then what else is on the node."""
    first = a_rule("drain_slurm_node", terms={"match": Match.ALL})
    shift = Shift.begin(first, a_rule())
    with_slinky(shift, HOST)
    shift.world.slurm.add(HOST)
    shift.world.slurm.add("stays001")
    shift.world.slurm.run(HOST, asks="batch:USR1", says="saved")
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert ["drain_slurm_node", "drain_node"] == [plan.remediation for plan in shift.plans]
    assert {PlanOutcome.DONE} == {plan.outcome for plan in shift.plans}
    kinds = [kind for kind, _ in shift.world.effects]
    assert kinds.index("slurm_down") < kinds.index("evict")
    assert ["web"] == shift.done("evict")


def test_two_slurm_nodes_on_one_machine_are_not_guessed_between():
    """A plan is about one node; who runs two a machine drains the machine."""
    shift = Shift.begin(a_rule("drain_slurm_node"))
    with_slinky(shift, "slinky-0", "slinky-1")
    shift.world.slurm.add("slinky-0")
    shift.deliver(a_notice())
    assert [Reason.AMBIGUOUS_NODE] == shift.reasons()


def test_machines_that_are_no_aks_nodes_cost_one_look():
    """Most Slurm nodes are machines of their own, and found as such."""
    shift = Shift.begin(a_rule("drain_slurm_node"))
    seen: list[str] = []
    shift.hooks.append(seen.append)
    shift.with_slurm_node()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert [] == [at for at in seen if at in {"read find_node", "read pods"}]
