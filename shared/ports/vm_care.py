"""A VM that does not answer: how it is, what its console shows, a restart."""

from __future__ import annotations

from typing import Protocol

from shared.core.vm_health import VmHealth


class VmCare(Protocol):
    """Health, console and restart of virtual machines."""

    async def health(self, vm: str) -> VmHealth | None:
        """Read how a VM is; None if there is no such VM."""
        ...

    async def console(self, vm: str) -> str | None:
        """Read what its serial console wrote; None if its boot diagnostics are off.

        Raises:
            InvalidTarget: There is no such VM.
        """
        ...

    async def restart(self, vm: str) -> str:
        """Ask for a restart; return a token for ``Compute.operation``.

        Raises:
            InvalidTarget: There is no such VM.
        """
        ...
