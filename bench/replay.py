"""Replaying recorded events: ``make bench-replay``.

Generates a recording of mixed events, replays it in a process of its own with the
default rules, once alone, once against a second rule set with JSON to a file, and once
more to see that the JSON is the same to the byte. Next to it the floor: reading the same
file with bare ``json.loads``. Peak memory is the process's own largest resident set.
Sets no bound: it reports.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.figures import machine, table
from bench.recording import recording

ROOT = Path(__file__).resolve().parents[1]
EVENTS = 100_000
_BARE = """
import json, sys
for line in open(sys.argv[1], "rb"):
    json.loads(line)
"""
_RUN = """
import resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
took = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(done.returncode, took, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""
_KIB_IN_MB = 1e6 / 1024


@dataclass(frozen=True)
class Run:
    """One process, measured from outside."""

    seconds: float
    cpu_s: float
    peak_mb: float


def measure(*words: str) -> Run:
    """Run Python on some words in a process of its own.

    Raises:
        RuntimeError: It failed.
    """
    command = [sys.executable, "-c", _RUN, sys.executable, *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT
    )
    code, seconds, cpu, peak = done.stdout.split()
    if code != "0":
        raise RuntimeError(f"{' '.join(words)} ended with {code}:\n{done.stderr}")
    return Run(float(seconds), float(cpu), int(peak) / _KIB_IN_MB)


def main() -> None:
    """Generate, replay three times, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    size = parser.parse_args().events
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name:
        folder = Path(name)
        file = folder / "events.jsonl"
        with file.open("w", encoding="utf-8") as out:
            out.writelines(f"{line}\n" for line in recording(size))
        replay = ("-m", "cli.main", "replay", str(file), "--rules", "rules")
        against = ("--against", "rules", "sandbox/rules", "--json")
        bare = measure("-c", _BARE, str(file))
        alone = measure(*replay)
        both = measure(*replay, *against, str(folder / "a.json"))
        measure(*replay, *against, str(folder / "b.json"))
        digests = {
            hashlib.sha256((folder / n).read_bytes()).digest() for n in ("a.json", "b.json")
        }
        summary = json.loads((folder / "a.json").read_text())["summary"]
        print(f"{size} events, {file.stat().st_size / 1e6:.0f} MB; {machine()}")
    rows = [
        (
            what,
            f"{run.seconds:.1f}",
            f"{run.cpu_s:.1f}",
            f"{size / run.seconds:.0f}",
            f"{run.peak_mb:.0f}",
            f"{run.seconds / bare.seconds:.1f}",
        )
        for what, run in (
            ("bare json.loads", bare),
            ("replay, table", alone),
            ("replay, two rule sets, JSON", both),
        )
    ]
    print(table(("", "seconds", "CPU s", "events/s", "peak MB", "ratio"), rows))
    print(
        f"signals {summary['signals']}, differences {summary['differences']}, "
        f"quarantined {summary['quarantined']}; "
        f"JSON twice the same: {len(digests) == 1}"
    )


if __name__ == "__main__":
    main()
