"""Disks, the snapshots of them that there are, and copies of those in other regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from shared.core.snapshot_copies import SnapshotCopies
from shared.core.snapshots import DiskSnapshots


class Snapshots(Protocol):
    """What was saved of a disk."""

    async def of_disk(self, disk: str) -> DiskSnapshots | None:
        """Read a disk and its snapshots, seconds old at most; None if there is no disk."""
        ...

    async def copies_of(self, snapshot: str) -> SnapshotCopies | None:
        """Read a snapshot and its copies; None if there is no such snapshot."""
        ...

    async def copy(
        self, copy_id: str, *, source: str, location: str, tags: Mapping[str, str]
    ) -> None:
        """Ask for a copy of a snapshot in another region, under this very id."""
        ...
