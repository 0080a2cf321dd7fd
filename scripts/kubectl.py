# ruff: noqa: INP001 - scripts are run, never imported
"""Print the path of a kubectl that can be used: 1.30 or newer.

PATH first; then what an earlier run fetched; then, on Debian and its kin, the
package ``kubectl`` of trixie, taken from the machine's own mirror and unpacked
under ``.tools/``. Nothing is installed and no system file is changed. Exit 1
with what to install when there is none.

A kubectl may be a dispatcher that asks the server for its version first; the
client version it reports is what counts here.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
OLDEST = (1, 30)
SUITE = "trixie"
ADVICE = (
    "no kubectl >= 1.30 found; install one (https://kubernetes.io/docs/tasks/tools/), "
    f"or on Debian the package kubectl of {SUITE}"
)


def version_of(kubectl: Path) -> tuple[int, int] | None:
    """Ask a kubectl for its (major, minor), or None when it cannot say."""
    command = [str(kubectl), "version", "--client", "-o", "json"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=20, check=True)  # noqa: S603 - the path is ours or PATH's
        found = json.loads(done.stdout)["clientVersion"]
        return int(found["major"]), int("".join(filter(str.isdigit, found["minor"])))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return None


def usable(kubectl: Path | None) -> bool:
    """Whether a kubectl runs here and is new enough."""
    version = version_of(kubectl) if kubectl is not None else None
    return version is not None and version >= OLDEST


def mirrors() -> list[str]:
    """Return the Debian mirrors that this machine's apt is set to."""
    command = ["apt-get", "indextargets", "--format", "$(SITE)"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - fixed command
    sites = dict.fromkeys(line.strip() for line in done.stdout.splitlines() if line.strip())
    return [site for site in sites if not site.rstrip("/").endswith("-security")]


def fetch(mirror: str) -> Path:
    """Unpack trixie's kubectl from a mirror, with an apt of our own beside the system's.

    The system's keyring is used, so the package is as trusted as any other here.

    Raises:
        OSError: the package cannot be fetched or unpacked; apt's words are in the message.
    """
    apt = TOOLS / "apt"
    for part in ("etc/parts", "etc/preferences.d", "lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    signed = f"[signed-by={keyring}] " if keyring.exists() else ""
    (apt / "etc/sources.list").write_text(f"deb {signed}{mirror} {SUITE} main\n", "utf-8")
    (apt / "status").touch()  # knows of no installed package, so only the suite's is seen
    settings = {
        "Dir::Etc::SourceList": apt / "etc/sources.list",
        "Dir::Etc::SourceParts": apt / "etc/parts",
        "Dir::Etc::Preferences": apt / "etc/preferences",
        "Dir::Etc::PreferencesParts": apt / "etc/preferences.d",
        "Dir::State::status": apt / "status",
        "Dir::State::Lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "root",
        "APT::Update::Post-Invoke": "",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
    }
    options = [f"-o{key}={value}" for key, value in settings.items()]
    _run(["apt-get", "-q", *options, "update"], apt)
    _run(["apt-get", "-q", *options, "download", "kubectl"], apt)
    package = max(apt.glob("kubectl_*.deb"), key=lambda path: path.stat().st_mtime)
    shutil.rmtree(TOOLS / "kubectl", ignore_errors=True)
    _run(["dpkg-deb", "-x", str(package), str(TOOLS / "kubectl")], apt)
    package.unlink()
    return TOOLS / "kubectl/usr/bin/kubectl"


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(  # noqa: S603 - commands are written out above
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise OSError(f"{command[0]} failed: {' '.join(words[-3:])}")


def find(*, ignore_path: bool = False) -> Path:
    """Find a usable kubectl, fetching one if need be.

    Raises:
        LookupError: there is none; the message says what to install.
    """
    on_path = None if ignore_path else shutil.which("kubectl")
    fetched = TOOLS / "kubectl/usr/bin/kubectl"
    for candidate in (on_path, fetched):
        if candidate is not None and usable(Path(candidate)):
            return Path(candidate)
    if platform.system() != "Linux" or not (
        shutil.which("apt-get") and shutil.which("dpkg-deb")
    ):
        raise LookupError(ADVICE)
    problems = []
    for mirror in mirrors():
        try:
            if usable(found := fetch(mirror)):
                return found
        except (OSError, subprocess.SubprocessError, ValueError) as problem:
            problems.append(f"{mirror}: {problem}")
    raise LookupError("; ".join([ADVICE, *problems]))


def main() -> int:
    """Print the path, or say on stderr what to install."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--ignore-path", action="store_true", help="pretend that PATH has no kubectl"
    )
    try:
        found = find(ignore_path=parser.parse_args().ignore_path)
    except LookupError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write(f"{found}{os.linesep}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
