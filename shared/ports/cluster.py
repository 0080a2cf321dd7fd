"""Kubernetes clusters, as far as an interruption needs them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from shared.core.facts import AksNode
from shared.core.gangs import Gang
from shared.core.pods import Pod
from shared.core.workloads import Workload


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

        Raises:
            Unproven: The node of the expected name has no providerID at all.
        """
        ...

    async def cordon(self, node: AksNode, *, by: str, because: str = "") -> AksNode:
        """Make a node unschedulable, and add ``by`` to our mark and our taint, in one write.

        A node that a person or AKS auto-drain had first keeps belonging to them: it is
        returned unmarked. Other taints stay as they are.

        Args:
            because: The type of the signal, the value of our taint. The first plan's stays.

        Raises:
            StaleFacts: Somebody kept changing the node meanwhile.
        """
        ...

    async def uncordon(self, node: AksNode, *, by: str) -> AksNode:
        """Take ``by`` off our mark; with the last of ours go our taint and the cordon.

        The cordon stays if AKS auto-drain came meanwhile; every other taint stays. A node
        without that mark is returned as it is.
        """
        ...

    async def pods(self, node: AksNode) -> tuple[Pod, ...]:
        """List every pod on a node, in chunks."""
        ...

    async def members(self, node: AksNode, gang: Gang) -> tuple[Pod, ...]:
        """List every pod of a job in a node's cluster, on whichever node it is."""
        ...

    async def tell(self, node: AksNode, pod: Pod, *, key: str, value: str) -> bool:
        """Set one annotation of a pod, by which it wants to be told; False if it is gone.

        Only this pod: a namesake is never told. The same again changes nothing.
        """
        ...

    async def evict(self, node: AksNode, pod: Pod, *, grace: timedelta | None) -> Eviction:
        """Ask the API server to evict a pod (policy/v1), once.

        Only this pod: its uid is a precondition, so that a namesake is never evicted.
        """
        ...

    async def workloads(self, cluster: str, namespace: str) -> tuple[Workload, ...]:
        """List a namespace's Deployments, DaemonSets and StatefulSets with their readiness.

        Args:
            cluster: ARM id of the managed cluster.
        """
        ...
