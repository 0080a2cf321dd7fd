"""What people have told the whole app to do or to leave: pauses."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from shared.core.pauses import Pause


class Controls(Protocol):
    """Survives a restart, and holds for every instance."""

    async def pauses(self) -> tuple[Pause, ...]:
        """Read the pauses that nobody lifted, ended ones perhaps among them.

        At most ``FRESH`` old: what this process wrote itself it sees at once.
        """
        ...

    async def pause(self, pause: Pause) -> Pause:
        """Store a pause; if there is one of that id, that one stands and is returned."""
        ...

    async def find(self, pause_id: str) -> Pause | None:
        """Return a pause, in force, ended or lifted."""
        ...

    async def lift(self, pause_id: str, *, by: str, at: datetime) -> Pause | None:
        """End a pause now; one that was lifted before stays as it was lifted first.

        Returns:
            The pause as it is stored now, or None if there is none of that id.
        """
        ...
