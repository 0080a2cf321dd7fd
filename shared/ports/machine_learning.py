"""Azure ML: its compute instances, its clusters and its jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from shared.core.facts import MachineFacts, Resource
from shared.core.ml_clusters import MlCluster
from shared.core.ml_instances import MlInstance
from shared.core.ml_jobs import MlJob


class MachineLearning(Protocol):
    """Compute instances, compute clusters and jobs of Azure ML workspaces."""

    def instances(self, workspace: str) -> AsyncIterator[MachineFacts]:
        """Yield every compute instance of a workspace with its state as power."""
        ...

    async def instance(self, compute: str) -> MachineFacts | None:
        """Read one compute instance."""
        ...

    async def compute_instance(self, compute: str) -> tuple[Resource, MlInstance] | None:
        """Read one compute instance with what it is set to."""
        ...

    async def active_jobs(self, compute: str) -> tuple[str, ...]:
        """Name the jobs on a compute that have not ended, of its workspace's newest 300."""
        ...

    async def stop(self, compute: str) -> None:
        """Ask for a stop, which for a compute instance deallocates it."""
        ...

    async def start(self, compute: str) -> None:
        """Ask for a start of a compute instance."""
        ...

    async def restart(self, compute: str) -> None:
        """Ask for a restart of a compute instance."""
        ...

    async def delete(self, compute: str) -> None:
        """Ask for a compute to be deleted; one that is gone is no error."""
        ...

    async def set_idle_shutdown(self, compute: str, idle: timedelta) -> None:
        """Let Azure stop an instance after so long without use, 15 minutes to 3 days."""
        ...

    async def set_schedules(
        self, compute: str, schedules: Sequence[Mapping[str, Any]]
    ) -> None:
        """Replace an instance's schedules, as the service writes them."""
        ...

    async def tag(self, compute: str, tags: Mapping[str, str]) -> None:
        """Add tags to a compute; the others stay."""
        ...

    async def cluster(self, compute: str) -> MlCluster | None:
        """Read one compute cluster; None if there is none, or it is no cluster."""
        ...

    async def scale(self, compute: str, *, least: int, most: int, idle: timedelta) -> None:
        """Set how few and how many nodes a cluster has, and how long one stays unused."""
        ...

    async def job(self, job: str) -> MlJob | None:
        """Read one job by its ARM id, with the end that its run's history tells."""
        ...

    async def submit_again(self, job: str, *, name: str, tags: Mapping[str, str]) -> None:
        """Submit what a job is under another name, with these tags.

        A job of that name that is there already is left as it is.

        Raises:
            InvalidTarget: There is no such job, or it cannot be submitted again.
        """
        ...
