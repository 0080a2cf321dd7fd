"""Azure ML compute instances, by azure-ai-ml.

The library is synchronous and takes seconds to import, so everything of it happens in
a thread, one call at a time for each workspace. It wants a synchronous credential: the
same managed identity, built the same way.

Source: https://learn.microsoft.com/python/api/azure-ai-ml/azure.ai.ml.operations.computeoperations
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from shared.adapters.azure_errors import translated
from shared.adapters.sdk_options import sdk_options
from shared.core.errors import InvalidTarget
from shared.core.facts import MachineFacts, Resource, has_gpu
from shared.core.resource_ids import ML_COMPUTE, WORKSPACE, ResourceId
from shared.core.settings import Settings

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.identity import ManagedIdentityCredential

T = TypeVar("T")
ROLE = "AzureML Compute Operator"
_INSTANCE = "computeinstance"
_POWER: Mapping[str, str] = {"stopped": "deallocated", "stopping": "deallocating"}
_KNOWN_CLOUDS: Mapping[str, str] = {
    "management.azure.com": "AzureCloud",
    "management.usgovcloudapi.net": "AzureUSGovernment",
    "management.chinacloudapi.cn": "AzureChinaCloud",
}
_BUILDING = Lock()
"""Importing and building touch process-wide state of the library (its current cloud)."""


@dataclass(slots=True)
class _Workspace:
    """One client, and the lock that keeps its calls apart."""

    client: MLClient
    lock: Lock = field(default_factory=Lock)


class AzureMachineLearning:
    """``MachineLearning`` over azure-ai-ml."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._credential: ManagedIdentityCredential | None = None
        self._workspaces: dict[str, _Workspace] = {}

    async def instances(self, workspace: str) -> AsyncIterator[MachineFacts]:
        """Yield every compute instance of a workspace."""
        rid = _of_type(workspace, WORKSPACE)

        def listing(client: MLClient) -> list[MachineFacts]:
            return [
                compute_fact(one, rid.text)
                for one in client.compute.list(compute_type=_INSTANCE)
            ]

        for fact in await self._call(rid, f"listing the computes of {rid.text}", listing):
            yield fact

    async def instance(self, compute: str) -> MachineFacts | None:
        """Read one compute instance; None if there is none, or it is a cluster."""
        rid = _of_type(compute, ML_COMPUTE)
        workspace = ResourceId.parse(rid.parent)

        def reading(client: MLClient) -> MachineFacts | None:
            from azure.core.exceptions import ResourceNotFoundError

            try:
                found = client.compute.get(rid.name)
            except ResourceNotFoundError:
                return None
            is_instance = str(found.type or "").casefold() == _INSTANCE
            return compute_fact(found, workspace.text) if is_instance else None

        return await self._call(workspace, f"reading {rid.text}", reading)

    async def stop(self, compute: str) -> None:
        """Ask for a stop.

        The library's poller looks after it in a thread of its own, for which nobody
        waits: the next read says whether it stopped.

        Raises:
            InvalidTarget: There is no such compute instance.
        """
        rid = _of_type(compute, ML_COMPUTE)

        def stopping(client: MLClient) -> None:
            client.compute.begin_stop(rid.name)

        await self._call(ResourceId.parse(rid.parent), f"stopping {rid.text}", stopping)

    async def close(self) -> None:
        """Close the credential; the clients hold nothing else open."""
        self._workspaces = {}
        if self._credential is not None:
            await asyncio.to_thread(self._credential.close)
            self._credential = None

    async def _call(
        self, workspace: ResourceId, doing: str, work: Callable[[MLClient], T]
    ) -> T:
        def in_thread() -> T:
            one = self._workspace(workspace)
            with one.lock:
                return work(one.client)

        async with translated(doing, role=ROLE):
            return await asyncio.to_thread(in_thread)

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


def compute_fact(compute: Any, workspace: str) -> MachineFacts:
    """Read a compute instance.

    A stopped compute instance is deallocated: its VM is not billed.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-compute-instance
    """
    size = str(compute.size or "")
    power = power_of(compute.state)
    return MachineFacts(
        resource=Resource(
            id=f"{workspace}/computes/{compute.name}",
            type=ML_COMPUTE,
            name=str(compute.name),
            location=str(compute.location or ""),
            tags={str(k): str(v) for k, v in (compute.tags or {}).items()},
            size=size,
            pool=workspace,
        ),
        power=power,
        has_gpu=has_gpu(size),
        utilisation=None,
        started_at=_started(compute.last_operation) if power == "running" else None,
    )


def power_of(state: object) -> str | None:
    """Spell a compute instance's state as power; None if it is not told.

    Source: https://learn.microsoft.com/rest/api/azureml/compute/get#computeinstancestate
    """
    said = str(getattr(state, "value", state) or "").casefold()
    return _POWER.get(said, said) or None


def _started(operation: Mapping[str, Any] | None) -> datetime | None:
    """Return when its last operation brought it up, if that is what it was."""
    said = operation or {}
    names = {
        str(said.get(key) or "").casefold() for key in ("operation_name", "operationName")
    }
    if not names & {"create", "start", "restart"}:
        return None
    value = said.get("operation_time") or said.get("operationTime")
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _of_type(text: str, kind: str) -> ResourceId:
    try:
        rid = ResourceId.parse(text)
    except ValueError as exc:
        raise InvalidTarget(str(exc)) from exc
    if rid.type != kind:
        raise InvalidTarget(f"{text} is a {rid.type or 'scope'}, not a {kind}")
    return rid
