"""One node with 110 pods: our drain and ``kubectl drain``, in turns, in one run.

Ours is the whole app as deployed: a sandbox with its Functions host, Azurite and the Azure
stand-in; from the moment before the notice is posted to the moment at which the ledger
says that the drain was verified. kubectl's from the start of its process to its end. Each
on a node of its own, in a cluster of its own; every call to an API server takes 10 ms more.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import drain_site
from bench.figures import percentile, table
from sandbox import lifecycle
from sandbox.demo import events, world
from sandbox.demo.site import Site
from sandbox.options import ROOT, SandboxOptions

PODS, RUNS, DELAY_S = 110, 3, 0.010
BOUND = 0.7
FIRST = 40
_RULES = ROOT / "sandbox" / "rules"
_LIMIT_S = 120.0


@dataclass(frozen=True)
class Taken:
    """What one drain took."""

    seconds: float
    calls: int
    evictions: int


async def measure(pods: int = PODS, runs: int = RUNS) -> tuple[list[Taken], list[Taken]]:
    """Drain so many nodes by each, in turns: ours, then kubectl's."""
    numbers = range(FIRST, FIRST + runs + 1)
    objects = [
        *drain_site.daemon_sets(),
        *drain_site.spare(4),
        *(one for n in numbers for one in drain_site.node_full_of(n, pods)),
    ]
    ours: list[Taken] = []
    theirs: list[Taken] = []
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name:
        state = Path(name)
        document = drain_site.document(numbers, objects, is_twice=True)
        (state / "world.json").write_text(json.dumps(document), encoding="utf-8")
        options = SandboxOptions(state=state, world=state / "world.json", rules=(_RULES,))
        sandbox = lifecycle.up(options)
        try:
            async with Site(sandbox) as site:
                fault = {"pattern": "/kubernetes/", "delay": DELAY_S, "count": 10**9}
                await site.azure("POST", "/_faults", fault)
                await _ours(site, FIRST)  # warm: tokens, addresses, connections
                for number in numbers[1:]:
                    ours.append(await _ours(site, number))
                    theirs.append(await _kubectls(site, number))
        finally:
            lifecycle.down(state)
    return ours, theirs


async def _ours(site: Site, number: int) -> Taken:
    await site.azure("DELETE", "/_calls")
    name, now = f"bench-drain-{number}", datetime.now(UTC)
    lead = timedelta(minutes=15)  # graces are not cut: the same drain as kubectl's
    await site.send_event(events.notice(name, (number,), now=now, kind="Redeploy", lead=lead))
    [plan] = await site.closed_plans(name, 1, limit_s=_LIMIT_S)
    drain = plan["steps"][-1]
    if drain["outcome"] != "done":
        raise RuntimeError(f"our drain did not end well: {plan}")
    ended = datetime.fromisoformat(drain["verified_at"])
    return await _counted(site, "train", (ended - now).total_seconds())


async def _kubectls(site: Site, number: int) -> Taken:
    await site.azure("DELETE", "/_calls")
    command = [kubectl(), "--kubeconfig", site.sandbox.kubeconfig, "--context", "other"]
    command += ["drain", world.node_name(number), "--ignore-daemonsets", "--force"]
    command += ["--delete-emptydir-data", f"--timeout={int(_LIMIT_S)}s"]
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"HOME": site.sandbox.state, "PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await process.communicate()
    seconds = time.monotonic() - began
    if process.returncode:
        raise RuntimeError(f"kubectl's drain did not end well: {told.decode()[-2_000:]}")
    return await _counted(site, "other", seconds)


async def _counted(site: Site, cluster: str, seconds: float) -> Taken:
    calls: list[dict[str, Any]] = await site.azure("GET", "/_calls")
    mine = [
        c["path"].partition("?")[0] for c in calls if f"/kubernetes/{cluster}/" in c["path"]
    ]
    return Taken(seconds, len(mine), sum(path.endswith("/eviction") for path in mine))


def kubectl() -> str:
    """Find the real kubectl, as the tests do.

    Raises:
        RuntimeError: There is none.
    """
    command = [sys.executable, str(ROOT / "scripts" / "kubectl.py")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise RuntimeError(found.stderr)
    return found.stdout.strip()


def report(ours: list[Taken], theirs: list[Taken]) -> bool:
    """Print the table; tell whether the bound is kept."""
    half = {name: _median(found) for name, found in (("ours", ours), ("kubectl", theirs))}
    print(
        f"\none node with {PODS} pods, {DELAY_S * 1000:.0f} ms a call, {len(ours)} runs each"
    )
    rows = [
        [name, f"{one.seconds:.2f}", str(one.calls), str(one.evictions)]
        for name, one in half.items()
    ]
    print(table(("median", "seconds", "API calls", "evictions"), rows))
    ratio = half["ours"].seconds / half["kubectl"].seconds
    print(f"ours / kubectl: {ratio:.2f} of the time (bound {BOUND})")
    return ratio <= BOUND


def _median(found: list[Taken]) -> Taken:
    return Taken(
        percentile([one.seconds for one in found], 0.5),
        int(percentile([one.calls for one in found], 0.5)),
        int(percentile([one.evictions for one in found], 0.5)),
    )
