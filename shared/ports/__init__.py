"""Every effect and every question the engine may ask, as protocols.

Reads return values of ``shared.core``; writes are safe to repeat. Adapters translate
their library's exceptions once, into ``shared.core.errors``; a port method raises
nothing else. "Not found" on a read is None; on a write it is ``InvalidTarget``.
"""

from __future__ import annotations

from shared.ports.audit import AuditSink, Backlog, Outbox, Pointer, Undelivered
from shared.ports.batch_nodes import BatchNodes, PoolTargets, TasksThen
from shared.ports.cloud import (
    BatchAccounts,
    Compute,
    FailedTasksRead,
    Metrics,
    OperationState,
    Resources,
    SnapshotState,
    TaskState,
)
from shared.ports.cluster import Cluster, Evicted, Eviction
from shared.ports.commands import Commands, Output
from shared.ports.controls import Controls
from shared.ports.estate import Estate, Prices, References
from shared.ports.extensions import Extensions
from shared.ports.ledger import (
    EventRecord,
    Head,
    Ledger,
    PlanPage,
    StoredPlan,
    TargetView,
)
from shared.ports.leftovers import Leftovers
from shared.ports.machine_learning import MachineLearning
from shared.ports.maintenance import Maintenance
from shared.ports.online_endpoints import OnlineEndpoints
from shared.ports.oversight import Approvals, Messenger, Notices, Tallies
from shared.ports.patching import Patching
from shared.ports.replacement import Blueprint, PoolSize, Replacement
from shared.ports.restore_points import RestorePoints
from shared.ports.runtime import Clock, Records, WakeQueue
from shared.ports.shared_pools import SharedPools
from shared.ports.slurm import FoundNode, Slurm
from shared.ports.snapshots import Snapshots
from shared.ports.vm_care import VmCare
from shared.ports.waves import Waves

__all__ = [
    "Approvals",
    "AuditSink",
    "Backlog",
    "BatchAccounts",
    "BatchNodes",
    "Blueprint",
    "Clock",
    "Cluster",
    "Commands",
    "Compute",
    "Controls",
    "Estate",
    "EventRecord",
    "Evicted",
    "Eviction",
    "Extensions",
    "FailedTasksRead",
    "FoundNode",
    "Head",
    "Ledger",
    "Leftovers",
    "MachineLearning",
    "Maintenance",
    "Messenger",
    "Metrics",
    "Notices",
    "OnlineEndpoints",
    "OperationState",
    "Outbox",
    "Output",
    "Patching",
    "PlanPage",
    "Pointer",
    "PoolSize",
    "PoolTargets",
    "Prices",
    "Records",
    "References",
    "Replacement",
    "Resources",
    "RestorePoints",
    "SharedPools",
    "Slurm",
    "SnapshotState",
    "Snapshots",
    "StoredPlan",
    "Tallies",
    "TargetView",
    "TaskState",
    "TasksThen",
    "Undelivered",
    "VmCare",
    "WakeQueue",
    "Waves",
]
