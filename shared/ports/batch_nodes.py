"""Compute nodes of Batch pools: found by their VM, kept from tasks, mended, replaced.

An effect returns when Batch has accepted it; what became of it is seen by the next read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.core.batch_pools import BatchPool
from shared.core.facts import BatchNode


class TasksThen(StrEnum):
    """What becomes of the tasks on a node that gets no new ones."""

    REQUEUE = "requeue"
    TERMINATE = "terminate"
    TASK_COMPLETION = "task_completion"


@dataclass(frozen=True, slots=True)
class PoolTargets:
    """How many nodes a pool is set to have.

    Attributes:
        is_steady: Whether it may be resized now.
        is_autoscaled: Whether a formula decides the numbers.
    """

    dedicated: int
    low_priority: int
    is_steady: bool
    is_autoscaled: bool


class BatchNodes(Protocol):
    """Nodes of Batch pools."""

    async def find(self, vm: str) -> BatchNode | None:
        """Find the node that a VM is, in the accounts of its subscription; read it afresh.

        Only pools in a subscription of one's own tell their VMs; notices name no others.
        """
        ...

    async def node(self, account: str, pool: str, node: str) -> BatchNode | None:
        """Read one node."""
        ...

    async def unusable(self, account: str, *, pool: str, limit: int) -> tuple[BatchNode, ...]:
        """Read nodes that are unusable or whose start task failed, of one pool or all."""
        ...

    async def disable(self, node: BatchNode, *, then: TasksThen) -> None:
        """Give a node no new tasks; one that gets none already is no error."""
        ...

    async def enable(self, node: BatchNode) -> None:
        """Give a node tasks again; one that gets them already is no error."""
        ...

    async def reboot(self, node: BatchNode) -> None:
        """Reboot a node.

        Raises:
            InvalidTarget: It is gone, or Batch reboots none in its state.
        """
        ...

    async def reimage(self, node: BatchNode) -> None:
        """Install a node anew; raises as ``reboot``."""
        ...

    async def remove(self, account: str, pool: str, nodes: Sequence[str]) -> None:
        """Take nodes out of a pool, whose target then is less by so many.

        Raises:
            StaleFacts: The pool is being resized.
        """
        ...

    async def targets(self, account: str, pool: str) -> PoolTargets | None:
        """Read how many nodes a pool is set to have."""
        ...

    async def resize(
        self, account: str, pool: str, *, dedicated: int, low_priority: int
    ) -> None:
        """Set how many nodes a pool is to have; raises as ``remove``."""
        ...

    async def pools_of(self, account: str) -> tuple[BatchPool, ...]:
        """Read the pools of an account."""
        ...

    async def pool(self, account: str, pool: str) -> BatchPool | None:
        """Read one pool."""
        ...

    async def idle_since(self, account: str, pool: str) -> tuple[int, datetime | None]:
        """Count the nodes that are not idle, and tell when the last of all became idle.

        None for the moment where a node is not idle, where one does not tell, or if there
        are no nodes.
        """
        ...

    async def enable_formula(self, account: str, pool: str, formula: str) -> None:
        """Let a formula decide how many nodes a pool has; raises as ``remove``."""
        ...
