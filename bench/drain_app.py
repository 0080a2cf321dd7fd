"""The same storm through the whole app: its function, its adapters, Azurite as its storage.

Sets no bound. Azurite is one process for all tables, queues and blobs, and so is this one:
what it shows is how many notices one instance answers on one machine with its storage.
Where others use the machine, the processor time until the last cordon says more.
A process of its own, because the app must be told of its endpoints before it is imported.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from bench.figures import percentile, table
from bench.standing import FIRST, ROOT, Standing, moment, node_of, preempt, standing

NODES = 500


@dataclass(frozen=True)
class Storm:
    """Seconds from the notices to each cordon, and what this process spent until the last."""

    cordoned: list[float]
    cpu_s: float


async def _storm(at: Standing, nodes: int) -> Storm:
    import function_app
    from bench.cold_event import event_of, user_function

    handle = user_function(function_app.app, "on_maintenance_event")
    await handle(event_of(preempt("bench-warm", FIRST, now=datetime.now(UTC))))
    at.take_calls()
    began = time.time()
    spent: list[tuple[float, float]] = []
    watch = asyncio.create_task(_note_spent(spent, began))
    notices = (
        event_of(preempt(f"bench-{number}", FIRST + number, now=datetime.now(UTC)))
        for number in range(1, nodes + 1)
    )
    await asyncio.gather(*(handle(one) for one in notices), return_exceptions=True)
    watch.cancel()
    calls = at.take_calls()
    sent = (c for c in calls if c["method"] == "PATCH" and node_of(c["path"]))
    cordoned = [moment(call["time"]) - began for call in sent]
    last = max(cordoned, default=0.0)
    until = [cpu for moment_s, cpu in spent if moment_s <= last]
    return Storm(cordoned, max(until, default=0.0))


async def _note_spent(spent: list[tuple[float, float]], began: float) -> None:
    """Note every 50 ms how much processor time this process has used."""
    first = time.process_time()
    while True:
        spent.append((time.time() - began, time.process_time() - first))
        await asyncio.sleep(0.05)


def main() -> int:
    """Print what was measured, as JSON."""
    # The app's clients live as long as its process, so none of them is closed at the end.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    nodes = int(sys.argv[1])
    with standing(nodes + 1) as at:
        os.environ.update(at.settings)
        print(json.dumps(asdict(asyncio.run(_storm(at, nodes)))))
    return 0


def report(nodes: int = NODES) -> None:
    """Run it in a process of its own, and print the table."""
    command = [sys.executable, "-m", "bench.drain_app", str(nodes)]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    storm = Storm(**json.loads(done.stdout.splitlines()[-1]))
    cordoned = storm.cordoned
    print(
        f"\nthe whole app with Azurite, {len(cordoned)} of {nodes} nodes cordoned, "
        f"{storm.cpu_s:.1f} s of its processor time until the last; no bound"
    )
    shares = (f"{percentile(cordoned, share):.2f}" for share in (0.01, 0.5, 0.99, 1.0))
    rows = [["notice to cordon sent", *shares]]
    print(table(("seconds", "p1", "p50", "p99", "last"), rows))


if __name__ == "__main__":
    sys.exit(main())
