"""The Azure operations that each verb and each kind of facts needs: the role table.

A new verb is a new power, and this is where it is written down. Whoever writes the
app's role grants exactly these. Decides nothing at run time.

Two names are less obvious than the rest. An eviction is authorised as a write of pods,
because Azure RBAC for Kubernetes knows no subresource but ``exec``. A snapshot's source
disk must grant ``beginGetAccess``, or creating the snapshot is refused on the linked
scope.

Slurm grants by its own users: its verbs need no operation of Azure's, and its facts only
those that tell which machine a node is.

Source: https://learn.microsoft.com/azure/role-based-access-control/permissions/compute,
https://learn.microsoft.com/azure/role-based-access-control/permissions/containers,
https://learn.microsoft.com/azure/role-based-access-control/permissions/ai-machine-learning,
https://learn.microsoft.com/azure/role-based-access-control/permissions/monitor,
https://learn.microsoft.com/azure/batch/batch-role-based-access-control,
https://github.com/kubeguard/guard/blob/master/authz/providers/azure/rbac/checkaccessreqhelper.go,
https://learn.microsoft.com/azure/backup/disk-backup-faq (beginGetAccess)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shared.core.facts import FactsKind
from shared.core.steps import Verb

_VM = "Microsoft.Compute/virtualMachines"
_SET = "Microsoft.Compute/virtualMachineScaleSets"
_INSTANCE = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"
_DISK = "Microsoft.Compute/disks"
_SNAPSHOT = "Microsoft.Compute/snapshots"
_WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
_ML = f"{_WORKSPACE}/computes"
_ML_JOB = f"{_WORKSPACE}/jobs"
_BATCH = "Microsoft.Batch/batchAccounts"
_AKS = "Microsoft.ContainerService/managedClusters"
_ENDPOINT = f"{_WORKSPACE}/onlineEndpoints"
_LOCKS = "Microsoft.Authorization/locks/read"
_NIC = "Microsoft.Network/networkInterfaces"


@dataclass(frozen=True, slots=True)
class Operations:
    """What an identity must be granted.

    Attributes:
        actions: Control plane (``Actions`` of a role definition).
        data_actions: Data plane (``DataActions``).
    """

    actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()


_FIND_NODE = Operations(
    actions=(f"{_AKS}/read", f"{_AKS}/listClusterUserCredential/action"),
    data_actions=(f"{_AKS}/nodes/read",),
)
_MARK_NODE = Operations(_FIND_NODE.actions, (*_FIND_NODE.data_actions, f"{_AKS}/nodes/write"))

_READ_BATCH_NODE = Operations((f"{_BATCH}/read", f"{_BATCH}/pools/read"))
_CHANGE_BATCH_NODE = Operations((*_READ_BATCH_NODE.actions, f"{_BATCH}/pools/write"))
"""Batch's data plane asks for actions of the control plane where pools are meant."""

_ML_STATUS = "Microsoft.MachineLearningServices/locations/computeOperationsStatus/read"


def _power_of_compute(word: str) -> Operations:
    """Name what a power operation of a compute instance needs.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-create-compute-instance
    (actions that can be controlled by Azure RBAC)
    """
    return Operations((f"{_ML}/read", f"{_ML}/{word}/action", _ML_STATUS, _LOCKS))


_READ_JOB = Operations(
    (
        f"{_WORKSPACE}/read",
        f"{_ML_JOB}/read",
        "Microsoft.MachineLearningServices/workspaces/experiments/runs/read",
    )
)
"""The run history, which tells why a job ended, is asked by the workspace's own address."""

_CHANGE_INSTANCE = Operations(
    (f"{_SET}/read", f"{_INSTANCE}/read", f"{_INSTANCE}/write", _LOCKS)
)
_RUN_ON_INSTANCE = Operations(
    (
        f"{_SET}/read",
        f"{_INSTANCE}/read",
        f"{_INSTANCE}/runCommand/action",
        "Microsoft.Compute/locations/operations/read",
        _LOCKS,
    )
)

_EXTENSION = "Microsoft.KubernetesConfiguration/extensions"
_READ_EXTENSION = Operations(
    (f"{_AKS}/read", "Microsoft.Kubernetes/connectedClusters/read", f"{_EXTENSION}/read")
)
_LOOK_INTO_CLUSTER = Operations(
    (*_READ_EXTENSION.actions, f"{_AKS}/listClusterUserCredential/action"),
    (
        f"{_AKS}/pods/read",
        f"{_AKS}/apps/deployments/read",
        f"{_AKS}/apps/daemonsets/read",
        f"{_AKS}/apps/statefulsets/read",
    ),
)
_CHANGE_EXTENSION = Operations((*_READ_EXTENSION.actions, f"{_EXTENSION}/write", _LOCKS))

_READ_ENDPOINT = (f"{_ENDPOINT}/read", f"{_ENDPOINT}/deployments/read", _LOCKS)

_ADDRESS = "Microsoft.Network/publicIPAddresses"
_READ_LEFTOVER = (
    f"{_DISK}/read",
    f"{_NIC}/read",
    f"{_ADDRESS}/read",
    f"{_SET}/read",
    f"{_SNAPSHOT}/read",
)
_MARK_LEFTOVER = Operations((*_READ_LEFTOVER, "Microsoft.Resources/tags/write", _LOCKS))

_POINTS = "Microsoft.Compute/restorePointCollections"
_READ_POINTS = (f"{_VM}/read", f"{_POINTS}/read", f"{_POINTS}/restorePoints/read")
_ARC = "Microsoft.HybridCompute/machines"
_READ_PATCHES = (
    f"{_VM}/read",
    f"{_VM}/instanceView/read",
    f"{_ARC}/read",
    f"{_ARC}/patchAssessmentResults/read",
    f"{_ARC}/patchInstallationResults/read",
    "Microsoft.ResourceGraph/resources/read",
    _LOCKS,
)


def _patching(action: str) -> Operations:
    """Name what an action of Update Manager needs, on a VM and on an Arc server.

    Source: https://learn.microsoft.com/azure/update-manager/roles-permissions
    """
    return Operations((*_READ_PATCHES, f"{_VM}/{action}/action", f"{_ARC}/{action}/action"))


VERBS: Mapping[Verb, Operations] = MappingProxyType(
    {
        Verb.CORDON: _MARK_NODE,
        Verb.UNCORDON: _MARK_NODE,
        Verb.DRAIN: Operations(
            _FIND_NODE.actions,
            (
                *_FIND_NODE.data_actions,
                f"{_AKS}/pods/read",
                f"{_AKS}/pods/write",
                f"{_AKS}/apps/daemonsets/read",
            ),
        ),
        Verb.DEALLOCATE: Operations(
            (
                f"{_VM}/read",
                f"{_VM}/instanceView/read",
                f"{_VM}/deallocate/action",
                "Microsoft.ComputeSchedule/locations/virtualMachinesExecuteDeallocate/action",
                f"{_ML}/read",
                f"{_ML}/stop/action",
                "Microsoft.MachineLearningServices/locations/computeOperationsStatus/read",
                _LOCKS,
            )
        ),
        Verb.SAVE_EXIT_INFO: Operations((f"{_BATCH}/read",), (f"{_BATCH}/jobs/read",)),
        Verb.REACTIVATE: Operations(
            (f"{_BATCH}/read",), (f"{_BATCH}/jobs/read", f"{_BATCH}/jobs/write")
        ),
        Verb.SNAPSHOT: Operations(
            (
                f"{_SNAPSHOT}/read",
                f"{_SNAPSHOT}/write",
                f"{_VM}/read",
                f"{_DISK}/read",
                f"{_DISK}/beginGetAccess/action",
                _LOCKS,
            )
        ),
        Verb.REDEPLOY: Operations(
            (
                f"{_VM}/read",
                f"{_VM}/instanceView/read",
                f"{_VM}/redeploy/action",
                "Microsoft.Compute/locations/operations/read",
                _LOCKS,
            )
        ),
        Verb.BOOT_DIAGNOSTICS: Operations(
            (f"{_VM}/read", f"{_VM}/retrieveBootDiagnosticsData/action", _LOCKS)
        ),
        Verb.RESTART: Operations(
            (
                f"{_VM}/read",
                f"{_VM}/instanceView/read",
                f"{_VM}/restart/action",
                "Microsoft.Compute/locations/operations/read",
                _LOCKS,
            )
        ),
        Verb.SLURM_DRAIN: Operations(),
        Verb.SLURM_RESUME: Operations(),
        Verb.SLURM_CHECKPOINT: Operations(),
        Verb.SLURM_REQUEUE: Operations(),
        Verb.START: Operations(
            (
                f"{_VM}/read",
                f"{_VM}/write",
                f"{_VM}/start/action",
                f"{_SET}/read",
                f"{_INSTANCE}/read",
                f"{_INSTANCE}/start/action",
                "Microsoft.Compute/locations/operations/read",
                _LOCKS,
            )
        ),
        Verb.REBUILD: Operations(
            (
                f"{_VM}/read",
                f"{_VM}/write",
                f"{_VM}/delete",
                f"{_VM}/start/action",
                f"{_DISK}/read",
                f"{_DISK}/write",
                f"{_NIC}/join/action",
                "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
                "Microsoft.Compute/locations/operations/read",
                _LOCKS,
            )
        ),
        Verb.GROW: Operations(
            (
                f"{_SET}/read",
                f"{_SET}/write",
                "Microsoft.Compute/locations/operations/read",
                _LOCKS,
            )
        ),
        Verb.BATCH_DISABLE: _CHANGE_BATCH_NODE,
        Verb.BATCH_ENABLE: _CHANGE_BATCH_NODE,
        Verb.BATCH_IDLE: _READ_BATCH_NODE,
        Verb.BATCH_REBOOT: _CHANGE_BATCH_NODE,
        Verb.BATCH_REIMAGE: _CHANGE_BATCH_NODE,
        Verb.BATCH_REPLACE: _CHANGE_BATCH_NODE,
        Verb.BATCH_REST_POOL: Operations(_CHANGE_BATCH_NODE.actions, (f"{_BATCH}/jobs/read",)),
        Verb.BATCH_CLOSE_JOB: Operations(
            (f"{_BATCH}/read",), (f"{_BATCH}/jobs/read", f"{_BATCH}/jobs/write")
        ),
        Verb.CHECKPOINT: Operations(
            (
                f"{_VM}/read",
                f"{_VM}/runCommand/action",
                "Microsoft.Compute/locations/operations/read",
                _LOCKS,
            )
        ),
        Verb.POOL_LEAVE: _CHANGE_INSTANCE,
        Verb.POOL_RETURN: _CHANGE_INSTANCE,
        Verb.POOL_WARN: _RUN_ON_INSTANCE,
        Verb.POOL_SESSIONS: _RUN_ON_INSTANCE,
        Verb.JOB_WATCH: _READ_JOB,
        Verb.JOB_RESUBMIT: Operations((*_READ_JOB.actions, f"{_ML_JOB}/write", _LOCKS)),
        Verb.ML_SHOW: Operations((f"{_ML}/read",)),
        Verb.ML_START: _power_of_compute("start"),
        Verb.ML_RESTART: _power_of_compute("restart"),
        Verb.ML_DELETE: Operations(
            (f"{_ML}/read", f"{_ML}/delete", _ML_STATUS, _LOCKS),
        ),
        Verb.ML_MARK: Operations((f"{_ML}/read", "Microsoft.Resources/tags/write", _LOCKS)),
        Verb.ML_IDLE_TIME: Operations(
            (f"{_ML}/read", f"{_ML}/updateIdleShutdownSetting/action", _LOCKS)
        ),
        Verb.ML_SCHEDULES: Operations(
            (f"{_ML}/read", f"{_ML}/updateSchedules/action", _LOCKS)
        ),
        Verb.ML_SCALE: Operations((f"{_ML}/read", f"{_ML}/write", _LOCKS)),
        Verb.EXTENSION_SHOW: _LOOK_INTO_CLUSTER,
        Verb.EXTENSION_CREATE: _CHANGE_EXTENSION,
        Verb.EXTENSION_UPDATE: _CHANGE_EXTENSION,
        Verb.EXTENSION_REPAIR: Operations(
            (*_LOOK_INTO_CLUSTER.actions, f"{_EXTENSION}/write", _LOCKS),
            _LOOK_INTO_CLUSTER.data_actions,
        ),
        Verb.EXTENSION_DELETE: Operations(
            (*_READ_EXTENSION.actions, f"{_EXTENSION}/delete", _LOCKS)
        ),
        Verb.ENDPOINT_GATE: Operations(
            (*_READ_ENDPOINT, f"{_ENDPOINT}/write", "Microsoft.Insights/metrics/read")
        ),
        Verb.ENDPOINT_TRAFFIC: Operations((*_READ_ENDPOINT, f"{_ENDPOINT}/write")),
        Verb.MARK: _MARK_LEFTOVER,
        Verb.UNMARK: _MARK_LEFTOVER,
        Verb.REMOVE: Operations(
            (
                *_READ_LEFTOVER,
                f"{_DISK}/delete",
                f"{_NIC}/delete",
                f"{_ADDRESS}/delete",
                f"{_SET}/delete",
                f"{_SNAPSHOT}/delete",
                _LOCKS,
            )
        ),
        Verb.SNAPSHOT_COPY: Operations(
            (f"{_SNAPSHOT}/read", f"{_SNAPSHOT}/write", f"{_DISK}/read", _LOCKS)
        ),
        Verb.RESTORE_POINT: Operations(
            (
                *_READ_POINTS,
                f"{_POINTS}/write",
                f"{_POINTS}/restorePoints/write",
                f"{_DISK}/read",
                f"{_DISK}/beginGetAccess/action",
                _LOCKS,
            )
        ),
        Verb.RESTORE_POINT_REMOVE: Operations(
            (*_READ_POINTS, f"{_POINTS}/restorePoints/delete", _LOCKS)
        ),
        Verb.ASSESS_PATCHES: _patching("assessPatches"),
        Verb.INSTALL_PATCHES: _patching("installPatches"),
        Verb.VERIFY: Operations(),
        Verb.TELL: Operations(),
    }
)
"""Verb -> what its effect needs, the reads that verify it included."""

ACKNOWLEDGE = Operations(("Microsoft.Maintenance/scheduledevents/acknowledge/action",))
"""What acknowledging a maintenance notice needs, beside the verbs: it has no target.

Only where ``NIGHTSHIFT_ACKNOWLEDGE`` is ``control_plane``.

Source: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events (the role
Scheduled Event Contributor)
"""

CHECKUP = Operations(("Microsoft.Authorization/permissions/read",))
"""What ``nightshift doctor`` needs to see what the app itself may do, and nothing else.

Source: https://learn.microsoft.com/azure/role-based-access-control/permissions/management-and-governance
"""

RECONCILE = Operations(("Microsoft.ResourceGraph/resources/read",))
"""What the reconcile tick needs; rows are answered of what the identity may read.

Beside it each survey names what it reads: ``shared.core.surveys.Survey.actions``.

Source: https://learn.microsoft.com/azure/governance/resource-graph/overview (permissions)
"""

READS: Mapping[FactsKind, Operations] = MappingProxyType(
    {
        FactsKind.NODE: Operations(
            (
                f"{_VM}/read",
                "Microsoft.Compute/virtualMachineScaleSets/read",
                f"{_INSTANCE}/read",
                *_FIND_NODE.actions,
            ),
            (
                *_FIND_NODE.data_actions,
                f"{_AKS}/pods/read",
                f"{_AKS}/apps/daemonsets/read",
            ),
        ),
        FactsKind.MACHINE: Operations(
            (
                f"{_VM}/read",
                f"{_VM}/instanceView/read",
                f"{_ML}/read",
                "Microsoft.Insights/metrics/read",
                _LOCKS,
            )
        ),
        FactsKind.DISKS: Operations((f"{_VM}/read", f"{_VM}/instanceView/read", _LOCKS)),
        FactsKind.FAILED_TASKS: Operations((f"{_BATCH}/read",), (f"{_BATCH}/jobs/read",)),
        FactsKind.SLURM_NODE: Operations(
            (
                f"{_VM}/read",
                "Microsoft.Compute/virtualMachineScaleSets/read",
                f"{_INSTANCE}/read",
                f"{_NIC}/read",
                f"{_INSTANCE}/networkInterfaces/read",
                *_FIND_NODE.actions,
            ),
            (
                *_FIND_NODE.data_actions,
                f"{_AKS}/pods/read",
                f"{_AKS}/apps/daemonsets/read",
            ),
        ),
        FactsKind.BATCH_NODE: Operations(
            (f"{_VM}/read", f"{_SET}/read", f"{_INSTANCE}/read", *_READ_BATCH_NODE.actions)
        ),
        FactsKind.BATCH_NODES: _READ_BATCH_NODE,
        FactsKind.BATCH_POOL: Operations(_READ_BATCH_NODE.actions, (f"{_BATCH}/jobs/read",)),
        FactsKind.BATCH_JOB: Operations((f"{_BATCH}/read",), (f"{_BATCH}/jobs/read",)),
        FactsKind.STANDALONE: Operations(
            (
                f"{_VM}/read",
                f"{_VM}/instanceView/read",
                f"{_SET}/read",
                f"{_INSTANCE}/read",
                _LOCKS,
            )
        ),
        FactsKind.POOL_INSTANCE: Operations(
            (f"{_VM}/read", f"{_SET}/read", f"{_INSTANCE}/read", _LOCKS)
        ),
        FactsKind.SPOT: Operations(
            (
                f"{_VM}/read",
                f"{_VM}/instanceView/read",
                f"{_SET}/read",
                f"{_INSTANCE}/read",
                _LOCKS,
            )
        ),
        FactsKind.VM_HEALTH: Operations(
            (
                f"{_VM}/read",
                f"{_VM}/instanceView/read",
                "Microsoft.ResourceHealth/availabilityStatuses/current/read",
                _LOCKS,
            )
        ),
        FactsKind.PATCHES: Operations(_READ_PATCHES),
        FactsKind.LEFTOVER: Operations((*_READ_LEFTOVER, _LOCKS)),
        FactsKind.ML_JOB: Operations((*_READ_JOB.actions, f"{_ML}/read", _LOCKS)),
        FactsKind.ML_INSTANCE: Operations(
            (f"{_ML}/read", f"{_ML_JOB}/read", "Microsoft.Insights/metrics/read", _LOCKS)
        ),
        FactsKind.ENDPOINT: Operations(_READ_ENDPOINT),
        FactsKind.ML_CLUSTER: Operations((f"{_ML}/read", _LOCKS)),
        FactsKind.RESTORE_POINTS: Operations((*_READ_POINTS, _LOCKS)),
        FactsKind.ML_EXTENSION: Operations(
            (*_LOOK_INTO_CLUSTER.actions, _LOCKS), _LOOK_INTO_CLUSTER.data_actions
        ),
        FactsKind.SNAPSHOT_COPIES: Operations((f"{_SNAPSHOT}/read", f"{_DISK}/read", _LOCKS)),
        FactsKind.SNAPSHOTS: Operations(
            (f"{_DISK}/read", f"{_VM}/read", f"{_SNAPSHOT}/read", _LOCKS)
        ),
        FactsKind.SPOT_POOL: Operations((f"{_SET}/read", f"{_INSTANCE}/read", _LOCKS)),
        FactsKind.RESOURCE: Operations(
            (
                f"{_VM}/read",
                "Microsoft.Compute/virtualMachineScaleSets/read",
                f"{_INSTANCE}/read",
                f"{_DISK}/read",
                f"{_SNAPSHOT}/read",
                f"{_BATCH}/read",
                f"{_AKS}/read",
                "Microsoft.MachineLearningServices/workspaces/read",
                f"{_ML}/read",
                "Microsoft.Resources/subscriptions/read",
                "Microsoft.Resources/subscriptions/resourceGroups/read",
                "Microsoft.Resources/tags/read",
            )
        ),
    }
)
"""Kind of facts -> what observing it needs; enough for a deployment that only observes."""
