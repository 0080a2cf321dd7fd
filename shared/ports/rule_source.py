"""Where rules come from that change without a deployment: a flat folder with versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.core.rollouts import Rollout


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

    async def keep(self, good: GoodVersion, *, is_last: bool = True) -> None:
        """Keep a version that loaded, unless one that was seen later is kept.

        Args:
            is_last: It is what ``last_good`` returns from now on; false for a version
                that is only on trial.
        """
        ...

    async def last_good(self) -> GoodVersion | None:
        """Return the version that was kept last, or None if there never was one."""
        ...

    async def kept(self, version: str) -> Mapping[str, str] | None:
        """Return the files of a version that was kept, or None."""
        ...

    async def rollout(self) -> Rollout:
        """Return which version counts where, as all instances know it."""
        ...

    async def save_rollout(self, rollout: Rollout) -> Rollout:
        """Store which version counts where.

        Raises:
            StaleFacts: Somebody else stored another since it was read.
        """
        ...
