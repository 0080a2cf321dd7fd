"""Marks on a node: other tools' (at work there, or asked to be left alone) and our own taint.

Only marks that are about the whole node and about a voluntary hand on it. A taint that
merely says what a node is (spot, GPU, not ready) is no mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from shared.core.facts import AksNode

OUR_TAINT = "nightshift.azure/interruption"
"""On every node that we cordoned; its value is the type of the signal."""
OUR_EFFECT = "PreferNoSchedule"
"""Soft on purpose. The cordon keeps pods off; the taint says why, to people and to tools.

Hard, it would outlive a person's ``kubectl uncordon``, which takes no taint away: the node
would look free and take nothing, until somebody finds our taint.
"""
AUTO_DRAIN = "remediator.kubernetes.azure.com/unschedulable"
"""AKS auto-drain's own. Source: https://learn.microsoft.com/azure/aks/node-auto-drain"""
ANY = frozenset({""})
_NO = frozenset({"false"})
_YES = frozenset({"true"})

KEYS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # asked to be left alone
        "nvsentinel.dgxc.nvidia.com/managed": _NO,
        "k8saas.nvidia.com/ManagedByNVSentinel": _NO,
        "remediation.medik8s.io/exclude-from-remediation": ANY,
        "remediation.medik8s.io/manually-confirmed-healthy": ANY,
        "karpenter.sh/do-not-disrupt": _YES,
        "cluster-autoscaler.kubernetes.io/scale-down-disabled": _YES,
        # somebody is at work
        "dgxc.nvidia.com/nvsentinel-state": frozenset(
            {"quarantined", "draining", "drain-succeeded", "remediating"}
        ),
    }
)
"""Labels and annotations, whichever of the two carries them: key to the values that
count, an empty one for any.

Sources: https://github.com/NVIDIA/NVSentinel (docs), https://www.medik8s.io/remediation/,
https://karpenter.sh/docs/concepts/disruption/,
https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md
"""

TAINTS: frozenset[str] = frozenset(
    {
        "ToBeDeletedByClusterAutoscaler",
        "DeletionCandidateOfClusterAutoscaler",
        "karpenter.sh/disrupted",
        "karpenter.sh/disruption",
        AUTO_DRAIN,
        "remediation.medik8s.io/self-node-remediation",
        "medik8s.io/remediation",
        "nvsentinel.nvidia.com/validation-pending",
        "node.kubernetes.io/out-of-service",
    }
)
"""Taints by key: a node that another tool is taking away, mending or testing.

Sources: as for ``KEYS``, and https://learn.microsoft.com/azure/aks/node-auto-repair
"""


def mark_on(node: AksNode) -> str:
    """Return the first mark of another tool on a node, as it is written there, or empty."""
    for carried in (node.labels, node.annotations):
        for key, counted in KEYS.items():
            value = carried.get(key)
            if value is not None and (counted == ANY or value.strip().casefold() in counted):
                return f"{key}={value}"
    for taint in node.taints:
        if key_of(taint) in TAINTS:
            return f"taint {taint}"
    return ""


def key_of(taint: str) -> str:
    """Return the key of a taint as ``AksNode.taints`` writes it."""
    return taint.partition(":")[0].partition("=")[0]


def our_taint(because: str) -> str:
    """Write our taint as ``AksNode.taints`` does."""
    return f"{OUR_TAINT}={because}:{OUR_EFFECT}" if because else f"{OUR_TAINT}:{OUR_EFFECT}"


def is_auto_drained(node: AksNode) -> bool:
    """Tell whether AKS auto-drain keeps new pods off a node."""
    return any(key_of(taint) == AUTO_DRAIN for taint in node.taints)


def is_held_by_others(node: AksNode) -> bool:
    """Tell whether a person, or AKS auto-drain, had the node first: it stays theirs."""
    return not node.cordoned_by and (node.is_unschedulable or is_auto_drained(node))
