"""Nodes and pods as the Kubernetes API writes them, turned into facts. Pure.

Also how AKS names a node after its scale set's instance, which is only ever a guess of
where to look: the providerID decides.

Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.core import marks as other_tools
from shared.core.facts import AksNode
from shared.core.pods import Pod
from shared.core.resource_ids import SCALE_SET_VM, VM, ResourceId, same_resource

MARK = "nightshift.azure/cordoned-by"
MIRROR = "kubernetes.io/config.mirror"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SUFFIX = 6
_SCHEME = "azure://"
_FINISHED = frozenset({"Succeeded", "Failed"})

Json = Mapping[str, Any]


def likely_name(vm: ResourceId) -> str:
    """Guess a node's name: where to look first, never whom to trust.

    A Uniform scale set names the host of instance 29 ``<set>00000t``: six digits, base 36.
    Anything else is named after its VM. Empty if there is nothing to guess from.

    Source: https://learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-instance-ids
    """
    if vm.type == VM:
        return vm.name.casefold()
    if vm.type != SCALE_SET_VM or not (vm.name.isascii() and vm.name.isdecimal()):
        return ""
    left, digits = int(vm.name), ""
    while left:
        left, digit = divmod(left, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return vm.names[0].casefold() + digits.rjust(_SUFFIX, "0")


def is_on(node: Json, vm: str) -> bool:
    """Tell by its providerID whether a node runs on a VM (case is not kept in ids)."""
    provider = str((node.get("spec") or {}).get("providerID") or "")
    return provider.casefold().startswith(_SCHEME) and same_resource(
        provider[len(_SCHEME) :], vm
    )


def node_fact(node: Json, cluster: str) -> AksNode:
    """Read a node."""
    spec, meta = node.get("spec") or {}, node.get("metadata") or {}
    conditions = (node.get("status") or {}).get("conditions") or ()
    return AksNode(
        name=str(meta.get("name") or ""),
        cluster=cluster,
        provider_id=str(spec.get("providerID") or ""),
        is_unschedulable=bool(spec.get("unschedulable")),
        is_ready=any(
            one.get("type") == "Ready" and one.get("status") == "True" for one in conditions
        ),
        cordoned_by=marks(node),
        taints=tuple(_taint(one) for one in spec.get("taints") or ()),
        version=str(meta.get("resourceVersion") or ""),
        labels=_texts(meta.get("labels")),
        annotations={
            key: value
            for key, value in _texts(meta.get("annotations")).items()
            if key in other_tools.KEYS
        },
    )


def _texts(found: Json | None) -> dict[str, str]:
    return {str(key): str(value) for key, value in (found or {}).items()}


def marks(node: Json) -> tuple[str, ...]:
    """Read whose cordon it is from our own annotation; in order, none twice."""
    annotations = (node.get("metadata") or {}).get("annotations") or {}
    named = (one.strip() for one in str(annotations.get(MARK) or "").split(","))
    return tuple(dict.fromkeys(one for one in named if one))


def mark_patch(node: AksNode, left: tuple[str, ...], *, unschedulable: bool | None) -> Json:
    """Write the merge patch that sets our marks on a node as it was read.

    It names the version that was read, so that it changes that node or nothing.

    Args:
        unschedulable: True or False to set it; None to leave it alone.
    """
    patch: dict[str, Any] = {
        "metadata": {
            "resourceVersion": node.version or None,
            "annotations": {MARK: ",".join(left) or None},
        }
    }
    if unschedulable is not None:
        patch["spec"] = {"unschedulable": unschedulable or None}
    return patch


def controller_of(pod: Json) -> tuple[str, str]:
    """Return kind and name of the owner that controls a pod, or two empty strings."""
    for owner in (pod.get("metadata") or {}).get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner.get("kind") or ""), str(owner.get("name") or "")
    return "", ""


def pod_fact(pod: Json, *, is_orphaned_daemon: bool = False) -> Pod:
    """Read a pod, as far as a drain cares."""
    spec, meta = pod.get("spec") or {}, pod.get("metadata") or {}
    grace = spec.get("terminationGracePeriodSeconds")
    return Pod(
        namespace=str(meta.get("namespace") or ""),
        name=str(meta.get("name") or ""),
        uid=str(meta.get("uid") or ""),
        controller=controller_of(pod)[0],
        is_orphaned_daemon=is_orphaned_daemon,
        is_mirror=MIRROR in (meta.get("annotations") or {}),
        has_local_storage=any("emptyDir" in one for one in spec.get("volumes") or ()),
        is_finished=(pod.get("status") or {}).get("phase") in _FINISHED,
        deleting_since=moment(meta.get("deletionTimestamp")),
        grace=timedelta(seconds=30 if grace is None else int(grace)),
    )


def moment(text: object) -> datetime | None:
    """Read an RFC 3339 time; None if there is none or it cannot be read."""
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _taint(taint: Json) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key', '')}{value}:{taint.get('effect', '')}"
