"""Instances of a scale set that people share: in rotation, or taken out of it."""

from __future__ import annotations

from typing import Protocol

from shared.core.facts import PoolInstanceFacts


class SharedPools(Protocol):
    """Marks on single instances, which the pool's own health probe reads."""

    async def instance(self, instance: str) -> PoolInstanceFacts | None:
        """Read an instance afresh, with the scale set's tags under its own."""
        ...

    async def mark(self, instance: str, *, taken_out_by: str, is_protected: bool) -> None:
        """Write both marks of an instance in one change; empty takes the tag off.

        Raises:
            InvalidTarget: There is no such instance.
            StaleFacts: It has changed since it was read.
        """
        ...
