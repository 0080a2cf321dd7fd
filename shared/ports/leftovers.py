"""Resources that may be left over: read, mark with a date, take the mark off, remove."""

from __future__ import annotations

from typing import Protocol

from shared.core.leftovers import LeftoverFacts


class Leftovers(Protocol):
    """Disks, network interfaces, addresses and scale sets that nobody may need."""

    async def leftover(self, resource_id: str) -> LeftoverFacts | None:
        """Read one; None if it does not exist."""
        ...

    async def mark(self, resource_id: str, *, remove_after: str) -> None:
        """Write our mark beside the other tags; empty takes it off."""
        ...

    async def remove(self, resource_id: str) -> None:
        """Ask for deletion; one that is gone is no error."""
        ...
