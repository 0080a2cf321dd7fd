"""What protects a target, by table: tags, names, our own home, pools, marks, locks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core.operations import READS, VERBS
from shared.core.protection import (
    LOCKED_OUT,
    Lock,
    LockLevel,
    Shield,
    lock_against,
    protection,
)
from shared.core.steps import Verb
from shared.remediations import discover
from tests.builders import GROUP, SCALE_SET, SUBSCRIPTION, VM, a_node, a_resource, instance

NODE = a_node(29)
ON_NODE = replace(a_resource(instance(29)), pool=SCALE_SET)


def said(resource=None, node=NODE, shield: Shield | None = None, *, is_involuntary=False):
    """Ask what protects a target."""
    return protection(
        resource or ON_NODE, node, shield or Shield(), is_involuntary=is_involuntary
    )


def labelled(**marks: str):
    """Make the node with labels; two underscores stand for a slash, one for a dash."""
    return replace(NODE, labels=marks)


@pytest.mark.parametrize("is_involuntary", [False, True])
@pytest.mark.parametrize(
    ("tags", "tag"),
    [
        ({"NightShift": " Protected "}, "NightShift= Protected "),
        ({"MonitorDisable": "true"}, "MonitorDisable=true"),
        ({"monitordisable": "Sandbox"}, "monitordisable=Sandbox"),
        ({"Tier": "gold"}, "Tier=gold"),
        ({"FROZEN": "since May"}, "FROZEN=since May"),
    ],
)
def test_a_tag_protects_whatever_comes(tags, tag: str, is_involuntary: bool):
    """A person's word holds against the platform's too."""
    shield = Shield(tags=("tier=Gold", "frozen"))
    resource = a_resource(VM, tags=tags)
    assert f"its tag {tag}" == said(resource, None, shield, is_involuntary=is_involuntary)


@pytest.mark.parametrize(
    "tags", [{"nightshift": "on"}, {"MonitorDisable": "false"}, {"tier": "silver"}, {}]
)
def test_another_tag_protects_nothing(tags):
    """Nor does another value of a tag that would."""
    assert "" == said(a_resource(VM, tags=tags), None, Shield(tags=("tier=gold",)))


@pytest.mark.parametrize("pattern", ["dev-*", "DEV-?", "*1"])
def test_a_name_protects_by_pattern(pattern: str):
    """Case does not count, as in Azure."""
    assert f"like {pattern}" in said(a_resource(VM), None, Shield(names=(pattern,)))


@pytest.mark.parametrize("pattern", ["aks-spot-*", "29", NODE.name])
def test_the_names_of_scale_set_and_node_count_too(pattern: str):
    """An instance is called 29: nobody writes a pattern for that."""
    assert pattern in said(shield=Shield(names=(pattern,)), is_involuntary=True)


def test_a_resource_group_is_no_name():
    """Pausing or owning a group has its own word; a pattern is about resources."""
    assert "" == said(a_resource(VM), None, Shield(names=("train",)))


@pytest.mark.parametrize("own", [GROUP, GROUP.upper().replace("/SUB", "/sub"), VM])
def test_the_apps_own_resources_are_never_touched(own: str):
    """A night shift that deallocates itself wakes nobody."""
    assert "it is Nightshift's own" in said(a_resource(VM), None, Shield(own=(own,)))
    assert "" == said(a_resource(VM), None, Shield(own=(GROUP[:-1],)))


@pytest.mark.parametrize("is_involuntary", [False, True])
def test_a_system_pool_is_protected(is_involuntary: bool):
    """The cluster's own pods live there: CoreDNS, metrics, the tunnel."""
    node = labelled(**{"kubernetes.azure.com/mode": "system"})
    assert "system pool" in said(node=node, is_involuntary=is_involuntary)
    assert "" == said(node=labelled(**{"kubernetes.azure.com/mode": "user"}))


@pytest.mark.parametrize(
    ("where", "key", "value"),
    [
        ("labels", "nvsentinel.dgxc.nvidia.com/managed", "false"),
        ("labels", "k8saas.nvidia.com/ManagedByNVSentinel", "False"),
        ("labels", "remediation.medik8s.io/exclude-from-remediation", "true"),
        ("labels", "dgxc.nvidia.com/nvsentinel-state", "draining"),
        ("annotations", "karpenter.sh/do-not-disrupt", "true"),
        ("annotations", "cluster-autoscaler.kubernetes.io/scale-down-disabled", "true"),
        ("annotations", "remediation.medik8s.io/manually-confirmed-healthy", ""),
    ],
)
def test_another_tools_mark_holds_back_what_is_voluntary_only(where, key, value):
    """It asked to be left alone; an eviction does not leave it alone anyway."""
    node = replace(NODE, **{where: {key: value}})
    assert f"another tool's mark on its node: {key}={value}" == said(node=node)
    assert "" == said(node=node, is_involuntary=True)


@pytest.mark.parametrize(
    "taint",
    [
        "ToBeDeletedByClusterAutoscaler=1700000000:NoSchedule",
        "karpenter.sh/disrupted:NoSchedule",
        "remediator.kubernetes.azure.com/unschedulable:NoSchedule",
        "nvsentinel.nvidia.com/validation-pending=true:NoSchedule",
    ],
)
def test_a_taint_of_a_tool_at_work_is_a_mark(taint: str):
    """Two tools that drain and delete one node get in each other's way."""
    node = replace(NODE, taints=("sku=gpu:NoSchedule", taint))
    assert f"taint {taint}" in said(node=node)
    assert "" == said(node=node, is_involuntary=True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("nvsentinel.dgxc.nvidia.com/managed", "true"),
        ("dgxc.nvidia.com/nvsentinel-state", "remediation-failed"),
        ("karpenter.sh/do-not-disrupt", "false"),
        ("karpenter.sh/nodepool", "gpu"),
    ],
)
def test_a_mark_that_says_otherwise_holds_nothing_back(key, value):
    """And what merely tells who made a node is no mark at all."""
    assert "" == said(node=labelled(**{key: value}))
    spot = replace(NODE, taints=("kubernetes.azure.com/scalesetpriority=spot:NoSchedule",))
    assert "" == said(node=spot)


@pytest.mark.parametrize("scope", [VM, GROUP, f"/subscriptions/{SUBSCRIPTION}", GROUP.lower()])
def test_a_read_only_lock_forbids_where_it_lies_and_below(scope: str):
    """Azure would refuse the call; we do not even try, and say whose lock it is."""
    lock = Lock("keep", LockLevel.READ_ONLY, scope, "ask Ada")
    words = f"the ReadOnly lock keep on {scope} (ask Ada)"
    assert words == lock_against(frozenset({Verb.DEALLOCATE}), VM, [lock])


@pytest.mark.parametrize(
    "lock",
    [
        Lock("k", LockLevel.CAN_NOT_DELETE, VM),
        Lock("k", LockLevel.READ_ONLY, f"{VM}0"),
        Lock("k", LockLevel.READ_ONLY, f"{GROUP[:-1]}"),
    ],
)
def test_other_locks_forbid_nothing_that_we_do(lock: Lock):
    """Moving a machine deletes nothing, and a lock on the neighbour is not ours."""
    assert "" == lock_against(frozenset({Verb.REDEPLOY}), VM, [lock])


def test_a_delete_lock_forbids_what_deletes_if_only_to_make_it_anew():
    """Azure would refuse the deletion, after the disks were set loose."""
    lock = Lock("keep", LockLevel.CAN_NOT_DELETE, GROUP)
    words = f"the CanNotDelete lock keep on {GROUP}"
    assert words == lock_against(frozenset({Verb.REBUILD}), VM, [lock])


def test_locks_do_not_reach_the_data_plane():
    """Draining asks an API server, reactivating a Batch endpoint: no lock there."""
    lock = Lock("k", LockLevel.READ_ONLY, GROUP)
    spared = frozenset(Verb) - LOCKED_OUT
    assert "" == lock_against(spared, VM, [lock])
    assert {
        *("deallocate_idle", "snapshot_and_redeploy", "checkpoint_vm", "remove_leftover"),
        *("snapshot_disk", "copy_snapshot", "save_machine", "expire_restore_points"),
        *("follow_schedule", "revive_vm"),
        *("assess_patches", "install_patches"),
        *("return_to_spot", "restart_evicted_vm", "scale_pool_by_one", "free_pool_instance"),
        *("resubmit_job", "start_instance", "restart_instance", "stop_instance"),
        *("set_idle_shutdown", "set_instance_schedules", "scale_cluster_to_zero"),
        *("roll_back_traffic", "roll_out_deployment"),
        *("mark_stopped_instance", "delete_marked_instance"),
        *("create_extension", "update_extension", "repair_extension", "delete_extension"),
    } == {name for name, one in discover().items() if one.verbs & LOCKED_OUT}


def test_the_role_of_what_a_lock_can_stop_may_read_locks():
    """Without it every such plan would be held as unreadable, for ever."""
    reads = "Microsoft.Authorization/locks/read"
    assert {v for v, needed in VERBS.items() if reads in needed.actions} == LOCKED_OUT
    kinds = {one.facts for one in discover().values() if one.verbs & LOCKED_OUT}
    assert {k for k, needed in READS.items() if reads in needed.actions} == kinds
