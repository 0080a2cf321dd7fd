"""Maintenance notices: the one thing that can be said back to the platform."""

from __future__ import annotations

from typing import Protocol


class Maintenance(Protocol):
    """The platform's own announcements."""

    async def acknowledge(self, owner: str, event_id: str) -> None:
        """Let the platform begin, for every machine that the notice names.

        Returns when the service has said yes; saying it again is no error.

        Args:
            owner: ARM id of the VM, scale set or availability set the notice is about.

        Raises:
            InvalidTarget: There is no such notice at that resource.
        """
        ...
