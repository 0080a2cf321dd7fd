"""Azure ML extensions: read through the resource manager, changed by the real client.

A change is begun and not waited for: what became of it, the next read shows.

Source: https://learn.microsoft.com/rest/api/kubernetesconfiguration/extensions
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.adapters.azure_errors import translated
from shared.adapters.compute_clients import Receipt
from shared.adapters.sdk_options import sdk_options
from shared.core.errors import InvalidTarget
from shared.core.ml_extension import EXTENSION_TYPE, NAMESPACE
from shared.core.ml_extension_facts import (
    ExtensionFacts,
    cluster_under,
    extension_of,
    facts_of,
    is_ml_extension,
)
from shared.core.resource_ids import AKS_CLUSTER, ARC_CLUSTER, EXTENSION, ResourceId
from shared.core.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.mgmt.kubernetesconfiguration.extensions.aio import (
        KubernetesConfigurationExtensionsMgmtClient,
    )

    from shared.adapters.arm import ArmReader

EXTENSIONS_API = "2025-03-01"
CLUSTER_APIS = {AKS_CLUSTER: "2025-05-01", ARC_CLUSTER: "2024-01-01"}
PROVIDER = "Microsoft.KubernetesConfiguration"


class AzureExtensions:
    """Implements ``shared.ports.Extensions``."""

    def __init__(
        self, credential: AsyncTokenCredential, arm: ArmReader, settings: Settings
    ) -> None:
        self._credential = credential
        self._arm = arm
        self._endpoint = settings.resource_manager.rstrip("/")
        self._scope = settings.resource_manager_audience.rstrip("/") + "/.default"
        self._clients: dict[str, KubernetesConfigurationExtensionsMgmtClient] = {}

    async def read(self, target: str) -> ExtensionFacts | None:
        """Read the cluster and its extensions at once."""
        owner = _cluster(target)
        cluster, documents = await asyncio.gather(
            self._arm.get(owner.text, api_version=CLUSTER_APIS[owner.type]),
            self._list(owner.text),
        )
        if cluster is None:
            return None
        try:
            found = [extension_of(one) for one in documents if is_ml_extension(one)]
        except ValueError as odd:
            raise InvalidTarget(f"reading the extensions of {owner.text}: {odd}") from odd
        return facts_of(target, cluster, found)

    async def _list(self, cluster: str) -> list[Mapping[str, Any]]:
        """List a cluster's extensions; none where there is no cluster."""
        path = f"{cluster}/providers/{PROVIDER}/extensions"
        try:
            return [one async for one in self._arm.pages(path, api_version=EXTENSIONS_API)]
        except InvalidTarget:
            if await self._arm.get(cluster, api_version=_api_of(cluster)) is None:
                return []
            raise

    async def create(self, extension: str, settings: Mapping[str, str]) -> None:
        """PUT it, with an identity of its own, into the namespace that the vendor uses."""
        body = {
            "identity": {"type": "SystemAssigned"},
            "properties": {
                "extensionType": EXTENSION_TYPE,
                "autoUpgradeMinorVersion": True,
                "releaseTrain": "stable",
                "scope": {"cluster": {"releaseNamespace": NAMESPACE}},
                "configurationSettings": dict(settings),
            },
        }
        operations, where = await self._client(extension)
        async with translated(f"creating {extension}", role=_role("write")):
            await operations.begin_create(*where, body, **Receipt().options)

    async def update(self, extension: str, settings: Mapping[str, str]) -> None:
        """PATCH its settings; protected ones that are not sent stay as they are."""
        body = {"properties": {"configurationSettings": dict(settings)}}
        operations, where = await self._client(extension)
        async with translated(f"updating {extension}", role=_role("write")):
            await operations.begin_update(*where, body, **Receipt().options)

    async def delete(self, extension: str) -> None:
        """DELETE it, its components in the cluster first."""
        operations, where = await self._client(extension)
        async with translated(f"deleting {extension}", role=_role("delete")):
            await operations.begin_delete(*where, **Receipt().options)

    async def close(self) -> None:
        """Close the connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.close()

    async def _client(self, extension: str) -> tuple[Any, tuple[str, str, str, str, str]]:
        """Return the client's operations, and the five words that name an extension."""
        owner, rid = _cluster(extension), ResourceId.parse(extension)
        if rid.type != EXTENSION:
            raise InvalidTarget(f"{extension} is a {rid.type}, not a {EXTENSION}")
        key = owner.subscription.casefold()
        if key not in self._clients:
            build = await asyncio.to_thread(_client_class)
            self._clients.setdefault(
                key,
                build(
                    self._credential,
                    owner.subscription,
                    self._endpoint,
                    credential_scopes=[self._scope],
                    **sdk_options(),
                ),
            )
        provider, kind = _spelled(owner)
        where = (owner.resource_group, provider, kind, owner.name, rid.name)
        return self._clients[key].extensions, where


def _spelled(cluster: ResourceId) -> tuple[str, str]:
    """Spell provider and type as the API does, whatever the id's case is."""
    if cluster.type == AKS_CLUSTER:
        return "Microsoft.ContainerService", "managedClusters"
    return "Microsoft.Kubernetes", "connectedClusters"


def _cluster(target: str) -> ResourceId:
    try:
        return ResourceId.parse(cluster_under(target))
    except ValueError as exc:
        raise InvalidTarget(str(exc)) from exc


def _api_of(cluster: str) -> str:
    return CLUSTER_APIS[ResourceId.parse(cluster).type]


def _role(word: str) -> str:
    return f"that has the action {PROVIDER}/extensions/{word}"


def _client_class() -> type[KubernetesConfigurationExtensionsMgmtClient]:
    from azure.mgmt.kubernetesconfiguration.extensions.aio import (
        KubernetesConfigurationExtensionsMgmtClient,
    )

    return KubernetesConfigurationExtensionsMgmtClient
