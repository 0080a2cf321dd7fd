"""So many requests at a time, and of those that wait the urgent ones first.

In a storm every node is to be cordoned before the first pod is evicted: what is evicted
from one node would else be put on another that is about to be taken, too.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

URGENT, LATER = 0, 1


class Lanes:
    """A gate of so many places. One event loop: nothing here needs a lock."""

    def __init__(self, width: int) -> None:
        self._free = width
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()

    @asynccontextmanager
    async def place(self, lane: int) -> AsyncIterator[None]:
        """Hold a place; who is urgent comes before all who are not, else first come."""
        await self.take(lane)
        try:
            yield
        finally:
            self.give()

    async def take(self, lane: int) -> None:
        """Wait for a place, which must be given back."""
        if self._free > 0:
            self._free -= 1
        else:
            await self._wait(lane)

    def give(self) -> None:
        """Give a place back, to whoever is next."""
        self._pass_on()

    async def _wait(self, lane: int) -> None:
        mine = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (lane, next(self._order), mine))
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on()  # it was given to us, and we do not come
            raise

    def _pass_on(self) -> None:
        """Give the place to whoever is next, or put it back."""
        while self._waiting:
            _, _, following = heapq.heappop(self._waiting)
            if not following.done():
                following.set_result(None)
                return
        self._free += 1
