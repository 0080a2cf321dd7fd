"""Slurm clusters, as far as an interruption needs them.

Slurm applies an update field by field and may fail after some of them, so whoever writes
reads the node again, whatever the answer was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.core.slurm import SlurmJob, SlurmNode


@dataclass(frozen=True, slots=True)
class FoundNode:
    """Which node a machine is.

    Attributes:
        node: None if no cluster has it, or if it could not be told.
        trouble: ``ambiguous_node``, ``slurm_unreachable`` or ``slurm_refused`` if a
            cluster that could have it did not say so clearly; else empty.
        detail: The trouble in words.
        is_asked: Whether there is a cluster that could have it.
    """

    node: SlurmNode | None = None
    trouble: str = ""
    detail: str = ""
    is_asked: bool = True


class Slurm(Protocol):
    """Slurm clusters, reached by the machine or by cluster and node name."""

    async def find_node(self, vm: str) -> FoundNode:
        """Find the node that a VM is; never by guess: two that could be it are none."""
        ...

    async def find_host(self, host: str) -> FoundNode:
        """Find the node of a name or host name that an operator's pod bears.

        In whichever cluster has it; two that have one are none.
        """
        ...

    async def node(self, cluster: str, name: str) -> SlurmNode | None:
        """Read a node; None if the cluster has none of that name.

        Raises:
            RetryLater: The cluster does not answer.
            Forbidden: Our token is refused.
            InvalidTarget: No such cluster is configured.
        """
        ...

    async def jobs(self, node: SlurmNode) -> tuple[SlurmJob, ...]:
        """Read the jobs that hold an allocation on a node, lowest id first."""
        ...

    async def drain(self, node: SlurmNode, *, reason: str, comment: str) -> None:
        """Let no new job start on a node; replaces reason and comment."""
        ...

    async def down(self, node: SlurmNode) -> None:
        """Give a node up: its jobs run again elsewhere if they may, and end if not."""
        ...

    async def resume(self, node: SlurmNode) -> None:
        """Put a drained or given-up node back to work; reason and comment stay."""
        ...

    async def comment(self, node: SlurmNode, comment: str) -> None:
        """Replace a node's comment, and nothing else."""
        ...

    async def signal(self, node: SlurmNode, job: SlurmJob, signal: str, *, whom: str) -> bool:
        """Send a signal to a job's batch script, its steps or all; False if it is over."""
        ...

    async def requeue(self, node: SlurmNode, jobs: Sequence[SlurmJob]) -> bool:
        """Put jobs back into the queue, if this Slurm can do that over REST.

        Returns:
            False if it cannot: nothing was asked. One that has left already is no error.
        """
        ...
