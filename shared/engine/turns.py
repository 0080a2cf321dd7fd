"""Turns: of those who count at the same places, one process lets one count at a time.

Counts are exact without this, because each is one conditional write. But of five hundred
that come at once nearly all would write in vain, read again and write in vain again.
Here each waits its turn, and what others read or wrote while it waited it need not read.
Whoever waits too long goes without a turn; nothing is kept of a place where nobody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from shared.core.lanes import LATER, URGENT, Lanes
from shared.core.tallies import Tally
from shared.ports import Tallies

PATIENCE_S = 20.0
"""Below the 30 s that Event Grid waits for an answer. Each call of the store ends by itself
after 10 s, so that nobody has a turn for ever."""
LONGEST_BACK_S = 6.0
"""How long what has begun waits for those who have not: a storm's cordons take 5 s."""
_URGENT = "urgent:"


@dataclass(slots=True)
class _Place:
    """One tally that somebody counts in now.

    Attributes:
        users: How many have it or wait for it.
        tally: As it was last seen.
        seen_by: Everybody up to this ticket had come when that reading or writing began.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    tally: Tally | None = None
    seen_by: int = 0


class Turn:
    """One turn at some places: reads and writes, each seen by those who wait."""

    def __init__(self, turns: Turns, ticket: int, places: dict[str, _Place]) -> None:
        """Begin; without places nothing is shared."""
        self._turns = turns
        self._ticket = ticket
        self._places = places

    async def read(self, tallies: Tallies, keys: Sequence[str]) -> dict[str, Tally]:
        """Return tallies as they were at some moment since this turn was asked for."""
        found = {key: known for key in keys if (known := self._known(key)) is not None}
        missing = [key for key in keys if key not in found]
        if missing:
            now = self._turns.tickets
            read = await tallies.read(missing)
            for tally in read.values():
                self._saw(tally, now)
            found |= read
        return found

    async def save(self, tallies: Tallies, tally: Tally) -> Tally:
        """Store a tally; what failed must be read again.

        Raises:
            StaleFacts: Another process counted meanwhile.
        """
        place = self._places.get(tally.key)
        if place is not None:
            place.tally = None
        now = self._turns.tickets
        stored = await tallies.save(tally)
        self._saw(stored, now)
        return stored

    def _known(self, key: str) -> Tally | None:
        place = self._places.get(key)
        if place is None or place.seen_by < self._ticket:
            return None
        return place.tally

    def _saw(self, tally: Tally, by: int) -> None:
        place = self._places.get(tally.key)
        if place is not None:
            place.tally, place.seen_by = tally, by


class Turns:
    """The turns of one process."""

    def __init__(self) -> None:
        """Nobody counts yet."""
        self.tickets = 0
        self._places: dict[str, _Place] = {}

    @asynccontextmanager
    async def take(
        self, keys: Iterable[str], *, is_urgent: bool = False
    ) -> AsyncIterator[Turn]:
        """Wait until nobody else counts at these places, but not for long.

        Never take a turn within a turn: two would wait for each other.

        Args:
            is_urgent: Wait for others in a hurry alone.
        """
        self.tickets += 1
        ticket = self.tickets
        lane = _URGENT if is_urgent else ""
        wanted = {key: self._come(lane + key) for key in sorted(set(keys))}
        held: list[_Place] = []
        try:
            is_whole = await _all_of(wanted.values(), held)
            yield Turn(self, ticket, wanted if is_whole else {})
        finally:
            _give_up(held)
            for key in wanted:
                self._leave(lane + key)

    def _come(self, key: str) -> _Place:
        place = self._places.setdefault(key, _Place())
        place.users += 1
        return place

    def _leave(self, key: str) -> None:
        place = self._places[key]
        place.users -= 1
        if not place.users:
            del self._places[key]


async def _all_of(places: Iterable[_Place], held: list[_Place]) -> bool:
    """Wait for each; who waited too long lets go of all of them."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            for place in places:
                await place.lock.acquire()
                held.append(place)
    except TimeoutError:
        _give_up(held)
        return False
    return True


def _give_up(held: list[_Place]) -> None:
    while held:
        held.pop().lock.release()


class Gate:
    """Lets so many of a process's events be answered at once, however they arrive.

    Each of five hundred deliveries is an invocation of its own; all at once they would
    make each other's calls of the store time out. What each must do first comes before
    all that any of them does afterwards: every node is cordoned, then the first is emptied.
    """

    def __init__(self, most: int) -> None:
        """Nobody has come yet."""
        self._most = most
        self._users = 0
        self._lanes = Lanes(most)

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[Place]:
        """Wait for a place, in the order of coming."""
        if not self._users:
            self._lanes = Lanes(self._most)  # of the loop that runs now
        self._users += 1
        place = Place(self._lanes)
        try:
            await place.take(URGENT)
            yield place
        finally:
            place.leave()
            self._users -= 1


class Place:
    """One event's place in the gate."""

    def __init__(self, lanes: Lanes) -> None:
        """Begin without it."""
        self._lanes = lanes
        self._has = False
        self._stepped = asyncio.Event()

    async def take(self, lane: int) -> None:
        """Wait for it."""
        await self._lanes.take(lane)
        self._has = True

    async def step_back(self) -> None:
        """Let all go first who have not begun, once; the rest is less of a hurry."""
        if self._stepped.is_set():
            return
        self.leave()
        try:
            async with asyncio.timeout(LONGEST_BACK_S):
                await self.take(LATER)
        except TimeoutError:  # others keep coming: what is begun must go on, too
            await self.take(URGENT)
        finally:
            self._stepped.set()

    async def stepped_back(self) -> None:
        """Wait until the place's holder has stepped back and come again."""
        await self._stepped.wait()

    def leave(self) -> None:
        """Give it to whoever is next."""
        if self._has:
            self._has = False
            self._lanes.give()
