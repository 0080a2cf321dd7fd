"""The arithmetic of scale: what bounds events a second, and how many of what a load needs.

Pure: costs of one event as measured, limits as documented; no clock, nothing called.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench import scale_limits as limits
from bench.scale_limits import Limit

HOST_CALLS = 2.0
"""The host gets and deletes each message."""
USED_AT_MOST = 0.7
"""A split is made so that nothing is used more than this."""
TICKS_S = 600.0
Costs = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Bound:
    """What one event takes of a limit.

    Attributes:
        takes: Of the limit's unit.
    """

    limit: Limit
    takes: float
    what: str

    @property
    def events(self) -> float:
        """How many events a second one such place allows, sustained."""
        return self.limit.rate / self.takes


def bounds(cost: Mapping[str, Any], *, by_queue: bool) -> tuple[Bound, ...]:
    """Say what one event of a kind takes of each limit, the export of its records included.

    Args:
        by_queue: Whether the event itself comes through the queue ``platform-events``.
    """
    calls, export = cost["calls"], cost["export"]
    messages = cost["messages"]
    queue = calls.get("queue", 0) + HOST_CALLS * messages + (HOST_CALLS + 1) * by_queue
    storage = queue + sum(
        counts.get(name, 0)
        for counts in (calls, export["calls"])
        for name in ("table", "blob read", "blob write")
    )
    found = [
        Bound(limits.CORES, cost["cpu_ms"] / 1000, "seconds"),
        Bound(limits.EXPORT, export["cpu_ms"] / 1000, "seconds"),
        Bound(limits.STORAGE, storage, "requests, the host's too"),
        Bound(limits.QUEUE, max(messages, float(by_queue)), "messages"),
        Bound(limits.ARM_READS, calls.get("arm read", 0), "reads"),
        Bound(limits.ARM_WRITES, calls.get("arm write", 0), "writes"),
        Bound(limits.INGESTION_BYTES, export["bytes"], "bytes"),
        *_partitions(cost["partitions"]),
    ]
    return tuple(one for one in found if one.takes > 0)


def _partitions(tables: Mapping[str, Mapping[str, Any]]) -> list[Bound]:
    """Say what one event takes of the busiest partition, where a table does not spread."""
    found = []
    for table, its in tables.items():
        if its["over"] != "targets":
            rows = its["rows"] / its["over"]
        elif its["hottest"] >= 1:
            rows = its["hottest"]  # one place that all of them touch, beside others
        else:
            continue
        found.append(Bound(limits.PARTITION, rows, f"rows of {_PLACES[table]}"))
    return found


_PLACES = {
    "Closed": "`Closed`, one partition a day",
    "Open": "`Open`, 16 partitions",
    "Outbox": "`Outbox`, 16 partitions",
    "Tallies": "`Tallies`, one partition a pool or rule",
}


def app_wide(bound: Bound) -> bool:
    """Tell whether more deployments widen a bound; else subscriptions or pools do."""
    reads = bound.limit in {limits.ARM_READS, limits.ARM_WRITES}
    return not reads and "a pool" not in bound.what and bound.limit is not limits.EXPORT


@dataclass(frozen=True, slots=True)
class Split:
    """How many of what.

    Attributes:
        deployments: Each with its app, identity, storage account and queues.
        pairs: Of a subscription and an identity that reads it.
    """

    deployments: int
    pairs: int


def needed(bounds_of: tuple[Bound, ...], rate: float, *, seconds: float = math.inf) -> Split:
    """Say what a rate needs, sustained or for so many seconds after rest."""
    apps = max(rate / one.events for one in bounds_of if app_wide(one)) / USED_AT_MOST
    reads = [one for one in bounds_of if one.limit is limits.ARM_READS]
    pairs = 1.0
    for one in reads:
        allowed = one.limit.rate + one.limit.burst / seconds
        pairs = rate * one.takes / allowed / USED_AT_MOST
    return Split(math.ceil(apps), math.ceil(pairs))


@dataclass(frozen=True, slots=True)
class Watch:
    """What looking at every machine takes, each ten minutes.

    Attributes:
        seconds: What one invocation would take: the longer of processor and metrics calls.
    """

    machines: int
    cpu_s: float
    metrics_calls: float
    arm_reads: float
    seconds: float

    @property
    def deployments(self) -> int:
        """How many must share the machines, so that each ends within its invocation."""
        return max(1, math.ceil(self.seconds / limits.INVOCATION_S))


def watch(costs: Costs, machines: int) -> Watch:
    """Work out the idle tick."""
    cost = costs["machine looked at"]
    cpu = machines * cost["cpu_ms"] / 1000
    metrics = machines * cost["calls"]["metrics"]
    return Watch(
        machines,
        cpu,
        metrics,
        machines * cost["calls"]["arm read"],
        cpu + metrics / limits.METRICS_AT_ONCE * limits.METRICS_CALL_S,
    )
