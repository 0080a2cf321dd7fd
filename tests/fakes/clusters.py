"""AKS clusters whose pods really leave, unless a budget or a namespace forbids it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from shared.core import marks
from shared.core.errors import InvalidTarget, Unproven
from shared.core.facts import AksNode
from shared.core.gangs import Gang
from shared.core.pods import Pod
from shared.core.workloads import Workload
from shared.ports import Evicted, Eviction
from tests.fakes.effects import Trapped

ASKED = datetime(2026, 1, 1, tzinfo=UTC)
FOREVER = -1


@dataclass
class FakePod:
    """A pod on a node.

    Attributes:
        looks_to_leave: Lists that still show it after its eviction was accepted.
        blocks: Evictions its budget still refuses; ``FOREVER`` for all of them.
        graces: The grace of each eviction that was accepted.
        told: What it was told, by annotation.
        saves: What it says of its checkpoint as soon as it is told; empty: nothing.
    """

    pod: Pod
    node: str
    looks_to_leave: int = 1
    blocks: int = 0
    graces: list[timedelta | None] = field(default_factory=list)
    looks_left: int | None = None
    told: dict[str, str] = field(default_factory=dict)
    saves: str = ""


@dataclass(kw_only=True)
class FakeCluster(Trapped):
    """Nodes by the VM they run on, and the pods on them.

    Attributes:
        nodes: Node by folded VM id.
        pods_by_uid: Pods in every cluster.
        unproven: Folded ids of VMs whose node has no providerID.
        terminating: Namespaces that are going away and refuse evictions.
        running: Workloads by folded cluster id, whatever the namespace.
    """

    nodes: dict[str, AksNode] = field(default_factory=dict)
    pods_by_uid: dict[str, FakePod] = field(default_factory=dict)
    terminating: set[str] = field(default_factory=set)
    unproven: set[str] = field(default_factory=set)
    running: dict[str, tuple[Workload, ...]] = field(default_factory=dict)

    def add(self, vm: str, node: AksNode) -> AksNode:
        """Put a node into the world, on a VM."""
        self.nodes[vm.casefold()] = node
        return node

    def run(
        self,
        pod: Pod,
        on: AksNode,
        *,
        looks_to_leave: int = 1,
        blocks: int = 0,
        saves: str = "",
    ) -> FakePod:
        """Start a pod on a node."""
        placed = replace(pod, node=on.name)
        started = FakePod(placed, on.name, looks_to_leave, blocks, saves=saves)
        self.pods_by_uid[pod.uid] = started
        return self.pods_by_uid[pod.uid]

    async def find_node(self, vm: str) -> AksNode | None:
        """Find a node by its VM."""
        self.reading("find_node")
        if vm.rstrip("/").casefold() in self.unproven:
            raise Unproven(f"the node of {vm} has no providerID")
        return self.nodes.get(vm.rstrip("/").casefold())

    async def cordon(self, node: AksNode, *, by: str, because: str = "") -> AksNode:
        """Make a node unschedulable, unless somebody else already did."""
        self.before("cordon")
        vm, now = self._now(node)
        if marks.is_held_by_others(now) or by in now.cordoned_by:
            return now
        is_tainted = any(marks.key_of(one) == marks.OUR_TAINT for one in now.taints)
        marked = replace(
            now,
            is_unschedulable=True,
            cordoned_by=(*now.cordoned_by, by),
            taints=now.taints if is_tainted else (*now.taints, marks.our_taint(because)),
        )
        self.nodes[vm] = marked
        self.happened("cordon", node.name)
        return marked

    async def uncordon(self, node: AksNode, *, by: str) -> AksNode:
        """Take one mark off; schedulable when none is left."""
        self.before("uncordon")
        vm, now = self._now(node)
        if by not in now.cordoned_by:
            return now
        left = tuple(one for one in now.cordoned_by if one != by)
        still = now.is_unschedulable and (bool(left) or marks.is_auto_drained(now))
        others = tuple(one for one in now.taints if marks.key_of(one) != marks.OUR_TAINT)
        self.nodes[vm] = replace(
            now,
            is_unschedulable=still,
            cordoned_by=left,
            taints=now.taints if left else others,
        )
        self.happened("uncordon", node.name)
        return self.nodes[vm]

    async def pods(self, node: AksNode) -> tuple[Pod, ...]:
        """List the pods on a node; those that are leaving get on by one look."""
        self.reading("pods")
        here = [one for one in self.pods_by_uid.values() if one.node == node.name]
        for one in here:
            if one.looks_left is not None:
                one.looks_left -= 1
                if one.looks_left < 0:
                    del self.pods_by_uid[one.pod.uid]
        return tuple(one.pod for one in here if one.pod.uid in self.pods_by_uid)

    async def members(self, node: AksNode, gang: Gang) -> tuple[Pod, ...]:
        """List a job's pods, on whichever node."""
        self.reading("members")
        found = (one.pod for one in self.pods_by_uid.values())
        return tuple(pod for pod in found if pod.gang == gang)

    async def tell(self, node: AksNode, pod: Pod, *, key: str, value: str) -> bool:
        """Annotate a pod, which may save at once; what it was told already is no news."""
        self.before("tell")
        found = self.pods_by_uid.get(pod.uid)
        if found is None or found.pod.label != pod.label:
            return False
        if found.told.get(key) != value:
            found.told[key] = value
            if found.saves:
                found.pod = replace(found.pod, checkpointed=found.saves)
            self.happened("tell", pod.uid)
        return True

    async def evict(self, node: AksNode, pod: Pod, *, grace: timedelta | None) -> Eviction:
        """Evict a pod: gone, blocked by its budget, or on its way out."""
        self.before("evict")
        found = self.pods_by_uid.get(pod.uid)
        if found is None or found.pod.label != pod.label:
            return Eviction(Evicted.GONE)
        if pod.namespace in self.terminating:
            why = f"namespace {pod.namespace} is terminating"
            return Eviction(Evicted.BLOCKED, why)
        if found.blocks and found.looks_left is None:
            found.blocks -= 1 if found.blocks > 0 else 0
            why = "Cannot evict pod as it would violate the pod's disruption budget."
            return Eviction(Evicted.BLOCKED, why)
        if found.looks_left is None:
            found.looks_left = found.looks_to_leave
            found.pod = replace(found.pod, deleting_since=ASKED)
        found.graces.append(grace)
        self.happened("evict", pod.uid)
        return Eviction(Evicted.ACCEPTED)

    async def workloads(self, cluster: str, namespace: str) -> tuple[Workload, ...]:
        """List what runs there."""
        self.reading("workloads")
        return self.running.get(cluster.casefold(), ())

    def _now(self, node: AksNode) -> tuple[str, AksNode]:
        for vm, known in self.nodes.items():
            if (known.cluster, known.name) == (node.cluster, node.name):
                return vm, known
        raise InvalidTarget(f"there is no node {node.name} in {node.cluster}")
