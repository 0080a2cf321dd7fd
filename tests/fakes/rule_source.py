"""A container of rule files in memory; every upload is another version."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.core.errors import InvalidTarget, StaleFacts
from shared.core.rollouts import Rollout
from shared.ports.rule_source import GoodVersion, RuleBlob
from tests.fakes.effects import Trap, no_trap


@dataclass
class FakeRules:
    """Blobs with versions, and the last good version.

    Attributes:
        exists: False for a container that nobody made.
        reads: Names of the blobs that were read, in order.
    """

    name: str = "night-rules"
    trap: Trap = no_trap
    exists: bool = True
    most: int = 5000
    blobs: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    uploads: int = 0
    reads: list[str] = field(default_factory=list)
    good: GoodVersion | None = None
    versions: dict[str, GoodVersion] = field(default_factory=dict)
    told: Rollout = field(default_factory=Rollout)
    writes: int = 0

    def upload(self, name: str, body: bytes | str) -> None:
        """Let a person put a file there."""
        self.uploads += 1
        text = body.encode() if isinstance(body, str) else body
        self.blobs[name] = (self.uploads, text)

    def delete(self, name: str) -> None:
        """Let a person take a file away."""
        del self.blobs[name]

    async def listing(self) -> Sequence[RuleBlob]:
        """List what is there."""
        await asyncio.sleep(0)
        self.trap("read listing")
        if not self.exists:
            raise InvalidTarget(f"there is no container {self.name}; create it")
        names = sorted(name for name in self.blobs if "/" not in name)
        if len(self.blobs) > self.most:
            raise InvalidTarget(f"container {self.name} holds more than {self.most} blobs")
        return [RuleBlob(n, f"e{self.blobs[n][0]}", len(self.blobs[n][1])) for n in names]

    async def read(self, blob: RuleBlob) -> bytes:
        """Read what was listed."""
        await asyncio.sleep(0)
        self.trap(f"read {blob.name}")
        upload, body = self.blobs.get(blob.name, (0, b""))
        if f"e{upload}" != blob.etag:
            raise StaleFacts(f"{blob.name} has changed")
        self.reads.append(blob.name)
        return body

    async def keep(self, good: GoodVersion, *, is_last: bool = True) -> None:
        """Keep a version that loaded."""
        await asyncio.sleep(0)
        self.trap("before keep")
        kept = self.versions.setdefault(good.id, good)
        if is_last and (self.good is None or good.seen_at > self.good.seen_at):
            self.good = GoodVersion(good.id, good.seen_at, kept.texts)
        self.trap("after keep")

    async def last_good(self) -> GoodVersion | None:
        """Return the version that was kept last."""
        await asyncio.sleep(0)
        self.trap("read last good")
        return self.good

    async def kept(self, version: str) -> Mapping[str, str] | None:
        """Return the files of a version."""
        await asyncio.sleep(0)
        self.trap("read kept")
        return self.versions[version].texts if version in self.versions else None

    async def rollout(self) -> Rollout:
        """Return which version counts where."""
        await asyncio.sleep(0)
        self.trap("read rollout")
        return self.told

    async def save_rollout(self, rollout: Rollout) -> Rollout:
        """Store it, if it is still as it was read."""
        await asyncio.sleep(0)
        self.trap("before save rollout")
        if rollout.etag != self.told.etag:
            raise StaleFacts("rules-rollout.json was written meanwhile")
        self.writes += 1
        self.told = replace(rollout, etag=f"r{self.writes}")
        return self.told
