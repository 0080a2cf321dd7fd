"""What one event costs the real engine: calls by service, table rows by partition, processor.

The app's own functions, the real adapters, Azurite and the Azure stand-in; nothing is
estimated. Calls are counted where they leave the process (aiohttp), rows where they leave
for a table, messages and exported records where they are handed over. What the Functions
host itself does (polling, getting and deleting messages) is not in the process: it is added
by ``bench/scale_model.py`` from the messages counted here.

Written to ``bench/scale_costs.json``, from which docs/SCALE.md and docs/COST.md are made.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from bench.cold_event import event_of, user_function
from bench.standing import FIRST, preempt
from sandbox.demo import world

EVICTIONS, REPAIRS, MACHINES = 150, 40, 1_000
STORM = 50
"""How many evictions one instance has under way together."""
WARM_UPS = 10
FIXED_AT_MOST = 32
"""A table that spread over no more partitions than this, whatever came, does not spread."""
_LONGEST_S = 60.0


@dataclass
class Counted:
    """What left the process.

    Attributes:
        storage: The storage endpoints, and which is which.
        calls: Requests by service.
        rows: Rows read or written, by table and partition.
        messages: Messages put into the queue ``plans``, with when they are due.
        records: Records exported, and their bytes as JSON.
    """

    storage: dict[str, str]
    calls: Counter[str] = field(default_factory=Counter)
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    put: int = 0
    records: int = 0
    record_bytes: int = 0

    def call(self, method: str, url: Any, **_: Any) -> None:
        """Note one request."""
        self.calls[service_of(method, str(url), self.storage)] += 1

    def row(self, table: str, key: Any, *_: Any, **__: Any) -> None:
        """Note one row, given whole or by its key."""
        partition = key["PartitionKey"] if hasattr(key, "keys") else key[0]
        self.rows[table, str(partition)] += 1

    def transaction(self, table: str, operations: Any) -> None:
        """Note the rows of one transaction."""
        for one in operations:
            self.row(table, one[1])

    def message(self, body: Any, *, delay: Any) -> None:
        """Note one message."""
        self.put += 1
        self.messages.append((time.monotonic() + delay.total_seconds(), dict(body)))

    def exported(self, records: Any) -> None:
        """Note what Log Analytics is told."""
        self.records += len(records)
        self.record_bytes += sum(len(json.dumps(dict(one.row))) for one in records)


_PREFIXES = (
    ("/kubernetes", "kubernetes"),
    ("/metrics", "metrics"),
    ("/ingestion", "log ingestion"),
    ("/eventgrid", "event grid"),
    ("/msi", "identity"),
    ("/batch", "batch"),
)


def service_of(method: str, url: str, storage: dict[str, str]) -> str:
    """Say which service a call is to, and whether it reads."""
    is_read = method == "GET"
    for start, name in storage.items():
        if url.startswith(start):
            return name if name != "blob" else f"blob {'read' if is_read else 'write'}"
    path = "/" + url.partition("://")[2].partition("/")[2]
    found = (name for start, name in _PREFIXES if path.startswith(start))
    return next(found, "arm read" if is_read else "arm write")


@contextmanager
def counting(connection_string: str) -> Iterator[Counted]:
    """Count until the end of the block."""
    import aiohttp

    from shared.adapters.log_ingestion import LogIngestion
    from shared.adapters.table_store import TableStore
    from shared.adapters.wake_queue import PlanWakeQueue

    counted = Counted(_endpoints(connection_string))
    noted: list[tuple[Any, str, Callable[..., None]]] = [
        (aiohttp.ClientSession, "_request", counted.call),
        (TableStore, "transact", counted.transaction),
        (PlanWakeQueue, "put", counted.message),
        (LogIngestion, "send", counted.exported),
    ]
    rows = ("read", "insert", "replace", "put", "merge", "drop")
    noted += [(TableStore, name, counted.row) for name in rows]
    undo = [(owner, name, _around(owner, name, note)) for owner, name, note in noted]
    try:
        yield counted
    finally:
        for owner, name, inner in undo:
            setattr(owner, name, inner)


def _around(owner: Any, name: str, note: Callable[..., None]) -> Any:
    """Have a method noted before it is called; return the method."""
    inner = getattr(owner, name)

    @wraps(inner)
    async def outer(self: Any, *given: Any, **named: Any) -> Any:
        note(*given, **named)
        return await inner(self, *given, **named)

    setattr(owner, name, outer)
    return inner


def _endpoints(connection_string: str) -> dict[str, str]:
    parts = dict(part.split("=", 1) for part in connection_string.strip(";").split(";"))
    return {parts[f"{kind}Endpoint"]: kind.lower() for kind in ("Table", "Queue", "Blob")}


def site(evictions: int, repairs: int, machines: int) -> dict[str, Any]:
    """Write the world: nodes to evict, machines with a disk to repair, machines to look at."""
    from bench.drain_site import document

    numbers = range(FIRST, FIRST + 2 * evictions + WARM_UPS)
    written = document(numbers, [world.node(n) for n in numbers], is_twice=False)
    written["resources"] += [_machine(vm(at)) for at in range(repairs)]
    written["resources"] += [_disk(vm(at)) for at in range(repairs)]
    written["resources"] += [_machine(vm(repairs + at)) for at in range(machines)]
    return written


def vm(number: int) -> str:
    """Name a standalone machine."""
    return f"{world.COMPUTE}/virtualMachines/bench-{number:05}"


def _machine(name: str) -> dict[str, Any]:
    disk = {"name": "os", "managedDisk": {"id": _disk(name)["id"]}}
    properties = {
        "hardwareProfile": {"vmSize": world.SIZE},
        "storageProfile": {"osDisk": disk},
    }
    return {"id": name, "location": world.REGION, "properties": properties}


def _disk(name: str) -> dict[str, Any]:
    last = name.rpartition("/")[2]
    return {
        "id": f"{world.COMPUTE}/disks/{last}-os",
        "location": world.REGION,
        "properties": {"diskSizeGB": 64},
    }


def annotated(number: int, name: str) -> dict[str, Any]:
    """Write a health annotation about a machine, as Event Grid sends it."""
    about = vm(number)
    return {
        "id": f"bench-{name}-{number}",
        "topic": f"/subscriptions/{world.SUBSCRIPTION}",
        "subject": about,
        "eventType": "Microsoft.ResourceNotifications.HealthResources.ResourceAnnotated",
        "eventTime": datetime.now(UTC).isoformat(),
        "dataVersion": "1",
        "data": {
            "resourceInfo": {
                "properties": {
                    "targetResourceId": about,
                    "targetResourceType": "Microsoft.Compute/virtualMachines",
                    "annotationName": name,
                    "occurredTime": datetime.now(UTC).isoformat(),
                }
            }
        },
    }


class Costs:
    """Measures one kind after another in this process."""

    def __init__(self, connection_string: str) -> None:
        """Build the engine as the app does."""
        import function_app
        from shared.bootstrap import night

        self._handle = user_function(function_app.app, "on_maintenance_event")
        self._night = night()
        self._at = connection_string

    async def of(
        self,
        count: int,
        once: Callable[[int], Awaitable[object]],
        *,
        unit: int = 1,
        at_once: int = 1,
    ) -> dict[str, Any]:
        """Do something so often, with every message that follows; return the cost of one.

        Args:
            unit: How many things one call of ``once`` is about.
            at_once: How many calls are under way together; ``count`` is a multiple of it.
        """
        with counting(self._at) as counted:
            began = time.process_time()
            for at in range(0, count, at_once):
                await asyncio.gather(*(once(at + n) for n in range(at_once)))
            await self._work_off(counted)
            spent = time.process_time() - began
        handed = counted.calls
        with counting(self._at) as told:
            began = time.process_time()
            await self._export()
            exporting = time.process_time() - began
        of = count * unit
        return {
            "of": of,
            "cpu_ms": round(1000 * spent / of, 3),
            "calls": {name: round(n / of, 4) for name, n in sorted(handed.items())},
            "messages": round(counted.put / of, 4),
            "partitions": self._partitions(counted, of),
            "export": {
                "cpu_ms": round(1000 * exporting / of, 3),
                "records": round(told.records / of, 3),
                "bytes": round(told.record_bytes / of),
                "calls": {name: round(n / of, 4) for name, n in sorted(told.calls.items())},
            },
        }

    def _partitions(self, counted: Counted, of: int) -> dict[str, Any]:
        """Say how each table's rows spread: of one event, over how many, the busiest."""
        tables: dict[str, Counter[str]] = {}
        for (table, partition), rows in counted.rows.items():
            tables.setdefault(table, Counter())[partition] += rows
        return {
            table: {
                "rows": round(sum(its.values()) / of, 3),
                "over": len(its) if len(its) <= FIXED_AT_MOST < of else "targets",
                "hottest": round(max(its.values()) / of, 3),
            }
            for table, its in sorted(tables.items())
        }

    async def _work_off(self, counted: Counted) -> None:
        """Hand out each message when it is due, as the host does, until none is left."""
        from shared.core.errors import RetryLater
        from shared.engine import events

        until = time.monotonic() + _LONGEST_S
        while counted.messages and time.monotonic() < until:
            counted.messages.sort(key=lambda one: one[0])
            due, message = counted.messages.pop(0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            try:
                await events.wake(self._night, message)
            except RetryLater:
                counted.messages.append((time.monotonic() + 1.0, message))
        if counted.messages:
            raise RuntimeError(f"{len(counted.messages)} messages were not worked off")

    async def _export(self) -> None:
        from shared.engine.export import export

        while (await export(self._night)).sent:
            pass

    async def hear(self, event: dict[str, Any]) -> None:
        """Hand one event to the function."""
        await self._handle(event_of(event))

    async def look(self, _: int) -> None:
        """Let the idle tick look at every machine."""
        from shared.engine.idle import look_for_idle

        await look_for_idle(self._night)

    async def sweep(self, _: int) -> None:
        """Let the sweep look for open plans, of which there is none."""
        from shared.engine.sweep import resume

        await resume(self._night)


async def measure(connection_string: str) -> dict[str, Any]:
    """Measure every kind."""
    costs = Costs(connection_string)
    for at in range(2 * EVICTIONS, 2 * EVICTIONS + WARM_UPS):
        await costs.hear(_fresh(at))
    seen = "VirtualMachineHostRebootedForRepair"
    repair = "VirtualMachineMigrationScheduledForDegradedHardware"
    found = {
        "eviction": await costs.of(EVICTIONS, lambda at: costs.hear(_fresh(at))),
        "eviction in a storm": await costs.of(
            EVICTIONS, lambda at: costs.hear(_fresh(EVICTIONS + at)), at_once=STORM
        ),
        "duplicate": await costs.of(EVICTIONS, lambda at: costs.hear(_sent[at])),
        "observed": await costs.of(EVICTIONS, lambda at: costs.hear(annotated(at, seen))),
        "repair": await costs.of(REPAIRS, lambda at: costs.hear(annotated(at, repair))),
        "machine looked at": await costs.of(1, costs.look, unit=MACHINES + REPAIRS),
        "empty sweep": await costs.of(20, costs.sweep),
    }
    return dict(found)


_sent: dict[int, dict[str, Any]] = {}


def _fresh(at: int) -> dict[str, Any]:
    """Write the notice at the moment it is sent: it gives 30 seconds."""
    _sent[at] = preempt(f"bench-scale-{FIRST + at}", FIRST + at, now=datetime.now(UTC))
    return _sent[at]
