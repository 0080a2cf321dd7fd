"""The Azure operations that each verb and each kind of facts needs: the role table.

A new verb is a new power, and this is where it is written down: in the module of its area
(``machine_operations``, ``disk_operations``, ``cluster_operations``, ``batch_operations``,
``ml_operations``), all of which are one table here. Whoever writes the app's role grants
exactly these. Decides nothing at run time.

Source: https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from shared.core import (
    batch_operations,
    cluster_operations,
    disk_operations,
    machine_operations,
    ml_operations,
)
from shared.core.facts import FactsKind
from shared.core.operation_names import (
    AKS,
    BATCH,
    DISK,
    INSTANCE,
    ML_COMPUTE,
    SET,
    SNAPSHOT,
    VM,
    WORKSPACE,
    Operations,
)
from shared.core.steps import Verb

__all__ = ["ACKNOWLEDGE", "CHECKUP", "READS", "RECONCILE", "VERBS", "Operations"]

VERBS: Mapping[Verb, Operations] = MappingProxyType(
    {
        **machine_operations.VERBS,
        **disk_operations.VERBS,
        **cluster_operations.VERBS,
        **batch_operations.VERBS,
        **ml_operations.VERBS,
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
        **machine_operations.READS,
        **disk_operations.READS,
        **cluster_operations.READS,
        **batch_operations.READS,
        **ml_operations.READS,
        FactsKind.RESOURCE: Operations(
            (
                f"{VM}/read",
                f"{SET}/read",
                f"{INSTANCE}/read",
                f"{DISK}/read",
                f"{SNAPSHOT}/read",
                f"{BATCH}/read",
                f"{AKS}/read",
                f"{WORKSPACE}/read",
                f"{ML_COMPUTE}/read",
                "Microsoft.Resources/subscriptions/read",
                "Microsoft.Resources/subscriptions/resourceGroups/read",
                "Microsoft.Resources/tags/read",
            )
        ),
    }
)
"""Kind of facts -> what observing it needs; enough for a deployment that only observes."""
