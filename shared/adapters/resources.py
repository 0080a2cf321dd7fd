"""Any Azure resource by its id: tags, size, place and pool, a few seconds old at most.

A scale set's instance is two reads at once, its own and the scale set's, because a tag
on the scale set speaks for its instances. Instances that are lost together share the
second read, and when they are many the first too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from shared.adapters.arm import ArmReader
from shared.adapters.instance_reads import InstanceReads
from shared.adapters.locks import LockReader
from shared.adapters.recent import Recent
from shared.core.errors import InvalidTarget
from shared.core.facts import Resource, resource_from_arm
from shared.core.protection import Lock
from shared.core.resource_ids import (
    AKS_CLUSTER,
    BATCH_ACCOUNT,
    BATCH_JOB,
    DISK,
    ML_COMPUTE,
    ML_ENDPOINT,
    ML_JOB,
    SCALE_SET,
    SCALE_SET_VM,
    SNAPSHOT,
    VM,
    WORKSPACE,
    ResourceId,
)

COMPUTE_API = "2024-07-01"
API_VERSIONS: Mapping[str, str] = MappingProxyType(
    {
        VM: COMPUTE_API,
        SCALE_SET: COMPUTE_API,
        SCALE_SET_VM: COMPUTE_API,
        DISK: "2024-03-02",
        SNAPSHOT: "2024-03-02",
        BATCH_ACCOUNT: "2024-07-01",
        WORKSPACE: "2024-10-01",
        ML_COMPUTE: "2024-10-01",
        ML_ENDPOINT: "2024-10-01",
        AKS_CLUSTER: "2025-05-01",
        "microsoft.compute/availabilitysets": COMPUTE_API,
        "microsoft.storage/storageaccounts": "2023-05-01",
        "microsoft.cognitiveservices/accounts": "2024-10-01",
        "microsoft.insights/components": "2020-02-02",
        "microsoft.operationalinsights/workspaces": "2023-09-01",
    }
)
"""The version each type is read with: stable ones, whose tags and sizes do not move.

Source: https://learn.microsoft.com/azure/templates/
"""
GROUP_API = "2021-04-01"
SUBSCRIPTION_API = "2022-12-01"
TAGS_API = "2021-04-01"
_FRESH = timedelta(seconds=15)
_REMEMBERED = 1_000


class AzureResources:
    """``Resources`` over the resource manager."""

    def __init__(self, arm: ArmReader) -> None:
        self._arm = arm
        self._recent: Recent[Resource | None] = Recent(ttl=_FRESH, limit=_REMEMBERED)
        self._instances = InstanceReads(arm, COMPUTE_API)
        self._locks = LockReader(arm)

    async def resource(self, resource_id: str) -> Resource | None:
        """Read a resource; None if it does not exist.

        Raises:
            InvalidTarget: It is not an ARM id.
        """
        rid = _parsed(resource_id)
        return await self._recent.get(rid.key, lambda: self._read(rid))

    async def locks(self, resource_id: str) -> tuple[Lock, ...]:
        """Read the locks at a resource and above it.

        Raises:
            InvalidTarget: It is not an ARM id.
        """
        return await self._locks.locks(_parsed(resource_id))

    async def _read(self, rid: ResourceId) -> Resource | None:
        if rid.type == SCALE_SET_VM:
            return await self._instance(rid)
        if rid.type in {BATCH_JOB, ML_JOB}:
            return await self._job(rid)
        document = await self._document(rid)
        if document is None:
            return None
        found = resource_from_arm(document, rid.text)
        if rid.type == ML_COMPUTE:
            return replace(found, size=_ml_size(document), pool=rid.parent)
        scale_set = flexible_scale_set(document) if rid.type == VM else ""
        return await self._in_pool(found, scale_set) if scale_set else found

    async def _instance(self, rid: ResourceId) -> Resource | None:
        pool = ResourceId.parse(rid.parent)
        own, above = await asyncio.gather(self._instances.read(rid), self.resource(pool.text))
        if own is None:
            return None
        return over_pool(resource_from_arm(own, rid.text), above, pool.text)

    async def _in_pool(self, vm: Resource, scale_set: str) -> Resource:
        pool = ResourceId.parse(scale_set)
        return over_pool(vm, await self.resource(pool.text), pool.text)

    async def _job(self, rid: ResourceId) -> Resource | None:
        """A job bears no tags of ARM's: those of its account or workspace speak for it."""
        owner = await self.resource(rid.parent)
        if owner is None:
            return None
        return replace(owner, id=rid.text, type=rid.type, name=rid.name, pool=owner.id)

    async def _document(self, rid: ResourceId) -> Mapping[str, Any] | None:
        version = API_VERSIONS.get(rid.type)
        if not rid.type:
            version = GROUP_API if rid.resource_group else SUBSCRIPTION_API
        if version:
            return await self._arm.get(rid.text, api_version=version)
        return await self._tags_of(rid)

    async def _tags_of(self, rid: ResourceId) -> Mapping[str, Any] | None:
        """Read the tags of a type whose API versions we do not know.

        Source: https://learn.microsoft.com/rest/api/resources/tags/get-at-scope
        """
        path = f"{rid.text}/providers/Microsoft.Resources/tags/default"
        document = await self._arm.get(path, api_version=TAGS_API)
        if document is None:
            return None
        return {"tags": (document.get("properties") or {}).get("tags") or {}}


def over_pool(own: Resource, above: Resource | None, pool: str) -> Resource:
    """Lay an instance's tags, size and zone over those of its scale set."""
    if above is None:
        return replace(own, pool=pool)
    mine = {name.casefold() for name in own.tags}
    shared = {k: v for k, v in above.tags.items() if k.casefold() not in mine}
    return replace(
        own,
        tags={**shared, **own.tags},
        size=own.size or above.size,
        location=own.location or above.location,
        pool=pool,
        pool_size=above.pool_size,
        zone=own.zone or above.zone,
    )


def flexible_scale_set(document: Mapping[str, Any]) -> str:
    """Return the id of the Flexible scale set a VM belongs to, or empty."""
    properties = document.get("properties") or {}
    return str((properties.get("virtualMachineScaleSet") or {}).get("id") or "")


def _ml_size(document: Mapping[str, Any]) -> str:
    inner = (document.get("properties") or {}).get("properties") or {}
    return str(inner.get("vmSize") or "")


def _parsed(resource_id: str) -> ResourceId:
    try:
        return ResourceId.parse(resource_id)
    except ValueError as exc:
        raise InvalidTarget(f"reading a resource: {exc}") from exc
