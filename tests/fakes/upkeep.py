"""Storage, rights, forwarders and tickets in memory; each look may fail at its trap."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.core.beats import Beat
from shared.core.errors import InvalidTarget
from shared.core.grants import Grant
from shared.core.smoke_tests import Inlet, Ticket
from shared.ports.upkeep import Contents, Identity, Roll, Upkeep
from tests.fakes.effects import Trap, no_trap

EVERYTHING = (Grant(("*",), (), ("*",), ()),)


@dataclass
class FakePremises:
    """An app whose surroundings are whatever a test says."""

    trap: Trap = no_trap
    whom: Identity = field(default_factory=lambda: Identity("oid-1", "client-1", "tenant-1"))
    grants_at: dict[str, tuple[Grant, ...]] = field(default_factory=dict)
    table_names: set[str] = field(default_factory=set)
    queues: dict[str, Contents] = field(default_factory=dict)
    containers: dict[str, Contents] = field(default_factory=dict)
    ahead: timedelta = timedelta(0)
    statuses: dict[str, int] = field(default_factory=dict)
    events: list[bytes] = field(default_factory=list)
    said: Mapping[str, Any] = field(default_factory=dict)

    async def identity(self) -> Identity:
        """Say whom a token names."""
        self._at("identity")
        return self.whom

    async def grants(self, scope: str) -> tuple[Grant, ...]:
        """Read what the identity may do at a scope; everything unless a test says less."""
        await asyncio.sleep(0)
        self._at("grants")
        return self.grants_at.get(scope, EVERYTHING)

    async def tables(self) -> frozenset[str]:
        """Name the tables."""
        self._at("tables")
        return frozenset(self.table_names)

    async def queue(self, name: str) -> Contents:
        """Count a queue."""
        self._at(f"queue {name}")
        return self.queues.get(name, Contents(0))

    async def container(self, name: str, *, limit: int) -> Contents:
        """Count a container."""
        self._at(f"container {name}")
        return self.containers.get(name, Contents(0))

    async def clock_ahead(self) -> timedelta:
        """Tell how far storage's clock is ahead."""
        self._at("clock")
        return self.ahead

    async def reach(self, url: str) -> int:
        """Tell which status an address answers with."""
        self._at("reach")
        return self.statuses.get(url, 404)

    async def put_event(self, body: bytes) -> None:
        """Put an event into the queue."""
        self._at("put event")
        self.events.append(body)

    def about(self) -> Mapping[str, Any]:
        """Say what the platform calls this app."""
        return self.said

    def _at(self, what: str) -> None:
        self.trap(f"read {what}")


@dataclass
class FakeForwarders:
    """Each machine's last beat, by its folded id."""

    trap: Trap = no_trap
    beats: dict[str, Beat] = field(default_factory=dict)

    async def note(self, beat: Beat) -> None:
        """Keep a beat."""
        await asyncio.sleep(0)
        self.trap("note beat")
        self.beats[beat.machine.casefold()] = beat

    async def roll(self, *, limit: int, after: str = "") -> Roll:
        """Return forwarders by name."""
        self.trap("read forwarders")
        if after and after not in self.beats:
            raise InvalidTarget(f"after was {after!r}; it is `next` of an earlier page")
        names = [name for name in sorted(self.beats) if name > after]
        more = names[limit - 1] if len(names) > limit else ""
        return Roll(tuple(self.beats[name] for name in names[:limit]), more)

    async def silent(self, before: datetime, *, limit: int) -> tuple[Beat, ...]:
        """Return those that were due before a moment."""
        self.trap("read silent")
        due = [one for one in self.beats.values() if one.silent_from < before]
        return tuple(due[:limit])

    async def drop(self, machines: Sequence[str]) -> None:
        """Take machines off the roll."""
        self.trap("drop beats")
        for one in machines:
            self.beats.pop(one.casefold(), None)


@dataclass
class FakeTickets:
    """Tickets by id."""

    trap: Trap = no_trap
    issued: dict[str, Ticket] = field(default_factory=dict)

    async def issue(self, ticket: Ticket) -> None:
        """Store a ticket."""
        self.trap("issue ticket")
        self.issued[ticket.id] = ticket

    async def find(self, ticket_id: str) -> Ticket | None:
        """Return a ticket."""
        await asyncio.sleep(0)
        self.trap("read ticket")
        return self.issued.get(ticket_id)

    async def waiting(self) -> tuple[Ticket, ...]:
        """Return the timer's tickets."""
        self.trap("read tickets")
        return tuple(one for one in self.issued.values() if one.inlet is Inlet.TIMER)


def upkeep(trap: Trap = no_trap) -> Upkeep:
    """Make an app in good order."""
    return Upkeep(FakePremises(trap), FakeForwarders(trap), FakeTickets(trap))
