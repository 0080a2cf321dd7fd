"""Kubernetes clusters, as far as an interruption needs them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from shared.core.facts import AksNode
from shared.core.pods import Pod


class Evicted(StrEnum):
    """The API server's answer to one eviction."""

    ACCEPTED = "accepted"
    GONE = "gone"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Eviction:
    """What became of one eviction.

    Attributes:
        why: The budget's or the namespace's own words when blocked.
    """

    outcome: Evicted
    why: str = ""


class Cluster(Protocol):
    """AKS clusters, reached by the machine they run on."""

    async def find_node(self, vm: str) -> AksNode | None:
        """Find the node whose providerID names a VM; None if no cluster has it.

        Never by name alone: a Uniform scale set's instance 29 is the node ``...00000t``.
        """
        ...

    async def cordon(self, node: AksNode, *, by: str) -> AksNode:
        """Make a node unschedulable and add ``by`` to our own mark on it.

        A node that was unschedulable without our mark keeps belonging to whoever did it:
        it is returned unmarked.

        Raises:
            StaleFacts: Somebody changed the node meanwhile.
        """
        ...

    async def uncordon(self, node: AksNode, *, by: str) -> AksNode:
        """Take ``by`` off our mark; schedulable again when no mark of ours is left.

        A node without that mark is returned as it is.
        """
        ...

    async def pods(self, node: AksNode) -> tuple[Pod, ...]:
        """List every pod on a node, in chunks."""
        ...

    async def evict(self, node: AksNode, pod: Pod, *, grace: timedelta | None) -> Eviction:
        """Ask the API server to evict a pod (policy/v1), once.

        Only this pod: its uid is a precondition, so that a namesake is never evicted.
        """
        ...
