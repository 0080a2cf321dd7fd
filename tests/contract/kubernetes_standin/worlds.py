"""Manifests that the tests of the Kubernetes stand-in start from."""

from typing import Any

Manifest = dict[str, Any]
PREFIX = "sandbox.nightshift/"


def node(name: str, **spec: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec}


def owner(kind: str, name: str) -> Manifest:
    version = "v1" if kind == "Node" else "apps/v1"
    return {
        "apiVersion": version,
        "kind": kind,
        "name": name,
        "uid": f"uid-{name}",
        "controller": True,
    }


def pod(
    name: str,
    on: str,
    *,
    owned_by: Manifest | None = None,
    namespace: str = "default",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Manifest:
    metadata: Manifest = {"name": name, "namespace": namespace}
    metadata |= {"labels": labels or {}, "annotations": annotations or {}}
    if owned_by:
        metadata["ownerReferences"] = [owned_by]
    containers = [{"name": "main", "image": "registry.example/train:1"}]
    body = {"nodeName": on, "containers": containers, **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body}


def web(index: int, on: str, **annotations: str) -> Manifest:
    """One pod of the ReplicaSet ``web``, labelled so that ``budget`` selects it."""
    marks = {PREFIX + key.replace("_", "-"): value for key, value in annotations.items()}
    kind = owner("ReplicaSet", "web")
    return pod(f"web-{index}", on, owned_by=kind, labels={"app": "web"}, annotations=marks)


def daemon(on: str) -> list[Manifest]:
    """A DaemonSet and its pod on one node."""
    kind = owner("DaemonSet", "agent")
    metadata = {"name": "agent", "namespace": "kube-system", "uid": kind["uid"]}
    itself = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": {}}
    return [itself, pod("agent-x", on, owned_by=kind, namespace="kube-system")]


def mirror(on: str) -> Manifest:
    """A static pod's mirror."""
    marks = {"kubernetes.io/config.mirror": "0123"}
    kind = owner("Node", on)
    return pod(f"proxy-{on}", on, owned_by=kind, namespace="kube-system", annotations=marks)


def budget(**limits: int | str) -> Manifest:
    metadata = {"name": "web", "namespace": "default"}
    spec = {"selector": {"matchLabels": {"app": "web"}}, **limits}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata,
        "spec": spec,
    }
