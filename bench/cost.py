"""What Nightshift costs a month, with the arithmetic: ``make cost``.

Prices from a table with date and source, calls as measured (``bench/scale_costs.json``), and a
load that is assumed and said. ``--write`` writes docs/COST.md between its marks, ``--check``
says whether the page holds what follows from the kept figures, with exit status 1 if not.

Not in it: what is watched, alert rules, private endpoints, traffic between regions, support.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench import scale
from bench.scale_limits import METRICS_BATCH
from bench.scale_model import HOST_CALLS

PAGE = scale.ROOT / "docs" / "COST.md"
NAME = "bench/cost.py"
MONTH_S = 730 * 3600
RESOURCES = (1, 1_000, 100_000)
GB_AN_INSTANCE = 2.0
"""``instanceMemoryMB`` of infra/bicep: 2,048."""
SMALL_GB = 0.5
ALWAYS_READY = 1
"""``alwaysReadyInstances`` of infra/bicep."""
QUEUES_POLLED = 4
"""Each once a second, as ``maxPollingInterval`` of host.json lets the host wait."""
ARCHIVED_BYTES, ROW_BYTES, LOG_BYTES = 2_000, 2_000, 1_000
"""A copied delivery; an event's row; a line of the host's log, one an execution."""
MACHINES_SHARE = 1.0
"""Of the resources, how many are machines that the idle tick looks at."""
SHORTEST_S = 1.0
"""Source: https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#billing"""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars, East US, list price.

    Attributes:
        usd: For one unit.
        free: Units a month that cost nothing.
        seen: When and where this figure was seen; empty if it could not be verified.
    """

    name: str
    usd: float
    unit: str
    page: str
    seen: str
    free: float = 0.0

    def of(self, units: float) -> float:
        """Say what so many units cost."""
        return max(0.0, units - self.free) * self.usd


_FUNCTIONS = "https://azure.microsoft.com/pricing/details/functions/"
_MONITOR = "https://azure.microsoft.com/pricing/details/monitor/"
_API = "the Retail Prices API's answer of"
ON_DEMAND = Price(
    "Flex Consumption, on demand, execution time",
    0.000026,
    "GB-s",
    _FUNCTIONS,
    f"{_API} 2026-09-24, kept in a public project's tests",
    100_000,
)
EXECUTIONS = Price(
    "Flex Consumption, executions", 0.4e-6, "execution", _FUNCTIONS, ON_DEMAND.seen, 250_000
)
BASELINE = Price(
    "Flex Consumption, always ready, baseline",
    0.000004,
    "GB-s",
    _FUNCTIONS,
    "2025-04 in euros (0.0000038), in a public project's notes; in dollars not verified",
)
TABLES = Price(
    "tables, requests",
    0.00036 / 10_000,
    "request",
    "https://azure.microsoft.com/pricing/details/storage/tables/",
    "2026-07-22 (Austria East), in a public project's notes; the same in four others",
)
QUEUES = Price(
    "queues, requests",
    0.004 / 10_000,
    "request",
    "https://azure.microsoft.com/pricing/details/storage/queues/",
    "Infracost's own test data for general purpose v2, LRS; no date",
)
BLOB_WRITES = Price(
    "blobs, hot, LRS, writes",
    0.05 / 10_000,
    "request",
    "https://azure.microsoft.com/pricing/details/storage/blobs/",
    ON_DEMAND.seen,
)
BLOB_GB = Price("blobs, hot, LRS, stored", 0.0208, "GB", BLOB_WRITES.page, ON_DEMAND.seen)
TABLE_GB = Price("tables, LRS, stored", 0.045, "GB", TABLES.page, TABLES.seen)
EVENT_GRID = Price(
    "Event Grid, operations",
    0.6e-6,
    "operation",
    "https://azure.microsoft.com/pricing/details/event-grid/",
    f"{_API} 2026-07 or later, in a public project's estimate",
    100_000,
)
LOGS = Price(
    "Log Analytics, ingestion",
    2.30,
    "GB",
    _MONITOR,
    f"{_API} 2026-08-09, in a public project's notes",
    5,
)
METRICS = Price("metrics, calls", 0.01 / 1_000, "call", _MONITOR, "", 1_000_000)
PRICES = (
    ON_DEMAND,
    EXECUTIONS,
    BASELINE,
    TABLES,
    TABLE_GB,
    QUEUES,
    BLOB_WRITES,
    BLOB_GB,
    EVENT_GRID,
    LOGS,
    METRICS,
)

EVENTS_A_DAY = {"observed": 4.0, "duplicate": 0.2, "eviction": 0.02, "repair": 0.002}
"""For each resource; an assumption."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill."""

    price: Price
    units: float
    why: str

    @property
    def usd(self) -> float:
        """What it costs."""
        return self.price.of(self.units)


def active_s(executions: float, each_s: float) -> float:
    """Say how long instances are billed for executions that come by chance over a month.

    While one runs, others on the same instance cost nothing more; each counts a second at
    least. Instances are as many as are busy on the average, rounded up.
    """
    each = max(SHORTEST_S, each_s)
    instances = max(1, math.ceil(executions * each_s / MONTH_S))
    busy = 1 - math.exp(-executions * each / MONTH_S / instances)
    return MONTH_S * instances * busy


def bill(kept: dict[str, Any], resources: int, gb: float = GB_AN_INSTANCE) -> list[Line]:
    """Work out every line for so many resources, with instances of so much memory."""
    costs = kept["costs"]
    month = {kind: n * resources * 365 / 12 for kind, n in EVENTS_A_DAY.items()}
    ticks = {name: float(n) for name, n in kept["ticks"].items()}
    looked = resources * MACHINES_SHARE * ticks["tick_idle"]

    def of(*names: str) -> float:
        """Add up calls of events and of what looking takes, the export included."""
        looking_takes = costs["machine looked at"]["calls"]
        total: float = looked * sum(looking_takes.get(name, 0) for name in names)
        for kind, count in month.items():
            for part in (costs[kind]["calls"], costs[kind]["export"]["calls"]):
                total += count * sum(part.get(name, 0) for name in names)
        return total

    events = sum(month.values())
    messages = sum(month[kind] * costs[kind]["messages"] for kind in month) + month["observed"]
    records = sum(month[kind] * costs[kind]["export"]["records"] for kind in month)
    told = sum(month[kind] * costs[kind]["export"]["bytes"] for kind in month)
    executions = events + messages
    looking = looked * costs["machine looked at"]["cpu_ms"] / 1000
    cpu = sum(month[kind] * costs[kind]["cpu_ms"] for kind in month) / 1000
    ticking = sum(ticks.values()) * SHORTEST_S + max(0.0, looking - ticks["tick_idle"])
    working = active_s(executions, cpu / executions)
    every = executions + sum(ticks.values())
    sweeps = ticks["tick_resume"] * costs["empty sweep"]["calls"]["table"]
    others = sum(ticks.values()) - ticks["tick_resume"]
    return [
        Line(
            BASELINE,
            ALWAYS_READY * gb * MONTH_S,
            f"{ALWAYS_READY} instance of {gb:g} GB, all month",
        ),
        Line(ON_DEMAND, gb * (ticking + working), "ticks and events"),
        Line(EXECUTIONS, every, "ticks and events"),
        Line(TABLES, of("table") + sweeps + others, "events, looking, one a tick"),
        Line(TABLE_GB, 12 * events * ROW_BYTES / 1e9, "rows of a year: they stay"),
        Line(
            QUEUES,
            of("queue") + HOST_CALLS * messages + QUEUES_POLLED * MONTH_S,
            f"messages; {QUEUES_POLLED} queues asked once a second",
        ),
        Line(BLOB_WRITES, of("blob write"), "a copy of each delivery"),
        Line(BLOB_GB, events * ARCHIVED_BYTES / 1e9, "copies of 30 days"),
        Line(EVENT_GRID, events + 2 * records, "deliveries; outcomes published and delivered"),
        Line(LOGS, (told + every * LOG_BYTES) / 1e9, "records, and the host's log"),
        Line(METRICS, of("metrics"), f"{METRICS_BATCH} machines a call, each tick"),
    ]


def page(kept: dict[str, Any]) -> str:
    """Write everything that follows from the figures, as Markdown."""
    return "\n".join([*_totals(kept), *_lines(kept), *_prices()]) + "\n"


def _totals(kept: dict[str, Any]) -> Iterator[str]:
    bills = {count: bill(kept, count) for count in RESOURCES}
    yield "### A month, US dollars\n"
    yield "| | " + " | ".join(f"{count:,} watched" for count in RESOURCES) + " |"
    yield "|---|" + "--:|" * len(RESOURCES)
    for at, price in enumerate(one.price for one in bills[1]):
        cells = " | ".join(f"{its[at].usd:,.2f}" for its in bills.values())
        yield f"| {price.name} | {cells} |"
    sums = " | ".join(f"**{sum(one.usd for one in its):,.2f}**" for its in bills.values())
    yield f"| **together** | {sums} |"
    small = (bill(kept, count, SMALL_GB) for count in RESOURCES)
    sums = " | ".join(f"{sum(one.usd for one in its):,.2f}" for its in small)
    yield f"| together, with instances of 512 MB | {sums} |"
    each = " | ".join(_if_each_counted(its) for its in bills.values())
    yield f"| more, if a metrics call counts once for each machine in it | {each} |"


def _if_each_counted(lines: list[Line]) -> str:
    calls = next(line for line in lines if line.price is METRICS)
    return f"{METRICS.of(calls.units * METRICS_BATCH) - calls.usd:,.2f}"


def _lines(kept: dict[str, Any]) -> Iterator[str]:
    count = RESOURCES[-1]
    yield f"\n### The arithmetic, {count:,} resources\n"
    yield "| what | units | free | for one | dollars | because of |"
    yield "|---|--:|--:|--:|--:|---|"
    for line in bill(kept, count):
        price = line.price
        free = f"{price.free:,.0f}" if price.free else ""
        units = f"{line.units:,.0f} {price.unit}"
        sums = f"{free} | {price.usd:.9f} | {line.usd:,.2f}"
        yield f"| {price.name} | {units} | {sums} | {line.why} |"


def _prices() -> Iterator[str]:
    yield "\n### The prices\n"
    yield "| what | dollars | for | where it is published | seen |"
    yield "|---|--:|---|---|---|"
    for one in PRICES:
        seen = one.seen or "**not verified**: usual figure, no page of Microsoft's was read"
        many = {
            "request": 10_000,
            "execution": 1_000_000,
            "operation": 1_000_000,
            "call": 1_000,
        }
        count = many.get(one.unit, 1)
        unit = one.unit if count == 1 else f"{count:,} {one.unit}s"
        usd = f"{one.usd * count:.6f}".rstrip("0").rstrip(".")
        yield f"| {one.name} | {usd} | {unit} | [page]({one.page}) | {seen} |"


def main() -> int:
    """Print, write or check."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write docs/COST.md")
    parser.add_argument("--check", action="store_true", help="compare docs/COST.md")
    given = parser.parse_args()
    kept = json.loads(scale.KEPT.read_text("utf-8"))
    if not (given.write or given.check):
        print(page(kept))
        return 0
    text = PAGE.read_text("utf-8")
    wanted = scale.within(text, page(kept), by=NAME)
    if given.write:
        PAGE.write_text(wanted, "utf-8")
    elif wanted != text:
        print(f"{PAGE.name} is not what the kept figures give: bench/cost.py --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
