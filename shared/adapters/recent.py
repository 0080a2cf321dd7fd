"""What was read a moment ago, so that a storm of events about one thing asks once.

Bounded in time and in size. Callers who ask for one key at once share one request; a
failure is not remembered. One process, one event loop: nothing here needs a lock.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """Values by key, each good for ``ttl``, at most ``limit`` of them."""

    def __init__(
        self,
        *,
        ttl: timedelta,
        limit: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl = ttl.total_seconds()
        self._limit = limit
        self._now = now
        self._values: OrderedDict[str, tuple[float, V]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[V]] = {}

    async def get(self, key: str, ask: Callable[[], Awaitable[V]]) -> V:
        """Return a value that is young enough, asking for it if need be.

        A caller who is cancelled does not take the answer away from the others.
        """
        known = self._values.get(key)
        if known is not None and self._now() - known[0] < self._ttl:
            self._values.move_to_end(key)
            return known[1]
        task = self._asking.get(key)
        if task is None:
            task = asyncio.ensure_future(self._ask(key, ask))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._asked(key, done))
        return await asyncio.shield(task)

    def age(self, key: str) -> timedelta | None:
        """Tell how long ago a value was read; None if it is not known."""
        known = self._values.get(key)
        return timedelta(seconds=self._now() - known[0]) if known else None

    def forget(self, key: str) -> None:
        """Drop a value that turned out to be wrong."""
        self._values.pop(key, None)

    async def _ask(self, key: str, ask: Callable[[], Awaitable[V]]) -> V:
        asked_at = self._now()
        value = await ask()
        self._values[key] = (asked_at, value)
        self._values.move_to_end(key)
        while len(self._values) > self._limit:
            self._values.popitem(last=False)
        return value

    def _asked(self, key: str, done: asyncio.Task[V]) -> None:
        self._asking.pop(key, None)
        if not done.cancelled():
            done.exception()  # seen: those who waited have it, and nobody may be waiting
