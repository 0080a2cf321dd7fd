"""Make the system that Slurm runs in: Debian trixie in a folder, once for all labs.

The folder is made aside and renamed when it is whole, under a lock, so that of several
who come at once one works and an interrupted one leaves nothing half made. Its name has
the recipe's digest: another recipe is another folder.

Why not this machine's own packages: Debian 12 has Slurm 22.05, whose REST server cannot
update a node. That came with 23.02.

Source: https://packages.debian.org/trixie/slurm-wlm,
https://github.com/SchedMD/slurm/blob/master/CHANGELOG/slurm-23.02.md
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox.slurm.configuration import HOST

SUITE = "trixie"
PACKAGES = (
    "munge",
    "slurm-client",
    "slurm-wlm",
    "slurm-wlm-basic-plugins",
    "slurm-wlm-jwt-plugin",
    "slurmrestd",
)
USERS = (
    "useradd --create-home --shell /bin/bash alice",
    "useradd --system --no-create-home restd",
)
HOSTS = f"127.0.0.1 localhost {HOST}\n"
MOUNT_POINTS = ("etc/slurm", "var/lib/slurm", "var/log/slurm", "jobs")
_TOOLS = ("debootstrap",)
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_NO_SERVICES = "#!/bin/sh\nexit 101\n"


class CannotPrepare(RuntimeError):
    """The system could not be made; the message has the last words of what failed."""


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Say where images are kept: with other caches of this user, unless told otherwise."""
    given = environ.get("NIGHTSHIFT_SLURM_CACHE", "")
    home = environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(given) if given else Path(home) / "nightshift" / "slurm"


def prepare(cache: Path) -> Path:
    """Return the root folder of the system; make it first if it is not there.

    Raises:
        CannotPrepare: This is no Linux, we are not root, or a package could not be had.
    """
    root = cache / f"{SUITE}-{_digest()}"
    if root.is_dir():
        return root
    if os.uname().sysname != "Linux" or os.geteuid() != 0:
        raise CannotPrepare("a Slurm of one's own needs Linux and root: chroot and mounts")
    cache.mkdir(parents=True, exist_ok=True)
    with _only_one(cache / "lock"):
        if not root.is_dir():
            _make(cache / f"{root.name}.new", root)
    return root


def _digest() -> str:
    recipe = "\n".join((SUITE, *PACKAGES, *USERS, *MOUNT_POINTS, HOSTS))
    return hashlib.sha256(recipe.encode()).hexdigest()[:10]


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Wait until nobody else on this machine makes one; a dead maker's lock is gone."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _make(unfinished: Path, root: Path) -> None:
    if unfinished.exists():
        shutil.rmtree(unfinished)
    _have_tools()
    mirror = _mirror()
    _run("debootstrap", "--variant=minbase", SUITE, str(unfinished), *mirror)
    policy = unfinished / "usr/sbin/policy-rc.d"
    policy.write_text(_NO_SERVICES)  # so that no package starts its daemon in there
    policy.chmod(0o755)
    _inside(
        unfinished,
        "apt-get install -y -qq --no-install-recommends " + " ".join(PACKAGES),
        *USERS,
        "apt-get clean",
    )
    for folder in MOUNT_POINTS:
        (unfinished / folder).mkdir(parents=True, exist_ok=True)
    (unfinished / "etc/hosts").write_text(HOSTS)
    unfinished.rename(root)


def _have_tools() -> None:
    wanted = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if not _KEYRING.exists():
        wanted.append("debian-archive-keyring")
    if wanted:
        _run("apt-get", "update", "-qq")
        _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted)


def _mirror() -> list[str]:
    """Name the Debian mirror this machine is set up with; none: debootstrap's own choice.

    Source: https://manpages.debian.org/bookworm/apt/apt-get.8.en.html (indextargets)
    """
    said = _run("apt-get", "indextargets", "--format", "$(ORIGIN) $(SITE)")
    fields = (line.split() for line in said.splitlines())
    return [one[1] for one in fields if len(one) > 1 and one[0] == "Debian"][:1]


def _inside(root: Path, *commands: str) -> None:
    for command in commands:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        _run("chroot", str(root), "sh", "-c", command, environment=environment)


def _run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    done = _call(command, environment)
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-8:]
        raise CannotPrepare(f"{' '.join(command[:3])}: " + "; ".join(words))
    return done.stdout


def _call(
    command: Sequence[str], environment: Mapping[str, str] | None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as missing:
        raise CannotPrepare(f"there is no {missing.filename} on this machine") from missing
