"""Nodes and pods as the Kubernetes API writes them, turned into facts. Pure.

Also how AKS names a node after its scale set's instance, which is only ever a guess of
where to look: the providerID decides.

Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.core import marks as other_tools
from shared.core.facts import AksNode
from shared.core.gangs import asked, gang_of, saved, slurm_host
from shared.core.pods import Pod
from shared.core.resource_ids import SCALE_SET_VM, VM, ResourceId, same_resource

MARK = "nightshift.azure/cordoned-by"
CORDON_TAINT = "node.kubernetes.io/unschedulable"
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


def machine_of(provider_id: str) -> str:
    """Return the folded id of the machine that a providerID names; empty if not Azure's."""
    folded = provider_id.casefold().rstrip("/")
    return folded[len(_SCHEME) :] if folded.startswith(_SCHEME) else ""


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


def mark_patch(
    version: str,
    left: tuple[str, ...],
    *,
    unschedulable: bool | None,
    taints: Sequence[Json] | None = None,
) -> Json:
    """Write the merge patch that sets our marks on a node as it was read.

    It names the version that was read, so that it changes that node or nothing: with the
    marks, the cordon and the taints in one write, none of them is ever there alone.

    Args:
        unschedulable: True or False to set it; None to leave it alone.
        taints: Every taint the node shall have; None to leave them alone. The API knows
            no way to change one of them by itself.
    """
    patch: dict[str, Any] = {
        "metadata": {
            "resourceVersion": version or None,
            "annotations": {MARK: ",".join(left) or None},
        }
    }
    spec: dict[str, Any] = {}
    if unschedulable is not None:
        spec["unschedulable"] = unschedulable or None
    if taints is not None:
        spec["taints"] = list(taints) or None
    return {**patch, "spec": spec} if spec else patch


def tainted(taints: Iterable[Json], because: str) -> list[Json]:
    """Add our taint to a node's, unless it is there; all others stay as they are."""
    known = list(taints)
    if any(one.get("key") == other_tools.OUR_TAINT for one in known):
        return known
    ours = {"key": other_tools.OUR_TAINT, "effect": other_tools.OUR_EFFECT}
    return [*known, {**ours, "value": because} if because else ours]


def untainted(taints: Iterable[Json]) -> list[Json]:
    """Take our taint away, and no other."""
    return [one for one in taints if one.get("key") != other_tools.OUR_TAINT]


def written_taints(node: AksNode) -> list[Json] | None:
    """Write a node's taints back as the API does; None if that would lose something.

    Only a NoExecute taint carries more than a fact holds: since when it has been there.
    """
    split = [taint.rpartition(":") for taint in node.taints]
    if any(effect == "NoExecute" for _, _, effect in split):
        return None
    return [
        {"key": key, **({"value": value} if value else {}), "effect": effect}
        for key, value, effect in (
            (name.partition("=")[0], name.partition("=")[2], effect)
            for name, _, effect in split
        )
    ]


def controller_of(pod: Json) -> tuple[str, str]:
    """Return kind and name of the owner that controls a pod, or two empty strings."""
    for owner in (pod.get("metadata") or {}).get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner.get("kind") or ""), str(owner.get("name") or "")
    return "", ""


def _controller_type(pod: Json) -> tuple[str, str]:
    """Return API version and kind of the owner that controls a pod."""
    for owner in (pod.get("metadata") or {}).get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner.get("apiVersion") or ""), str(owner.get("kind") or "")
    return "", ""


def annotation_patch(uid: str, key: str, value: str) -> Json:
    """Write the merge patch that sets one annotation of exactly this pod."""
    return {"metadata": {"uid": uid, "annotations": {key: value}}}


def pod_fact(pod: Json, *, is_orphaned_daemon: bool = False) -> Pod:
    """Read a pod, as far as a drain cares."""
    spec, meta = pod.get("spec") or {}, pod.get("metadata") or {}
    grace = spec.get("terminationGracePeriodSeconds")
    namespace, name = str(meta.get("namespace") or ""), str(meta.get("name") or "")
    labels, annotations = _texts(meta.get("labels")), _texts(meta.get("annotations"))
    hostname = str(spec.get("hostname") or "")
    return Pod(
        namespace=namespace,
        name=name,
        uid=str(meta.get("uid") or ""),
        controller=controller_of(pod)[0],
        is_orphaned_daemon=is_orphaned_daemon,
        is_mirror=MIRROR in annotations,
        has_local_storage=any("emptyDir" in one for one in spec.get("volumes") or ()),
        is_finished=(pod.get("status") or {}).get("phase") in _FINISHED,
        deleting_since=moment(meta.get("deletionTimestamp")),
        grace=timedelta(seconds=30 if grace is None else int(grace)),
        created_at=moment(meta.get("creationTimestamp")),
        tolerates_cordon=any(map(_tolerates_cordon, spec.get("tolerations") or ())),
        node=str(spec.get("nodeName") or ""),
        gang=gang_of(namespace, labels, annotations),
        asks=asked(annotations),
        checkpointed=saved(annotations),
        slurm_host=slurm_host(labels, _controller_type(pod), hostname, name),
    )


def _tolerates_cordon(toleration: Json) -> bool:
    """Tell whether the scheduler puts such a pod on a cordoned node.

    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
    """
    return toleration.get("key") in {None, "", CORDON_TAINT} and toleration.get("effect") in {
        None,
        "",
        "NoSchedule",
    }


def moment(text: object) -> datetime | None:
    """Read an RFC 3339 time; None if there is none or it cannot be read."""
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _taint(taint: Json) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key', '')}{value}:{taint.get('effect', '')}"
