"""Update Manager in memory: a machine is assessed and patched after some reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from shared.core.errors import InvalidTarget
from shared.core.patches import ARC_MACHINE, IN_PROGRESS, PatchFacts
from shared.core.resource_ids import VM, ResourceId
from tests.fakes.effects import Trapped
from tests.fakes.ledger import FakeClock


@dataclass(kw_only=True)
class FakePatching(Trapped):
    """Facts by folded id.

    Attributes:
        lacking: Urgent updates of each machine, which an assessment finds.
        fails: How an installation ends that does not succeed, by folded id.
        lost: Machines whose installation is asked for and never shows.
        takes: Reads for which an operation is under way.
        asked: What was asked of an installation, in order.
    """

    clock: FakeClock
    machines: dict[str, PatchFacts] = field(default_factory=dict)
    lacking: dict[str, int] = field(default_factory=dict)
    fails: dict[str, str] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    takes: int = 1
    asked: list[tuple[str, timedelta, str, tuple[str, ...]]] = field(default_factory=list)
    _left: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, facts: PatchFacts, *, lacking: int = 0) -> None:
        """Put a machine into the world."""
        key = facts.resource.id.casefold()
        self.machines[key] = facts
        self.lacking[key] = lacking

    async def patches(self, machine: str) -> PatchFacts | None:
        """Read what is known of a machine."""
        self.reading("patches")
        if ResourceId.parse(machine).type not in {VM, ARC_MACHINE}:
            raise InvalidTarget(f"{machine} is no VM and no Arc server: it is left alone")
        key = machine.casefold()
        for what in ("assess", "install"):
            if (what, key) in self._left:
                self._left[what, key] -= 1
                if self._left[what, key] < 0:
                    del self._left[what, key]
                    self._end(what, key)
        return self.machines.get(key)

    async def assess(self, machine: str) -> None:
        """Begin to assess."""
        await asyncio.sleep(0)
        self.before("assess")
        key = machine.casefold()
        self.machines[key] = replace(self.machines[key], assessment=IN_PROGRESS)
        self._left["assess", key] = self.takes
        self.happened("assess", machine)

    async def install(
        self,
        machine: str,
        *,
        os: str,
        longest: timedelta,
        restart: str,
        classes: Sequence[str],
    ) -> None:
        """Begin to install."""
        await asyncio.sleep(0)
        self.before("install")
        key = machine.casefold()
        self.asked.append((os, longest, restart, tuple(classes)))
        if key not in self.lost:
            began = self.clock.now()
            known = self.machines[key]
            self.machines[key] = replace(
                known, installation=IN_PROGRESS, installation_began=began
            )
            self._left["install", key] = self.takes
        self.happened("install", machine)

    def _end(self, what: str, key: str) -> None:
        known, now = self.machines[key], self.clock.now()
        if what == "assess":
            self.machines[key] = replace(
                known, assessment="succeeded", assessed_at=now, urgent=self.lacking[key]
            )
            return
        status = self.fails.get(key, "succeeded")
        installed = self.lacking[key] if status == "succeeded" else 0
        self.lacking[key] -= installed
        self.machines[key] = replace(
            known, installation=status, installed=installed, urgent=self.lacking[key]
        )
