"""Instances of shared scale sets, by azure-mgmt-compute: a tag and instance protection.

The tag is for the pool: its application health probe, or whatever decides who gets new
sessions, reads it from the instance's metadata. Protection keeps scaling in from choosing
the instance while people still work on it.

Source: https://learn.microsoft.com/azure/virtual-machine-scale-sets/
virtual-machine-scale-sets-instance-protection,
https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service (tagsList)
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from shared.adapters import machines as read
from shared.adapters.azure_errors import translated
from shared.adapters.compute_clients import ComputeClients, Receipt, not_found, of_type
from shared.adapters.resources import over_pool
from shared.core.errors import InvalidTarget
from shared.core.facts import PoolInstanceFacts, resource_from_arm
from shared.core.resource_ids import SCALE_SET_VM, ResourceId

ROLE = "Virtual Machine Contributor"
TAG = "nightshift-out-of-rotation"


class AzureSharedPools:
    """``SharedPools`` over the compute resource provider."""

    def __init__(self, clients: ComputeClients) -> None:
        self._clients = clients

    async def instance(self, instance: str) -> PoolInstanceFacts | None:
        """Read an instance and its scale set."""
        rid = of_type(instance, SCALE_SET_VM)
        own, above = await asyncio.gather(
            self._instance(rid, expand="instanceView"), self._scale_set(rid)
        )
        if own is None:
            return None
        document = dict(own.as_dict())
        found = read.machine_fact(document, rid.text)
        owner = resource_from_arm(above, rid.parent)
        policy = (document.get("properties") or {}).get("protectionPolicy") or {}
        return PoolInstanceFacts(
            resource=over_pool(found.resource, owner, rid.parent),
            power=found.power,
            taken_out_by=str((document.get("tags") or {}).get(TAG) or ""),
            is_protected=bool(policy.get("protectFromScaleIn")),
        )

    async def mark(self, instance: str, *, taken_out_by: str, is_protected: bool) -> None:
        """Write the instance back as it was read, but for the two marks."""
        from azure.core import MatchConditions
        from azure.mgmt.compute import models

        rid = of_type(instance, SCALE_SET_VM)
        client = await self._clients.of(rid.subscription)
        found = await self._instance(rid)
        if found is None:
            raise InvalidTarget(f"there is no instance {instance}")
        tags = {k: v for k, v in (found.tags or {}).items() if k != TAG}
        found.tags = {**tags, TAG: taken_out_by} if taken_out_by else tags
        found.properties.protection_policy = models.VirtualMachineScaleSetVMProtectionPolicy(
            protect_from_scale_in=is_protected
        )
        known = {"etag": found.etag, "match_condition": MatchConditions.IfNotModified}
        receipt = Receipt()
        async with translated(f"marking {instance}", role=ROLE):
            await client.virtual_machine_scale_set_vms.begin_update(
                rid.resource_group,
                rid.names[0],
                rid.name,
                found,
                **(known if found.etag else {}),
                **receipt.options,
            )

    async def _instance(self, rid: ResourceId, **more: Any) -> Any:
        client = await self._clients.of(rid.subscription)
        async with translated(f"reading {rid.text}", role="Reader"):
            try:
                return await client.virtual_machine_scale_set_vms.get(
                    rid.resource_group, rid.names[0], rid.name, **more
                )
            except not_found():
                return None

    async def _scale_set(self, rid: ResourceId) -> Mapping[str, Any]:
        client = await self._clients.of(rid.subscription)
        async with translated(f"reading {rid.parent}", role="Reader"):
            try:
                found = await client.virtual_machine_scale_sets.get(
                    rid.resource_group, rid.names[0]
                )
            except not_found():
                return {}
        return dict(found.as_dict())
