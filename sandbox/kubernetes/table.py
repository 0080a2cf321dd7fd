"""The columns that ``kubectl get`` prints.

Pure. The server computes them, not kubectl: ``Accept: ...;as=Table``.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from sandbox.kubernetes import facts
from sandbox.kubernetes.resources import BUDGETS, NODES, PODS, Manifest, Resource

Column = tuple[str, int, Callable[[Manifest], Any]]
"""(name, priority, value); priority 1 is printed with ``-o wide`` only."""

_NONE = "<none>"
_ROLE = "node-role.kubernetes.io/"
_STEPS = ((120, 1, "s"), (7200, 60, "m"), (172_800, 3600, "h"))


def age(stamp: str | None, now: datetime) -> str:
    """Say how long ago, as kubectl does: 90s, 5m, 30h, 12d."""
    if not stamp:
        return "<unknown>"
    passed = int((now - datetime.fromisoformat(stamp)).total_seconds())
    for below, size, unit in _STEPS:
        if passed < below:
            return f"{max(0, passed) // size}{unit}"
    return f"{passed // 86_400}d"


def _age(manifest: Manifest) -> str:
    return age(manifest["metadata"].get("creationTimestamp"), datetime.now(UTC))


def _node_status(node: Manifest) -> str:
    ready = {"True": "Ready", "False": "NotReady"}.get(
        facts.condition(node, "Ready"), "NotReady"
    )
    is_cordoned = (node.get("spec") or {}).get("unschedulable")
    return f"{ready},SchedulingDisabled" if is_cordoned else ready


def _node_roles(node: Manifest) -> str:
    labels = node["metadata"].get("labels") or {}
    roles = sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE))
    return ",".join(roles) or _NONE


def _node_info(key: str) -> Callable[[Manifest], str]:
    def read(node: Manifest) -> str:
        return str(((node.get("status") or {}).get("nodeInfo") or {}).get(key) or "<unknown>")

    return read


def _address(kind: str) -> Callable[[Manifest], str]:
    def read(node: Manifest) -> str:
        addresses = (node.get("status") or {}).get("addresses") or ()
        return next((a["address"] for a in addresses if a.get("type") == kind), _NONE)

    return read


def _pod_ready(pod: Manifest) -> str:
    total = len((pod.get("spec") or {}).get("containers") or ())
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    ready = sum(bool(status.get("ready")) for status in statuses)
    if not statuses and facts.condition(pod, "Ready") == "True":
        ready = total
    return f"{ready}/{total}"


def _pod_status(pod: Manifest) -> str:
    if facts.is_terminating(pod):
        return "Terminating"
    status = pod.get("status") or {}
    return str(status.get("reason") or status.get("phase") or "Unknown")


def _restarts(pod: Manifest) -> str:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return str(sum(int(status.get("restartCount") or 0) for status in statuses))


def _spec(key: str, otherwise: str = "N/A") -> Callable[[Manifest], str]:
    def read(manifest: Manifest) -> str:
        value = (manifest.get("spec") or {}).get(key)
        return otherwise if value is None or value == "" else str(value)

    return read


def _status(key: str, otherwise: str = "0") -> Callable[[Manifest], str]:
    def read(manifest: Manifest) -> str:
        return str((manifest.get("status") or {}).get(key) or otherwise)

    return read


_NAME: Column = ("Name", 0, lambda manifest: manifest["metadata"]["name"])
_AGE: Column = ("Age", 0, _age)
_COLUMNS: dict[Resource, tuple[Column, ...]] = {
    NODES: (
        _NAME,
        ("Status", 0, _node_status),
        ("Roles", 0, _node_roles),
        _AGE,
        ("Version", 0, _node_info("kubeletVersion")),
        ("Internal-IP", 1, _address("InternalIP")),
        ("External-IP", 1, _address("ExternalIP")),
        ("OS-Image", 1, _node_info("osImage")),
        ("Kernel-Version", 1, _node_info("kernelVersion")),
        ("Container-Runtime", 1, _node_info("containerRuntimeVersion")),
    ),
    PODS: (
        _NAME,
        ("Ready", 0, _pod_ready),
        ("Status", 0, _pod_status),
        ("Restarts", 0, _restarts),
        _AGE,
        ("IP", 1, _status("podIP", _NONE)),
        ("Node", 1, _spec("nodeName", _NONE)),
        ("Nominated Node", 1, _status("nominatedNodeName", _NONE)),
        ("Readiness Gates", 1, lambda _: _NONE),
    ),
    BUDGETS: (
        _NAME,
        ("Min Available", 0, _spec("minAvailable")),
        ("Max Unavailable", 0, _spec("maxUnavailable")),
        ("Allowed Disruptions", 0, _status("disruptionsAllowed")),
        _AGE,
    ),
}


def is_wanted(accept: str) -> bool:
    """Whether the client's first choice is a Table."""
    return "as=Table" in accept.partition(",")[0]


def render(
    resource: Resource,
    items: Iterable[Manifest],
    metadata: Manifest,
    include: str = "Metadata",
) -> Manifest:
    """Write a ``meta.k8s.io/v1`` Table; ``include`` is the query's ``includeObject``."""
    columns = _COLUMNS.get(resource, (_NAME, _AGE))
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [
            {
                "name": name,
                "type": "string",
                "format": "name" if name == "Name" else "",
                "description": name,
                "priority": priority,
            }
            for name, priority, _ in columns
        ],
        "rows": [
            {"cells": [read(item) for _, _, read in columns], "object": _object(item, include)}
            for item in items
        ],
    }


def _object(item: Manifest, include: str) -> Manifest | None:
    if include == "None":
        return None
    if include == "Object":
        return item
    kind = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return {**kind, "metadata": item["metadata"]}
