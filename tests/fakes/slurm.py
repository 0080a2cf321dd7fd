"""A Slurm held in memory: nodes with state, reason and comment, and jobs that move.

It does what a real 24.11 was seen to do, the traps included: an update may be applied in
part and still fail, DOWN without DRAIN does not last, RESUME keeps the reason and fails on
a node that has nothing to resume from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from shared.core.errors import Forbidden, InvalidTarget, ProviderUnavailable
from shared.core.slurm import SlurmJob, SlurmNode
from shared.ports import FoundNode
from tests.fakes.effects import Trapped

CLUSTER = "lab"
USER = "slurm"
_SOON = timedelta(seconds=2)


@dataclass
class FakeSlurmJob:
    """A job.

    Attributes:
        says: What it writes of its checkpoint as soon as it is signalled; empty: nothing.
        signals: What it was sent, as ``whom:SIGNAL``.
    """

    fact: SlurmJob
    says: str = ""
    signals: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class FakeSlurm(Trapped):
    """One cluster, or several by the names of their nodes' ``cluster``.

    Attributes:
        machines: Folded VM id to the cluster and name of its node.
        has_requeue: Whether it can requeue over REST, as 26.05 does.
        half: How many of the next drains leave the state as it is, and fail.
        silent, refusing: Clusters that do not answer; that refuse our token.
        ambiguous: Folded VM ids that two nodes could be.
    """

    nodes: dict[tuple[str, str], SlurmNode] = field(default_factory=dict)
    jobs_by_id: dict[int, FakeSlurmJob] = field(default_factory=dict)
    machines: dict[str, tuple[str, str]] = field(default_factory=dict)
    has_requeue: bool = False
    half: int = 0
    silent: set[str] = field(default_factory=set)
    refusing: set[str] = field(default_factory=set)
    ambiguous: set[str] = field(default_factory=set)

    # what tests do

    def add(self, name: str, vm: str = "", cluster: str = CLUSTER) -> SlurmNode:
        """Put an idle node into the world, on a machine or on none."""
        node = SlurmNode(cluster, name, ("IDLE",), address=f"10.0.0.{len(self.nodes) + 1}")
        self.nodes[cluster, name] = node
        if vm:
            self.machines[vm.casefold()] = (cluster, name)
        return node

    def run(self, *on: str, cluster: str = CLUSTER, says: str = "", **fields: Any) -> int:
        """Let a job run on nodes; return its id."""
        number = len(self.jobs_by_id) + 1
        values = {"id": number, "name": f"job-{number}", "user": "alice", "nodes": on}
        fact = SlurmJob(**{"states": ("RUNNING",), "is_requeueable": True, **values, **fields})
        self.jobs_by_id[number] = FakeSlurmJob(fact, says)
        for name in on:
            self._change(cluster, name, add="ALLOCATED", drop="IDLE")
        return number

    def operator(self, name: str, reason: str, cluster: str = CLUSTER) -> None:
        """Let a person drain a node, whoever did before."""
        self._change(cluster, name, add="DRAIN")
        self._set(cluster, name, reason=reason, reason_user="root", is_reason_ours=False)

    def operator_resumes(self, name: str, cluster: str = CLUSTER) -> None:
        """Let a person put a node back to work."""
        self._resume(cluster, name)

    def job(self, number: int) -> SlurmJob:
        """Return a job as it is now."""
        return self.jobs_by_id[number].fact

    def at(self, name: str, cluster: str = CLUSTER) -> SlurmNode:
        """Return a node as it is now."""
        return self.nodes[cluster, name]

    # the port

    async def find_node(self, vm: str) -> FoundNode:
        """Find the node on a machine."""
        self.reading("find slurm node")
        if vm.casefold() in self.ambiguous:
            return FoundNode(trouble="ambiguous_node", detail="two nodes could be it")
        if vm.casefold() not in self.machines:
            return FoundNode(is_asked=bool(self.nodes))
        cluster, name = self.machines[vm.casefold()]
        try:
            return FoundNode(await self.node(cluster, name))
        except Forbidden as error:
            return FoundNode(trouble="slurm_refused", detail=str(error))
        except ProviderUnavailable as error:
            return FoundNode(trouble="slurm_unreachable", detail=str(error))

    async def find_host(self, host: str) -> FoundNode:
        """Find the node of a name."""
        self.reading("find slurm host")
        found = [one for (_, name), one in self.nodes.items() if name == host]
        if len(found) > 1:
            return FoundNode(trouble="ambiguous_node", detail="two nodes have the name")
        return FoundNode(found[0]) if found else FoundNode(detail="no Slurm cluster has it")

    async def node(self, cluster: str, name: str) -> SlurmNode | None:
        """Read a node."""
        self.reading("slurm node")
        self._must_answer(cluster)
        self._schedule()
        found = self.nodes.get((cluster, name))
        if found is not None and found.is_down and not found.is_drained:
            self._resume(cluster, name)  # its daemon says hello, and it is usable again
        return self.nodes.get((cluster, name))

    async def jobs(self, node: SlurmNode) -> tuple[SlurmJob, ...]:
        """Read the jobs on a node."""
        self.reading("slurm jobs")
        self._must_answer(node.cluster)
        self._schedule()
        facts = (one.fact for one in self.jobs_by_id.values())
        return tuple(job for job in facts if node.name in job.nodes)

    async def drain(self, node: SlurmNode, *, reason: str, comment: str) -> None:
        """Drain a node, or a part of that."""
        self._begin("slurm_drain", node)
        self._set(
            node.cluster,
            node.name,
            reason=reason,
            reason_user=USER,
            is_reason_ours=True,
            comment=comment,
        )
        if self.half:
            self.half -= 1
            raise InvalidTarget(f"updating node {node.name}: 2028 Invalid node state")
        self._change(node.cluster, node.name, add="DRAIN")
        self.happened("slurm_drain", node.name)

    async def down(self, node: SlurmNode) -> None:
        """Give a node up: its jobs are requeued, or fail."""
        self._begin("slurm_down", node)
        for job in self._on(node.name):
            self._leave(job, "PENDING" if job.fact.is_requeueable else "NODE_FAIL")
        drained = tuple(s for s in self.at(node.name, node.cluster).states if s == "DRAIN")
        self._set(node.cluster, node.name, states=("DOWN", *drained))
        self.happened("slurm_down", node.name)

    async def resume(self, node: SlurmNode) -> None:
        """Put a node back to work."""
        self._begin("slurm_resume", node)
        now = self.at(node.name, node.cluster)
        if not now.is_drained and not now.is_down:
            raise InvalidTarget(f"updating node {node.name}: 2028 Invalid node state")
        self._resume(node.cluster, node.name)
        self.happened("slurm_resume", node.name)

    async def comment(self, node: SlurmNode, comment: str) -> None:
        """Replace a node's comment."""
        self._begin("slurm_comment", node)
        self._set(node.cluster, node.name, comment=comment)
        self.happened("slurm_comment", node.name)

    async def signal(self, node: SlurmNode, job: SlurmJob, signal: str, *, whom: str) -> bool:
        """Signal a job, which may write a checkpoint at once."""
        self._begin("slurm_signal", node)
        found = self.jobs_by_id.get(job.id)
        if found is None or "RUNNING" not in found.fact.states:
            return False
        found.signals.append(f"{whom}:{signal}")
        found.fact = replace(found.fact, checkpointed=found.says or found.fact.checkpointed)
        self.happened("slurm_signal", str(job.id))
        return True

    async def requeue(self, node: SlurmNode, jobs: Sequence[SlurmJob]) -> bool:
        """Requeue jobs, where that is served."""
        self._must_answer(node.cluster)
        if not self.has_requeue:
            return False
        for job in jobs:
            self._begin("slurm_requeue", node)
            found = self.jobs_by_id[job.id]
            if found.fact.nodes and found.fact.is_requeueable:
                self._leave(found, "PENDING")
            self.happened("slurm_requeue", str(job.id))
        return True

    # how it works

    def _begin(self, name: str, node: SlurmNode) -> None:
        self.before(name)
        self._must_answer(node.cluster)
        if (node.cluster, node.name) not in self.nodes:
            raise InvalidTarget(f"updating node {node.name}: 2018 Invalid node name")

    def _must_answer(self, cluster: str) -> None:
        if cluster not in {name for name, _ in self.nodes}:
            raise InvalidTarget(f"no Slurm cluster is called {cluster!r}")
        if cluster in self.refusing:
            raise Forbidden(f"Slurm {cluster}: the token is refused")
        if cluster in self.silent:
            raise ProviderUnavailable(f"Slurm {cluster}: timeout", after=_SOON)

    def _set(self, cluster: str, name: str, **fields: Any) -> None:
        self.nodes[cluster, name] = replace(self.nodes[cluster, name], **fields)

    def _change(self, cluster: str, name: str, *, add: str = "", drop: str = "") -> None:
        kept = [s for s in self.nodes[cluster, name].states if s not in {add, drop}]
        self._set(cluster, name, states=tuple([*kept, add] if add else kept))

    def _resume(self, cluster: str, name: str) -> None:
        busy = "ALLOCATED" if self._on(name) else "IDLE"
        self._set(cluster, name, states=(busy,))

    def _on(self, name: str) -> list[FakeSlurmJob]:
        return [job for job in self.jobs_by_id.values() if name in job.fact.nodes]

    def _leave(self, job: FakeSlurmJob, state: str) -> None:
        left, restarts = job.fact.nodes, job.fact.restarts + (state == "PENDING")
        job.fact = replace(job.fact, states=(state,), nodes=(), restarts=restarts)
        for cluster, name in list(self.nodes):
            if name in left and not self._on(name):
                self._change(cluster, name, add="IDLE", drop="ALLOCATED")

    def _schedule(self) -> None:
        """Start what waits on a node that takes jobs."""
        for job in self.jobs_by_id.values():
            free = [key for key, one in self.nodes.items() if _takes_jobs(one)]
            if job.fact.states == ("PENDING",) and free:
                cluster, name = free[0]
                job.fact = replace(job.fact, states=("RUNNING",), nodes=(name,))
                self._change(cluster, name, add="ALLOCATED", drop="IDLE")


def _takes_jobs(node: SlurmNode) -> bool:
    return node.states == ("IDLE",)
