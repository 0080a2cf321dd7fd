"""A Slurm by hand: ``python -m sandbox.slurm [--state DIR] prepare|up|token|run|down``.

``up`` prints one JSON object and leaves the lab running; what it started is written down
in the state folder, and ``down`` ends exactly that.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from sandbox.processes import ProcessRecord
from sandbox.slurm.image import CannotPrepare, cache_folder, prepare
from sandbox.slurm.lab import Lab, LabFailed, up

_RECORD = "lab.json"


def main(arguments: list[str]) -> int:
    """Do one command; 1 if it failed."""
    given = _parser().parse_args(arguments)
    try:
        _COMMANDS[given.command](given)
    except (CannotPrepare, LabFailed) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.slurm", description=__doc__)
    parser.add_argument("command", choices=_COMMANDS)
    parser.add_argument(
        "rest", nargs=argparse.REMAINDER, help="token: a user; run: a command inside"
    )
    parser.add_argument("--state", type=Path, default=Path(".sandbox/slurm"))
    parser.add_argument("--cache", type=Path, default=cache_folder(os.environ))
    return parser


def _prepare(given: argparse.Namespace) -> None:
    sys.stdout.write(f"{prepare(given.cache)}\n")


def _up(given: argparse.Namespace) -> None:
    state: Path = given.state.resolve()
    if (state / _RECORD).exists():
        raise LabFailed(f"a lab is up in {state}, or was when the machine stopped: down first")
    state.mkdir(parents=True, exist_ok=True)
    lab = up(prepare(given.cache), state)
    record = {
        "url": lab.url,
        "key_file": str(state / "etc/jwt_hs256.key"),
        "root": str(lab.root),
        "ports": lab.ports,
        "first": asdict(lab.first),
        "daemons": {name: asdict(one) for name, one in lab.daemons.items()},
    }
    (state / _RECORD).write_text(json.dumps(record, indent=2))
    sys.stdout.write(json.dumps(record, indent=2) + "\n")


def _read(given: argparse.Namespace) -> Lab:
    state: Path = given.state.resolve()
    try:
        record = json.loads((state / _RECORD).read_text())
    except FileNotFoundError:
        raise LabFailed(f"no lab is up in {state}") from None
    return Lab(
        root=Path(record["root"]),
        state=state,
        ports=tuple(record["ports"]),
        key=(state / "etc/jwt_hs256.key").read_bytes(),
        first=ProcessRecord(**record["first"]),
        daemons={name: ProcessRecord(**one) for name, one in record["daemons"].items()},
    )


def _token(given: argparse.Namespace) -> None:
    sys.stdout.write(_read(given).token(*given.rest[:1]) + "\n")


def _run(given: argparse.Namespace) -> None:
    sys.stdout.write(_read(given).run(*given.rest))


def _down(given: argparse.Namespace) -> None:
    _read(given).down()
    (given.state / _RECORD).unlink()


_COMMANDS = {"prepare": _prepare, "up": _up, "token": _token, "run": _run, "down": _down}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
