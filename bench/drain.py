"""Draining: one full node beside ``kubectl drain``, and a storm: ``make bench-drain``.

Exit status 1 when a bound is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from bench import drain_app, drain_many, drain_one
from bench.figures import machine


def main() -> int:
    """Measure both and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=drain_one.RUNS, help="drains by each")
    parser.add_argument("--nodes", type=int, default=drain_many.NODES, help="in the storm")
    given = parser.parse_args()
    if given.runs < 1 or given.nodes < 1:
        parser.error("--runs and --nodes may be 1 or more")
    print(machine())
    storm = drain_many.measure(given.nodes)
    is_quick = drain_many.report(storm, given.nodes)
    drain_app.report(given.nodes)
    is_less = drain_one.report(*asyncio.run(drain_one.measure(runs=given.runs)))
    print("\nall bounds kept" if is_quick and is_less else "\nA BOUND WAS MISSED")
    return 0 if is_quick and is_less else 1


if __name__ == "__main__":
    sys.exit(main())
