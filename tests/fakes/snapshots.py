"""What was saved of disks: those of the fake compute, and more as told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.resource_ids import DISK, ResourceId
from shared.core.resources import resource_from_arm
from shared.core.snapshots import DiskSnapshots, Snapshot, disk_key, read_snapshot
from tests.fakes.compute import FakeCompute, FakeSnapshot
from tests.fakes.effects import Trapped


@dataclass(kw_only=True)
class FakeSnapshots(Trapped):
    """Disks by folded id, and their snapshots.

    Attributes:
        compute: Whose snapshots are seen, too.
        machine_tags: Tags of the machine that has a disk, by the disk's folded id.
    """

    compute: FakeCompute
    disks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    machine_tags: dict[str, Mapping[str, str]] = field(default_factory=dict)
    told: list[Snapshot] = field(default_factory=list)

    def add(self, document: Mapping[str, Any]) -> None:
        """Put a disk into the world."""
        key = str(document["id"]).casefold()
        self.disks[key] = dict(document)
        self.compute.loose_disks.add(key)

    async def of_disk(self, disk: str) -> DiskSnapshots | None:
        """Read a disk and what was saved of it."""
        self.reading("of_disk")
        if ResourceId.parse(disk).type != DISK:
            raise InvalidTarget(f"{disk} is no disk")
        document = self.disks.get(disk.casefold())
        if document is None:
            return None
        above = self.machine_tags.get(disk.casefold(), {})
        tags = {**above, **(document.get("tags") or {})}
        made = (_as_read(one) for one in self.compute.snapshots.values())
        return DiskSnapshots(
            resource=resource_from_arm({**document, "tags": tags}, str(document["id"])),
            state=str(document["properties"].get("diskState") or ""),
            saved=tuple(one for one in (*self.told, *made) if one.of == disk_key(disk)),
        )


def _as_read(one: FakeSnapshot) -> Snapshot:
    state = "Succeeded" if one.state.is_ready else "Updating"
    return read_snapshot(
        {
            "id": one.state.id,
            "location": one.location,
            "tags": dict(one.state.tags),
            "properties": {
                "timeCreated": one.taken_at.isoformat(),
                "provisioningState": "Failed" if one.state.has_failed else state,
                "creationData": {"sourceResourceId": one.state.source},
            },
        }
    )
