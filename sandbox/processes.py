"""Start background processes and end exactly those, however much later.

A process is known by its id *and* its start time, so that an id used again by
something else is never signalled. Each leads a process group of its own, and
the whole group is ended.

Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_POLL_S = 0.05
_START_TIME_FIELD = 19  # field 22 of stat, counted after the command's closing bracket
_STATE_FIELD = 0
_TAIL_LINES = 25

# Children of this very process, so that they can be reaped when they end.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class ProcessRecord:
    """One process we started: enough to find it again, and nothing else."""

    name: str
    pid: int
    started: str


def start(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    stdout: Path,
    stderr: Path,
) -> ProcessRecord:
    """Start a process in a session of its own, its output appended to files."""
    with stdout.open("ab") as out, stderr.open("ab") as err:
        child = subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    _children[child.pid] = child
    return ProcessRecord(name, child.pid, _start_time(child.pid) or "")


def is_alive(record: ProcessRecord) -> bool:
    """Tell whether that very process still runs."""
    now = _start_time(record.pid)
    if now is not None:
        return now == record.started
    child = _children.pop(record.pid, None)
    if child is not None:
        # Gone or a zombie, so this returns at once, and the system forgets it.
        child.wait()
    return False


def end(records: Sequence[ProcessRecord], grace_s: float = 15.0) -> list[ProcessRecord]:
    """End these processes with their groups: asked first, killed after the grace.

    Returns those that were alive. Waits until each is gone.
    """
    alive = [record for record in records if is_alive(record)]
    for record in alive:
        _signal(record, signal.SIGTERM)
    _wait_gone(alive, grace_s)
    for record in alive:
        if is_alive(record):
            _signal(record, signal.SIGKILL)
    _wait_gone(alive, grace_s)
    return alive


def kill(record: ProcessRecord) -> None:
    """Kill a process at once, as a crash would, and wait until it is gone."""
    if is_alive(record):
        _signal(record, signal.SIGKILL)
    _wait_gone([record], 10.0)


def tail(path: Path, lines: int = _TAIL_LINES) -> str:
    """Give the end of a log file; empty when there is none."""
    if not path.is_file():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def _signal(record: ProcessRecord, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(record.pid, number)


def _wait_gone(records: Sequence[ProcessRecord], limit_s: float) -> None:
    until = time.monotonic() + limit_s
    while any(is_alive(record) for record in records) and time.monotonic() < until:
        time.sleep(_POLL_S)


def _start_time(pid: int) -> str | None:
    """Say when a living process started; None when it is gone or a zombie."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _start_time_by_ps(pid)
    try:
        text = stat.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[_STATE_FIELD] in ("Z", "X") else fields[_START_TIME_FIELD]


def _start_time_by_ps(pid: int) -> str | None:
    """Ask ps where there is no /proc, as on macOS."""
    done = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None
