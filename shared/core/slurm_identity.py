"""Which Slurm node a machine is: told by what both say of themselves, never guessed. Pure.

A node's ``InstanceId`` that is the machine's counts most, then its address, then its name.
Addresses repeat from one network to the next, so an address counts only in a cluster that
is known to have its machines where this one is. A name is not believed against an address.

CycleCloud tags its machines with the cluster they are of, and Slurm knows them by their
address: the name tag is on head nodes alone.

Source: https://learn.microsoft.com/azure/cyclecloud/how-to/tag-nodes,
https://github.com/Azure/cyclecloud-slurm (NodeAddr and NodeHostName set at resume)
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.core.slurm import SlurmNode

_CLUSTER, _NAME, _OWNER, _OLD_CLUSTER = (
    "cyclecloudcluster",
    "name",
    "cycleowner",
    "clustername",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a VM says of itself.

    Attributes:
        names: Resource name, computer name and the like, folded.
        addresses: Private addresses; empty if they could not be read.
        ids: ARM id and the VM's own id, folded.
        cyclecloud: The CycleCloud cluster it is of, or empty.
    """

    names: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    cyclecloud: str = ""


def candidates(
    nodes: Iterable[SlurmNode], machine: Machine, *, is_at_home: bool
) -> tuple[SlurmNode, ...]:
    """Return the nodes that the machine may be; exactly one is an answer.

    Args:
        is_at_home: The cluster's machines are known to be where this one is.
    """
    every = tuple(nodes)
    by_id = tuple(n for n in every if n.instance and n.instance.casefold() in machine.ids)
    if by_id:
        return by_id
    by_address = tuple(n for n in every if is_at_home and n.address in machine.addresses)
    if by_address:
        return by_address
    return tuple(n for n in every if _is_named(n, machine) and not _is_elsewhere(n, machine))


def _is_named(node: SlurmNode, machine: Machine) -> bool:
    said = {node.name, node.hostname} | ({node.address} if not is_ip(node.address) else set())
    return not machine.names.isdisjoint({short(name) for name in said if name})


def _is_elsewhere(node: SlurmNode, machine: Machine) -> bool:
    """Tell whether Slurm reaches the node at an address that this machine has not."""
    return bool(
        machine.addresses and is_ip(node.address) and node.address not in machine.addresses
    )


def short(name: str) -> str:
    """Fold a host name and leave its domain out."""
    return name.casefold().partition(".")[0] if not is_ip(name) else name


def is_ip(text: str) -> bool:
    """Tell an address from a name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def cyclecloud_cluster(tags: Mapping[str, str]) -> str:
    """Read which CycleCloud cluster a machine is of, from the tags CycleCloud gives it."""
    known = {name.casefold(): value for name, value in tags.items()}
    path = known.get(_CLUSTER, "")
    if "/clusters/" in path:
        return path.rpartition("/clusters/")[2].partition("/")[0]
    return known.get(_OLD_CLUSTER, "") if _OWNER in known else ""


def cyclecloud_name(tags: Mapping[str, str]) -> str:
    """Read what CycleCloud calls a machine, where it says so."""
    known = {name.casefold(): value for name, value in tags.items()}
    return known.get(_NAME, "") if cyclecloud_cluster(tags) else ""
