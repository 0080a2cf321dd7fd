"""How many events a second, how many resources: ``make bench-scale``.

Measures what one event costs the real engine on this machine (about a minute), or takes the
figures kept in ``bench/scale_costs.json`` (``--kept``); then works out what bounds what, and
plays storms against the platform's documented limits, before and after a split. ``--write``
keeps the figures and writes them into docs/SCALE.md; ``--check`` says whether that page holds
what the kept figures give, with exit status 1 if not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.figures import machine
from bench.scale_model import Bound, Split, bounds, needed, watch
from bench.scale_storm import IN_TIME_S, STORM_S, rounded, storm

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "bench" / "scale_costs.json"
PAGE = ROOT / "docs" / "SCALE.md"
NAME = "bench/scale.py"
END = "<!-- end -->"
MACHINES = (1_000, 10_000, 100_000, 1_000_000)
RATES = (10, 100, 1_000, 10_000)
STORMS = ("eviction in a storm", "observed")
BY_QUEUE = frozenset({"observed"})
"""Kinds that come through the queue; notices do not."""
_TICK = re.compile(
    r'function_name\("(tick_\w+)"\)\s+@blueprint.timer_trigger\([^)]*schedule="([^"]+)"'
)
_DAY = datetime(2030, 1, 1, tzinfo=UTC)
_RULES = """
rules:
  - name: move-off-degraded-hardware
    guard:
      limits: [{scope: rule, count: 900, within: 1h}, {scope: pool, count: 900, within: 1h}]
"""


def measured() -> dict[str, Any]:
    """Measure on this machine."""
    from bench import scale_costs
    from bench.standing import RULES, standing
    from sandbox.demo import world

    # The app's clients live as long as its process, so none of them is closed at the end.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    document = scale_costs.site(
        scale_costs.EVICTIONS, scale_costs.REPAIRS, scale_costs.MACHINES
    )
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "bench.yaml").write_text(_RULES, encoding="utf-8")
        with standing(0, document=document, rules=(*RULES, Path(name))) as at:
            os.environ.update(at.settings)
            os.environ["NIGHTSHIFT_SUBSCRIPTIONS"] = world.SUBSCRIPTION
            costs = asyncio.run(scale_costs.measure(at.settings["AzureWebJobsStorage"]))
    return {
        "machine": machine(),
        "costs": costs,
        "storms": played(costs),
        "ticks": ticks(),
    }


def ticks() -> dict[str, int]:
    """Count how often each timer fires in a month of 730 hours."""
    from sandbox.functions_host.ncrontab import parse_schedule

    text = "\n".join(p.read_text("utf-8") for p in sorted((ROOT / "handlers").glob("*.py")))
    found = {}
    for name, schedule in _TICK.findall(text):
        due, moment, fired = parse_schedule(schedule), _DAY, 0
        while (next_at := due.next_after(moment)) and next_at <= _DAY + timedelta(days=1):
            moment, fired = next_at, fired + 1
        found[name] = round(fired * 730 / 24)
    return found


def played(costs: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Play the storms: each rate on one deployment, and on as many as it needs."""
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in STORMS:
        its = bounds(costs[kind], by_queue=kind in BY_QUEUE)
        for rate in RATES:
            one, split = Split(1, 1), needed(its, rate, seconds=STORM_S)
            for given in dict.fromkeys((one, split)):
                outcome = asdict(storm(its, rate, given))
                found.setdefault(kind, []).append({"rate": rate, **asdict(given), **outcome})
    return found


def page(kept: dict[str, Any]) -> str:
    """Write everything that follows from the figures, as Markdown."""
    costs = kept["costs"]
    parts = [
        f"Measured on: {kept['machine']}.",
        *_costs(costs),
        *(part for kind in STORMS for part in _bounds(costs, kind)),
        *_watching(costs),
        *(part for kind in STORMS for part in _storms(kept["storms"][kind], kind)),
    ]
    return "\n".join(parts) + "\n"


def _costs(costs: dict[str, Any]) -> Iterator[str]:
    names = ("table", "queue", "blob write", "arm read", "arm write", "kubernetes", "metrics")
    yield "\n### What one event costs\n"
    yield f"| of each | processor, ms | {' | '.join(names)} | records, bytes |"
    yield "|---|--:|" + "--:|" * (len(names) + 1)
    for kind, cost in costs.items():
        calls = [_number(cost["calls"].get(name, 0)) for name in names]
        export = cost["export"]
        told = f"{_number(export['records'])}, {export['bytes']:,}" if export["bytes"] else ""
        yield f"| {kind} | {cost['cpu_ms']:.1f} | {' | '.join(calls)} | {told} |"


def _number(value: float) -> str:
    if not value:
        return ""
    return f"{value:.4f}".rstrip("0").rstrip(".") if value < 1 else f"{value:.1f}"


def _bounds(costs: dict[str, Any], kind: str) -> Iterator[str]:
    yield f"\n### What bounds events a second: {kind}\n"
    yield "| limit | allows | one event takes | events a second | a |"
    yield "|---|--:|--:|--:|---|"
    for one in sorted(bounds(costs[kind], by_queue=kind in BY_QUEUE), key=_events):
        burst = f" (and {one.limit.burst:,.0f} at once)" if one.limit.burst else ""
        takes = f"{one.takes:,.3f}".rstrip("0").rstrip(".")
        yield (
            f"| {one.limit.name} | {one.limit.rate:,.0f}/s{burst} | {takes} {one.what} "
            f"| {one.events:,.0f} | {one.limit.per} |"
        )


def _events(bound: Bound) -> float:
    return bound.events


def _watching(costs: dict[str, Any]) -> Iterator[str]:
    yield "\n### Looking at every machine, each ten minutes\n"
    yield "| machines | processor, s | metrics calls | reads | in one go, s | deployments |"
    yield "|--:|--:|--:|--:|--:|--:|"
    for count in MACHINES:
        one = watch(costs, count)
        calls = f"{one.metrics_calls:,.0f} | {one.arm_reads:,.0f}"
        took = f"{one.seconds:,.0f} | {one.deployments}"
        yield f"| {count:,} | {one.cpu_s:,.1f} | {calls} | {took} |"


def _storms(rows: list[dict[str, Any]], kind: str) -> Iterator[str]:
    yield f"\n### {STORM_S:.0f} seconds of a storm: {kind}\n"
    yield (
        "| events/s | deployments | instances | pairs | p50, s | p99, s | last, s "
        f"| within {IN_TIME_S:.0f} s | sent again | fullest |"
    )
    yield "|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|"
    for one in rows:
        name, share = one["used"][0]
        times = " | ".join(rounded(one[key]) for key in ("p50", "p99", "last"))
        yield (
            f"| {one['rate']:,} | {one['deployments']:,} | {one['instances']:,} "
            f"| {one['pairs']:,} | {times} "
            f"| {100 * one['in_time']:.0f} % | {one['sent_again']:,} "
            f"| {name}, {100 * share:,.0f} % |"
        )


def within(text: str, written: str, *, by: str) -> str:
    """Put what a script wrote between its marks on a page.

    Raises:
        ValueError: The page has lost its marks.
    """
    start = f"<!-- written by `{by} --write`, do not edit -->"
    before, begin, rest = text.partition(start)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {start!r} or {END!r}: put both back")
    return f"{before}{begin}\n\n{written}\n{END}{after}"


def main() -> int:
    """Measure or take what is kept; print, write or check."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kept", action="store_true", help="take the figures that are kept")
    parser.add_argument("--write", action="store_true", help="keep them, write docs/SCALE.md")
    parser.add_argument("--check", action="store_true", help="compare docs/SCALE.md")
    given = parser.parse_args()
    is_kept = given.kept or given.check
    kept = json.loads(KEPT.read_text("utf-8")) if is_kept else measured()
    if given.check:
        text = PAGE.read_text("utf-8")
        if within(text, page(kept), by=NAME) != text:
            print(f"{PAGE.name} is not what {KEPT.name} gives: bench/scale.py --kept --write")
            return 1
        return 0
    print(page(kept))
    if given.write:
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        PAGE.write_text(within(PAGE.read_text("utf-8"), page(kept), by=NAME), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
