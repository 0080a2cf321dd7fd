"""The words of the role table: what an operation is granted as, and the types it is of.

The table itself is ``shared.core.operations``.

Source: https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations
"""

from __future__ import annotations

from dataclasses import dataclass

VM = "Microsoft.Compute/virtualMachines"
SET = "Microsoft.Compute/virtualMachineScaleSets"
INSTANCE = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"
DISK = "Microsoft.Compute/disks"
SNAPSHOT = "Microsoft.Compute/snapshots"
WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
ML_COMPUTE = f"{WORKSPACE}/computes"
BATCH = "Microsoft.Batch/batchAccounts"
AKS = "Microsoft.ContainerService/managedClusters"
ML_STATUS = "Microsoft.MachineLearningServices/locations/computeOperationsStatus/read"
LOCKS = "Microsoft.Authorization/locks/read"
NIC = "Microsoft.Network/networkInterfaces"
OPERATION_STATUS = "Microsoft.Compute/locations/operations/read"


@dataclass(frozen=True, slots=True)
class Operations:
    """What an identity must be granted.

    Attributes:
        actions: Control plane (``Actions`` of a role definition).
        data_actions: Data plane (``DataActions``).
    """

    actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
