"""500 nodes noticed at once with 30 s to go: one process, how soon each is safe.

The engine with its real adapters over the Azure stand-in's API server, TLS and tokens
included. Its ledger, queue and tallies are in memory, and say so in the table: Azurite is
one process that answers some 40 events a second, and would be measured instead of us.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench import drain_site
from bench.figures import histogram, percentile, table
from sandbox.demo import world
from shared.core.plans import Plan
from shared.core.signals import Phase, Signal, SignalType
from shared.engine import events
from shared.engine.night import Night
from tests.builders import a_rule
from tests.contract.azure_standin.running import Standin, started
from tests.shift import World, a_night, a_world

NODES, PODS = 500, 2
TO_GO = timedelta(seconds=30)
CORDONED_WITHIN_S, EVICTED_WITHIN_S = 5.0, 15.0
AT_ONCE = 24  # host.json: batchSize and newBatchThreshold of the queues together
FIRST = 40
_BUDGET = timedelta(seconds=20)
_POLL_S = 0.05


@dataclass(frozen=True)
class Storm:
    """When things happened, in seconds since the notices came in.

    Attributes:
        cordoned: Each node's PATCH, as the stand-in received it.
        evicted: Each eviction.
        margins: What was left of the 30 s when each plan was done.
    """

    cordoned: list[float]
    evicted: list[float]
    margins: list[float]
    outcomes: dict[str, int]
    calls: int


def measure(nodes: int = NODES, pods: int = PODS) -> Storm:
    """Bring the site up in a process of its own, and let the notices come."""
    numbers = range(FIRST, FIRST + nodes)
    objects = [
        *drain_site.daemon_sets(),
        *(one for n in numbers for one in drain_site.node_of_a_job(n, pods)),
    ]
    document = drain_site.document(numbers, objects, is_twice=False)
    with (
        tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name,
        started(Path(name), json.loads(json.dumps(document))) as standin,
    ):
        os.environ.update(standin.environment)
        _trust(standin.ca_file)
        return asyncio.run(_storm(standin, list(numbers)))


def _trust(ca_file: str) -> None:
    """Trust the stand-in: this process imported aiohttp before it knew of one."""
    from aiohttp import connector

    connector._SSL_CONTEXT_VERIFIED.load_verify_locations(cafile=ca_file)  # noqa: SLF001 - deployed code is told before it imports


async def _storm(standin: Standin, numbers: list[int]) -> Storm:
    async with AsyncExitStack() as closing:
        held, night = await _night(standin, closing)
        clock = night.ports.clock
        began = clock.now()
        signals = [_notice(number, began) for number in numbers]
        heard = [
            asyncio.create_task(events.hear(night, [one], budget=_BUDGET)) for one in signals
        ]
        host = asyncio.create_task(_play_the_host(held, night, heard))
        await asyncio.gather(*heard)
        await host
        calls = await asyncio.to_thread(standin.calls)
        return _told(held.ledger.every_plan(), calls, began)


async def _night(standin: Standin, closing: AsyncExitStack) -> tuple[World, Night]:
    """Make an engine with real adapters for what it acts on, and a ledger in memory."""
    from shared.adapters.aks import AksClusters
    from shared.adapters.arm import ArmReader
    from shared.adapters.clock import SystemClock
    from shared.adapters.credentials import credential
    from shared.adapters.resources import AzureResources
    from shared.core.settings import Settings

    settings = Settings(resource_manager=standin.url)
    identity = await closing.enter_async_context(credential(settings))
    arm = ArmReader(identity, settings)
    cluster = AksClusters(identity, arm, settings)
    closing.push_async_callback(arm.close)
    closing.push_async_callback(cluster.close)
    clock: Any = SystemClock()
    held = a_world(clock.now(), lambda _: None)
    held.ledger.clock = held.queue.clock = clock
    night = a_night(held, a_rule())
    ports = replace(night.ports, clock=clock, cluster=cluster, resources=AzureResources(arm))
    return held, replace(night, ports=ports)


def _notice(number: int, now: datetime) -> Signal:
    return Signal(
        type=SignalType.VM_PREEMPT,
        event_id=f"bench-{number}",
        source="scheduled_events",
        target=world.instance_id(number),
        observed_at=now,
        phase=Phase.SCHEDULED,
        deadline=now + TO_GO,
    )


async def _play_the_host(
    held: World, night: Night, heard: Sequence[asyncio.Task[Any]]
) -> None:
    """Hand out messages of the queue as the host does, so many at a time."""
    busy: set[asyncio.Task[Any]] = set()
    waiting: list[Any] = []
    while held.ledger.index or busy or not all(one.done() for one in heard):
        waiting += held.queue.take()
        while waiting and len(busy) < AT_ONCE:
            task = asyncio.create_task(events.wake(night, waiting.pop(0)))
            busy.add(task)
            task.add_done_callback(busy.discard)
        await asyncio.sleep(_POLL_S)


def _told(plans: list[Plan], calls: list[dict[str, Any]], began: datetime) -> Storm:
    def at(call: dict[str, Any]) -> float:
        return (datetime.fromisoformat(call["time"]) - began).total_seconds()

    names = [str(plan.outcome) for plan in plans]
    return Storm(
        cordoned=[at(c) for c in calls if c["method"] == "PATCH"],
        evicted=[at(c) for c in calls if c["path"].endswith("/eviction")],
        margins=[plan.margin.total_seconds() for plan in plans if plan.margin is not None],
        outcomes={name: names.count(name) for name in sorted(set(names))},
        calls=len(calls),
    )


def report(storm: Storm, nodes: int = NODES, pods: int = PODS) -> bool:
    """Print the table and the histograms; tell whether the bounds are kept."""
    print(
        f"\n{nodes} nodes of {pods} pods and 2 DaemonSets noticed at once, 30 s to go, one "
        f"process, ledger in memory: {storm.calls} calls, outcomes {storm.outcomes}"
    )
    rows = [
        [name, *(f"{percentile(found, share):.2f}" for share in (0.01, 0.5, 0.99, 1.0)), bound]
        for name, found, bound in (
            ("notice to cordon sent", storm.cordoned, f"{CORDONED_WITHIN_S}"),
            ("notice to eviction sent", storm.evicted, f"{EVICTED_WITHIN_S}"),
            ("margin left, verified", storm.margins, ""),
        )
    ]
    print(table(("seconds", "p1", "p50", "p99", "last", "bound"), rows))
    print("\nlead: seconds of the 30 that were left when a node was cordoned")
    print(histogram([TO_GO.total_seconds() - one for one in storm.cordoned], step=0.5))
    print("\nmargin: seconds of the 30 that were left when a node was seen to be empty")
    print(histogram(storm.margins, step=1.0))
    return (
        len(storm.cordoned) == nodes
        and len(storm.evicted) == nodes * pods
        and max(storm.cordoned) <= CORDONED_WITHIN_S
        and max(storm.evicted) <= EVICTED_WITHIN_S
    )


if __name__ == "__main__":
    sys.exit(0 if report(measure()) else 1)
