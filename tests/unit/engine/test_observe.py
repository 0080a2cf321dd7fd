"""Facts are gathered for what they exist for, and refused for anything else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core.errors import InvalidTarget, ProviderUnavailable
from shared.core.facts import FactsKind, FailedTaskFacts, MachineFacts, NodeFacts, retry_key
from shared.engine.observe import observe
from tests.builders import (
    ACCOUNT,
    COMPUTE,
    GROUP,
    NOW,
    REMEDIATIONS,
    SECOND,
    VM,
    a_failed_task,
    a_notice,
    a_pod,
    an_alert,
    instance,
    quiet,
)
from tests.shift import Shift

SETTINGS = {
    FactsKind.NODE: REMEDIATIONS["drain_node"].settings(),
    FactsKind.MACHINE: REMEDIATIONS["deallocate_idle"].settings(),
    FactsKind.DISKS: REMEDIATIONS["snapshot_and_redeploy"].settings(),
    FactsKind.SLURM_NODE: REMEDIATIONS["drain_slurm_node"].settings(),
    FactsKind.FAILED_TASKS: REMEDIATIONS["reactivate_failed_tasks"].settings(),
    FactsKind.BATCH_NODE: REMEDIATIONS["release_batch_node"].settings(),
    FactsKind.BATCH_NODES: REMEDIATIONS["mend_batch_node"].settings(),
    FactsKind.BATCH_JOB: REMEDIATIONS["close_done_job"].settings(),
    FactsKind.BATCH_POOL: REMEDIATIONS["rest_idle_pool"].settings(),
    FactsKind.STANDALONE: REMEDIATIONS["checkpoint_vm"].settings(),
    FactsKind.POOL_INSTANCE: REMEDIATIONS["free_pool_instance"].settings(),
    FactsKind.SPOT: REMEDIATIONS["restart_evicted_vm"].settings(),
    FactsKind.SPOT_POOL: REMEDIATIONS["scale_pool_by_one"].settings(),
    FactsKind.RESTORE_POINTS: REMEDIATIONS["save_machine"].settings(),
    FactsKind.ML_EXTENSION: REMEDIATIONS["repair_extension"].settings(),
    FactsKind.SNAPSHOT_COPIES: REMEDIATIONS["copy_snapshot"].settings(),
    FactsKind.SNAPSHOTS: REMEDIATIONS["snapshot_disk"].settings(),
    FactsKind.VM_HEALTH: REMEDIATIONS["revive_vm"].settings(),
    FactsKind.PATCHES: REMEDIATIONS["install_patches"].settings(),
    FactsKind.LEFTOVER: REMEDIATIONS["remove_leftover"].settings(),
    FactsKind.ML_JOB: REMEDIATIONS["resubmit_job"].settings(),
    FactsKind.ML_INSTANCE: REMEDIATIONS["stop_instance"].settings(),
    FactsKind.ENDPOINT: REMEDIATIONS["roll_back_traffic"].settings(),
    FactsKind.ML_CLUSTER: REMEDIATIONS["scale_cluster_to_zero"].settings(),
}


def look(shift: Shift, kind: FactsKind, target: str, **fields):
    """Observe a target of a notice."""
    signal = replace(a_notice(**fields), target=target)
    return shift.invoke(observe(kind, signal, SETTINGS[kind], shift.night.ports))


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (FactsKind.NODE, ACCOUNT),
        (FactsKind.NODE, GROUP),
        (FactsKind.MACHINE, instance(29)),
        (FactsKind.DISKS, instance(29)),
        (FactsKind.DISKS, COMPUTE),
        (FactsKind.BATCH_NODE, ACCOUNT),
        (FactsKind.BATCH_NODES, VM),
        (FactsKind.BATCH_JOB, ACCOUNT),
        (FactsKind.BATCH_POOL, ACCOUNT),
        (FactsKind.STANDALONE, COMPUTE),
        (FactsKind.POOL_INSTANCE, COMPUTE),
        (FactsKind.SPOT, COMPUTE),
        (FactsKind.SPOT_POOL, VM),
        (FactsKind.VM_HEALTH, instance(29)),
        (FactsKind.SNAPSHOTS, VM),
        (FactsKind.ENDPOINT, COMPUTE),
        (FactsKind.SNAPSHOT_COPIES, VM),
        (FactsKind.RESTORE_POINTS, ACCOUNT),
        (FactsKind.PATCHES, COMPUTE),
        *((kind, "vm-1") for kind in FactsKind if kind is not FactsKind.RESOURCE),
    ],
)
def test_a_target_that_has_no_such_facts_is_refused(kind: FactsKind, target: str):
    """A rule on the wrong kind of thing is told, instead of finding it gone."""
    with pytest.raises(InvalidTarget):
        look(Shift.begin(), kind, target)


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (FactsKind.NODE, instance(29)),
        (FactsKind.MACHINE, VM),
        (FactsKind.MACHINE, COMPUTE),
        (FactsKind.DISKS, VM),
        (FactsKind.FAILED_TASKS, ACCOUNT),
        (FactsKind.BATCH_NODE, VM),
        (FactsKind.BATCH_NODES, ACCOUNT),
        (FactsKind.BATCH_JOB, f"{ACCOUNT}/jobs/gone"),
        (FactsKind.BATCH_POOL, f"{ACCOUNT}/pools/gone"),
        (FactsKind.STANDALONE, VM),
        (FactsKind.STANDALONE, instance(29)),
        (FactsKind.POOL_INSTANCE, VM),
        (FactsKind.POOL_INSTANCE, instance(29)),
        (FactsKind.SPOT, VM),
        (FactsKind.SPOT, instance(29)),
        (FactsKind.SPOT_POOL, instance(29)),
        (FactsKind.VM_HEALTH, VM),
        (FactsKind.RESTORE_POINTS, VM),
        (FactsKind.SNAPSHOT_COPIES, f"{GROUP}/providers/Microsoft.Compute/snapshots/gone"),
        (FactsKind.SNAPSHOTS, f"{GROUP}/providers/Microsoft.Compute/disks/gone"),
        (FactsKind.PATCHES, VM),
        (FactsKind.LEFTOVER, f"{GROUP}/providers/Microsoft.Compute/disks/gone"),
    ],
)
def test_a_target_that_is_gone_has_no_facts(kind: FactsKind, target: str):
    """Gone is an answer, not an error."""
    assert look(Shift.begin(), kind, target) is None


def test_a_node_is_seen_with_its_machine():
    """The tags are the machine's, the cordon is the node's."""
    shift = Shift.begin()
    node = shift.with_node(tags={"team": "vision"})
    facts = look(shift, FactsKind.NODE, instance(29))
    assert isinstance(facts, NodeFacts)
    assert (node, {"team": "vision"}) == (facts.node, facts.resource.tags)


def test_a_machine_is_seen_with_how_busy_it_was():
    """Measured if it runs; what is off is not asked about."""
    shift = Shift.begin()
    shift.with_machine()
    facts = look(shift, FactsKind.MACHINE, VM)
    assert isinstance(facts, MachineFacts)
    assert quiet() == facts.utilisation
    shift.world.compute.machines_by_id[VM.casefold()].power = "stopped"
    off = look(shift, FactsKind.MACHINE, VM)
    assert (None, 1) == (off.utilisation, len(shift.world.metrics.asked))


def test_failed_tasks_are_seen_with_what_their_budgets_have_spent():
    """Whether a task may run again is decided on the ledger's count."""
    shift = Shift.begin()
    shift.with_job(a_failed_task())
    key = retry_key(ACCOUNT, "frames", "frame-7")
    shift.invoke(shift.world.ledger.spend(key, "p-1", 5))
    facts = look(shift, FactsKind.FAILED_TASKS, ACCOUNT, attributes=an_alert().attributes)
    assert isinstance(facts, FailedTaskFacts)
    assert (1, {"frames": "active"}) == (facts.tasks[0].reactivations_spent, facts.jobs)


def test_an_error_while_reading_is_nobodys_facts():
    """Half of the facts would be a guess."""
    shift = Shift.begin()
    shift.with_node()
    error = ProviderUnavailable("reading", after=SECOND)
    with shift.raising("read resource", error), pytest.raises(ProviderUnavailable):
        look(shift, FactsKind.NODE, instance(29))
    assert NOW == shift.now


def counted(shift: Shift, *wanted: str):
    """Look at a node, and at what costs a call of its own."""
    kind = FactsKind.NODE
    signal = a_notice()
    return shift.invoke(
        observe(kind, signal, SETTINGS[kind], shift.night.ports, frozenset(wanted))
    )


def test_a_nodes_pods_are_counted_only_for_who_asks():
    """Most rules do not, and thirty seconds are few."""
    shift = Shift.begin()
    asked: list[str] = []
    shift.hooks.append(asked.append)
    shift.with_node()
    assert (None, 2) == (counted(shift).pods, counted(shift, "pods").pods)
    assert 1 == asked.count("read pods")


def test_what_a_drain_would_leave_is_not_counted():
    """A node with daemons alone is idle; one with a Slurm node in a pod is not known to be."""
    shift = Shift.begin()
    shift.with_node(
        a_pod("d", controller="DaemonSet"),
        a_pod("s", is_mirror=True),
        a_pod("over", is_finished=True),
        a_pod("slurmd", slurm_host="gpu-0"),
        a_pod("data", has_local_storage=True),
    )
    assert 2 == counted(shift, "pods").pods
