"""What will happen later: pods that exit, pods that become ready.

Decides only when a callback runs. Nothing needs a running loop to be entered;
whatever is due happens at the latest when the next request asks.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable

_LATE = 0.001
"""Wakes a loop just after an entry is due; a wake-up before it would leave it lying."""


class Agenda:
    """Callbacks by due time. ``clock`` gives seconds that only grow; tests give their own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._unannounced: list[float] = []

    def after(self, seconds: float, callback: Callable[[], object]) -> None:
        """Run a callback once ``seconds`` have passed."""
        due = self._clock() + max(0.0, seconds)
        heapq.heappush(self._entries, (due, next(self._order), callback))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._unannounced.append(due)
            return
        loop.call_later(max(0.0, seconds) + _LATE, self.run_due)

    def run_due(self) -> None:
        """Run whatever is due by now, in the order it falls due."""
        while self._entries and self._entries[0][0] <= self._clock():
            heapq.heappop(self._entries)[2]()

    def wake(self) -> None:
        """Have the running loop run what was entered before it ran."""
        loop = asyncio.get_running_loop()
        for due in self._unannounced:
            loop.call_later(max(0.0, due - self._clock()) + _LATE, self.run_due)
        self._unannounced.clear()

    def clear(self) -> None:
        """Forget everything that was to happen."""
        self._entries.clear()
        self._unannounced.clear()
