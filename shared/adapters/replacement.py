"""Evicted machines brought back, by azure-mgmt-compute: start, change, one more.

Effects return when Azure has accepted them. Missing capacity and a spent quota are told
from every other refusal here, while the service's own error code is at hand.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/start,
https://learn.microsoft.com/rest/api/compute/virtual-machine-scale-sets/update
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from shared.adapters import machines as read
from shared.adapters import rebuilding
from shared.adapters.azure_errors import error_code, translate
from shared.adapters.compute_clients import (
    RECEIPT,
    ComputeClients,
    Receipt,
    machine_id,
    not_found,
    of_type,
    token_of,
)
from shared.adapters.resources import flexible_scale_set, over_pool
from shared.core.capacity import is_no_capacity
from shared.core.errors import InvalidTarget, NoCapacity
from shared.core.facts import Resource, SpotFacts, SpotPoolFacts, resource_from_arm
from shared.core.resource_ids import SCALE_SET, SCALE_SET_VM, VM, ResourceId
from shared.ports import Blueprint, PoolSize

ROLE = "Virtual Machine Contributor"
GROWN_BY = "nightshift-grown-by"
_SETTLED = frozenset({"", "succeeded", "failed", "canceled"})
Json = Mapping[str, Any]


class AzureReplacement:
    """``Replacement`` over the compute resource provider."""

    def __init__(self, clients: ComputeClients) -> None:
        self._clients = clients

    async def spot_machine(self, machine: str) -> SpotFacts | None:
        """Read a VM or an instance; an instance has its priority from its scale set."""
        rid = machine_id(machine)
        document = await self._machine(rid)
        if document is None:
            return None
        found = read.machine_fact(document, rid.text)
        pool = rid.parent if rid.type == SCALE_SET_VM else flexible_scale_set(document)
        above = await self._scale_set(ResourceId.parse(pool)) if pool else None
        owner = above if above is not None and rid.type == SCALE_SET_VM else document
        resource = found.resource
        if above is not None:
            resource = over_pool(resource, resource_from_arm(above, pool), pool)
        return SpotFacts(resource, found.power, rebuilding.priority_of(owner))

    async def spot_pool(self, instance: str) -> SpotPoolFacts | None:
        """Read the scale set of an instance, and whether the instance is there."""
        rid = of_type(instance, SCALE_SET_VM)
        pool = ResourceId.parse(rid.parent)
        above, own = await asyncio.gather(self._scale_set(pool), self._machine(rid))
        if above is None:
            return None
        owner = resource_from_arm(above, pool.text)
        lost = resource_from_arm(own or {}, rid.text)
        return SpotPoolFacts(
            resource=over_pool(lost, owner, pool.text),
            capacity=owner.pool_size or 0,
            priority=rebuilding.priority_of(above),
            is_instance_there=own is not None,
            managed_by=managed_by(owner),
        )

    async def pool_size(self, scale_set: str) -> PoolSize | None:
        """Read how large a scale set is; its version is its ETag."""
        rid = of_type(scale_set, SCALE_SET)
        document = await self._scale_set(rid)
        if document is None:
            return None
        tags = document.get("tags") or {}
        state = str((document.get("properties") or {}).get("provisioningState") or "")
        return PoolSize(
            capacity=int((document.get("sku") or {}).get("capacity") or 0),
            version=str(document.get("etag") or ""),
            grown_by=str(tags.get(GROWN_BY) or ""),
            is_changing=state.casefold() not in _SETTLED,
        )

    async def start(self, machine: str) -> str:
        """Ask for a start."""
        rid = machine_id(machine)
        client = await self._clients.of(rid.subscription)
        async with _asking(f"starting {machine}"):
            if rid.type == SCALE_SET_VM:
                return await token_of(
                    await client.virtual_machine_scale_set_vms.begin_start(
                        rid.resource_group, rid.names[0], rid.name, **RECEIPT
                    )
                )
            begun = await client.virtual_machines.begin_start(
                rid.resource_group, rid.name, **RECEIPT
            )
            return await token_of(begun)

    async def change(self, vm: str, *, size: str, at: datetime) -> str:
        """Ask for another size, if the VM is still as it was read; tags are written whole."""
        rid = of_type(vm, VM)
        document = await self._machine(rid)
        if document is None:
            raise InvalidTarget(f"changing {vm} to {size}: there is no such machine")
        priority = rebuilding.priority_of(document)
        tags = rebuilding.tags_of(document, size=size, priority=priority, at=at)
        wanted = {"tags": tags, "properties": {"hardwareProfile": {"vmSize": size}}}
        return await self._update(rid, document, wanted, f"changing {vm} to {size}")

    async def blueprint(self, vm: str) -> Blueprint | None:
        """Read the VM with its user data, which no other read shows."""
        document = await self._machine(of_type(vm, VM), expand="userData")
        if document is None:
            return None
        return Blueprint(rebuilding.blueprint(document), rebuilding.would_lose(document))

    async def detach(self, vm: str) -> str | None:
        """Set the delete options that are set otherwise."""
        rid = of_type(vm, VM)
        document = await self._machine(rid)
        wanted = rebuilding.detaching(document) if document is not None else None
        if document is None or wanted is None:
            return None
        return await self._update(rid, document, wanted, f"keeping the disks of {vm}")

    async def remove(self, vm: str) -> str:
        """Ask for the deletion of the VM."""
        rid = of_type(vm, VM)
        client = await self._clients.of(rid.subscription)
        receipt = Receipt()
        async with _asking(f"deleting {vm} to make it anew"):
            try:
                await client.virtual_machines.begin_delete(
                    rid.resource_group, rid.name, **receipt.options
                )
            except not_found():
                return ""
        return receipt.token

    async def make(
        self, vm: str, document: Json, *, size: str, priority: str, at: datetime
    ) -> str:
        """Ask for the VM; what is there already is only what this asks for once more."""
        rid = of_type(vm, VM)
        client = await self._clients.of(rid.subscription)
        wanted: Any = rebuilding.made(document, size=size, priority=priority, at=at)
        receipt = Receipt()
        async with _asking(f"making {vm} as {size}, {priority}"):
            await client.virtual_machines.begin_create_or_update(
                rid.resource_group, rid.name, wanted, **receipt.options
            )
        return receipt.token

    async def grow(self, scale_set: str, *, seen: PoolSize, by: str) -> str:
        """Ask for one machine more, if the scale set's ETag is still the one seen.

        Tags are written as a whole, so those that are there are read for the same ETag.

        Raises:
            InvalidTarget: There is no such scale set, or it tells no ETag.
        """
        from azure.core import MatchConditions
        from azure.mgmt.compute import models

        rid = of_type(scale_set, SCALE_SET)
        document = await self._scale_set(rid)
        if document is None or not seen.version:
            raise InvalidTarget(f"growing {scale_set}: it is gone, or tells no ETag")
        client = await self._clients.of(rid.subscription)
        wanted = models.VirtualMachineScaleSetUpdate(
            sku=models.Sku(capacity=seen.capacity + 1),
            tags={**(document.get("tags") or {}), GROWN_BY: by},
        )
        receipt = Receipt()
        async with _asking(f"growing {scale_set} to {seen.capacity + 1}"):
            await client.virtual_machine_scale_sets.begin_update(
                rid.resource_group,
                rid.name,
                wanted,
                etag=seen.version,
                match_condition=MatchConditions.IfNotModified,
                **receipt.options,
            )
        return receipt.token

    async def _update(
        self, rid: ResourceId, document: Json, wanted: dict[str, Any], doing: str
    ) -> str:
        """Ask for a change of what was read, and of nothing newer."""
        from azure.core import MatchConditions

        etag, body = str(document.get("etag") or ""), dict[str, Any](wanted)
        only = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        client: Any = await self._clients.of(rid.subscription)
        receipt = Receipt()
        async with _asking(doing):
            await client.virtual_machines.begin_update(
                rid.resource_group, rid.name, body, **(only if etag else {}), **receipt.options
            )
        return receipt.token

    async def _machine(self, rid: ResourceId, *, expand: str = "instanceView") -> Json | None:
        client = await self._clients.of(rid.subscription)
        async with _asking(f"reading {rid.text}", role="Reader"):
            try:
                if rid.type == SCALE_SET_VM:
                    one: Any = await client.virtual_machine_scale_set_vms.get(
                        rid.resource_group, rid.names[0], rid.name, expand=expand
                    )
                else:
                    one = await client.virtual_machines.get(
                        rid.resource_group, rid.name, expand=expand
                    )
            except not_found():
                return None
        return dict(one.as_dict())

    async def _scale_set(self, rid: ResourceId) -> Json | None:
        client = await self._clients.of(rid.subscription)
        async with _asking(f"reading {rid.text}", role="Reader"):
            try:
                one = await client.virtual_machine_scale_sets.get(rid.resource_group, rid.name)
            except not_found():
                return None
        return dict(one.as_dict())


@asynccontextmanager
async def _asking(doing: str, *, role: str = ROLE) -> AsyncIterator[None]:
    """Turn Azure's errors into ours; missing capacity and quota into ``NoCapacity``."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except (AzureError, TimeoutError, OSError) as exc:
        said = translate(exc, doing, role=role)
        if is_no_capacity(error_code(exc), str(exc)):
            raise NoCapacity(str(said)) from exc
        raise said from exc


def managed_by(scale_set: Resource) -> str:
    """Tell what else decides the size of a scale set, by its tags and its group's name.

    Source: https://learn.microsoft.com/azure/aks/node-resource-group-lockdown,
    https://learn.microsoft.com/azure/batch/batch-account-create-portal (user subscription
    mode: resource groups named ``azurebatch-...``)
    """
    if any(name.casefold().startswith("aks-managed-") for name in scale_set.tags):
        return "aks"
    group = ResourceId.parse(scale_set.id).resource_group.casefold()
    return "batch" if group.startswith("azurebatch-") else ""
