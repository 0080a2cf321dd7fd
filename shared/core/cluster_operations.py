"""What is done in Kubernetes and Slurm clusters, and read of them: the operations.

An eviction is authorised as a write of pods, because Azure RBAC for Kubernetes knows no
subresource but ``exec``. Slurm grants by its own users: its verbs need no operation of
Azure's, and its facts only those that tell which machine a node is.

Source: https://learn.microsoft.com/azure/role-based-access-control/permissions/containers,
https://github.com/kubeguard/guard/blob/master/authz/providers/azure/rbac/checkaccessreqhelper.go
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from shared.core.facts import FactsKind
from shared.core.operation_names import (
    AKS,
    INSTANCE,
    LOCKS,
    NIC,
    SET,
    VM,
    Operations,
)
from shared.core.steps import Verb

_FIND_NODE = Operations(
    actions=(f"{AKS}/read", f"{AKS}/listClusterUserCredential/action"),
    data_actions=(f"{AKS}/nodes/read",),
)
_MARK_NODE = Operations(_FIND_NODE.actions, (*_FIND_NODE.data_actions, f"{AKS}/nodes/write"))

_EXTENSION = "Microsoft.KubernetesConfiguration/extensions"
_READ_EXTENSION = Operations(
    (f"{AKS}/read", "Microsoft.Kubernetes/connectedClusters/read", f"{_EXTENSION}/read")
)
_LOOK_INTO_CLUSTER = Operations(
    (*_READ_EXTENSION.actions, f"{AKS}/listClusterUserCredential/action"),
    (
        f"{AKS}/pods/read",
        f"{AKS}/apps/deployments/read",
        f"{AKS}/apps/daemonsets/read",
        f"{AKS}/apps/statefulsets/read",
    ),
)
_CHANGE_EXTENSION = Operations((*_READ_EXTENSION.actions, f"{_EXTENSION}/write", LOCKS))

VERBS: Mapping[Verb, Operations] = MappingProxyType(
    {
        Verb.CORDON: _MARK_NODE,
        Verb.UNCORDON: _MARK_NODE,
        Verb.DRAIN: Operations(
            _FIND_NODE.actions,
            (
                *_FIND_NODE.data_actions,
                f"{AKS}/pods/read",
                f"{AKS}/pods/write",
                f"{AKS}/apps/daemonsets/read",
            ),
        ),
        Verb.SLURM_DRAIN: Operations(),
        Verb.SLURM_RESUME: Operations(),
        Verb.SLURM_CHECKPOINT: Operations(),
        Verb.SLURM_REQUEUE: Operations(),
        Verb.EXTENSION_SHOW: _LOOK_INTO_CLUSTER,
        Verb.EXTENSION_CREATE: _CHANGE_EXTENSION,
        Verb.EXTENSION_UPDATE: _CHANGE_EXTENSION,
        Verb.EXTENSION_REPAIR: Operations(
            (*_LOOK_INTO_CLUSTER.actions, f"{_EXTENSION}/write", LOCKS),
            _LOOK_INTO_CLUSTER.data_actions,
        ),
        Verb.EXTENSION_DELETE: Operations(
            (*_READ_EXTENSION.actions, f"{_EXTENSION}/delete", LOCKS)
        ),
    }
)

READS: Mapping[FactsKind, Operations] = MappingProxyType(
    {
        FactsKind.NODE: Operations(
            (
                f"{VM}/read",
                f"{SET}/read",
                f"{INSTANCE}/read",
                *_FIND_NODE.actions,
            ),
            (
                *_FIND_NODE.data_actions,
                f"{AKS}/pods/read",
                f"{AKS}/apps/daemonsets/read",
            ),
        ),
        FactsKind.SLURM_NODE: Operations(
            (
                f"{VM}/read",
                f"{SET}/read",
                f"{INSTANCE}/read",
                f"{NIC}/read",
                f"{INSTANCE}/networkInterfaces/read",
                *_FIND_NODE.actions,
            ),
            (
                *_FIND_NODE.data_actions,
                f"{AKS}/pods/read",
                f"{AKS}/apps/daemonsets/read",
            ),
        ),
        FactsKind.ML_EXTENSION: Operations(
            (*_LOOK_INTO_CLUSTER.actions, LOCKS), _LOOK_INTO_CLUSTER.data_actions
        ),
    }
)
