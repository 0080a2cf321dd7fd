"""Nodes and pods read from the Kubernetes API, and AKS's way of naming nodes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters import nodes
from shared.core import marks
from shared.core.resource_ids import ResourceId

GROUP = "/subscriptions/s/resourceGroups/MC_lab/providers/Microsoft.Compute"
SET = f"{GROUP}/virtualMachineScaleSets/aks-GPU-1-vmss"


def node(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "n", "resourceVersion": "7"}, "spec": spec}


@pytest.mark.parametrize(
    ("vm", "name"),
    [
        (f"{SET}/virtualMachines/29", "aks-gpu-1-vmss00000t"),
        (f"{SET}/virtualMachines/0", "aks-gpu-1-vmss000000"),
        (f"{SET}/virtualMachines/81", "aks-gpu-1-vmss000029"),
        (f"{SET}/virtualMachines/flex_1a", ""),
        (f"{GROUP}/virtualMachines/Worker-1", "worker-1"),
        (f"{GROUP}/disks/d", ""),
    ],
)
def test_a_likely_name_is_base_36_in_six_digits(vm: str, name: str) -> None:
    """AKS names nodes after the host name that a Uniform scale set gives its instances."""
    assert name == nodes.likely_name(ResourceId.parse(vm))


@given(st.integers(min_value=0, max_value=36**6 - 1))
def test_a_likely_name_leads_back_to_its_instance(instance: int) -> None:
    """Two instances never share a name, or the wrong node would be looked at first."""
    name = nodes.likely_name(ResourceId.parse(f"{SET}/virtualMachines/{instance}"))
    assert instance == int(name[-6:], 36)


@pytest.mark.parametrize(
    ("provider_id", "is_it"),
    [
        (f"azure://{SET.lower()}/virtualMachines/3", True),
        (f"AZURE://{SET}/virtualMachines/3", True),
        (f"azure://{SET}/virtualMachines/30", False),
        (f"aws://{SET}/virtualMachines/3", False),
        (f"{SET}/virtualMachines/3", False),
        (None, False),
    ],
)
def test_the_provider_id_decides_which_machine_a_node_runs_on(
    provider_id: str | None, is_it: bool
) -> None:
    """Names are guesses; this is the only proof."""
    assert is_it is nodes.is_on(node(providerID=provider_id), f"{SET}/virtualMachines/3")


def test_marks_are_read_in_order_and_none_twice() -> None:
    """The annotation may have been edited by hand: spaces and repeats do no harm."""
    marked = {"metadata": {"annotations": {nodes.MARK: " a, b,a,,"}}}
    assert ("a", "b") == nodes.marks(marked)
    assert () == nodes.marks({})


def test_a_patch_names_the_version_it_was_decided_on() -> None:
    """Otherwise it would overwrite what somebody did in between."""
    patch = nodes.mark_patch("7", ("a", "b"), unschedulable=True)
    assert {
        "metadata": {"resourceVersion": "7", "annotations": {nodes.MARK: "a,b"}},
        "spec": {"unschedulable": True},
    } == patch


def test_the_last_mark_taken_off_removes_annotation_and_cordon() -> None:
    """In a merge patch null removes: the node is left as it was found."""
    patch = nodes.mark_patch("7", (), unschedulable=False)
    assert {nodes.MARK: None} == patch["metadata"]["annotations"]
    assert {"unschedulable": None} == patch["spec"]
    assert "spec" not in nodes.mark_patch("7", ("a",), unschedulable=None)


def test_our_taint_is_added_once_and_taken_from_among_others() -> None:
    """Others' taints are theirs: order and every field of them stay."""
    others = [{"key": "gpu", "value": "yes", "effect": "NoSchedule", "timeAdded": "t"}]
    ours = {"key": marks.OUR_TAINT, "value": "vm.reboot", "effect": "PreferNoSchedule"}
    once = nodes.tainted(others, "vm.reboot")
    assert [*others, ours] == once == nodes.tainted(once, "vm.preempt")
    assert others == nodes.untainted(once)
    patch = nodes.mark_patch("7", (), unschedulable=False, taints=nodes.untainted([ours]))
    assert {"unschedulable": None, "taints": None} == patch["spec"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["gpu", "kubernetes.azure.com/scalesetpriority", "x.y/z"]),
            st.sampled_from(["", "spot", "a.b-c_d"]),
            st.sampled_from(["NoSchedule", "PreferNoSchedule"]),
        )
    )
)
def test_taints_are_written_back_as_they_were_read(found: list[tuple[str, str, str]]) -> None:
    """A cordon from what was read a moment ago must change no taint but our own."""
    written = [
        {"key": key, **({"value": value} if value else {}), "effect": effect}
        for key, value, effect in found
    ]
    assert written == nodes.written_taints(nodes.node_fact(node(taints=written), "c"))


def test_a_taint_that_says_since_when_is_never_written_from_a_fact() -> None:
    """The moment would be lost, and with it when the pods that tolerate it must go."""
    since = {"key": "x", "effect": "NoExecute", "timeAdded": "2030-01-01T00:00:00Z"}
    assert nodes.written_taints(nodes.node_fact(node(taints=[since]), "c")) is None


def test_a_node_tells_readiness_taints_and_cordon() -> None:
    """What the rule and the guardrails ask about a node."""
    document = node(
        unschedulable=True,
        taints=[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}, {"key": "x"}],
    )
    document["status"] = {"conditions": [{"type": "Ready", "status": "Unknown"}]}
    fact = nodes.node_fact(document, "cluster")
    assert (True, False, ("gpu=yes:NoSchedule", "x:")) == (
        fact.is_unschedulable,
        fact.is_ready,
        fact.taints,
    )


def test_a_node_brings_its_labels_and_only_the_annotations_that_are_marks() -> None:
    """Annotations may be large; facts are recorded with every decision."""
    document = node()
    document["metadata"] |= {
        "labels": {"kubernetes.azure.com/mode": "system", "agentpool": "sys"},
        "annotations": {"karpenter.sh/do-not-disrupt": "true", "volumes": "x" * 9999},
    }
    fact = nodes.node_fact(document, "cluster")
    assert {"kubernetes.azure.com/mode": "system", "agentpool": "sys"} == dict(fact.labels)
    assert {"karpenter.sh/do-not-disrupt": "true"} == dict(fact.annotations)
    assert ({}, {}) == (
        dict(nodes.node_fact(node(), "c").labels),
        dict(nodes.node_fact(node(), "c").annotations),
    )


def test_a_pod_that_says_little_gets_the_servers_defaults() -> None:
    """Thirty seconds is what the API server itself would fill in; zero stays zero."""
    terse = nodes.pod_fact({"metadata": {"name": "p", "namespace": "d", "uid": "u"}})
    at_once = nodes.pod_fact({"spec": {"terminationGracePeriodSeconds": 0}})
    assert (timedelta(seconds=30), "", False, None) == (
        terse.grace,
        terse.controller,
        terse.is_finished,
        terse.deleting_since,
    )
    assert timedelta(0) == at_once.grace


def test_a_pod_that_is_leaving_or_finished_says_so() -> None:
    """Those are waited for, not evicted again."""
    leaving = nodes.pod_fact({"metadata": {"deletionTimestamp": "2030-01-01T00:00:00Z"}})
    finished = nodes.pod_fact({"status": {"phase": "Failed"}})
    assert datetime(2030, 1, 1, tzinfo=UTC) == leaving.deleting_since
    assert finished.is_finished


def test_only_the_controlling_owner_counts() -> None:
    """Other owner references say who cleans up, not who starts the pod again."""
    pod = {
        "metadata": {
            "ownerReferences": [
                {"kind": "Node", "name": "n"},
                {"kind": "Job", "name": "j", "controller": True},
            ]
        }
    }
    assert ("Job", "j") == nodes.controller_of(pod)


def test_a_pod_tells_which_job_it_is_of_and_what_it_asks_for() -> None:
    """Labels and annotations as an operator and a job's author write them."""
    meta = {
        "name": "llm-0",
        "namespace": "ml",
        "uid": "u",
        "labels": {"training.kubeflow.org/job-name": "llm"},
        "annotations": {
            "nightshift.azure/checkpoint": "example.com/save-now",
            "nightshift.azure/checkpointed-at": "1893466800",
        },
    }
    pod = nodes.pod_fact({"metadata": meta, "spec": {"nodeName": "n-1"}})
    assert pod.gang is not None
    assert ("training_job/ml/llm", "training.kubeflow.org/job-name=llm") == (
        pod.gang.key,
        pod.gang.selector,
    )
    assert ("n-1", "example.com/save-now", "1893466800", "") == (
        pod.node,
        pod.asks,
        pod.checkpointed,
        pod.slurm_host,
    )


@pytest.mark.parametrize(
    ("owner", "host"),
    [
        ({"apiVersion": "slinky.slurm.net/v1beta1", "kind": "NodeSet"}, "gpu-0"),
        ({"apiVersion": "slinky.slurm.net/v1beta1", "kind": "LoginSet"}, ""),
        ({"apiVersion": "example.com/v1", "kind": "NodeSet"}, ""),
        ({"apiVersion": None, "kind": None}, ""),
    ],
)
def test_a_slurm_operators_pod_is_known_by_its_owner(owner: dict[str, Any], host: str) -> None:
    """Somebody else's NodeSet is no Slurm, and a login node runs no jobs."""
    meta = {"name": "p", "ownerReferences": [{**owner, "name": "o", "controller": True}]}
    pod = nodes.pod_fact({"metadata": meta, "spec": {"hostname": "gpu-0"}})
    assert host == pod.slurm_host


@pytest.mark.parametrize("meta", [{}, {"labels": None, "annotations": None}, {"labels": {}}])
def test_a_pod_that_bears_nothing_stands_for_itself(meta: dict[str, Any]) -> None:
    """Most pods of a cluster are no part of any job."""
    pod = nodes.pod_fact({"metadata": meta})
    assert (None, "", "", "") == (pod.gang, pod.asks, pod.checkpointed, pod.slurm_host)
