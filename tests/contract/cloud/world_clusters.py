"""Clusters of the small world: as ARM JSON, and what is inside."""

from __future__ import annotations

from typing import Any

from tests.contract.cloud.worlds import (
    ARC,
    ASKING,
    AUTO_DRAINED,
    CLUSTER,
    EXTENSION,
    GANG_LABEL,
    HELD,
    INSTANCE,
    ML_SETTINGS,
    NAMESAKE,
    NAMESAKE_NODE,
    NODE,
    NODE_GROUP,
    ODD,
    REGION,
    SET_NAME,
    TAGS,
    THEIR_TAINTS,
)


def clusters() -> list[dict[str, Any]]:
    """An AKS cluster with two nodes, and an Arc cluster that is not connected."""
    pools = [{"name": "gpu", "count": 2}]
    aks = {
        "nodeResourceGroup": NODE_GROUP.rpartition("/")[2].lower(),
        "agentPoolProfiles": pools,
        "powerState": {"code": "Running"},
    }
    arc = {"connectivityStatus": "Offline", "totalNodeCount": 3}
    return [
        {"id": CLUSTER, "location": REGION, "properties": aks},
        {"id": ARC, "location": REGION, "tags": TAGS, "properties": arc},
    ]


def an_extension() -> dict[str, Any]:
    """The Azure ML extension on AKS: it failed, and mends its gateway when it is written."""
    said = {
        "extensionType": "microsoft.azureml.kubernetes",
        "provisioningState": "Failed",
        "configurationSettings": dict(ML_SETTINGS),
    }
    return {"id": EXTENSION, "properties": said, "_installs": gateway(1)}


def gateway(ready: int) -> list[dict[str, Any]]:
    """The Deployment of the gateway with its pod."""
    place, labels = {"namespace": "azureml"}, {"app": "gateway"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "gateway", **place},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}},
        "status": {"replicas": 1, "readyReplicas": ready},
    }
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "gateway-0", "labels": labels, **place},
        "spec": {"containers": [{"name": "main", "image": "x"}]},
        "status": {
            "phase": "Running" if ready else "Pending",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [
                {"name": "main", "state": {} if ready else {"waiting": waiting}}
            ],
        },
    }
    return [deployment, pod]


def _node(name: str, vm: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        # AKS lower-cases the group and keeps the rest: case is never to be relied on.
        "spec": {
            "providerID": "azure://" + vm.replace("MC_lab_train", "mc_lab_train"),
            **spec,
        },
    }


def _pod(name: str, on: str, kind: str = "ReplicaSet", **spec: Any) -> dict[str, Any]:
    marks = spec.pop("annotations", {})
    labels = {"app": name.rpartition("-")[0], **spec.pop("labels", {})}
    owner = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "name": "web" if kind == "ReplicaSet" else spec.pop("owner", "agent"),
        "uid": f"uid-of-{kind}",
        "controller": True,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "labels": labels,
            "annotations": marks,
            "ownerReferences": [owner],
        },
        "spec": {
            "nodeName": on,
            "terminationGracePeriodSeconds": 20,
            "containers": [{"name": "main", "image": "registry.example/train:1"}],
            **spec,
        },
    }


def manifests() -> list[dict[str, Any]]:
    """Every object of the cluster."""
    return [
        _node(NODE, INSTANCE),
        _node(NAMESAKE_NODE, NAMESAKE),
        _node(f"{SET_NAME}000007", HELD, unschedulable=True),
        _node(f"{SET_NAME}000008", AUTO_DRAINED, taints=THEIR_TAINTS),
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"{SET_NAME}000009"}},
        _node("gpu-by-hand", ODD),
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": "agent", "namespace": "default"},
            "spec": {},
        },
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "guarded", "namespace": "default"},
            "spec": {
                "maxUnavailable": 0,
                "selector": {"matchLabels": {"app": "guarded"}},
            },
        },
        *gateway(0),
        _pod("web-0", NODE),
        _pod("guarded-0", NODE),
        _pod("agent-0", NODE, "DaemonSet"),
        _pod("orphan-0", NODE, "DaemonSet", owner="gone"),
        _pod("static-0", NODE, annotations={"kubernetes.io/config.mirror": "0123"}),
        _pod("scratch-0", NODE, volumes=[{"name": "cache", "emptyDir": {}}]),
        _pod("other-0", NAMESAKE_NODE),
        _pod("llm-0", NAMESAKE_NODE, "Job", owner="llm", labels=GANG_LABEL),
        _pod("llm-1", f"{SET_NAME}000007", "Job", owner="llm", labels=GANG_LABEL, **ASKING),
    ]
