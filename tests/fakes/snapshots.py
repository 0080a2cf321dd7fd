"""What was saved of disks: those of the fake compute, and more as told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.resource_ids import DISK, SNAPSHOT, ResourceId, same_resource
from shared.core.resources import resource_from_arm
from shared.core.snapshot_copies import SnapshotCopies
from shared.core.snapshots import DiskSnapshots, Snapshot, disk_key, read_snapshot
from tests.fakes.compute import FakeCompute, FakeSnapshot
from tests.fakes.effects import Trapped


@dataclass(kw_only=True)
class FakeSnapshots(Trapped):
    """Disks by folded id, and their snapshots.

    Attributes:
        compute: Whose snapshots are seen, too.
        snapshots: Documents of snapshots that may be copied, by folded id; copies, too.
        copy_looks: Reads for which a copy is on its way.
        machine_tags: Tags of the machine that has a disk, by the disk's folded id.
    """

    compute: FakeCompute
    disks: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    machine_tags: dict[str, Mapping[str, str]] = field(default_factory=dict)
    told: list[Snapshot] = field(default_factory=list)
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    copy_looks: int = 1
    _left: dict[str, int] = field(default_factory=dict)

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

    async def copies_of(self, snapshot: str) -> SnapshotCopies | None:
        """Read a snapshot and its copies, each a look nearer to its arrival."""
        self.reading("copies_of")
        if ResourceId.parse(snapshot).type != SNAPSHOT:
            raise InvalidTarget(f"{snapshot} is no snapshot")
        document = self.snapshots.get(snapshot.casefold())
        if document is None:
            return None
        for key in self._left:
            self._left[key] -= 1
            arrived = 100.0 if self._left[key] < 0 else 0.0
            self.snapshots[key]["properties"]["completionPercent"] = arrived
        every = [read_snapshot(one) for one in self.snapshots.values()]
        one = read_snapshot(document)
        disk = self.disks.get(one.source.casefold(), {})
        tags = {**(disk.get("tags") or {}), **document["tags"]}
        return SnapshotCopies(
            resource=resource_from_arm({**document, "tags": tags}, snapshot),
            snapshot=one,
            is_incremental=bool(document["properties"].get("incremental")),
            copies=tuple(it for it in every if same_resource(it.source, snapshot)),
        )

    async def copy(
        self, copy_id: str, *, source: str, location: str, tags: Mapping[str, str]
    ) -> None:
        """Begin a copy."""
        await asyncio.sleep(0)
        self.before("copy_snapshot")
        key = copy_id.casefold()
        if key not in self.snapshots:
            creation = {"createOption": "CopyStart", "sourceResourceId": source}
            self.snapshots[key] = {
                "id": copy_id,
                "location": location,
                "tags": dict(tags),
                "properties": {
                    "provisioningState": "Succeeded",
                    "timeCreated": self.compute.now().isoformat(),
                    "incremental": True,
                    "creationData": creation,
                    "completionPercent": 0.0,
                },
            }
            self._left[key] = self.copy_looks
        self.happened("copy_snapshot", copy_id)


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
