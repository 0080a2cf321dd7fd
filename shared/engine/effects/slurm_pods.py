"""Pods that are Slurm nodes: never evicted; a drain waits until Slurm has emptied them.

An operator that runs slurmd in pods drains a node in Slurm as soon as the machine under it
is cordoned, and ``drain_slurm_node`` does so with checkpoints and a requeue. Evicted, such
a pod would take its jobs with it, and Slurm would go on giving it new ones until it misses
it.

Source: https://github.com/SlinkyProject/slurm-operator (api/v1beta1/well_known.go: the
"DRAIN action taken when the Kube node on which a NodeSet pod is scheduled is cordoned")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.core.pods import Pod
from shared.engine.effects.work import Work, each


@dataclass(frozen=True, slots=True)
class Emptied:
    """How far Slurm is with one pod.

    Attributes:
        is_known: A configured Slurm cluster has a node of its name.
        is_empty: It is drained there, and no job is on it.
        words: What was seen, for people.
    """

    pod: str
    is_known: bool
    is_empty: bool
    words: str


async def emptied(work: Work, pods: Sequence[Pod]) -> list[Emptied]:
    """Look at the Slurm node of each pod."""

    async def one(pod: Pod) -> Emptied:
        found = await work.ports.slurm.find_host(pod.slurm_host)
        if found.node is None:
            why = found.detail or f"no Slurm cluster has a node {pod.slurm_host}"
            return Emptied(pod.label, is_known=False, is_empty=False, words=why)
        node = found.node
        jobs = await work.ports.slurm.jobs(node)
        is_empty = node.is_drained and not jobs
        words = f"{node.name} in {node.cluster}: {'+'.join(node.states)}, {len(jobs)} jobs"
        return Emptied(pod.label, is_known=True, is_empty=is_empty, words=words)

    return await each(pods, one)
