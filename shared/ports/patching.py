"""Update Manager, one machine at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from shared.core.patches import PatchFacts


class Patching(Protocol):
    """Assessments and one-time installations on VMs and Arc servers."""

    async def patches(self, machine: str) -> PatchFacts | None:
        """Read what is known of a machine; None if it does not exist."""
        ...

    async def assess(self, machine: str) -> None:
        """Ask for an assessment; how it went is seen by the next reads."""
        ...

    async def install(
        self,
        machine: str,
        *,
        os: str,
        longest: timedelta,
        restart: str,
        classes: Sequence[str],
    ) -> None:
        """Ask for an installation; how it went is seen by the next reads.

        Args:
            os: ``linux`` or ``windows``.
            longest: After which no further update is begun.
            restart: ``IfRequired``, ``Never`` or ``Always``.
            classes: As the service names them: ``Critical``, ``Security``, ``Other``.
        """
        ...
