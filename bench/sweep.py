"""What an idle sweep costs: ``make bench-sweep``.

The real app's idle tick, with its real adapters over https, looks at 1,000, 10,000 and
100,000 machines of which a tenth does nothing; every answer waits 50 ms. Printed are
calls, wall time and peak memory, beside the bounds. Then Cloud Custodian, in a venv of
its own, is asked the same about 1,000 machines of the same site, and the ratio printed.

Exit status 1 says that a bound was missed.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import machine, table
from bench.standing import ROOT, child_environment
from bench.sweep_site import PAGE, SUBSCRIPTION
from sandbox import azurite, processes
from sandbox.environment import AzureEndpoints, app_environment, write_ca_bundle

COUNTS = (1_000, 10_000, 100_000)
LATENCY_S = 0.05
SECONDS_AT_MOST = {1_000: 1.5}
MEMORY_AT_MOST_MB = 300
GROWTH_AT_MOST = 1.1
"""Of the time a machine takes, from each size to the next: no worse than linear."""
PEER = ("c7n==0.9.53", "c7n_azure==0.7.52")
_START_LIMIT_S = 30.0


@dataclass(frozen=True)
class Swept:
    """What one sweep cost."""

    count: int
    calls: dict[str, int]
    seconds: float
    cpu_seconds: float
    peak_mb: float
    idle: int

    @property
    def calls_at_most(self) -> int:
        """Calls allowed: one a batch of metrics, the pages of both lists, and 20 more."""
        return self.count // 50 + 2 * (-(-self.count // PAGE)) + 20


@contextlib.contextmanager
def site(folder: Path, count: int, *, is_plain: bool = False) -> Iterator[AzureEndpoints]:
    """Start an estate; end it after."""
    name = f"site-{count}-{'plain' if is_plain else 'https'}"
    said, log = folder / f"{name}.out", folder / f"{name}.err"
    command = [sys.executable, "-m", "bench.sweep_site", "--count", str(count)]
    command += ["--latency", str(LATENCY_S), "--state", str(folder)]
    command += ["--plain"] if is_plain else []
    record = processes.start(
        name, command, environment=child_environment({}), cwd=ROOT, stdout=said, stderr=log
    )
    try:
        until = time.monotonic() + _START_LIMIT_S
        while not (text := said.read_text(encoding="utf-8")).endswith("\n"):
            if time.monotonic() > until or not processes.is_alive(record):
                raise RuntimeError(f"the site did not start:\n{processes.tail(log)}")
            time.sleep(0.05)
        yield AzureEndpoints(**json.loads(text.splitlines()[0]))
    finally:
        processes.end([record])


def sweep(folder: Path, count: int, storage: str) -> Swept:
    """Let a process of the app sweep an estate once."""
    with site(folder, count) as azure:
        bundle = folder / "ca-bundle.pem"
        write_ca_bundle(Path(azure.ca_file), bundle)
        extra = {"NIGHTSHIFT_SUBSCRIPTIONS": SUBSCRIPTION, "NIGHTSHIFT_INGESTION_ENDPOINT": ""}
        extra |= {"NIGHTSHIFT_INGESTION_RULE": "", "NIGHTSHIFT_OUTCOME_TOPIC": ""}
        settings = app_environment(azure, storage, bundle, (ROOT / "rules",), extra)
        command = [sys.executable, "-m", "bench.sweep_once"]
        ran = subprocess.run(
            command,
            env=child_environment(settings),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise RuntimeError(f"the sweep failed:\n{ran.stderr[-2000:]}")
        said = json.loads(ran.stdout.splitlines()[-1])
        calls = calls_of(azure, bundle)
    if said["looked_at"] != count or said["unread"]:
        raise RuntimeError(f"the sweep saw {said['looked_at']} of {count} machines: {said}")
    return Swept(
        count,
        calls,
        said["seconds"],
        said["cpu_seconds"],
        said["peak_mb"],
        said["by_reason"].get("observe_only", 0),
    )


def calls_of(azure: AzureEndpoints, bundle: Path | None) -> dict[str, int]:
    """Read what a site was asked, by kind."""
    import ssl

    trust = ssl.create_default_context(cafile=str(bundle)) if bundle else None
    with urllib.request.urlopen(f"{azure.azure_url}/_calls", context=trust) as answer:  # noqa: S310 - ours
        return dict(json.load(answer))


def custodian(folder: Path) -> dict[str, Any]:
    """Ask the peer about 1,000 machines, in a venv that is made once and kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    venv = cache / "nightshift" / "custodian"
    if not (venv / "bin" / "custodian").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        pip = [str(venv / "bin" / "pip"), "install", "--quiet", *PEER]
        subprocess.run(pip, check=True)
    with site(folder, COUNTS[0], is_plain=True) as azure:
        script = [str(venv / "bin" / "python"), str(ROOT / "bench" / "sweep_custodian.py")]
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        ran = subprocess.run(
            [*script, azure.azure_url, SUBSCRIPTION],
            env=kept,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
        )
        if ran.returncode:
            raise RuntimeError(f"Cloud Custodian failed:\n{ran.stderr[-3000:]}")
        return {**json.loads(ran.stdout.splitlines()[-1]), "calls": calls_of(azure, None)}


def main() -> int:
    """Sweep, ask the peer, print, and say whether every bound was kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--most", type=int, default=COUNTS[-1], help="largest estate")
    parser.add_argument("--no-peer", action="store_true", help="leave Cloud Custodian out")
    given = parser.parse_args()
    counts = [count for count in COUNTS if count <= given.most]
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name:
        folder = Path(name)
        storage = azurite.start(folder / "azurite", folder / "azurite.log")
        try:
            swept = [sweep(folder, count, storage.connection_string) for count in counts]
            peer = None if given.no_peer else custodian(folder)
        finally:
            processes.end([storage.process])
    sys.stdout.write(f"{machine()}\n\n{_shown(swept)}\n\n")
    if peer:
        sys.stdout.write(_compared(swept[0], peer) + "\n\n")
    missed = list(_missed(swept))
    sys.stdout.write("\n".join(missed) + "\n" if missed else "every bound was kept\n")
    return 1 if missed else 0


def _shown(swept: list[Swept]) -> str:
    head = ("machines", "idle", "calls", "at most", "s", "ms a machine", "CPU s", "peak MB")
    rows = [
        (
            f"{one.count:,}",
            f"{one.idle:,}",
            f"{sum(one.calls.values()):,}",
            f"{one.calls_at_most:,}",
            f"{one.seconds:.2f}",
            f"{1000 * one.seconds / one.count:.3f}",
            f"{one.cpu_seconds:.2f}",
            f"{one.peak_mb:.0f}",
        )
        for one in swept
    ]
    return table(head, rows)


def _compared(ours: Swept, peer: dict[str, Any]) -> str:
    quiet, both = peer["quiet"], peer["quiet-and-running"]
    rows = [
        ("Nightshift: quiet and running", f"{ours.idle}", f"{ours.seconds:.2f}", "1.0"),
        (
            "Cloud Custodian: quiet (metric filter)",
            f"{quiet['matched']}",
            f"{quiet['seconds']:.2f}",
            f"{quiet['seconds'] / ours.seconds:.1f}",
        ),
        (
            "Cloud Custodian: quiet and running (and instance view)",
            f"{both['matched']}",
            f"{both['seconds']:.2f}",
            f"{both['seconds'] / ours.seconds:.1f}",
        ),
    ]
    shown = table((f"{ours.count:,} machines", "found", "s", "ratio"), rows)
    return f"{shown}\ncalls: ours {ours.calls}, theirs for both policies {peer['calls']}"


def _missed(swept: list[Swept]) -> Iterator[str]:
    for one in swept:
        made = sum(one.calls.values())
        if made > one.calls_at_most:
            yield f"{one.count:,} machines: {made} calls, at most {one.calls_at_most}"
        if one.seconds > SECONDS_AT_MOST.get(one.count, one.seconds):
            yield f"{one.count:,} machines: {one.seconds:.2f} s, at most 1.5 s"
        if one.peak_mb > MEMORY_AT_MOST_MB:
            yield f"{one.count:,} machines: {one.peak_mb:.0f} MB, at most 300 MB"
    for less, more in itertools.pairwise(swept):
        growth = (more.seconds / more.count) / (less.seconds / less.count)
        if growth > GROWTH_AT_MOST:
            sizes = f"from {less.count:,} to {more.count:,} machines"
            yield f"{sizes}: {growth:.2f} times the time for each"


if __name__ == "__main__":
    sys.exit(main())
