"""Machines that are nodes of Kubernetes or Slurm, as they were observed at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.core.resources import Resource
from shared.core.slurm import SlurmJob, SlurmNode


@dataclass(frozen=True, slots=True)
class AksNode:
    """A Kubernetes node found by its providerID.

    Attributes:
        cluster: ARM id of the managed cluster.
        cordoned_by: Plan ids in our own annotation: whose cordon it is; empty if a
            person or another tool cordoned it.
        version: What was read, in the API server's words; a write that names it changes
            exactly that or nothing. Empty if it is not known.
        labels: As they are on the node.
        annotations: Only those that ``shared.core.marks`` knows: others may be large.
    """

    name: str
    cluster: str
    provider_id: str
    is_unschedulable: bool
    is_ready: bool
    cordoned_by: tuple[str, ...] = ()
    taints: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    version: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A VM and the node it carries.

    Attributes:
        node: None if no cluster knows the VM.
        pods: How many pods a drain would move; None where no rule asks, for it costs a call.
    """

    resource: Resource
    node: AksNode | None
    pods: int | None = None


@dataclass(frozen=True, slots=True)
class SlurmNodeFacts:
    """A VM and the Slurm node it carries, with the jobs on it.

    Attributes:
        node: None if no cluster has it, or if it could not be told.
        trouble: Why that could not be told, a ``Reason``; empty if it could.
        detail: The trouble in words.
    """

    resource: Resource
    node: SlurmNode | None
    jobs: tuple[SlurmJob, ...] = ()
    trouble: str = ""
    detail: str = ""
