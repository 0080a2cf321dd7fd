# ruff: noqa: INP001 - scripts are run, never imported by the app
"""Build the deployment package: one zip with our code and every library it needs.

Prebuilt, because a build in Azure takes what the index has that day, ends after 60 seconds
and cannot be tried beforehand (docs/decisions/0023). Libraries are the wheels of
requirements.txt, checked by their hashes, for Linux on x86-64; they lie where the worker
looks for them. The same files give the same bytes: names are sorted, times are fixed.

Source: https://learn.microsoft.com/azure/azure-functions/python-build-options
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
DEPLOYED_PYTHON = "3.12"
"""What the function app runs; infra/bicep says the same, and a test compares them."""
PLATFORM = "x86_64-manylinux2014"
OURS = ("function_app.py", "host.json", "handlers", "shared", "rules", "requirements.txt")
LIBRARIES = ".python_packages/lib/site-packages"
BOUND_MB = 30
"""The package may not become larger than this unnoticed."""

NEEDS_NOTHING = {
    "common-expression-language": "its command line alone needs them; rules load its "
    "extension without it (shared/rules/cel_extension.py)",
}
"""Distributions whose own requirements are left out, and why that is safe."""
NEVER_READ = ("*.pyc", "*.pyi", "*.pyx", "*.pxd", "*.c", "*.h", "*.rst", "py.typed", ".lock")
"""What is for compilers, type checkers and people who read it elsewhere."""
NEVER_ENTERED = frozenset({"__pycache__", "tests"})
OF_INSTALLERS = frozenset({"RECORD", "WHEEL", "INSTALLER", "REQUESTED", "top_level.txt"})
LONG_AGO = (1980, 1, 1, 0, 0, 0)
OUR_NAME = "nightshift"


@dataclass(frozen=True, slots=True)
class Packed:
    """One file of the package: where it is read, its name in the zip, whose it is."""

    path: Path
    name: str
    owner: str


def install(source: Path, python: str, folder: Path) -> None:
    """Install the locked wheels for the machines that Azure runs, whatever runs here.

    Raises:
        subprocess.CalledProcessError: A package has no wheel for them, or another hash.
    """
    uv = Path(sys.executable).parent / "uv"
    command = [str(uv), "pip", "install", "--quiet", "--no-config", "--target", str(folder)]
    command += ["--python", sys.executable, "--link-mode", "copy", "--no-deps"]
    command += ["--python-platform", PLATFORM, "--python-version", python]
    command += ["--only-binary", ":all:", "--require-hashes"]
    command += ["--requirements", str(source / "requirements.txt")]
    subprocess.run(command, check=True)  # noqa: S603 - fixed command, our own lock file


def needed(
    asked: list[Requirement], found: Mapping[str, Distribution], python: str
) -> set[str]:
    """Return the names of what was asked for and of all that it requires.

    Raises:
        KeyError: Something required is not installed.
    """
    target = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "posix",
    }
    reached: set[tuple[str, str]] = set()
    waiting = [(one, extra) for one in asked for extra in ("", *one.extras)]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in reached:
            continue
        reached.add((name, extra))
        for text in () if name in NEEDS_NOTHING else found[name].requires or ():
            one = Requirement(text)
            if one.marker is None or one.marker.evaluate({**target, "extra": extra}):
                waiting += [(one, wanted) for wanted in ("", *one.extras)]
    return {name for name, _ in reached}


def asked_for(source: Path) -> list[Requirement]:
    """Read what the app itself imports."""
    lines = (source / "requirements.in").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def our_files(source: Path) -> Iterator[Packed]:
    """List our own files, less what .funcignore holds back."""
    patterns = (source / ".funcignore").read_text(encoding="utf-8").split()
    for top in OURS:
        start = source / top
        for path in [start] if start.is_file() else sorted(start.rglob("*")):
            file = path.relative_to(source)
            held_back = any(
                fnmatch(file.as_posix(), one) or file.is_relative_to(one) for one in patterns
            )
            if path.is_file() and not held_back and is_read(file):
                yield Packed(path, file.as_posix(), OUR_NAME)


def library_files(folder: Path, asked: list[Requirement], python: str) -> Iterator[Packed]:
    """List the files of the libraries that are needed, of all that are installed there."""
    found = {
        str(canonicalize_name(one.metadata["Name"])): one
        for one in distributions(path=[str(folder)])
    }
    for name in needed(asked, found, python):
        for file in found[name].files or ():
            path = folder / file
            if is_read(Path(file)) and path.is_file():
                owner = f"{name} {found[name].version}"
                yield Packed(path, f"{LIBRARIES}/{Path(file).as_posix()}", owner)


def is_read(file: Path) -> bool:
    """Tell whether anything may ever read a file of the package."""
    if file.parts[0] in {"..", "bin"} or not NEVER_ENTERED.isdisjoint(file.parts[:-1]):
        return False
    if file.parts[0].endswith(".dist-info") and file.name in OF_INSTALLERS:
        return False
    return not any(fnmatch(file.name, one) for one in NEVER_READ)


def write(files: list[Packed], target: Path) -> None:
    """Write the zip: by name, without a time of its own, readable by all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        for file in sorted(files, key=lambda one: one.name):
            entry = zipfile.ZipInfo(file.name, LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is built
            entry.external_attr = 0o100644 << 16
            package.writestr(entry, file.path.read_bytes())


def contents(files: list[Packed], target: Path) -> str:
    """Say what is in the package: a table by library, the largest first."""
    owners = {one.name: one.owner for one in files}
    sums: dict[str, list[int]] = {}
    with zipfile.ZipFile(target) as package:
        for entry in package.infolist():
            row = sums.setdefault(owners[entry.filename], [0, 0, 0])
            row[0] += entry.compress_size
            row[1] += entry.file_size
            row[2] += 1
    lines = ["| what | zipped, MB | unpacked, MB | files |", "|---|--:|--:|--:|"]
    for owner, (zipped, plain, count) in sorted(sums.items(), key=lambda i: (-i[1][0], i[0])):
        lines.append(f"| {owner} | {zipped / 1e6:.2f} | {plain / 1e6:.2f} | {count} |")
    total = [sum(row[column] for row in sums.values()) for column in range(3)]
    lines.append(
        f"| **{len(sums) - 1} libraries and {OUR_NAME}** | **{total[0] / 1e6:.2f}** "
        f"| **{total[1] / 1e6:.2f}** | **{total[2]}** |"
    )
    return "\n".join(lines) + "\n"


def build(source: Path, target: Path, python: str) -> str:
    """Build the package and return the table of its contents.

    Raises:
        ValueError: It became larger than it may.
    """
    with tempfile.TemporaryDirectory() as scratch:
        libraries = Path(scratch)
        install(source, python, libraries)
        files = [*our_files(source)]
        files += library_files(libraries, asked_for(source), python)
        write(files, target)
        table = contents(files, target)
    size = target.stat().st_size
    if size > BOUND_MB * 1e6:
        raise ValueError(f"{target.name} has {size / 1e6:.1f} MB, more than {BOUND_MB}")
    return table


def unpack(package: Path, folder: Path) -> None:
    """Put the package's files into a folder, in place of what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(package) as opened:
        opened.extractall(folder)


def main() -> int:
    """Build, unpack, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder, default dist")
    parser.add_argument("--source", type=Path, default=ROOT, help="folder of the app")
    parser.add_argument("--python", default=DEPLOYED_PYTHON, help="version the app runs on")
    chosen = parser.parse_args()
    if not re.fullmatch(r"3\.\d+", chosen.python):
        parser.error(
            f"--python is {chosen.python!r}; give a version such as {DEPLOYED_PYTHON}"
        )
    target = chosen.out / f"{OUR_NAME}.zip"
    table = build(chosen.source.resolve(), target, chosen.python)
    (chosen.out / "CONTENTS.md").write_text(table, encoding="utf-8")
    unpack(target, chosen.out / "app")
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    sys.stdout.write(
        f"{table}\n{target}: {target.stat().st_size / 1e6:.2f} MB for Python {chosen.python}\n"
        f"sha256 {digest}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
