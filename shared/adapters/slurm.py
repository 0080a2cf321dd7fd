"""Slurm clusters over their REST servers; a machine's node is found by what both say.

Each write is one call, and is not believed: whoever writes reads the node again.

Source: https://slurm.schedmd.com/rest_api.html (v0.0.42)
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from datetime import timedelta

from shared.adapters.arm import ArmReader
from shared.adapters.recent import Recent
from shared.adapters.slurm_api import Json, SlurmApi
from shared.adapters.slurm_machines import machine_of
from shared.adapters.slurm_shapes import is_on_a_node, job_fact, node_fact
from shared.core.decisions import Reason
from shared.core.errors import AutomationError, Forbidden, GiveUp, InvalidTarget, RetryLater
from shared.core.resource_ids import ResourceId
from shared.core.settings import Settings
from shared.core.slurm import ALL, BATCH, SlurmJob, SlurmNode
from shared.core.slurm_clusters import SlurmCluster
from shared.core.slurm_identity import Machine, candidates
from shared.ports import FoundNode

_WHERE_FOR = timedelta(seconds=10)
_MACHINES_FOR = timedelta(seconds=15)
_FLAGS = {BATCH: "BATCH_JOB", ALL: "FULL_JOB"}


class SlurmClusters:
    """``Slurm`` over slurmrestd."""

    def __init__(self, arm: ArmReader, settings: Settings) -> None:
        """Connect to nothing yet."""
        self._arm = arm
        self._apis = {
            cluster.name: SlurmApi(cluster, base64.b64decode(settings.slurm_key))
            for cluster in settings.slurm
        }
        self._nodes: Recent[Sequence[Json]] = Recent(ttl=_WHERE_FOR, limit=100)
        self._jobs: Recent[Sequence[Json]] = Recent(ttl=timedelta(0), limit=100)
        self._machines: Recent[Machine | None] = Recent(ttl=_MACHINES_FOR, limit=1_000)

    async def find_node(self, vm: str) -> FoundNode:
        """Find the node that a VM is, in the clusters that may have it."""
        rid = _parsed(vm)
        apis = [api for api in self._apis.values() if api.cluster.may_have(rid)]
        if not apis:
            words = "no Slurm cluster of NIGHTSHIFT_SLURM is for it"
            return FoundNode(detail=words, is_asked=bool(self._apis))
        machine, listed = await asyncio.gather(
            self._machines.get(rid.key, lambda: machine_of(self._arm, rid)),
            asyncio.gather(*(self._list(api) for api in apis)),
        )
        if machine is None:
            return FoundNode(detail="the machine does not exist any more")
        return await self._decide(machine, dict(zip(apis, listed, strict=True)))

    async def find_host(self, host: str) -> FoundNode:
        """Find the node of a name in every cluster; no machine says in which."""
        apis = list(self._apis.values())
        if not apis:
            return FoundNode(detail="NIGHTSHIFT_SLURM names no cluster")
        listed = await asyncio.gather(*(self._list(api) for api in apis))
        machine = Machine(names=frozenset({host.casefold()}))
        return await self._decide(machine, dict(zip(apis, listed, strict=True)))

    async def node(self, cluster: str, name: str) -> SlurmNode | None:
        """Read a node; None if the cluster has none of that name."""
        api = self._api(cluster)
        found = await api.node(name)
        return None if found is None else node_fact(found, cluster, api.cluster.user)

    async def jobs(self, node: SlurmNode) -> tuple[SlurmJob, ...]:
        """Read the jobs that hold an allocation on a node, lowest id first.

        Slurm lists all jobs or one; those who ask at once share the list.
        """
        api = self._api(node.cluster)
        listed = await self._jobs.get(node.cluster, api.jobs)
        found = (job_fact(job) for job in listed)
        here = [job for job in found if node.name in job.nodes and is_on_a_node(job)]
        return tuple(sorted(here, key=lambda job: job.id))

    async def drain(self, node: SlurmNode, *, reason: str, comment: str) -> None:
        """Let no new job start on a node."""
        if not reason:
            raise InvalidTarget(f"draining {node.name}: Slurm would take it without a reason")
        change = {"state": ["DRAIN"], "reason": reason, "comment": comment}
        await self._api(node.cluster).update(node.name, change)

    async def down(self, node: SlurmNode) -> None:
        """Give a node up; its reason stays."""
        await self._api(node.cluster).update(node.name, {"state": ["DOWN"]})

    async def resume(self, node: SlurmNode) -> None:
        """Put a node back to work."""
        await self._api(node.cluster).update(node.name, {"state": ["RESUME"]})

    async def comment(self, node: SlurmNode, comment: str) -> None:
        """Replace a node's comment."""
        await self._api(node.cluster).update(node.name, {"comment": comment})

    async def signal(self, node: SlurmNode, job: SlurmJob, signal: str, *, whom: str) -> bool:
        """Send a signal to a job; False if it is over."""
        flags = _FLAGS.get(whom, "")
        return await self._api(node.cluster).signal(job.id, signal, flags)

    async def requeue(self, node: SlurmNode, jobs: Sequence[SlurmJob]) -> bool:
        """Put jobs back into the queue, one call each; False if this Slurm cannot."""
        api = self._api(node.cluster)
        if not await api.has_requeue():
            return False
        await asyncio.gather(*(api.requeue(job.id) for job in jobs))
        return True

    async def close(self) -> None:
        """Close the connections to every cluster."""
        for api in self._apis.values():
            await api.close()

    async def _list(self, api: SlurmApi) -> Sequence[Json] | AutomationError:
        try:
            return await self._nodes.get(api.cluster.name, api.nodes)
        except (GiveUp, RetryLater) as error:
            return error

    async def _decide(
        self, machine: Machine, listed: dict[SlurmApi, Sequence[Json] | AutomationError]
    ) -> FoundNode:
        """Take the one node that it is; who could have it and does not say is trouble."""
        found: list[SlurmNode] = []
        silent: list[AutomationError] = []
        for api, nodes in listed.items():
            if not _is_asked(api.cluster, machine):
                continue
            if isinstance(nodes, AutomationError):
                silent.append(nodes)
                continue
            name, user = api.cluster.name, api.cluster.user
            facts = [node_fact(one, name, user) for one in nodes]
            at_home = bool(api.cluster.within or machine.cyclecloud)
            found += candidates(facts, machine, is_at_home=at_home)
        if len(found) > 1:
            names = " and ".join(f"{one.name} in {one.cluster}" for one in found[:5])
            return FoundNode(trouble=Reason.AMBIGUOUS_NODE.value, detail=names)
        if not found:
            return _unanswered(silent, machine)
        try:
            return FoundNode(await self.node(found[0].cluster, found[0].name))
        except (GiveUp, RetryLater) as error:
            return _unanswered([error], machine)

    def _api(self, cluster: str) -> SlurmApi:
        if cluster not in self._apis:
            raise InvalidTarget(
                f"no Slurm cluster is called {cluster!r}; NIGHTSHIFT_SLURM names "
                f"{', '.join(self._apis) or 'none'}"
            )
        return self._apis[cluster]


def _is_asked(cluster: SlurmCluster, machine: Machine) -> bool:
    """Tell whether a machine may be of a cluster; CycleCloud says of which."""
    tagged = machine.cyclecloud.casefold()
    return not tagged or cluster.name.casefold() == tagged


def _unanswered(silent: Sequence[AutomationError], machine: Machine) -> FoundNode:
    if silent:
        is_refused = any(isinstance(error, Forbidden) for error in silent)
        reason = Reason.SLURM_REFUSED if is_refused else Reason.SLURM_UNREACHABLE
        return FoundNode(
            trouble=reason.value, detail="; ".join(str(error) for error in silent)
        )
    if machine.cyclecloud:
        return FoundNode(
            detail=f"no node of NIGHTSHIFT_SLURM's {machine.cyclecloud!r}, which CycleCloud "
            "says it is of"
        )
    return FoundNode()


def _parsed(vm: str) -> ResourceId:
    try:
        return ResourceId.parse(vm)
    except ValueError as exc:
        raise InvalidTarget(f"finding a Slurm node: {exc}") from exc
