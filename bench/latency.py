"""Event to first effect on the fast path: ``make bench-latency``.

One process, the app's own functions called as the worker calls them, real adapters,
Azurite and the Azure stand-in answering at once. Every event is a spot eviction of
another node. Next to it, in turns with it: the bare cost of the two storage writes that
an answer cannot do without (the transaction that stores a plan of that size, and the
queue message that wakes it), and deciding and opening a plan without carrying it out.

From the moment before the function is called to the moment at which the stand-in had
received the PATCH that cordons the node, as its call log says (one machine's clock,
milliseconds, rounded down). Sets no bound: it reports.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bench.cold_event import event_of, user_function
from bench.figures import machine, percentile, table
from bench.standing import FIRST, Standing, moment, node_of, preempt, standing
from sandbox.demo.world import node_name

if TYPE_CHECKING:
    from shared.core.plans import Plan

EVENTS = 1_000
AT_ONCE = (1, 16)
WARM_UPS = 20
_TABLE, _QUEUE = "BenchPlans", "bench-plans"


@dataclass
class Taken:
    """Seconds of each thing measured, and when each node's event came in."""

    came_in: dict[str, float] = field(default_factory=dict)
    whole: list[float] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


class App:
    """The app in this process, and the two bare writes with its own clients."""

    def __init__(self) -> None:
        import function_app
        from shared.bootstrap import night

        self._handle = user_function(function_app.app, "on_maintenance_event")
        self._night = night()
        self._plan: Plan | None = None

    async def answer(self, number: int, taken: Taken) -> None:
        """Hand one notice to the function and wait until it returns."""
        event = event_of(_notice(number))
        began = time.time()
        taken.came_in[node_name(number)] = began
        await self._handle(event)
        taken.whole.append(time.time() - began)

    async def decide_and_open(self, number: int, taken: Taken) -> None:
        """Parse, look, decide and store a plan with its message; do nothing of it."""
        from shared.core.signals import Signal
        from shared.engine.answer import decide_and_open
        from shared.engine.request import Request
        from shared.parsing import parse_events

        body = json.dumps(_notice(number)).encode()
        began = time.time()
        clock = self._night.ports.clock
        [signal] = parse_events(body, received_at=clock.now())
        if not isinstance(signal, Signal):
            raise TypeError(f"the notice was not read as a signal: {signal}")
        given = await decide_and_open(self._night, signal, Request(owner=clock.token()))
        taken.opened.append(time.time() - began)
        if given.stored is None:
            raise RuntimeError(f"no plan was opened: {given.rulings}")
        self._plan = given.stored.plan

    async def write_bare(self, number: int, taken: Taken) -> None:
        """Do the two writes at once, as opening a plan does, and nothing else."""
        from shared.adapters import table_rows as rows
        from shared.ports import Head

        plan = self._plan
        if plan is None:
            raise RuntimeError("no plan was opened yet, so its size is not known")
        key = {"PartitionKey": f"bench-{number}-{len(taken.bare)}"}
        new = [
            ("create", rows.plan_row(plan) | key),
            ("create", rows.head_row(plan, Head()) | key),
        ]
        text = "x" * 100  # what {"plan": ..., "seq": ...} is in base64
        began = time.time()
        await asyncio.gather(
            self._table.submit_transaction(new),
            self._queue.send_message(text, visibility_timeout=30, time_to_live=-1),
        )
        taken.bare.append(time.time() - began)

    async def prepare(self, connection_string: str) -> None:
        """Connect bare clients, make their table and queue."""
        from azure.data.tables.aio import TableClient
        from azure.storage.queue.aio import QueueClient

        from shared.adapters.sdk_options import has_proxy

        told: dict[str, Any] = {"use_env_settings": has_proxy()}  # as the app's own are
        at = connection_string
        self._table = TableClient.from_connection_string(at, _TABLE, **told)
        self._queue = QueueClient.from_connection_string(at, _QUEUE, **told)
        await self._table.create_table()
        await self._queue.create_queue()

    async def close(self) -> None:
        """Close the bare clients."""
        await self._table.close()
        await self._queue.close()


def _notice(number: int) -> dict[str, Any]:
    return preempt(f"bench-latency-{number}", number, now=datetime.now(UTC))


async def in_turns(app: App, numbers: Iterator[int], count: int, at_once: int) -> Taken:
    """Let workers take turns at the three things until each was done ``count`` times."""
    taken, left = Taken(), iter(range(count))

    async def worker() -> None:
        for _ in left:
            await app.decide_and_open(next(numbers), taken)
            number = next(numbers)
            await app.answer(number, taken)
            await app.write_bare(number, taken)

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return taken


def first_effects(at: Standing, taken: Taken) -> list[float]:
    """Return the seconds from each event to the first PATCH of its node."""
    sent: dict[str, float] = {}
    for call in at.take_calls():
        if call["method"] == "PATCH":
            sent.setdefault(node_of(call["path"]), moment(call["time"]))
    missing = taken.came_in.keys() - sent.keys()
    if missing:
        raise RuntimeError(f"{len(missing)} nodes were not cordoned, such as {min(missing)}")
    return [sent[name] - began for name, began in taken.came_in.items()]


async def measure(at: Standing, count: int) -> dict[int, dict[str, list[float]]]:
    """Run each concurrency; the app is warm before the first."""
    app, numbers = App(), iter(range(FIRST, FIRST + nodes_for(count)))
    await app.prepare(at.settings["AzureWebJobsStorage"])
    found: dict[int, dict[str, list[float]]] = {}
    try:
        await in_turns(app, numbers, WARM_UPS, 4)
        for at_once in AT_ONCE:
            at.take_calls()
            taken = await in_turns(app, numbers, count, at_once)
            found[at_once] = {
                "event to first effect sent": first_effects(at, taken),
                "event to plan stored (decide + open)": taken.opened,
                "event to the handler's return": taken.whole,
                "bare: table transaction + queue put": taken.bare,
            }
    finally:
        await app.close()
    return found


def nodes_for(count: int) -> int:
    """Count the nodes: one for each event answered, one for each plan only opened."""
    return 2 * (WARM_UPS + count * len(AT_ONCE))


def report(found: dict[int, dict[str, list[float]]], count: int) -> None:
    """Print the table."""
    print(f"{count} events at each concurrency; {machine()}")
    rows: list[list[str]] = []
    for at_once, kinds in found.items():
        *_, bare = kinds.values()
        for name, times in kinds.items():
            half, most = percentile(times, 0.5), percentile(times, 0.99)
            rows.append(
                [
                    f"{name}, {at_once} at once",
                    f"{half * 1000:.1f}",
                    f"{most * 1000:.1f}",
                    f"{half / percentile(bare, 0.5):.1f}",
                    f"{most / percentile(bare, 0.99):.1f}",
                ]
            )
    print(table(("ms", "p50", "p99", "p50 / bare", "p99 / bare"), rows))


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=EVENTS, help=f"({EVENTS})")
    count = parser.parse_args().events
    if count < 1:
        parser.error(f"--events was {count}; it may be 1 or more")
    # The app's clients live as long as its process, so none of them is closed at the end.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with standing(nodes_for(count)) as at:
        os.environ.update(at.settings)
        report(asyncio.run(measure(at, count)), count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
