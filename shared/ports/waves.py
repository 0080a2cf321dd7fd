"""Waves of notices that hold across instances and restarts."""

from __future__ import annotations

from typing import Protocol

from shared.core.waves import Wave


class Waves(Protocol):
    """One row a job, changed by conditional writes alone."""

    async def read(self, key: str) -> Wave:
        """Read the last wave of a job; one that never met any comes empty."""
        ...

    async def save(self, wave: Wave) -> Wave:
        """Store a wave that is still at ``wave.etag``; return it as it is now.

        Raises:
            StaleFacts: Somebody else wrote meanwhile: read again.
        """
        ...
