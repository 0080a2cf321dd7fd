"""What counting costs: ``make bench-limits``.

Deciding on a voluntary event and opening its plan, as the engine does it, over the real
storage adapters and Azurite: by a rule with limits over its pool and over itself, by the
same rule without, and beside both the two bare table writes that a counted plan cannot do
without, one after the other: its entry in a tally, and the transaction that stores it.
Facts are given, so that nothing but storage is measured. In turns of fifty, one at a time
and 16 at once; at once they all count in the same pool, which is the worst case. After
each turn the tallies are emptied, so that no row grows over the run.

Exit status 1 says that a bound was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bench.figures import machine, percentile, table
from bench.standing import standing
from sandbox.demo import world

if TYPE_CHECKING:
    from shared.core.facts import DiskFacts
    from shared.core.plans import Plan
    from shared.core.signals import Signal
    from shared.rules.book import RuleBook

PLANS, TURN = 300, 50
AT_ONCE = (1, 16)
LIMITED, FREE, BARE = "with two limits", "with limits: []", "bare: two table writes"
BOUNDS = {1: (1.8, 8.0), 16: (2.0, 6.0)}
"""Of the medians, by how many at once: with limits to without, with limits to bare."""
_TABLE = "BenchLimits"
_RULE = """
rules:
  - name: repair
    on: vm.degraded
    remediate: snapshot_and_redeploy
    mode: auto
    guard:
      limits: {limits}
"""
_LIMITS = {
    LIMITED: "[{scope: pool, count: 900, within: 1h}, {scope: rule, count: 900, within: 1h}]",
    FREE: "[]",
}
Once = Callable[[int], Awaitable[float]]


@dataclass
class App:
    """The app's engine with its real storage, one rule at a time; and bare writes."""

    connection_string: str
    books: dict[str, RuleBook] = field(default_factory=dict)
    plan: Plan | None = None

    def __post_init__(self) -> None:
        """Build the engine as the app does, and its rule with limits and without."""
        from shared.bootstrap import night
        from shared.rules.loading import load_rules

        self.night = night()
        for kind, limits in _LIMITS.items():
            text = _RULE.replace("{limits}", limits)
            self.books[kind] = load_rules([{"bench.yaml": text}], self.night.remediations)

    def once(self, kind: str) -> Once:
        """Return what is measured."""
        if kind == BARE:
            return self._write_bare

        async def decide_and_open(number: int) -> float:
            return await self._decide_and_open(kind, number)

        return decide_and_open

    async def _decide_and_open(self, kind: str, number: int) -> float:
        """Look, decide, count and store a plan with its message; do nothing of it."""
        from shared.engine.answer import decide_and_open
        from shared.engine.request import Request
        from shared.engine.rulings import facts_key

        engine = replace(self.night, rules=self.books[kind])
        [rule] = engine.rules.rules
        signal = _degraded(number)
        known = {facts_key(rule): _facts(signal)}
        began = time.perf_counter()
        given = await decide_and_open(engine, signal, Request(facts=known))
        took = time.perf_counter() - began
        if given.stored is None or not given.is_new:
            raise RuntimeError(f"no plan was opened: {[r.to_json() for r in given.rulings]}")
        self.plan = given.stored.plan
        return took

    async def _write_bare(self, number: int) -> float:
        """Write a tally of usual size, then a plan of that size and its target's head."""
        from shared.adapters import table_rows as rows
        from shared.adapters.tally_rows import tally_row
        from shared.core.reservations import begin
        from shared.core.tallies import Entry, Tally
        from shared.ports import Head

        plan = self.plan
        if plan is None:
            raise RuntimeError("no plan was opened yet, so its size is not known")
        tally = Tally(f"plans|pool|{number}")
        for one in range(TURN // 2):
            entry = Entry(f"{plan.id}-{one}", plan.target, plan.created_at, rule=plan.rule)
            tally = begin(tally, entry)
        row, key = tally_row(tally), {"PartitionKey": f"bench-{number}"}
        new = [
            ("create", rows.plan_row(plan) | key),
            ("create", rows.head_row(plan, Head()) | key),
        ]
        began = time.perf_counter()
        await self._table.create_entity(row)
        await self._table.submit_transaction(new)
        return time.perf_counter() - began

    async def forget(self) -> None:
        """Empty every tally that plans were counted in."""
        from shared.core.tallies import Tally

        tallies = self.night.ports.tallies
        keys = self.plan.tallies if self.plan is not None else ()
        keys = tuple(dict.fromkeys((*keys, "plans|rule|repair")))
        for key, tally in (await tallies.read(keys)).items():
            await tallies.save(Tally(key, etag=tally.etag))

    async def prepare(self) -> None:
        """Connect a bare client and make its table."""
        from azure.data.tables.aio import TableClient

        from shared.adapters.sdk_options import has_proxy

        told: dict[str, Any] = {"use_env_settings": has_proxy()}  # as the app's own are
        at = self.connection_string
        self._table = TableClient.from_connection_string(at, _TABLE, **told)
        await self._table.create_table()

    async def close(self) -> None:
        """Close the bare client."""
        await self._table.close()


def _vm(number: int) -> str:
    return f"{world.COMPUTE}/virtualMachines/bench-{number}"


def _degraded(number: int) -> Signal:
    from shared.bootstrap import night
    from shared.core.signals import Signal, SignalType

    return Signal(
        type=SignalType.VM_DEGRADED,
        event_id=f"bench-limits-{number}",
        source="bench",
        target=_vm(number),
        observed_at=night().ports.clock.now(),
    )


def _facts(signal: Signal) -> DiskFacts:
    """Make a machine of a large pool, with one disk."""
    from shared.core.facts import DiskFacts, ManagedDisk, Resource
    from shared.core.resource_ids import VM

    name = signal.target.rpartition("/")[2]
    pool = {"pool": f"{world.COMPUTE}/virtualMachineScaleSets/bench", "pool_size": 1_000}
    resource = Resource(signal.target, VM, name, location=world.REGION, **pool)
    disk = ManagedDisk(f"{world.COMPUTE}/disks/{name}", world.REGION, "os")
    return DiskFacts(resource, "running", (disk,))


async def turn(once: Once, numbers: list[int], at_once: int) -> list[float]:
    """Do one thing for each number, so many at once."""
    left = iter(numbers)

    async def worker() -> list[float]:
        return [await once(number) for number in left]

    taken = await asyncio.gather(*(worker() for _ in range(at_once)))
    return [seconds for mine in taken for seconds in mine]


async def measure(app: App, count: int) -> dict[int, dict[str, list[float]]]:
    """Let the three take turns; the first turn warms up and is not counted."""
    await app.prepare()
    next_number = 0
    found: dict[int, dict[str, list[float]]] = {}
    try:
        for at_once in AT_ONCE:
            taken: dict[str, list[float]] = {LIMITED: [], FREE: [], BARE: []}
            for turns in range(-1, count // TURN):
                for kind in taken:
                    numbers = list(range(next_number, next_number + TURN))
                    next_number += TURN
                    seconds = await turn(app.once(kind), numbers, at_once)
                    if turns >= 0:
                        taken[kind] += seconds
                    await app.forget()
            found[at_once] = taken
    finally:
        await app.close()
    return found


def report(found: dict[int, dict[str, list[float]]], count: int) -> int:
    """Print the table; 1 if a bound was missed."""
    print(f"{count} plans of each kind at each concurrency, in turns of {TURN}; {machine()}")
    rows, missed = [], False
    for at_once, kinds in found.items():
        half = {kind: percentile(times, 0.5) for kind, times in kinds.items()}
        for kind, times in kinds.items():
            cells = [f"{half[kind] * 1000:.1f}", f"{percentile(times, 0.99) * 1000:.1f}"]
            cells += [f"{half[kind] / half[BARE]:.2f}"]
            cells += [f"{half[LIMITED] / half[FREE]:.2f}" if kind == LIMITED else ""]
            rows.append([f"{kind}, {at_once} at once", *cells])
        ratios = (half[LIMITED] / half[FREE], half[LIMITED] / half[BARE])
        kept = all(
            ratio <= bound for ratio, bound in zip(ratios, BOUNDS[at_once], strict=True)
        )
        missed = missed or not kept
    header = ("event to plan stored, ms", "p50", "p99", "p50 / bare", "p50 / without")
    print(table(header, rows))
    for at_once, (to_free, to_bare) in BOUNDS.items():
        print(f"bounds, {at_once} at once: {to_free} of without, {to_bare} of bare")
    print("a bound was MISSED" if missed else "every bound was kept")
    return int(missed)


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--plans", type=int, default=PLANS, help=f"of each kind ({PLANS})")
    count = parser.parse_args().plans
    if count < TURN or count % TURN:
        parser.error(f"--plans was {count}; it may be {TURN} or a multiple of it")
    # The app's clients live as long as its process, so none of them is closed at the end.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    with standing(1) as at:
        os.environ.update(at.settings)
        found = asyncio.run(_measured(at.settings["AzureWebJobsStorage"], count))
    return report(found, count)


async def _measured(connection_string: str, count: int) -> dict[int, dict[str, list[float]]]:
    return await measure(App(connection_string), count)


if __name__ == "__main__":
    sys.exit(main())
