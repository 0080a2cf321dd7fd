"""The lab itself: its own, side by side with others, and gone when it is taken down."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sandbox import processes
from sandbox.slurm import image
from sandbox.slurm.configuration import NODES
from sandbox.slurm.lab import LabFailed, up

ROOT = Path(__file__).resolve().parents[3]


def call(state: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    line = [sys.executable, "-m", "sandbox.slurm", "--state", str(state), *command]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)


def mounts() -> str:
    """Read what is mounted for everybody on this machine."""
    return Path("/proc/self/mounts").read_text()


def test_two_labs_run_side_by_side_and_end_apart(slurm_lab, tmp_path):
    """Two test runs at once, or a person beside one."""
    before = mounts()
    other = up(slurm_lab.root, tmp_path)
    assert set(slurm_lab.ports).isdisjoint(other.ports)
    assert slurm_lab.key != other.key
    other.run("scontrol", "update", f"nodename={NODES[0]}", "state=drain", "reason=other-lab")
    assert "other-lab" in other.run("scontrol", "show", "node", NODES[0])
    assert "other-lab" not in slurm_lab.run("scontrol", "show", "node", NODES[0])
    other.down()
    assert not processes.is_alive(other.first)
    assert NODES[0] in slurm_lab.run("sinfo", "-h", "-N")
    assert before == mounts()
    with pytest.raises(LabFailed, match="not up"):
        other.run("sinfo")


def test_nothing_of_a_lab_is_left_when_it_is_down(slurm_lab, tmp_path):
    """No daemon, and no job of a daemon."""
    other = up(slurm_lab.root, tmp_path)
    namespace = _link(Path(f"/proc/{_inside(other.first.pid)}/ns/pid"))
    other.down()
    left = [p for p in Path("/proc").glob("[0-9]*/ns/pid") if _link(p) == namespace]
    assert [] == left


def _inside(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def test_the_command_line_leads_through_a_labs_life(slurm_lab, tmp_path):
    """Up, asked, refused a second time, down, and down is said when it is."""
    said = json.loads(call(tmp_path, "up").stdout)
    assert said["url"].startswith("http://127.0.0.1:")
    assert 3 == call(tmp_path, "run", "sinfo", "-h", "-N", "-o", "%N").stdout.count("gpu")
    assert 2 == call(tmp_path, "token", "alice").stdout.strip().count(".")
    again = call(tmp_path, "up")
    assert (1, True) == (again.returncode, "down first" in again.stderr)
    assert 0 == call(tmp_path, "down").returncode
    gone = call(tmp_path, "down")
    assert (1, True) == (gone.returncode, "no lab is up" in gone.stderr)


def test_what_is_prepared_is_prepared_once(slurm_lab):
    """The second test run of a machine does not wait for packages."""
    before = slurm_lab.root.stat()
    root = image.prepare(image.cache_folder(os.environ))
    assert slurm_lab.root == root
    after = root.stat()
    assert (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)


def test_of_several_who_prepare_at_once_one_does(tmp_path):
    """The others wait for it, and take what it made."""
    root = tmp_path / f"{image.SUITE}-{image._digest()}"
    found: list[Path] = []
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = threading.Thread(target=lambda: found.append(image.prepare(tmp_path)))
        waiting.start()
        time.sleep(0.3)
        assert [] == found
        root.mkdir()
    waiting.join(timeout=10)
    assert [root] == found
    assert not list(tmp_path.glob("*.new"))


def test_without_root_it_fails_and_says_what_is_needed(tmp_path, monkeypatch):
    """Nothing is skipped in silence."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(image.CannotPrepare, match="Linux and root"):
        image.prepare(tmp_path)


def test_a_cache_of_ones_own_may_be_named():
    """For a machine whose home is small or shared."""
    assert Path("/x") == image.cache_folder({"NIGHTSHIFT_SLURM_CACHE": "/x"})
    assert Path("/c/nightshift/slurm") == image.cache_folder({"XDG_CACHE_HOME": "/c"})
