"""Clusters made from a seed: one node to drain, and whatever may run on it.

The same seed gives the same cluster, so that a difference can be looked at again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Manifest = dict[str, Any]
NAMESPACES = ("default", "team", "ending")
ENDING = "ending"
MOST_PODS = 9
"""kubectl asks ten times at once and then five times a second: more pods would be a race."""
_OWNERS = ("ReplicaSet", "StatefulSet", "Job", "ReplicationController", "RayCluster")
_SOME, _FEW = 0.3, 0.12


@dataclass(frozen=True)
class Case:
    """One generated cluster and how it is to be drained.

    Attributes:
        groups: The budget that selects a pod, by the pod's name: which of equals goes
            first is anybody's choice.
        patience: How long the drain may take.
    """

    seed: int
    node: str
    objects: tuple[Manifest, ...]
    force: bool
    delete_emptydir_data: bool
    groups: dict[str, str]
    patience: timedelta


def generate(seed: int) -> Case:
    """Make the cluster of a seed."""
    chance = random.Random(seed)
    node = f"aks-pool-{seed}-vmss000000"
    is_late = chance.random() < _FEW
    has_spare = is_late or chance.random() < _SOME
    pods = list(_pods(chance, node))
    groups: dict[str, str] = {}
    budgets = list(_budgets(chance, pods, groups, is_late=is_late, has_spare=has_spare))
    objects = [*_shared(chance), _node(node), *pods, *budgets]
    if has_spare:
        objects += [_node(f"{node}-spare"), _elsewhere(f"{node}-spare")]
    if is_late:
        for one in pods:
            _make_harmless(one)
    return Case(
        seed=seed,
        node=node,
        objects=tuple(objects),
        force=chance.random() < 0.6 or is_late,
        delete_emptydir_data=chance.random() < 0.7 or is_late,
        groups=groups,
        patience=timedelta(seconds=9 if is_late else 3),
    )


def _node(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {}}


def _shared(chance: random.Random) -> Iterator[Manifest]:
    for name in ("agent", "exporter"):
        yield {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {},
        }
    ending: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ENDING}}
    if chance.random() < 0.8:
        yield {**ending, "status": {"phase": "Terminating"}}


def _elsewhere(node: str) -> Manifest:
    return _pod("elsewhere", "default", node, [_owner("ReplicaSet", "elsewhere")])


def _owner(kind: str, name: str, *, controls: bool = True) -> Manifest:
    version = "batch/v1" if kind == "Job" else "apps/v1"
    uid = f"uid-of-{kind}-{name}"
    whole = {"apiVersion": version, "kind": kind, "name": name, "uid": uid}
    return {**whole, "controller": True} if controls else whole


def _pod(name: str, namespace: str, on: str, owners: list[Manifest]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "labels": {"app": name},
            "annotations": {},
            "ownerReferences": owners,
        },
        "spec": {
            "nodeName": on,
            "terminationGracePeriodSeconds": 5,
            "containers": [{"name": "main", "image": "registry.example/train:1"}],
        },
    }


def _pods(chance: random.Random, node: str) -> Iterator[Manifest]:
    for number in range(chance.randint(1, MOST_PODS)):
        namespace = chance.choices(NAMESPACES, weights=(6, 3, 1))[0]
        pod = _pod(f"p{number}", namespace, node, _owners(chance, node, namespace))
        _twist(chance, pod)
        yield pod


def _owners(chance: random.Random, node: str, namespace: str) -> list[Manifest]:
    kind = chance.choices(
        ("replicated", "daemon", "orphan", "mirror", "bare", "owned"),
        weights=(10, 3, 1, 2, 2, 1),
    )[0]
    match kind:
        case "replicated":
            return [_owner(chance.choice(_OWNERS), f"w{chance.randint(0, 2)}")]
        case "daemon" if namespace == "default":
            return [_owner("DaemonSet", chance.choice(("agent", "exporter")))]
        case "daemon" | "orphan":
            return [_owner("DaemonSet", "gone")]
        case "mirror":
            return [_owner("Node", node)]
        case "owned":
            return [_owner("ReplicaSet", "w9", controls=False)]
        case _:
            return []


def _twist(chance: random.Random, pod: Manifest) -> None:
    """Let a pod use a disk of the node, have ended, be leaving, or be static."""
    metadata, owners = pod["metadata"], pod["metadata"]["ownerReferences"]
    is_static = bool(owners) and owners[0]["kind"] == "Node"
    if is_static or chance.random() < 0.03:
        metadata["annotations"] = {"kubernetes.io/config.mirror": "0123"}
    if chance.random() < 0.2:
        medium = chance.choice(({}, {"medium": "Memory"}))
        pod["spec"]["volumes"] = [{"name": "scratch", "emptyDir": medium}]
    if chance.random() < 0.15:
        pod["status"] = {"phase": chance.choice(("Succeeded", "Failed"))}
    elif chance.random() < 0.12:
        _leave(metadata)
        pod["status"] = {"phase": "Running"}


def _leave(metadata: Manifest) -> None:
    """Let a pod be leaving, and not be gone before both drains have seen it."""
    end = datetime.now(UTC) + timedelta(seconds=600)
    metadata["deletionTimestamp"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata["deletionGracePeriodSeconds"] = 600
    metadata["annotations"]["sandbox.nightshift/exits-after"] = "600s"


def _make_harmless(pod: Manifest) -> None:
    """Take away what would end a drain before its second round."""
    pod["spec"].pop("volumes", None)
    if pod["metadata"]["namespace"] == ENDING:
        pod["metadata"]["namespace"] = "default"


def _budgets(
    chance: random.Random,
    pods: list[Manifest],
    groups: dict[str, str],
    *,
    is_late: bool,
    has_spare: bool,
) -> Iterator[Manifest]:
    """Let budgets select some of the replicated pods.

    Where a pod's successor has nowhere to go, a budget may spare some of its pods; where
    it has, all or none, unless the drain waits for the second round.
    """
    able = [pod for pod in pods if _is_replicated(pod)]
    for number in range(chance.randint(0, 2) if able else 0):
        chosen = [pod for pod in able if chance.random() < 0.6]
        label = f"b{number}"
        for pod in chosen:
            pod["metadata"]["labels"][label] = "yes"
            groups[pod["metadata"]["name"]] = groups.get(pod["metadata"]["name"], "") + label
        limits: Manifest = {"maxUnavailable": chance.choice((0, 0, 50))}
        if is_late:
            limits = {"maxUnavailable": 50}
        elif not has_spare:
            limits = chance.choice(
                (
                    {"maxUnavailable": 0},
                    {"minAvailable": chance.randint(0, 3)},
                    {"maxUnavailable": 50},
                )
            )
        for namespace in NAMESPACES[:2]:
            yield {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": label, "namespace": namespace},
                "spec": {"selector": {"matchLabels": {label: "yes"}}, **limits},
            }


def _is_replicated(pod: Manifest) -> bool:
    owners = pod["metadata"]["ownerReferences"]
    return bool(owners) and owners[0]["kind"] in {"ReplicaSet", "StatefulSet"}
