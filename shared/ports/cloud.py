"""Azure's own resources: reads as facts, effects one call each.

An effect returns when the service has accepted it. Whether it happened is seen by
the next read, never assumed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from shared.core.batch_jobs import BatchJob
from shared.core.facts import DiskFacts, FailedTask, MachineFacts, Resource, Utilisation
from shared.core.protection import Lock
from shared.core.surveys import Measure


class OperationState(StrEnum):
    """A long-running operation's state."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"  # the service no longer knows it


@dataclass(frozen=True, slots=True)
class SnapshotState:
    """A snapshot as it is now."""

    id: str
    is_ready: bool
    has_failed: bool
    source: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskState:
    """One Batch task as it is now.

    Attributes:
        state: ``active``, ``preparing``, ``running`` or ``completed``.
        has_failed: Whether its last execution ended in failure; None if not ended.
        ended_at: When its last execution ended, or None.
        exit_info: Everything that reactivation would erase, JSON values.
    """

    id: str
    state: str
    has_failed: bool | None
    ended_at: datetime | None
    exit_info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FailedTasksRead:
    """Failed tasks of an account's active jobs, or of one job.

    Attributes:
        jobs: Job id to its state, for every job looked at.
        is_complete: False if ``limit`` cut the list.
    """

    jobs: Mapping[str, str]
    tasks: tuple[FailedTask, ...]
    is_complete: bool


class Resources(Protocol):
    """Any Azure resource by its id."""

    async def resource(self, resource_id: str) -> Resource | None:
        """Read name, type, location, tags and size; a few seconds old at most.

        For an instance of a scale set: the instance's own size and pool, its tags laid
        over the scale set's.
        """
        ...

    async def locks(self, resource_id: str) -> tuple[Lock, ...]:
        """Read the management locks at a resource and above it; seconds old at most."""
        ...


class Compute(Protocol):
    """Virtual machines, scale-set instances, disks and snapshots."""

    def machines(self, subscription: str) -> AsyncIterator[MachineFacts]:
        """Yield every VM with its power state, from one paged list; no utilisation."""
        ...

    async def machine(self, vm: str) -> MachineFacts | None:
        """Read one VM with its power state."""
        ...

    async def deallocate(self, vm: str, *, location: str = "") -> str:
        """Ask for deallocation, with others of its region if they are asked for now.

        Returns:
            The platform's name of the operation if it was one of many, or empty.
        """
        ...

    async def disks(self, vm: str) -> DiskFacts | None:
        """Read a VM's managed disks."""
        ...

    async def snapshot(self, snapshot_id: str) -> SnapshotState | None:
        """Read a snapshot."""
        ...

    async def create_snapshot(
        self, snapshot_id: str, *, disk: str, location: str, tags: Mapping[str, str]
    ) -> None:
        """Ask for an incremental snapshot of a disk under this very id."""
        ...

    async def redeploy(self, vm: str) -> str:
        """Ask for a redeploy; return a token (<= 4 KiB, no secret) to follow it by."""
        ...

    async def operation(self, vm: str, token: str) -> tuple[OperationState, str]:
        """Tell how the redeploy of that token stands, and the service's words if failed."""
        ...

    async def provisioned_at(self, vm: str) -> tuple[str, datetime | None]:
        """Return the provisioning state (``succeeded``, ``updating``...) and since when."""
        ...


class Metrics(Protocol):
    """How busy machines were."""

    async def utilisation(
        self, machines: Sequence[MachineFacts], *, window: timedelta, gpu_metric: str
    ) -> Mapping[str, Utilisation | None]:
        """Return utilisation by folded resource id; None or absent where unreadable.

        Asks in batches of up to 50 resources of one subscription, region and type.

        Args:
            gpu_metric: ``namespace/name`` of the guest metric that carries GPU
                utilisation in percent, or empty if none is collected.
        """
        ...

    async def points(
        self, places: Mapping[str, str], measure: Measure
    ) -> Mapping[str, Sequence[float]]:
        """Return a metric's points that have a value, oldest first, by folded id.

        A resource that could not be asked, or has no point, is not in the answer.

        Args:
            places: Location by ARM id.
        """
        ...


class BatchAccounts(Protocol):
    """Azure Batch: jobs and tasks."""

    async def failed_tasks(
        self, account: str, *, job: str, since: datetime, limit: int
    ) -> FailedTasksRead:
        """Read tasks that completed with a failure at or after ``since``.

        Args:
            account: ARM id of the Batch account.
            job: One job's id, or empty for every active job.
        """
        ...

    async def job_state(self, account: str, job: str) -> str | None:
        """Return a job's state, or None if there is no such job."""
        ...

    async def task(self, account: str, job: str, task: str) -> TaskState | None:
        """Read one task."""
        ...

    async def reactivate(self, account: str, job: str, task: str) -> None:
        """Let a failed task run again; one that is not failed any more is no error."""
        ...

    async def active_jobs(self, account: str) -> tuple[BatchJob, ...]:
        """Read every active job, with how its tasks stand."""
        ...

    async def job(self, account: str, job: str) -> BatchJob | None:
        """Read one job, whatever its state; None if there is no such job."""
        ...

    async def has_moved(self, account: str, job: str, *, since: datetime) -> bool:
        """Tell whether a task waits, runs, or entered its state at or after ``since``."""
        ...

    async def terminate_job(self, account: str, job: str) -> None:
        """Close a job: no task begins any more; one that ended already is no error.

        It returns when Batch has accepted it; the next read shows what became of it.
        """
        ...
