"""What was evicted, brought back: spot machines started again, pools made one larger.

Reads are fresh: a machine that just left must not be seen where it was. Whatever takes
long is followed by ``Compute.operation`` with the token that it gave out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared.core.facts import SpotFacts, SpotPoolFacts


@dataclass(frozen=True, slots=True)
class PoolSize:
    """How large a scale set is set to be.

    Attributes:
        version: A write that names it changes exactly what was read, or nothing.
        grown_by: The step that made it larger last, from its tag; empty if none did.
        is_changing: Whether a change of it is going on.
    """

    capacity: int
    version: str
    grown_by: str
    is_changing: bool = False


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a VM can be made from again, around its disks and network cards.

    Attributes:
        document: Complete; it is the only copy once the VM is gone.
        would_lose: What the new one would not have; then it must not be taken apart.
    """

    document: Mapping[str, Any]
    would_lose: tuple[str, ...] = ()


class Replacement(Protocol):
    """Spot machines and the scale sets that they are lost from."""

    async def spot_machine(self, machine: str) -> SpotFacts | None:
        """Read a VM or an instance of a scale set."""
        ...

    async def spot_pool(self, instance: str) -> SpotPoolFacts | None:
        """Read the scale set of an instance, which need not be there any more."""
        ...

    async def pool_size(self, scale_set: str) -> PoolSize | None:
        """Read how large a scale set is."""
        ...

    async def start(self, machine: str) -> str:
        """Ask for a start; one that runs or starts already is no error.

        Returns:
            A token for ``Compute.operation``; empty if there is nothing to follow.

        Raises:
            NoCapacity: There is none to be had, or the quota is spent.
            InvalidTarget: There is no such machine.
        """
        ...

    async def change(self, vm: str, *, size: str, at: datetime) -> str:
        """Ask for another size of a deallocated VM, marking what it was; return a token.

        Raises:
            NoCapacity: As for ``start``.
            InvalidTarget: There is no such VM, or it cannot be that.
        """
        ...

    async def blueprint(self, vm: str) -> Blueprint | None:
        """Read what a VM can be made from again; None if there is no such VM."""
        ...

    async def detach(self, vm: str) -> str | None:
        """Ask that disks and network cards outlive the VM.

        Returns:
            A token as of ``start``; None if nothing was asked for, as they do already.
        """
        ...

    async def remove(self, vm: str) -> str:
        """Ask for the deletion of a VM alone; one that is gone is no error; a token."""
        ...

    async def make(
        self, vm: str, document: Mapping[str, Any], *, size: str, priority: str, at: datetime
    ) -> str:
        """Ask for a VM made from a blueprint, marked with what it was; return a token.

        Raises:
            NoCapacity: As for ``start``.
            InvalidTarget: It cannot be that.
        """
        ...

    async def grow(self, scale_set: str, *, seen: PoolSize, by: str) -> str:
        """Ask for one machine more than was seen, and mark it with the step's name.

        Raises:
            StaleFacts: The scale set is not any more as it was seen; nothing was changed.
            NoCapacity: As for ``start``.
        """
        ...
