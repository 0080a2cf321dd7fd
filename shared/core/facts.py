"""What was observed of a target, at one moment.

Facts are read once per decision and handed to pure code. A value that could not
be read is None: a rule must say what it does then, and never guesses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from shared.core.batch_jobs import BatchJobFacts
from shared.core.batch_pools import BatchPoolFacts
from shared.core.leftovers import LeftoverFacts
from shared.core.ml_clusters import MlCluster
from shared.core.ml_endpoints import EndpointFacts
from shared.core.ml_extension_facts import ExtensionFacts
from shared.core.ml_instances import MlInstance
from shared.core.ml_jobs import MlJobFacts
from shared.core.patches import PatchFacts
from shared.core.resources import Resource, resource_from_arm, retry_key
from shared.core.restore_points import MachinePoints
from shared.core.slurm import SlurmJob, SlurmNode
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
class AksNode:
    """A Kubernetes node found by its providerID.

    Attributes:
        cluster: ARM id of the managed cluster.
        cordoned_by: Plan ids in our own annotation: whose cordon it is; empty if a
            person or another tool cordoned it.
        version: What was read, in the API server's words; a write that names it changes
            exactly that or nothing. Empty if it is not known.
        labels: As they are on the node.
        annotations: Only those that ``shared.core.marks`` knows: others may be large.
    """

    name: str
    cluster: str
    provider_id: str
    is_unschedulable: bool
    is_ready: bool
    cordoned_by: tuple[str, ...] = ()
    taints: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    version: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A VM and the node it carries.

    Attributes:
        node: None if no cluster knows the VM.
        pods: How many pods a drain would move; None where no rule asks, for it costs a call.
    """

    resource: Resource
    node: AksNode | None
    pods: int | None = None


@dataclass(frozen=True, slots=True)
class SlurmNodeFacts:
    """A VM and the Slurm node it carries, with the jobs on it.

    Attributes:
        node: None if no cluster has it, or if it could not be told.
        trouble: Why that could not be told, a ``Reason``; empty if it could.
        detail: The trouble in words.
    """

    resource: Resource
    node: SlurmNode | None
    jobs: tuple[SlurmJob, ...] = ()
    trouble: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Utilisation:
    """How busy a machine was over a whole window; None where the platform gave no data.

    Attributes:
        cpu: Highest of the averages in the window, fraction 0..1.
        gpu: The same of its GPUs, fraction 0..1.
        network: Highest of the rates in and out together, bytes a second.
        samples: Points with a value, of the metric that has fewest.
        expected_samples: Points the window should have.
    """

    window: timedelta
    cpu: float | None
    gpu: float | None
    network: float | None
    samples: int
    expected_samples: int


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """A VM or an Azure ML compute instance, its power and how busy it was.

    Attributes:
        power: ``running``, ``deallocated``, ``stopped``, ... or None if unknown.
        has_gpu: By its size; None if the size is unknown.
        started_at: When it last entered ``running``, or None if not told.
        changed_at: When Azure last ended an operation on it, a start or a stop among them.
    """

    resource: Resource
    power: str | None
    has_gpu: bool | None
    utilisation: Utilisation | None
    started_at: datetime | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MlInstanceFacts:
    """An Azure ML compute instance, and how it is used where that was asked for.

    Attributes:
        jobs: Names of jobs on it that have not ended; None if nobody asked.
        disk_free_mb: Least free space of its disks in the last hour, in megabytes.
    """

    resource: Resource
    instance: MlInstance
    jobs: tuple[str, ...] | None = None
    utilisation: Utilisation | None = None
    disk_free_mb: float | None = None


@dataclass(frozen=True, slots=True)
class ManagedDisk:
    """One managed disk of a VM."""

    id: str
    location: str
    role: str  # "os" or "data"


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """A VM and its managed disks."""

    resource: Resource
    power: str | None
    disks: tuple[ManagedDisk, ...]


@dataclass(frozen=True, slots=True)
class StandaloneFacts:
    """A VM that may stand alone; an instance of a scale set comes without power and disks."""

    resource: Resource
    power: str | None
    disks: tuple[ManagedDisk, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedTask:
    """A Batch task that completed with a failure.

    Attributes:
        ended_at: When it ended; None if the service did not say.
        reactivations_spent: How often Nightshift has reactivated it, from the ledger.
    """

    job: str
    id: str
    exit_code: int | None
    category: str
    ended_at: datetime | None
    reactivations_spent: int = 0


@dataclass(frozen=True, slots=True)
class FailedTaskFacts:
    """A Batch account, its jobs' states and the tasks that failed since ``since``.

    Attributes:
        jobs: Job id to state (``active``, ``completed``, ``terminating``, ...).
        is_complete: False if there were more failed tasks than were read.
    """

    resource: Resource
    jobs: Mapping[str, str]
    tasks: tuple[FailedTask, ...]
    since: datetime
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """The resource alone, for what asks no more of it.

    A signal that names no resource has one without a type: to tell people of it, nothing
    need be read.
    """

    resource: Resource


@dataclass(frozen=True, slots=True)
class BatchNode:
    """A compute node of a Batch pool.

    Attributes:
        account: ARM id of the Batch account.
        state: ``idle``, ``running``, ``offline``, ``unusable``, ``starttaskfailed``, ...
        takes_tasks: Whether its scheduling is enabled.
        is_usable: Whether its state lets it run tasks.
        running_tasks: How many run on it; None if that is not told.
        since: When it entered its state.
    """

    account: str
    pool: str
    id: str
    state: str
    takes_tasks: bool
    is_usable: bool
    running_tasks: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class BatchNodeFacts:
    """A VM and the Batch node that it is; ``node`` None if no pool knows the VM."""

    resource: Resource
    node: BatchNode | None


@dataclass(frozen=True, slots=True)
class BatchNodesFacts:
    """A Batch account, or one of its pools, and its nodes that cannot take tasks.

    Attributes:
        is_complete: False if there were more of them than were read.
    """

    resource: Resource
    nodes: tuple[BatchNode, ...]
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class PoolInstanceFacts:
    """An instance of a scale set, and whether it is in rotation.

    Attributes:
        resource: With the scale set's tags under its own.
        taken_out_by: Plan that took it out of rotation, from its tag; empty if none did.
        is_protected: Whether scaling in leaves it alone.
    """

    resource: Resource
    power: str | None
    taken_out_by: str = ""
    is_protected: bool = False


@dataclass(frozen=True, slots=True)
class SpotFacts:
    """A machine that may have been evicted.

    Attributes:
        power: ``running``, ``deallocated``, ``deallocating``, ... or None if unknown.
        priority: ``spot``, ``low`` or ``regular``, as the machine or its scale set says.
    """

    resource: Resource
    power: str | None
    priority: str


@dataclass(frozen=True, slots=True)
class SpotPoolFacts:
    """The scale set that a machine was lost from.

    Attributes:
        resource: The machine that was lost, with the scale set's tags and size.
        capacity: How many machines the scale set is set to have.
        is_instance_there: Whether the machine is still one of them, if only deallocated.
        managed_by: Who else sets its size (``aks``, ``batch``), or empty.
    """

    resource: Resource
    capacity: int
    priority: str
    is_instance_there: bool
    managed_by: str = ""


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


def has_gpu(size: str) -> bool | None:
    """Tell from the size's name whether a VM has a GPU; None if no size is known.

    The N family is the GPU family (NC, ND, NG, NV); Azure ML sizes are spelled the
    same, sometimes in capitals.

    Source: https://learn.microsoft.com/azure/virtual-machines/sizes/overview
    """
    if not size:
        return None
    return size.casefold().removeprefix("standard_").startswith("n")
