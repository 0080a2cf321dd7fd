"""What the forwarder costs the machine it runs on: CPU and memory, measured from outside.

It runs as it would be deployed, once a second against the played endpoint; meanwhile a
notice comes, is sent over TLS and asked about, and goes. CPU is what the kernel counted
for the process after its start; memory is its resident size, at the end and the highest.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from sandbox.azure import certificates
from sandbox.environment import write_ca_bundle
from sandbox.imds import instance
from sandbox.imds_notices import Platform
from tests.forwarding import Around, a_forwarder, until

MOST_CPU_PERCENT = 0.5
MOST_RSS_MB = 30.0
SETTLE_S = 3.0
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Read the CPU time of a process, user and system.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; schedstat counts
    nanoseconds, where the kernel has it, and stat only ticks.
    """
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (OSError, ValueError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / TICKS
    return total / 1e9


def memory_mb(pid: int, field: str) -> float:
    """Read one of the sizes in a process's status."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition(f"{field}:")[2].split()[0]) / 1024


def measure(seconds: float, python: str) -> dict[str, float]:
    """Run it for a while and say what it cost."""
    platform = Platform()
    machine = instance(3, platform)
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as folder:
        made = certificates.make(Path(folder))
        bundle = Path(folder) / "bundle.pem"
        write_ca_bundle(made.ca_file, bundle)
        os.environ["SSL_CERT_FILE"] = str(bundle)
        around = Around(trust=made.context).up()
        more = {"poll": 1, "ask": 5, "network_timeout": 10, "heartbeat": 20}
        with a_forwarder(machine, around, Path(folder), **more) as forwarder:
            forwarder.kill()
            forwarder.start(python)
            pid = forwarder.process.pid if forwarder.process else 0
            time.sleep(SETTLE_S)
            started, began = cpu_s(pid), time.monotonic()
            asked = len(platform.calls)
            platform.play("reboot", [machine.name], notice_s=seconds / 3, started_s=5.0)
            time.sleep(seconds)
            spent, took = cpu_s(pid) - started, time.monotonic() - began
            until(lambda: len(around.said) > 1, why=forwarder.log)
            around.down()
            found = {
                "seconds": round(took, 1),
                "polls": len(platform.calls) - asked,
                "events": len(around.said),
                "heartbeats": len(around.beats),
                "start_cpu_s": round(started, 3),
                "cpu_percent": round(100 * spent / took, 3),
                "rss_mb": round(memory_mb(pid, "VmRSS"), 1),
                "highest_rss_mb": round(memory_mb(pid, "VmHWM"), 1),
            }
    machine.close()
    return found


def main() -> int:
    """Print the figures beside their limits; 1 if one is exceeded."""
    parser = argparse.ArgumentParser(prog="bench/forwarder.py", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--python", default=sys.executable, help="the Python that runs it")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.seconds, given.python)
    limits = {"cpu_percent": MOST_CPU_PERCENT, "highest_rss_mb": MOST_RSS_MB}
    if given.json:
        print(json.dumps({"measured": found, "limits": limits}))
    else:
        cpu, now, most = (found[n] for n in ("cpu_percent", "rss_mb", "highest_rss_mb"))
        print(f"forwarder, {found['seconds']} s, {found['polls']} calls of the endpoint")
        print(f"  start     {found['start_cpu_s']:6.3f} s of CPU, once")
        print(f"  CPU       {cpu:6.3f} % of one core (limit {MOST_CPU_PERCENT})")
        print(f"  resident  {now:6.1f} MB, highest {most:.1f} MB (limit {MOST_RSS_MB:.0f})")
    return int(any(found[name] > limit for name, limit in limits.items()))


if __name__ == "__main__":
    sys.exit(main())
