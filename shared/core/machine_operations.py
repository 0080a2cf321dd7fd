"""What is done to virtual machines and scale sets, and read of them: the operations.

Source: https://learn.microsoft.com/azure/role-based-access-control/permissions/compute
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from shared.core.facts import FactsKind
from shared.core.operation_names import (
    DISK,
    INSTANCE,
    LOCKS,
    ML_COMPUTE,
    ML_STATUS,
    NIC,
    OPERATION_STATUS,
    SET,
    VM,
    Operations,
)
from shared.core.steps import Verb

_CHANGE_INSTANCE = Operations((f"{SET}/read", f"{INSTANCE}/read", f"{INSTANCE}/write", LOCKS))
_RUN_ON_INSTANCE = Operations(
    (
        f"{SET}/read",
        f"{INSTANCE}/read",
        f"{INSTANCE}/runCommand/action",
        OPERATION_STATUS,
        LOCKS,
    )
)

_ARC = "Microsoft.HybridCompute/machines"
_READ_PATCHES = (
    f"{VM}/read",
    f"{VM}/instanceView/read",
    f"{_ARC}/read",
    f"{_ARC}/patchAssessmentResults/read",
    f"{_ARC}/patchInstallationResults/read",
    "Microsoft.ResourceGraph/resources/read",
    LOCKS,
)


def _patching(action: str) -> Operations:
    """Name what an action of Update Manager needs, on a VM and on an Arc server.

    Source: https://learn.microsoft.com/azure/update-manager/roles-permissions
    """
    return Operations((*_READ_PATCHES, f"{VM}/{action}/action", f"{_ARC}/{action}/action"))


VERBS: Mapping[Verb, Operations] = MappingProxyType(
    {
        Verb.DEALLOCATE: Operations(
            (
                f"{VM}/read",
                f"{VM}/instanceView/read",
                f"{VM}/deallocate/action",
                "Microsoft.ComputeSchedule/locations/virtualMachinesExecuteDeallocate/action",
                f"{ML_COMPUTE}/read",
                f"{ML_COMPUTE}/stop/action",
                ML_STATUS,
                LOCKS,
            )
        ),
        Verb.REDEPLOY: Operations(
            (
                f"{VM}/read",
                f"{VM}/instanceView/read",
                f"{VM}/redeploy/action",
                OPERATION_STATUS,
                LOCKS,
            )
        ),
        Verb.BOOT_DIAGNOSTICS: Operations(
            (f"{VM}/read", f"{VM}/retrieveBootDiagnosticsData/action", LOCKS)
        ),
        Verb.RESTART: Operations(
            (
                f"{VM}/read",
                f"{VM}/instanceView/read",
                f"{VM}/restart/action",
                OPERATION_STATUS,
                LOCKS,
            )
        ),
        Verb.START: Operations(
            (
                f"{VM}/read",
                f"{VM}/write",
                f"{VM}/start/action",
                f"{SET}/read",
                f"{INSTANCE}/read",
                f"{INSTANCE}/start/action",
                OPERATION_STATUS,
                LOCKS,
            )
        ),
        Verb.REBUILD: Operations(
            (
                f"{VM}/read",
                f"{VM}/write",
                f"{VM}/delete",
                f"{VM}/start/action",
                f"{DISK}/read",
                f"{DISK}/write",
                f"{NIC}/join/action",
                "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
                OPERATION_STATUS,
                LOCKS,
            )
        ),
        Verb.GROW: Operations(
            (
                f"{SET}/read",
                f"{SET}/write",
                OPERATION_STATUS,
                LOCKS,
            )
        ),
        Verb.CHECKPOINT: Operations(
            (
                f"{VM}/read",
                f"{VM}/runCommand/action",
                OPERATION_STATUS,
                LOCKS,
            )
        ),
        Verb.POOL_LEAVE: _CHANGE_INSTANCE,
        Verb.POOL_RETURN: _CHANGE_INSTANCE,
        Verb.POOL_WARN: _RUN_ON_INSTANCE,
        Verb.POOL_SESSIONS: _RUN_ON_INSTANCE,
        Verb.ASSESS_PATCHES: _patching("assessPatches"),
        Verb.INSTALL_PATCHES: _patching("installPatches"),
    }
)

READS: Mapping[FactsKind, Operations] = MappingProxyType(
    {
        FactsKind.MACHINE: Operations(
            (
                f"{VM}/read",
                f"{VM}/instanceView/read",
                f"{ML_COMPUTE}/read",
                "Microsoft.Insights/metrics/read",
                LOCKS,
            )
        ),
        FactsKind.STANDALONE: Operations(
            (
                f"{VM}/read",
                f"{VM}/instanceView/read",
                f"{SET}/read",
                f"{INSTANCE}/read",
                LOCKS,
            )
        ),
        FactsKind.POOL_INSTANCE: Operations(
            (f"{VM}/read", f"{SET}/read", f"{INSTANCE}/read", LOCKS)
        ),
        FactsKind.SPOT: Operations(
            (
                f"{VM}/read",
                f"{VM}/instanceView/read",
                f"{SET}/read",
                f"{INSTANCE}/read",
                LOCKS,
            )
        ),
        FactsKind.SPOT_POOL: Operations((f"{SET}/read", f"{INSTANCE}/read", LOCKS)),
        FactsKind.VM_HEALTH: Operations(
            (
                f"{VM}/read",
                f"{VM}/instanceView/read",
                "Microsoft.ResourceHealth/availabilityStatuses/current/read",
                LOCKS,
            )
        ),
        FactsKind.PATCHES: Operations(_READ_PATCHES),
    }
)
