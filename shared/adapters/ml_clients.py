"""Clients of azure-ai-ml, one for each workspace, built once a process.

The library is synchronous and takes seconds to import, so everything of it happens in
a thread, one call at a time for each workspace. It wants a synchronous credential: the
same managed identity, built the same way.

Source: https://learn.microsoft.com/python/api/azure-ai-ml/azure.ai.ml.mlclient
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from shared.adapters.azure_errors import translated
from shared.adapters.sdk_options import sdk_options
from shared.core.errors import InvalidTarget
from shared.core.resource_ids import ResourceId
from shared.core.settings import Settings

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.identity import ManagedIdentityCredential

T = TypeVar("T")
_KNOWN_CLOUDS: Mapping[str, str] = {
    "management.azure.com": "AzureCloud",
    "management.usgovcloudapi.net": "AzureUSGovernment",
    "management.chinacloudapi.cn": "AzureChinaCloud",
}
_SAID_AT_MOST = 300
_BUILDING = Lock()
"""Importing and building touch process-wide state of the library (its current cloud)."""


@dataclass(slots=True)
class _Workspace:
    """One client, and the lock that keeps its calls apart."""

    client: MLClient
    lock: Lock = field(default_factory=Lock)


class MlClients:
    """Every workspace's client, and the thread it is called in."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._credential: ManagedIdentityCredential | None = None
        self._workspaces: dict[str, _Workspace] = {}

    async def call(
        self,
        workspace: ResourceId,
        doing: str,
        work: Callable[[MLClient], T],
        *,
        needs: str,
    ) -> T:
        """Do something with a workspace's client, in a thread.

        Args:
            needs: The operation that the identity must be granted for it.

        Raises:
            InvalidTarget: The library cannot make sense of what it read or was given.
        """

        def in_thread() -> T:
            one = self._workspace(workspace)
            with one.lock, _understood(doing):
                return work(one.client)

        async with translated(doing, role=f"that has the action {needs}"):
            return await asyncio.to_thread(in_thread)

    async def close(self) -> None:
        """Close the credential; the clients hold nothing else open."""
        self._workspaces = {}
        if self._credential is not None:
            await asyncio.to_thread(self._credential.close)
            self._credential = None

    def _workspace(self, workspace: ResourceId) -> _Workspace:
        with _BUILDING:
            if workspace.key not in self._workspaces:
                self._workspaces[workspace.key] = _Workspace(self._build(workspace))
            return self._workspaces[workspace.key]

    def _build(self, workspace: ResourceId) -> MLClient:
        from azure.ai.ml import MLClient
        from azure.identity import ManagedIdentityCredential

        if self._credential is None:
            client_id = self._settings.client_id or None
            self._credential = ManagedIdentityCredential(client_id=client_id)
        return MLClient(
            self._credential,
            workspace.subscription,
            workspace.resource_group,
            workspace.name,
            show_progress=False,
            enable_telemetry=False,
            **cloud_of(self._settings.resource_manager),
            **sdk_options(),
        )


@contextmanager
def _understood(doing: str) -> Iterator[None]:
    """Turn what the library itself refuses into our error: asking again would not help."""
    from azure.ai.ml.exceptions import MlException

    try:
        yield
    except MlException as exc:
        line = str(exc).strip().partition("\n")[0][:_SAID_AT_MOST]
        raise InvalidTarget(f"{doing}: {line}") from exc


def cloud_of(resource_manager: str) -> dict[str, Any]:
    """Say which cloud a client is for, in the words MLClient takes.

    The three public clouds by their names; any other by its endpoints, of which compute
    operations use the resource manager alone. MLClient takes its token's audience from
    the same endpoint. An already set ``AZUREML_CURRENT_CLOUD`` is overruled on purpose:
    the app has one setting for its cloud.
    """
    host = urlsplit(resource_manager).netloc.casefold()
    if host in _KNOWN_CLOUDS:
        return {"cloud": _KNOWN_CLOUDS[host]}
    endpoint = resource_manager.rstrip("/") + "/"
    unused = dict.fromkeys(
        ("azure_portal", "active_directory", "aml_resource_id", "registry_discovery_endpoint"),
        endpoint,
    )
    metadata = {**unused, "resource_manager": endpoint, "storage_endpoint": host}
    return {"cloud": f"Nightshift-{host}", "cloud_metadata": metadata}


def of_type(text: str, kind: str) -> ResourceId:
    """Take an id apart that must be of one type.

    Raises:
        InvalidTarget: It is of another, or no ARM id.
    """
    try:
        rid = ResourceId.parse(text)
    except ValueError as exc:
        raise InvalidTarget(str(exc)) from exc
    if rid.type != kind:
        raise InvalidTarget(f"{text} is a {rid.type or 'scope'}, not a {kind}")
    return rid
