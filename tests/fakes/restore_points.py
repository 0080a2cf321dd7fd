"""Restore points in memory, which take a settable number of looks to become whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.core.errors import InvalidTarget
from shared.core.resource_ids import RESTORE_COLLECTION, VM, ResourceId
from shared.core.resources import Resource
from shared.core.restore_points import MachinePoints, RestorePoint, collection_id, read_point
from tests.fakes.compute import STARTED, FakeCompute
from tests.fakes.effects import Trapped


@dataclass(kw_only=True)
class FakeRestorePoints(Trapped):
    """Points by their collection's folded id.

    Attributes:
        looks: Reads of a point after which it is whole.
        fails: New points end failed.
    """

    compute: FakeCompute
    now: Callable[[], datetime] = lambda: STARTED
    collections: dict[str, dict[str, RestorePoint]] = field(default_factory=dict)
    looks: int = 1
    fails: bool = False
    _left: dict[str, int] = field(default_factory=dict)

    def add(self, point_id: str, taken_at: datetime, *, is_good: bool = True) -> None:
        """Put a point into the world."""
        state = "Succeeded" if is_good else "Failed"
        properties = {"timeCreated": taken_at.isoformat(), "provisioningState": state}
        point = read_point({"id": point_id, "properties": properties})
        collection = ResourceId.parse(point_id).parent.casefold()
        self.collections.setdefault(collection, {})[point_id.casefold()] = point

    async def of(self, resource_id: str) -> MachinePoints | None:
        """Read a machine or a collection."""
        self.reading("points of")
        rid = ResourceId.parse(resource_id)
        if rid.type == RESTORE_COLLECTION:
            held = self.collections.get(rid.key)
            if held is None:
                return None
            resource = Resource(rid.text, rid.type, rid.name, "westeurope")
            return MachinePoints(resource, None, tuple(held.values()))
        if rid.type != VM:
            raise InvalidTarget(f"{resource_id} is no machine")
        machine = self.compute.machines_by_id.get(rid.key)
        if machine is None:
            return None
        held = self.collections.get(collection_id(rid.text).casefold(), {})
        return MachinePoints(machine.resource, len(machine.disks), tuple(held.values()))

    async def point(self, point_id: str) -> RestorePoint | None:
        """Read one, a look nearer to its end."""
        self.reading("point")
        key = point_id.casefold()
        held = self.collections.get(ResourceId.parse(point_id).parent.casefold(), {})
        if key in held and key in self._left:
            self._left[key] -= 1
            if self._left[key] < 0:
                held[key] = replace(held[key], is_good=not self.fails, has_failed=self.fails)
        return held.get(key)

    async def create(
        self, point_id: str, *, machine: str, location: str, tags: Mapping[str, str]
    ) -> None:
        """Begin a point; its collection is made."""
        await asyncio.sleep(0)
        self.before("create_restore_point")
        found = self.compute.machines_by_id.get(machine.casefold())
        if found is None:
            raise InvalidTarget(f"there is no virtual machine {machine}")
        key = point_id.casefold()
        held = self.collections.setdefault(ResourceId.parse(point_id).parent.casefold(), {})
        if key not in held:
            properties = {"timeCreated": self.now().isoformat()}
            point = read_point({"id": point_id, "properties": properties})
            held[key] = replace(point, disks=len(found.disks))
            self._left[key] = self.looks
        self.happened("create_restore_point", point_id)

    async def remove(self, point_id: str) -> None:
        """Delete a point."""
        await asyncio.sleep(0)
        self.before("remove_restore_point")
        held = self.collections.get(ResourceId.parse(point_id).parent.casefold(), {})
        held.pop(point_id.casefold(), None)
        self.happened("remove_restore_point", point_id)
