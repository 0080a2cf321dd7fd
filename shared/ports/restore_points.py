"""Restore points of machines: read, make, remove."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from shared.core.restore_points import MachinePoints, RestorePoint


class RestorePoints(Protocol):
    """All disks of a machine at one moment."""

    async def of(self, resource_id: str) -> MachinePoints | None:
        """Read a machine and its restore points, or a collection of them; None if gone."""
        ...

    async def point(self, point_id: str) -> RestorePoint | None:
        """Read one."""
        ...

    async def create(
        self, point_id: str, *, machine: str, location: str, tags: Mapping[str, str]
    ) -> None:
        """Ask for a restore point under this very id; its collection is made if need be."""
        ...

    async def remove(self, point_id: str) -> None:
        """Ask for deletion; one that is gone is no error."""
        ...
