"""AKS clusters, found by the machine a node runs on; cordon, list, evict.

A cluster is found by its node resource group, its API server through the user kubeconfig
(server and CA, nothing secret), and a node by its providerID.

Source: https://learn.microsoft.com/rest/api/aks/managed-clusters/list-cluster-user-credentials
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from shared.adapters import nodes
from shared.adapters.arm import ArmReader
from shared.adapters.cluster_nodes import ClusterNodes, daemon_set_path
from shared.adapters.kubernetes_api import KubernetesAnswer, KubernetesApi, Unauthorised
from shared.adapters.recent import Recent
from shared.core.errors import InvalidTarget, ProviderUnavailable, StaleFacts
from shared.core.facts import AksNode
from shared.core.gangs import Gang
from shared.core.pods import Pod
from shared.core.resource_ids import SCALE_SET_VM, VM, ResourceId
from shared.core.settings import Settings
from shared.core.workloads import PLURALS, Workload, workload_of
from shared.ports import Evicted, Eviction

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

T = TypeVar("T")
AKS_API = "2025-05-01"
_CLUSTERS_FOR = timedelta(minutes=5)
_REFRESH_AFTER = timedelta(seconds=30)
_ACCESS_FOR = timedelta(minutes=30)
_TOKEN_FOR = timedelta(minutes=1)  # the credential renews its own five minutes early
_UID_CONFLICT = "UID in precondition"
_TWO_BUDGETS = "more than one PodDisruptionBudget"


@dataclass(frozen=True, slots=True)
class Access:
    """Where a cluster's API server is and which CA signs for it."""

    server: str
    ca_pem: str


class AksClusters:
    """``Cluster`` over the API servers of AKS."""

    def __init__(
        self, credential: AsyncTokenCredential, arm: ArmReader, settings: Settings
    ) -> None:
        self._credential = credential
        self._arm = arm
        self._scope = f"{settings.kubernetes_audience.rstrip('/')}/.default"
        self._clusters: Recent[Mapping[str, str]] = Recent(ttl=_CLUSTERS_FOR, limit=500)
        self._apis: Recent[ClusterNodes] = Recent(ttl=_ACCESS_FOR, limit=500)
        self._tokens: Recent[str] = Recent(ttl=_TOKEN_FOR, limit=1)
        self._opened: dict[str, tuple[Access, ClusterNodes]] = {}

    async def find_node(self, vm: str) -> AksNode | None:
        """Find the node whose providerID names a VM; None if no cluster has it."""
        rid = _parsed(vm)
        cluster = await self._cluster_of(rid) if rid.type in {VM, SCALE_SET_VM} else None
        if cluster is None:
            return None
        return await self._with(cluster, lambda of: of.find(rid))

    async def cordon(self, node: AksNode, *, by: str, because: str = "") -> AksNode:
        """Keep new pods off a node, unless somebody else already does."""
        return await self._with(
            node.cluster, lambda of: of.cordon(node, by=by, because=because)
        )

    async def uncordon(self, node: AksNode, *, by: str) -> AksNode:
        """Take one mark off; schedulable again when none of ours is left."""
        return await self._with(node.cluster, lambda of: of.uncordon(node, by=by))

    async def pods(self, node: AksNode) -> tuple[Pod, ...]:
        """List every pod on a node; each DaemonSet that owns one is looked up once."""

        async def act(of: ClusterNodes) -> tuple[Pod, ...]:
            query = {"fieldSelector": f"spec.nodeName={node.name}"}
            found = [pod async for pod in of.api.items("/api/v1/pods", query)]
            owners = sorted({one for one in map(daemon_set_path, found) if one})
            exist = await asyncio.gather(*(of.has_daemon_set(one) for one in owners))
            gone = {path for path, is_there in zip(owners, exist, strict=True) if not is_there}
            return tuple(
                nodes.pod_fact(pod, is_orphaned_daemon=daemon_set_path(pod) in gone)
                for pod in found
            )

        return await self._with(node.cluster, act)

    async def members(self, node: AksNode, gang: Gang) -> tuple[Pod, ...]:
        """List every pod of a job, by its label; by an annotation none can be selected."""

        async def act(of: ClusterNodes) -> tuple[Pod, ...]:
            path = f"/api/v1/namespaces/{_safe(gang.namespace)}/pods"
            query = {"labelSelector": gang.selector} if gang.selector else {}
            found = [nodes.pod_fact(pod) async for pod in of.api.items(path, query)]
            return tuple(pod for pod in found if pod.gang == gang)

        return await self._with(node.cluster, act)

    async def tell(self, node: AksNode, pod: Pod, *, key: str, value: str) -> bool:
        """Set one annotation of exactly this pod."""
        path = f"/api/v1/namespaces/{_safe(pod.namespace)}/pods/{_safe(pod.name)}"
        patch = nodes.annotation_patch(pod.uid, key, value)

        async def act(of: ClusterNodes) -> bool:
            try:
                await of.api.merge_patch(path, patch)
            except (InvalidTarget, StaleFacts):
                return await _is_there(of, path, pod, patch)
            return True

        return await self._with(node.cluster, act)

    async def evict(self, node: AksNode, pod: Pod, *, grace: timedelta | None) -> Eviction:
        """Ask for one eviction of exactly this pod."""
        path = f"/api/v1/namespaces/{_safe(pod.namespace)}/pods/{_safe(pod.name)}/eviction"
        options: dict[str, Any] = {"preconditions": {"uid": pod.uid}}
        if grace is not None:
            options["gracePeriodSeconds"] = int(grace.total_seconds())
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
            "deleteOptions": options,
        }

        async def act(of: ClusterNodes) -> Eviction:
            answer = await of.api.send("POST", path, body=body)
            outcome = eviction_of(answer, pod)
            if outcome is None:
                raise of.api.refusal("create", path, answer)
            return outcome

        return await self._with(node.cluster, act)

    async def workloads(self, cluster: str, namespace: str) -> tuple[Workload, ...]:
        """List a namespace's workloads, and its pods for the reasons."""

        async def act(of: ClusterNodes) -> tuple[Workload, ...]:
            space = f"namespaces/{_safe(namespace)}"
            pods = [pod async for pod in of.api.items(f"/api/v1/{space}/pods")]
            found: list[Workload] = []
            for kind, plural in PLURALS.items():
                listed = of.api.items(f"/apis/apps/v1/{space}/{plural}")
                found += [workload_of(kind, one, pods) async for one in listed]
            return tuple(found)

        return await self._with(cluster, act)

    async def close(self) -> None:
        """Close the connections to every cluster."""
        opened, self._opened = self._opened, {}
        for _, of in opened.values():
            await of.api.close()

    async def _with(self, cluster: str, act: Callable[[ClusterNodes], Awaitable[T]]) -> T:
        """Act on a cluster; once more with a fresh server, CA and token after a 401."""
        try:
            return await act(await self._api(cluster))
        except Unauthorised:
            self._apis.forget(cluster.casefold())
            self._tokens.forget(self._scope)
            return await act(await self._api(cluster))

    async def _api(self, cluster: str) -> ClusterNodes:
        return await self._apis.get(cluster.casefold(), lambda: self._open(cluster))

    async def _open(self, cluster: str) -> ClusterNodes:
        """Ask where the API server is; keep the connections if it is where it was.

        The first token for it is fetched meanwhile: a spot notice has no time for both.
        """
        path = f"{cluster}/listClusterUserCredential"
        answer, _ = await asyncio.gather(
            self._arm.post(path, api_version=AKS_API, query={"format": "exec"}),
            self._token(),
        )
        access = access_of(answer, cluster)
        before = self._opened.get(cluster.casefold())
        if before is not None and before[0] == access:
            return before[1]
        name = ResourceId.parse(cluster).name
        api = KubernetesApi(access.server, access.ca_pem, self._token, name=name)
        of = ClusterNodes(api, cluster)
        self._opened[cluster.casefold()] = (access, of)
        if before is not None:
            await before[1].api.close()
        return of

    async def _token(self) -> str:
        """Return a token, asking the credential once a minute and not for every call."""
        return await self._tokens.get(self._scope, self._new_token)

    async def _new_token(self) -> str:
        from shared.adapters.azure_errors import translated

        async with translated("getting a token for AKS"):
            return (await self._credential.get_token(self._scope)).token

    async def _cluster_of(self, vm: ResourceId) -> str | None:
        """Find the cluster whose node resource group a VM lives in.

        A miss asks again once, in case the cluster is new, but not for every VM of a
        storm that belongs to no cluster.
        """
        key, group = vm.subscription.casefold(), vm.resource_group.casefold()
        known = await self._clusters.get(key, lambda: self._list_clusters(key))
        age = self._clusters.age(key)
        if group not in known and age is not None and age > _REFRESH_AFTER:
            self._clusters.forget(key)
            known = await self._clusters.get(key, lambda: self._list_clusters(key))
        return known.get(group)

    async def _list_clusters(self, subscription: str) -> Mapping[str, str]:
        path = (
            f"/subscriptions/{subscription}/providers"
            "/Microsoft.ContainerService/managedClusters"
        )
        found: dict[str, str] = {}
        async for cluster in self._arm.pages(path, api_version=AKS_API):
            group = (cluster.get("properties") or {}).get("nodeResourceGroup")
            if group and cluster.get("id"):
                found[str(group).casefold()] = str(cluster["id"])
        return found


async def _is_there(of: ClusterNodes, path: str, pod: Pod, patch: Mapping[str, Any]) -> bool:
    """Look why a pod could not be told: gone, or a namesake's, is no error; else try again.

    Raises:
        StaleFacts, InvalidTarget: The pod is there and would not take it.
    """
    found = await of.api.get(path)
    if found is None or (found.get("metadata") or {}).get("uid") != pod.uid:
        return False
    await of.api.merge_patch(path, patch)
    return True


def access_of(answer: Mapping[str, Any], cluster: str) -> Access:
    """Read server and CA from a kubeconfig; its users, which may hold secrets, are not read.

    Raises:
        ProviderUnavailable: There is no kubeconfig in the answer, or it has no server.
    """
    import yaml

    try:
        config = yaml.safe_load(base64.b64decode(answer["kubeconfigs"][0]["value"]))
        first = config["clusters"][0]["cluster"]
        ca = base64.b64decode(first["certificate-authority-data"]).decode()
        return Access(server=str(first["server"]), ca_pem=ca)
    except (LookupError, TypeError, ValueError, yaml.YAMLError) as exc:
        raise ProviderUnavailable(
            f"reading the kubeconfig of {cluster}: it names no server with a CA",
            after=timedelta(seconds=30),
        ) from exc


def eviction_of(answer: KubernetesAnswer, pod: Pod) -> Eviction | None:
    """Say what an answer to an eviction means; None if it is an error.

    A budget answers 429 with a ``Status``; the server's own overload answers 429 with
    plain text, and is an error like any other. A conflict about the uid means that our
    pod is gone and a namesake has its place.

    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
    """
    status = answer.status
    if status in {HTTPStatus.OK, HTTPStatus.CREATED}:
        return Eviction(Evicted.ACCEPTED)
    if status == HTTPStatus.NOT_FOUND:
        return Eviction(Evicted.GONE)
    if status == HTTPStatus.CONFLICT and _UID_CONFLICT in answer.message:
        return Eviction(Evicted.GONE)
    if status == HTTPStatus.TOO_MANY_REQUESTS and answer.body:
        return Eviction(Evicted.BLOCKED, answer.message or "a disruption budget forbids it")
    if status == HTTPStatus.FORBIDDEN and "NamespaceTerminating" in answer.causes:
        return Eviction(Evicted.BLOCKED, f"namespace {pod.namespace} is terminating")
    if status == HTTPStatus.INTERNAL_SERVER_ERROR and _TWO_BUDGETS in answer.message:
        return Eviction(Evicted.BLOCKED, answer.message)
    return None


def _safe(segment: str) -> str:
    return quote(segment, safe="")


def _parsed(vm: str) -> ResourceId:
    try:
        return ResourceId.parse(vm)
    except ValueError as exc:
        raise InvalidTarget(f"finding a node: {exc}") from exc
