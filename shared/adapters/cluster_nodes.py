"""One cluster's nodes: find one by its machine, read it again, set our marks on it.

A node is found where AKS would have put its name, else in a list of all nodes that a storm
of notices shares. Either only says where to look: what counts is the providerID of the
node itself, read now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from shared.adapters import nodes
from shared.adapters.kubernetes_api import KubernetesApi
from shared.adapters.recent import Recent
from shared.core import marks
from shared.core.errors import InvalidTarget, StaleFacts, Unproven
from shared.core.facts import AksNode
from shared.core.resource_ids import ResourceId

_NAMES_FOR = timedelta(seconds=30)
_NAMES_SURELY = timedelta(seconds=2)
_DAEMONS_FOR = timedelta(seconds=10)
_TRIES = 3

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NodeRead:
    """A node as it was just read: the fact, and what a fact does not hold.

    Attributes:
        taints: As the API writes them; None if they were not read whole.
    """

    fact: AksNode
    taints: list[Json] | None


class ClusterNodes:
    """The nodes of one cluster, through its API server."""

    def __init__(self, api: KubernetesApi, cluster: str) -> None:
        self.api = api
        self._cluster = cluster
        self._names: Recent[Mapping[str, str]] = Recent(ttl=_NAMES_FOR, limit=1)
        self._daemons: Recent[bool] = Recent(ttl=_DAEMONS_FOR, limit=5_000)

    async def find(self, vm: ResourceId) -> AksNode | None:
        """Look where AKS would have put the name, then at every node; never by name alone.

        Raises:
            Unproven: Of the machine's own name there is a node without a providerID,
                and nothing proves whose it is.
        """
        guess = nodes.likely_name(vm)
        likely = await self.api.get(node_path(guess)) if guess else None
        if likely is not None and nodes.is_on(likely, vm.text):
            return nodes.node_fact(likely, self._cluster)
        found = await self._listed(vm)
        if found is None and likely is not None and not provider_of(likely):
            raise Unproven(
                f"the node {guess} has no providerID, so nothing proves that it runs on "
                f"{vm.text}: its cloud controller has not seen it yet"
            )
        return nodes.node_fact(found, self._cluster) if found is not None else None

    async def _listed(self, vm: ResourceId) -> Json | None:
        """Find a node that is not named after its machine."""
        key = vm.text.casefold()
        names = await self._names.get("", self._list)
        age = self._names.age("")
        if key not in names and age is not None and age > _NAMES_SURELY:
            self._names.forget("")
            names = await self._names.get("", self._list)
        name = names.get(key)
        found = await self.api.get(node_path(name)) if name else None
        return found if found is not None and nodes.is_on(found, vm.text) else None

    async def _list(self) -> Mapping[str, str]:
        """List all nodes: which machine's node has which name."""
        return {
            nodes.machine_of(provider_of(node)): str((node.get("metadata") or {}).get("name"))
            async for node in self.api.items("/api/v1/nodes")
            if provider_of(node)
        }

    async def cordon(self, node: AksNode, *, by: str, because: str) -> AksNode:
        """Keep new pods off, with our mark and our taint, unless the node is somebody's.

        A node that was free when it was read is not read again: a notice has no time for
        that, and the write counts only if it is as it was. If it is not, it is looked at.
        """
        known: NodeRead | None = None
        if node.version and not node.is_unschedulable and not node.cordoned_by:
            known = NodeRead(node, nodes.written_taints(node))
        for attempt in range(_TRIES + 1):
            if known is None or known.taints is None:
                known = await self._again(node)
            now = known.fact
            if by in now.cordoned_by or marks.is_held_by_others(now):
                return now
            try:
                return await self._mark(
                    known,
                    (*now.cordoned_by, by),
                    unschedulable=True,
                    taints=nodes.tainted(known.taints or (), because),
                )
            except StaleFacts:
                if attempt == _TRIES:
                    raise
                known = None
        raise AssertionError("the last attempt returns or raises")

    async def uncordon(self, node: AksNode, *, by: str) -> AksNode:
        """Take one mark off; with the last of ours go our taint and the cordon.

        The cordon stays if AKS auto-drain came meanwhile: it counts on it.
        """
        for attempt in range(_TRIES):
            known = await self._again(node)
            now = known.fact
            if by not in now.cordoned_by:
                return now
            left = tuple(one for one in now.cordoned_by if one != by)
            stays = bool(left) or marks.is_auto_drained(now)
            taints = None if left else nodes.untainted(known.taints or ())
            try:
                return await self._mark(
                    known, left, unschedulable=None if stays else False, taints=taints
                )
            except StaleFacts:
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def has_daemon_set(self, path: str) -> bool:
        """Tell whether a DaemonSet exists; asked once for many nodes that run it."""

        async def ask() -> bool:
            return await self.api.get(path) is not None

        return await self._daemons.get(path, ask)

    async def _mark(
        self,
        known: NodeRead,
        left: tuple[str, ...],
        *,
        unschedulable: bool | None,
        taints: list[Json] | None,
    ) -> AksNode:
        """Set our marks on a node as it was read, or raise ``StaleFacts``."""
        patch = nodes.mark_patch(
            known.fact.version, left, unschedulable=unschedulable, taints=taints
        )
        written = await self.api.merge_patch(node_path(known.fact.name), patch)
        return nodes.node_fact(written, self._cluster)

    async def _again(self, node: AksNode) -> NodeRead:
        """Read a node again, and make sure that it is still the same machine."""
        fresh = await self.api.get(node_path(node.name))
        if fresh is None:
            raise InvalidTarget(f"there is no node {node.name} in {node.cluster} any more")
        if provider_of(fresh).casefold() != node.provider_id.casefold():
            raise StaleFacts(f"the node {node.name} is another machine now")
        taints = list((fresh.get("spec") or {}).get("taints") or ())
        return NodeRead(nodes.node_fact(fresh, self._cluster), taints)


def provider_of(node: Json) -> str:
    """Return a node's providerID, or empty."""
    return str((node.get("spec") or {}).get("providerID") or "")


def node_path(name: str) -> str:
    """Return the path of a node."""
    return f"/api/v1/nodes/{quote(name, safe='')}"


def daemon_set_path(pod: Json) -> str:
    """Return the path of the DaemonSet that controls a pod; empty if none does."""
    kind, name = nodes.controller_of(pod)
    if kind != "DaemonSet":
        return ""
    namespace = str((pod.get("metadata") or {}).get("namespace") or "")
    return (
        f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}"
        f"/daemonsets/{quote(name, safe='')}"
    )
