"""Restore points: reads with azure-core alone, effects by azure-mgmt-compute.

Source: https://learn.microsoft.com/rest/api/compute/restore-point-collections/get
($expand=restorePoints), https://learn.microsoft.com/rest/api/compute/restore-points
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.adapters import machines as read
from shared.adapters.azure_errors import translated
from shared.adapters.compute_clients import ComputeClients, not_found, of_type
from shared.core.errors import InvalidTarget
from shared.core.resource_ids import RESTORE_COLLECTION, RESTORE_POINT, VM, ResourceId
from shared.core.resources import resource_from_arm
from shared.core.restore_points import (
    MachinePoints,
    RestorePoint,
    collection_id,
    points_in,
    read_point,
)

if TYPE_CHECKING:
    from shared.adapters.arm import ArmReader, Json

API = "2024-07-01"
ROLE = "Virtual Machine Contributor"


class AzureRestorePoints:
    """Implements ``shared.ports.RestorePoints``."""

    def __init__(self, arm: ArmReader, clients: ComputeClients) -> None:
        self._arm = arm
        self._clients = clients

    async def of(self, resource_id: str) -> MachinePoints | None:
        """Read a machine with its collection, or a collection alone."""
        rid = _of(resource_id)
        document = (
            await self._collection(rid.text)
            if rid.type == RESTORE_COLLECTION
            else await self._arm.get(rid.text, api_version=API)
        )
        if document is None:
            return None
        resource = resource_from_arm(document, rid.text)
        try:
            if rid.type == RESTORE_COLLECTION:
                return MachinePoints(resource, None, points_in(document))
            disks = len(read.managed_disks(document, resource.location))
            held = await self._collection(collection_id(rid.text))
            return MachinePoints(resource, disks, points_in(held or {}))
        except (ValueError, TypeError) as odd:
            raise InvalidTarget(f"reading the restore points of {rid.text}: {odd}") from odd

    async def _collection(self, collection: str) -> Json | None:
        return await self._arm.get(
            collection, api_version=API, query={"$expand": "restorePoints"}
        )

    async def point(self, point_id: str) -> RestorePoint | None:
        """Read one restore point."""
        rid = of_type(point_id, RESTORE_POINT)
        document = await self._arm.get(rid.text, api_version=API)
        return None if document is None else read_point(document)

    async def create(
        self, point_id: str, *, machine: str, location: str, tags: Mapping[str, str]
    ) -> None:
        """Make the collection, if there is none, and ask for the point."""
        from azure.mgmt.compute import models

        rid = of_type(point_id, RESTORE_POINT)
        client = await self._clients.of(rid.subscription)
        group, (collection, name) = rid.resource_group, rid.names
        wanted = models.RestorePointCollection(
            location=location,
            tags=dict(tags),
            properties=models.RestorePointCollectionProperties(
                source=models.RestorePointCollectionSourceProperties(id=machine)
            ),
        )
        async with translated(f"making a restore point of {machine}", role=ROLE):
            try:
                await client.restore_point_collections.get(group, collection)
            except not_found():
                await client.restore_point_collections.create_or_update(
                    group, collection, wanted
                )
            await client.restore_points.begin_create(
                group, collection, name, models.RestorePoint(), polling=False
            )

    async def remove(self, point_id: str) -> None:
        """Ask for deletion."""
        rid = of_type(point_id, RESTORE_POINT)
        client = await self._clients.of(rid.subscription)
        async with translated(f"removing {point_id}", role=ROLE):
            try:
                await client.restore_points.begin_delete(
                    rid.resource_group, *rid.names, polling=False
                )
            except not_found():
                return


def _of(text: str) -> ResourceId:
    try:
        rid = ResourceId.parse(text)
    except ValueError as error:
        raise InvalidTarget(str(error)) from error
    if rid.type not in {VM, RESTORE_COLLECTION}:
        kind = rid.type or "container"
        raise InvalidTarget(f"{text} is a {kind}; wanted: {VM}, {RESTORE_COLLECTION}")
    return rid
