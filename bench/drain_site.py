"""The clusters that drains are measured on: one node full of pods, or many nodes.

Two clusters of the same objects, so that ours and kubectl's drain never share one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.demo import world

Json = dict[str, Any]
DAEMONS = ("agent", "exporter")
KUBECTL_CLUSTER = f"{world.GROUP}/providers/Microsoft.ContainerService/managedClusters/other"
_GRACE_S = 30


def node_full_of(number: int, pods: int) -> list[Json]:
    """Write one node and its pods: DaemonSets', static, replicated, some with emptyDir."""
    name = world.node_name(number)
    stay = [*(_owned(name, "DaemonSet", one) for one in DAEMONS), _static(name)]
    go = [_replicated(name, at) for at in range(pods - len(stay))]
    return [world.node(number), *stay, *go]


def node_of_a_job(number: int, pods: int) -> list[Json]:
    """Write one node of a training job, whose pods nobody starts again elsewhere."""
    name = world.node_name(number)
    daemons = [_owned(name, "DaemonSet", one) for one in DAEMONS]
    return [
        world.node(number),
        *daemons,
        *(_owned(name, "PyTorchJob", f"job-{n}") for n in range(pods)),
    ]


def spare(count: int) -> list[Json]:
    """Write nodes for the successors of what was evicted."""
    conditions = [{"type": "Ready", "status": "True"}]
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": f"spare-{number}"},
            "spec": {},
            "status": {"conditions": conditions},
        }
        for number in range(count)
    ]


def daemon_sets() -> list[Json]:
    """Write the DaemonSets."""
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {},
        }
        for name in DAEMONS
    ]


def document(numbers: Iterable[int], objects: list[Json], *, is_twice: bool) -> Json:
    """Write the world: the scale set's machines, and one cluster or two that are alike."""
    group = world.NODE_GROUP.rpartition("/")[2]
    machines = [
        {"id": world.instance_id(n), "location": world.REGION, "sku": {"name": world.GPU_SIZE}}
        for n in numbers
    ]
    resources = [
        _cluster(world.CLUSTER, group),
        {
            "id": world.SCALE_SET,
            "location": world.REGION,
            "sku": {"name": world.GPU_SIZE, "capacity": len(machines)},
            "properties": {"orchestrationMode": "Uniform"},
        },
        *machines,
    ]
    clusters: Json = {world.CLUSTER: {"objects": objects}}
    if is_twice:
        resources.append(_cluster(KUBECTL_CLUSTER, "MC_other"))
        clusters[KUBECTL_CLUSTER] = {"objects": objects}
    return {"resources": resources, "kubernetes": clusters}


def _cluster(name: str, group: str) -> Json:
    return {"id": name, "location": world.REGION, "properties": {"nodeResourceGroup": group}}


def _pod(name: str, node: str, owner: Json) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "ownerReferences": [owner]},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": _GRACE_S,
            "containers": [{"name": "main", "image": "registry.example/train:1"}],
        },
    }


def _owner(kind: str, name: str) -> Json:
    version = "apps/v1" if kind.endswith("Set") else "kubeflow.org/v1"
    uid = f"uid-of-{name}"
    return {
        "apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": True
    }  # fmt: skip


def _owned(node: str, kind: str, name: str) -> Json:
    return _pod(f"{name}-{node}", node, _owner(kind, name))


def _replicated(node: str, at: int) -> Json:
    pod = _pod(f"web-{at}-{node}", node, _owner("ReplicaSet", f"web-{node}"))
    if at % 4 == 0:
        pod["spec"]["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    return pod


def _static(node: str) -> Json:
    pod = _owned(node, "Node", "proxy")
    pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "0123"}
    return pod
