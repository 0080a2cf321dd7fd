"""Start a Slurm of one's own and end it: every daemon real, all in namespaces of a lab's own.

One process is the first of a process namespace with its own mounts and host name; all
others are started inside it. When it ends, the system ends them, and nothing stays mounted
on this machine. Labs share the image and nothing else, so several run side by side.

Only the REST server and Slurm's own ports listen, on 127.0.0.1 and on ports that were free.

Source: https://man7.org/linux/man-pages/man1/unshare.1.html,
https://man7.org/linux/man-pages/man7/pid_namespaces.7.html,
https://slurm.schedmd.com/slurmrestd.html
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import processes
from sandbox.free_ports import free_ports
from sandbox.processes import ProcessRecord
from sandbox.slurm.configuration import CGROUP_CONF, HOST, KEY_FILE, NODES, slurm_conf

_KEY_BYTES = 32
_READY_S = 45.0
_POLL_S = 0.1
_COMMAND_S = 30.0
_FIRST = f"""
set -e
root=$1 state=$2
hostname {HOST}
mount -t tmpfs tmpfs "$root/run"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
for pair in etc:etc/slurm lib:var/lib/slurm log:var/log/slurm jobs:jobs tmp:tmp; do
  mount --bind "$state/${{pair%%:*}}" "$root/${{pair#*:}}"
done
mkdir -p "$root/run/munge" "$root/run/slurm"
chroot "$root" sh -c '
  chown munge:munge /run/munge && chmod 755 /run/munge
  chown -R slurm:slurm /var/lib/slurm /var/log/slurm /run/slurm {KEY_FILE}
  chmod 600 {KEY_FILE}; chown alice /jobs; chmod 1777 /tmp'
touch "$state/mounted"
while :; do sleep 3600 & wait $!; done
"""
_AS = {
    "munged": ("setpriv", "--reuid", "munge", "--regid", "munge", "--clear-groups"),
    "slurmctld": ("setpriv", "--reuid", "slurm", "--regid", "slurm", "--clear-groups"),
    "slurmrestd": ("setpriv", "--reuid", "restd", "--regid", "restd", "--clear-groups"),
}

_PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
_ENVIRONMENTS = {"slurmrestd": {"SLURM_JWT": "daemon"}}  # any other would take it for its own


class LabFailed(RuntimeError):
    """The lab did not come up, or a command in it failed; with the last lines of a log."""


@dataclass
class Lab:
    """One Slurm, up or on its way.

    Attributes:
        state: Everything it writes; ``state/jobs`` is ``/jobs`` inside, for jobs' files.
        key: What tokens are signed with.
    """

    root: Path
    state: Path
    ports: tuple[int, ...]
    key: bytes = field(repr=False)
    first: ProcessRecord = field(default=ProcessRecord("lab", 0, ""))
    daemons: dict[str, ProcessRecord] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the REST server listens."""
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def jobs(self) -> Path:
        """The folder that jobs see as ``/jobs``."""
        return self.state / "jobs"

    def run(self, *command: str) -> str:
        """Run a command inside, as root, and return what it wrote.

        Raises:
            LabFailed: It failed; with what it said.
        """
        done = subprocess.run(
            [*self._inside(), *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_S,
        )
        if done.returncode:
            raise LabFailed(f"{' '.join(command[:4])}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def token(self, user: str = "slurm", lifespan_s: int = 600) -> str:
        """Ask Slurm itself for a token."""
        said = self.run("scontrol", "token", f"username={user}", f"lifespan={lifespan_s}")
        return said.strip().partition("=")[2]

    def start(self, daemon: str) -> None:
        """Start one of the daemons: munged, slurmctld, slurmrestd, or a node by its name."""
        command = [*_AS.get(daemon, ()), *self._command(daemon)]
        self.daemons[daemon] = processes.start(
            daemon,
            [*self._inside(), *command],
            environment={**_PATH, **_ENVIRONMENTS.get(daemon, {})},
            cwd=self.state,
            stdout=self.state / f"{daemon}.out",
            stderr=self.state / f"{daemon}.out",
        )

    def stop(self, daemon: str) -> None:
        """End one of the daemons, as a crash would: at once."""
        processes.kill(self.daemons.pop(daemon))

    def down(self) -> None:
        """End the lab: its first process, and with it everything inside."""
        processes.end([self.first, *self.daemons.values()], grace_s=5.0)

    def _inside(self) -> list[str]:
        child = _children(self.first.pid)
        if not child:
            raise LabFailed(f"the lab is not up: {processes.tail(self.state / 'lab.out')}")
        return [
            *("nsenter", "--target", str(child[0]), "--mount", "--pid", "--uts"),
            *("chroot", str(self.root)),
        ]

    def _command(self, daemon: str) -> list[str]:
        if daemon in NODES:
            return ["/usr/sbin/slurmd", "-D", "-N", daemon]
        return {
            "munged": ["/usr/sbin/munged", "-F"],
            "slurmctld": ["/usr/sbin/slurmctld", "-D"],
            "slurmrestd": [
                *("/usr/sbin/slurmrestd", "-a", "rest_auth/jwt", "-s", "openapi/slurmctld"),
                *("-d", "v0.0.40,v0.0.41,v0.0.42", f"127.0.0.1:{self.ports[0]}"),
            ],
        }[daemon]


def up(root: Path, state: Path) -> Lab:
    """Start everything and wait until three nodes are idle and REST answers.

    Args:
        root: A prepared image, which is only read.
        state: A folder of this lab's own; what a former one left there is dropped.

    Raises:
        LabFailed: Something did not start.
    """
    for name in ("etc", "lib", "log", "jobs", "tmp"):
        shutil.rmtree(state / name, ignore_errors=True)
        (state / name).mkdir(parents=True)
    (state / "mounted").unlink(missing_ok=True)
    (state / "lib/ctld").mkdir()
    for node in NODES:
        (state / f"lib/d-{node}").mkdir()
    ports = free_ports(2 + len(NODES))
    lab = Lab(root, state, ports, secrets.token_bytes(_KEY_BYTES))
    (state / "etc/slurm.conf").write_text(slurm_conf(ports[1], ports[2:]))
    (state / "etc/cgroup.conf").write_text(CGROUP_CONF)
    (state / "etc" / Path(KEY_FILE).name).write_bytes(lab.key)
    try:
        _start_all(lab)
    except BaseException:
        lab.down()
        raise
    return lab


def _start_all(lab: Lab) -> None:
    script = lab.state / "first.sh"
    script.write_text(_FIRST)
    lab.first = processes.start(
        "lab",
        [
            *("unshare", "--mount", "--pid", "--uts", "--fork", "--kill-child=KILL"),
            *("sh", str(script), str(lab.root), str(lab.state)),
        ],
        environment=_PATH,
        cwd=lab.state,
        stdout=lab.state / "lab.out",
        stderr=lab.state / "lab.out",
    )
    _wait(lab, (lab.state / "mounted").exists, "mounting", "lab")
    lab.start("munged")
    _wait(lab, lambda: lab.run("sh", "-c", "ls /run/munge").find("socket") > 0, "munge", "lab")
    lab.start("slurmctld")
    for node in NODES:
        lab.start(node)
    lab.start("slurmrestd")
    wait_ready(lab)


def wait_ready(lab: Lab) -> None:
    """Wait until every node is idle and the REST server answers."""
    idle = ("sinfo", "--noheader", "--Node", "--states=idle", "--format=%N")
    _wait(lab, lambda: len(lab.run(*idle).split()) == len(NODES), "nodes", "slurmctld")
    _wait(lab, lambda: _answers(lab.url), "REST", "slurmrestd")


def _answers(url: str) -> bool:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"{url}/openapi/v3", timeout=2):  # noqa: S310 - our own http
            return True
    except urllib.error.HTTPError:
        return True  # it wants a token: it is there


def _wait(lab: Lab, is_there: Callable[[], bool], what: str, log: str) -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until:
        with contextlib.suppress(LabFailed, OSError, subprocess.TimeoutExpired):
            if is_there():
                return
        time.sleep(_POLL_S)
    words = processes.tail(lab.state / f"{log}.out", 10)
    raise LabFailed(f"{what}: not ready after {_READY_S:.0f} s: {words}")


def _children(pid: int) -> list[int]:
    """Name the children of a process.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_task.5.html (children)
    """
    try:
        return [
            int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []
