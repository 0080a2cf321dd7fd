"""Azure ML: its compute instances, its clusters and its jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from shared.core.facts import MachineFacts
from shared.core.ml_jobs import MlCluster, MlJob


class MachineLearning(Protocol):
    """Compute instances, compute clusters and jobs of Azure ML workspaces."""

    def instances(self, workspace: str) -> AsyncIterator[MachineFacts]:
        """Yield every compute instance of a workspace with its state as power."""
        ...

    async def instance(self, compute: str) -> MachineFacts | None:
        """Read one compute instance."""
        ...

    async def stop(self, compute: str) -> None:
        """Ask for a stop, which for a compute instance deallocates it."""
        ...

    async def cluster(self, compute: str) -> MlCluster | None:
        """Read one compute cluster; None if there is none, or it is no cluster."""
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
