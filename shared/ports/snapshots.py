"""Disks and the snapshots of them that there are: reads."""

from __future__ import annotations

from typing import Protocol

from shared.core.snapshots import DiskSnapshots


class Snapshots(Protocol):
    """What was saved of a disk."""

    async def of_disk(self, disk: str) -> DiskSnapshots | None:
        """Read a disk and its snapshots, seconds old at most; None if there is no disk."""
        ...
