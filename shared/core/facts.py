"""What was observed of a target, at one moment.

Facts are read once per decision and handed to pure code. A value that could not
be read is None: a rule must say what it does then, and never guesses.

Each area has its own module (``machine_facts``, ``batch_facts``, ...); this one names the
kinds and hands all of them on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.core.batch_facts import (
    BatchNode,
    BatchNodeFacts,
    BatchNodesFacts,
    FailedTask,
    FailedTaskFacts,
)
from shared.core.batch_jobs import BatchJobFacts
from shared.core.batch_pools import BatchPoolFacts
from shared.core.leftovers import LeftoverFacts
from shared.core.machine_facts import (
    DiskFacts,
    MachineFacts,
    ManagedDisk,
    StandaloneFacts,
    Utilisation,
    has_gpu,
)
from shared.core.ml_clusters import MlCluster
from shared.core.ml_endpoints import EndpointFacts
from shared.core.ml_extension_facts import ExtensionFacts
from shared.core.ml_instance_facts import MlInstanceFacts
from shared.core.ml_jobs import MlJobFacts
from shared.core.node_facts import AksNode, NodeFacts, SlurmNodeFacts
from shared.core.patches import PatchFacts
from shared.core.pool_facts import PoolInstanceFacts, SpotFacts, SpotPoolFacts
from shared.core.resources import Resource, resource_from_arm, retry_key
from shared.core.restore_points import MachinePoints
from shared.core.snapshot_copies import SnapshotCopies
from shared.core.snapshots import DiskSnapshots
from shared.core.vm_health import VmHealth

__all__ = [
    "AksNode",
    "BatchJobFacts",
    "BatchNode",
    "BatchNodeFacts",
    "BatchNodesFacts",
    "BatchPoolFacts",
    "DiskFacts",
    "DiskSnapshots",
    "EndpointFacts",
    "ExtensionFacts",
    "Facts",
    "FactsKind",
    "FailedTask",
    "FailedTaskFacts",
    "LeftoverFacts",
    "MachineFacts",
    "MachinePoints",
    "ManagedDisk",
    "MlCluster",
    "MlInstanceFacts",
    "MlJobFacts",
    "NodeFacts",
    "PatchFacts",
    "PoolInstanceFacts",
    "Resource",
    "ResourceFacts",
    "SlurmNodeFacts",
    "SnapshotCopies",
    "SpotFacts",
    "SpotPoolFacts",
    "StandaloneFacts",
    "Utilisation",
    "VmHealth",
    "has_gpu",
    "resource_from_arm",
    "retry_key",
]


class FactsKind(StrEnum):
    """Which facts a remediation decides on; the engine gathers them."""

    NODE = "node"
    MACHINE = "machine"
    DISKS = "disks"
    FAILED_TASKS = "failed_tasks"
    RESOURCE = "resource"
    SLURM_NODE = "slurm_node"
    BATCH_NODE = "batch_node"
    BATCH_NODES = "batch_nodes"
    BATCH_JOB = "batch_job"
    BATCH_POOL = "batch_pool"
    STANDALONE = "standalone"
    POOL_INSTANCE = "pool_instance"
    SPOT = "spot"
    SPOT_POOL = "spot_pool"
    LEFTOVER = "leftover"
    VM_HEALTH = "vm_health"
    PATCHES = "patches"
    ML_JOB = "ml_job"
    ML_INSTANCE = "ml_instance"
    ML_CLUSTER = "ml_cluster"
    ENDPOINT = "endpoint"
    ML_EXTENSION = "ml_extension"
    SNAPSHOTS = "snapshots"
    SNAPSHOT_COPIES = "snapshot_copies"
    RESTORE_POINTS = "restore_points"


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """The resource alone, for what asks no more of it.

    A signal that names no resource has one without a type: to tell people of it, nothing
    need be read.
    """

    resource: Resource


Facts = (
    NodeFacts
    | MachineFacts
    | DiskFacts
    | FailedTaskFacts
    | ResourceFacts
    | SlurmNodeFacts
    | BatchNodeFacts
    | BatchNodesFacts
    | BatchJobFacts
    | BatchPoolFacts
    | StandaloneFacts
    | PoolInstanceFacts
    | SpotFacts
    | SpotPoolFacts
    | LeftoverFacts
    | VmHealth
    | PatchFacts
    | MlJobFacts
    | MlInstanceFacts
    | MlCluster
    | EndpointFacts
    | DiskSnapshots
    | SnapshotCopies
    | MachinePoints
    | ExtensionFacts
)
