"""Cold start, as ratios of medians: ``make bench-start``.

Every figure is a process of its own, from the moment before it is started. The runs of
the four kinds take turns, so that whatever else the machine does falls on all alike.
Exit status 1 says that a bound was missed.

Each process is timed by the wall clock from just before the parent starts it: an import
to the line that the process prints after it; the event to the moment at which the Azure
stand-in had received the PATCH that cordons the node, as its call log says (milliseconds,
rounded down; the same machine's clock). The stand-in and Azurite are warm, and tables
and queue exist.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import machine, table
from bench.standing import FIRST, ROOT, Standing, moment, node_of, preempt, standing
from sandbox.demo.world import node_name

RUNS = 15
WARM_UPS = 2
IMPORT_BOUND = 1.6
EFFECT_BOUND = 2.0
BARE_APP = "import azure.functions"
APP = "import function_app"
BARE_EFFECT = (
    "import azure.functions, azure.identity.aio, azure.data.tables.aio, "
    "azure.storage.queue.aio, aiohttp"
)
HEAVY = (
    "azure.ai.ml",
    "azure.mgmt",
    "azure.batch",
    "azure.storage",
    "azure.data.tables",
    "azure.identity",
    "kubernetes",
    "kubernetes_asyncio",
    "shared.adapters.kubernetes_api",
    "pydantic",
)
"""What an import of the app must not load; ``azure.mgmt`` stands for all below it."""


def import_ms(code: str, at: Standing) -> float:
    """Time a process from its start to the line it prints after its imports."""
    began = time.time()
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}; print('x', flush=True)"],
        stdout=subprocess.PIPE,
        env=at.environment,
        cwd=ROOT,
    ) as child:
        line = child.stdout.readline() if child.stdout else b""
        ended = time.time()
    if child.returncode or not line:
        raise RuntimeError(f"{code!r} ended with {child.returncode}")
    return (ended - began) * 1000


def effect_ms(number: int, at: Standing) -> float:
    """Time a process from its start to the cordon of the node whose notice it is given."""
    notice = preempt(f"bench-start-{number}", number, now=datetime.now(UTC))
    at.take_calls()
    began = time.time()
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("cold_event.py"))],
        input=json.dumps(notice).encode(),
        capture_output=True,
        env=at.environment,
        cwd=ROOT,
        check=False,
    )
    name = node_name(number)
    sent = [
        moment(call["time"])
        for call in at.take_calls()
        if call["method"] == "PATCH" and node_of(call["path"]) == name
    ]
    if not sent:
        raise RuntimeError(f"no PATCH of {name} was sent:\n{done.stderr.decode()[-2000:]}")
    return (sent[0] - began) * 1000


def heavy_after_import(at: Standing) -> list[str]:
    """Return the modules of ``HEAVY`` that importing the app loads."""
    code = "import sys, function_app; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=at.environment, cwd=ROOT,
        check=True,
    )  # fmt: skip
    loaded = done.stdout.decode().split()
    return sorted(m for m in loaded if any(f"{m}.".startswith(f"{h}.") for h in HEAVY))


def main() -> int:
    """Measure in turns, print the table, say whether every bound was kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each kind ({RUNS})")
    runs = parser.parse_args().runs
    if runs < 1:
        parser.error(f"--runs was {runs}; it may be 1 or more")
    taken: dict[str, list[float]] = {BARE_APP: [], APP: [], BARE_EFFECT: [], "effect": []}
    with standing(runs + WARM_UPS) as at:
        for turn in range(-WARM_UPS, runs):
            for kind, times in taken.items():
                number = FIRST + WARM_UPS + turn
                took = effect_ms(number, at) if kind == "effect" else import_ms(kind, at)
                if turn >= 0:
                    times.append(took)
        heavy = heavy_after_import(at)
    return report(taken, heavy, runs)


def report(taken: dict[str, list[float]], heavy: list[str], runs: int) -> int:
    """Print what was measured; 1 if a bound was missed."""
    names = {
        BARE_APP: "import azure.functions",
        APP: "import function_app",
        BARE_EFFECT: "import the five libraries",
        "effect": "cold process to first effect sent",
    }
    middle = {kind: statistics.median(times) for kind, times in taken.items()}
    bounds = {APP: (BARE_APP, IMPORT_BOUND), "effect": (BARE_EFFECT, EFFECT_BOUND)}
    rows, missed = [], bool(heavy)
    for kind, times in taken.items():
        cells = [names[kind], f"{middle[kind]:.0f}", f"{min(times):.0f}", f"{max(times):.0f}"]
        if kind in bounds:
            base, bound = bounds[kind]
            ratio = middle[kind] / middle[base]
            missed = missed or ratio > bound
            cells += [f"{ratio:.2f}", f"{bound:.1f}", "kept" if ratio <= bound else "MISSED"]
        rows.append(cells + [""] * (7 - len(cells)))
    print(f"{runs} runs of each kind in turns; {machine()}")
    print(
        table(("ms, from process start", "median", "min", "max", "ratio", "bound", ""), rows)
    )
    print("the five: " + BARE_EFFECT.removeprefix("import "))
    print("loaded by import function_app of " + ", ".join(HEAVY) + ": "
          + (", ".join(heavy) or "none"))  # fmt: skip
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
