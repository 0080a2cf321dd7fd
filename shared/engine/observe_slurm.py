"""Which Slurm node a machine is, and the jobs on it: by the machine, else by a pod on it."""

from __future__ import annotations

import asyncio

from shared.core.decisions import Reason
from shared.core.facts import SlurmNodeFacts
from shared.core.resource_ids import ResourceId
from shared.engine.night import Ports
from shared.ports import FoundNode


async def observe_slurm_node(target: ResourceId, ports: Ports) -> SlurmNodeFacts | None:
    """Read a machine and its Slurm node; a cluster in trouble is a fact, not an error.

    The other rules of the same notice are asked, and its other machines go on.
    """
    resource, found = await asyncio.gather(
        ports.resources.resource(target.text), ports.slurm.find_node(target.text)
    )
    if resource is None:
        return None
    if found.node is None and not found.trouble and found.is_asked:
        found = await _in_a_pod(target, found, ports)
    jobs = await ports.slurm.jobs(found.node) if found.node else ()
    return SlurmNodeFacts(resource, found.node, jobs, found.trouble, found.detail)


async def _in_a_pod(target: ResourceId, found: FoundNode, ports: Ports) -> FoundNode:
    """Look whether the machine is an AKS node on which an operator runs Slurm's daemon.

    More than one Slurm node on a machine is none that a plan could be about.
    """
    node = await ports.cluster.find_node(target.text)
    pods = await ports.cluster.pods(node) if node is not None else ()
    hosts = sorted({pod.slurm_host for pod in pods if pod.slurm_host and not pod.is_finished})
    if not hosts:
        return found
    if len(hosts) > 1:
        words = f"{len(hosts)} pods of {target.name} are Slurm nodes: {', '.join(hosts[:5])}"
        return FoundNode(trouble=Reason.AMBIGUOUS_NODE.value, detail=words)
    return await ports.slurm.find_host(hosts[0])
