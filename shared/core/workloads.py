"""Workloads of a Kubernetes namespace: how many of their pods are ready, and why not all.

Pure: reads the API server's documents. A pod belongs to the workload whose labels select
it.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/ (status),
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ (container states)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
PLURALS = {
    "Deployment": "deployments",
    "DaemonSet": "daemonsets",
    "StatefulSet": "statefulsets",
}
REASONS_AT_MOST = 5
_SHORT = 200


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, DaemonSet or StatefulSet.

    Attributes:
        wanted: Pods it is to have.
        ready: Pods of it that are ready.
        because: Of pods that are not: the pod, and the reason in the cluster's words.
    """

    kind: str
    name: str
    wanted: int
    ready: int
    because: tuple[str, ...] = ()


def workload_of(kind: str, document: Document, pods: Sequence[Document]) -> Workload:
    """Read a workload, and of its pods those that are not ready."""
    spec, status = _object(document, "spec"), _object(document, "status")
    if kind == "DaemonSet":
        wanted, ready = status.get("desiredNumberScheduled"), status.get("numberReady")
    else:
        wanted, ready = spec.get("replicas", 1), status.get("readyReplicas")
    labels = _object(_object(spec, "selector"), "matchLabels")
    mine = [pod for pod in pods if labels and _selects(labels, pod)]
    reasons = [reason for pod in mine for reason in _reasons(pod)]
    return Workload(
        kind=kind,
        name=str(_object(document, "metadata").get("name") or ""),
        wanted=_whole(wanted),
        ready=_whole(ready),
        because=tuple(reasons[:REASONS_AT_MOST]),
    )


def _selects(labels: Mapping[str, Any], pod: Document) -> bool:
    own = _object(_object(pod, "metadata"), "labels")
    return all(own.get(name) == value for name, value in labels.items())


def _reasons(pod: Document) -> Iterator[str]:
    """Say why a pod is not ready: unplaced, or what its containers wait for."""
    status = _object(pod, "status")
    conditions = {one.get("type"): one for one in _objects(status.get("conditions"))}
    if (
        conditions.get("Ready", {}).get("status") == "True"
        or status.get("phase") == "Succeeded"
    ):
        return
    name = str(_object(pod, "metadata").get("name") or "")
    unplaced = conditions.get("PodScheduled", {})
    if unplaced.get("status") == "False":
        yield _words(name, unplaced)
        return
    containers = _objects(status.get("initContainerStatuses"))
    containers += _objects(status.get("containerStatuses"))
    said = [words for one in containers if (words := _container(name, one))]
    yield from said or [f"{name}: {status.get('phase') or 'its phase is not told'}, not ready"]


def _container(pod: str, container: Document) -> str:
    state = _object(container, "state")
    if isinstance(state.get("waiting"), Mapping):
        return _words(pod, state["waiting"])
    ended = state.get("terminated")
    if isinstance(ended, Mapping) and ended.get("exitCode"):
        return _words(pod, {**ended, "message": f"exit code {ended['exitCode']}"})
    return ""


def _words(pod: str, said: Document) -> str:
    """Write a reason with its message, shortened, on one line."""
    message = " ".join(str(said.get("message") or "").split())
    text = f"{pod}: {said.get('reason') or 'no reason told'}"
    return (f"{text}: {message}" if message else text)[:_SHORT]


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def _objects(value: object) -> list[Document]:
    return (
        [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
    )


def _whole(value: object) -> int:
    return value if type(value) is int else 0
