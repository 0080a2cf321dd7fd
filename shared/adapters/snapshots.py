"""Snapshots by the resource manager: one list of a resource group, shared for seconds.

Many disks of one group are saved in one night, and each asks what was saved of it: the
list is read once for all who ask at that moment.

Source: https://learn.microsoft.com/rest/api/compute/snapshots/list-by-resource-group
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.adapters.compute_clients import of_type
from shared.adapters.recent import Recent
from shared.core.errors import InvalidTarget
from shared.core.resource_ids import DISK, SNAPSHOT, VM, ResourceId, is_a, same_resource
from shared.core.resources import resource_from_arm
from shared.core.snapshot_copies import SnapshotCopies
from shared.core.snapshots import DiskSnapshots, Snapshot, disk_key, read_snapshot

if TYPE_CHECKING:
    from shared.adapters.arm import ArmReader

DISKS_API, MACHINES_API = "2024-03-02", "2024-07-01"
GOOD_FOR = timedelta(seconds=10)
GROUPS = 200
_log = logging.getLogger("nightshift.snapshots")


async def in_group(arm: ArmReader, group: str) -> tuple[Snapshot, ...]:
    """List the snapshots of a resource group; one that cannot be read is as if not there.

    Whoever decides by it is on the safe side then: one snapshot more is taken, none is
    thought to be newer than another.
    """
    found: list[Snapshot] = []
    path = f"{group}/providers/Microsoft.Compute/snapshots"
    async for document in arm.pages(path, api_version=DISKS_API):
        try:
            found.append(read_snapshot(document))
        except (ValueError, TypeError) as odd:
            _log.warning("listing %s: %s: %s", path, document.get("id"), odd)
    return tuple(found)


class ArmSnapshots:
    """Implements ``shared.ports.Snapshots``."""

    def __init__(self, arm: ArmReader) -> None:
        self._arm = arm
        self._lists: Recent[tuple[Snapshot, ...]] = Recent(ttl=GOOD_FOR, limit=GROUPS)

    async def of_disk(self, disk: str) -> DiskSnapshots | None:
        """Read a disk, the tags of its machine, and what was saved of it."""
        rid = _disk_id(disk)
        document = await self._arm.get(rid.text, api_version=DISKS_API)
        if document is None:
            return None
        resource = resource_from_arm(document, rid.text)
        above = await self._machine_tags(str(document.get("managedBy") or ""))
        properties = document.get("properties")
        said = properties if isinstance(properties, Mapping) else {}
        listed = await self._lists.get(
            rid.parent.casefold(), lambda: in_group(self._arm, rid.parent)
        )
        key = disk_key(rid.text)
        return DiskSnapshots(
            resource=replace(resource, tags={**above, **resource.tags}),
            state=str(said.get("diskState") or ""),
            saved=tuple(one for one in listed if one.of == key and not one.is_copy),
        )

    async def copies_of(self, snapshot: str) -> SnapshotCopies | None:
        """Read a snapshot, the tags of its disk, and its copies."""
        rid = of_type(snapshot, SNAPSHOT)
        document = await self._arm.get(rid.text, api_version=DISKS_API)
        if document is None:
            return None
        try:
            one = read_snapshot(document)
        except (ValueError, TypeError) as odd:
            raise InvalidTarget(f"reading {rid.text}: {odd}") from odd
        disk = None
        if is_a(one.source, DISK):
            disk = await self._arm.get(one.source, api_version=DISKS_API)
        above = resource_from_arm(disk, one.source).tags if disk else {}
        resource = resource_from_arm(document, rid.text)
        listed = await in_group(self._arm, rid.parent)
        return SnapshotCopies(
            resource=replace(resource, tags={**above, **resource.tags}),
            snapshot=one,
            is_incremental=bool((document.get("properties") or {}).get("incremental")),
            copies=tuple(it for it in listed if same_resource(it.source, rid.text)),
        )

    async def copy(
        self, copy_id: str, *, source: str, location: str, tags: Mapping[str, str]
    ) -> None:
        """Ask for an incremental copy in another region.

        Source: https://learn.microsoft.com/azure/virtual-machines/disks-copy-incremental-snapshot-across-regions
        """
        rid = of_type(copy_id, SNAPSHOT)
        creation = {"createOption": "CopyStart", "sourceResourceId": source}
        await self._arm.change(
            "PUT",
            rid.text,
            api_version=DISKS_API,
            body={
                "location": location,
                "tags": dict(tags),
                "properties": {"incremental": True, "creationData": creation},
            },
            needs="Microsoft.Compute/snapshots/write",
        )

    async def _machine_tags(self, machine: str) -> Mapping[str, str]:
        """Read what is said of the machine that has the disk; of others nothing."""
        try:
            rid = ResourceId.parse(machine)
        except ValueError:
            return {}
        if rid.type != VM:
            return {}
        document = await self._arm.get(rid.text, api_version=MACHINES_API)
        return {} if document is None else resource_from_arm(document, rid.text).tags


def _disk_id(text: str) -> ResourceId:
    try:
        rid = ResourceId.parse(text)
    except ValueError as error:
        raise InvalidTarget(str(error)) from error
    if rid.type != DISK:
        raise InvalidTarget(f"{text} is a {rid.type or 'container'}; wanted: {DISK}")
    return rid
