"""Where rules come from that change without a deployment: a flat folder with versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RuleBlob:
    """One entry of a listing: its name, its version, how many bytes it has."""

    name: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class GoodVersion:
    """The files of a version that loaded.

    Attributes:
        seen_at: When it was listed; of two that are kept the one seen later counts.
        texts: File name, as problems name it, to text.
    """

    id: str
    seen_at: datetime
    texts: Mapping[str, str]


class RuleSource(Protocol):
    """A container of rule files, and the last version of it that loaded."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    async def listing(self) -> Sequence[RuleBlob]:
        """Return what the container holds, in one call, in the order of the names.

        Raises:
            GiveUp: There is no such container, it may not be read, or it holds more than
                one answer tells.
        """
        ...

    async def read(self, blob: RuleBlob) -> bytes:
        """Return the content of a listed version.

        Raises:
            StaleFacts: It was changed or deleted since: list again.
        """
        ...

    async def keep(self, good: GoodVersion) -> None:
        """Keep a version that loaded, unless one that was seen later is kept."""
        ...

    async def last_good(self) -> GoodVersion | None:
        """Return the version that was kept last, or None if there never was one."""
        ...
