# ruff: noqa: INP001 - scripts are run, never imported by the app
"""Scan the Bicep files with checkov, and say what it found: no failed check, no unread file.

Checkov leaves out a file that it cannot read and a skip may come without a reason; both
fail here. It asks nobody: its rules are in the package.

Source: https://www.checkov.io/2.Basics/CLI%20Command%20Reference.html
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "infra" / "bicep"
OPTIONS = ("--framework", "bicep", "--skip-download", "--compact", "--output", "json")
LEAST_REASON = 20  # characters


def main(program: str) -> int:
    """Scan, and return the exit status."""
    ran = subprocess.run(  # noqa: S603 - our own environment's program
        [program, "--directory", str(TEMPLATES), *OPTIONS],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "LOG_LEVEL": "ERROR"},  # noqa: TID251 - a script's own
    )
    try:
        found = json.loads(ran.stdout)
    except ValueError:
        print(ran.stdout, ran.stderr, sep="\n", file=sys.stderr)  # noqa: T201
        return 1
    said = list(faults(found))
    for one in said:
        print(one, file=sys.stderr)  # noqa: T201
    summary = found["summary"]
    print(  # noqa: T201
        f"checkov {summary['checkov_version']}: {summary['resource_count']} blocks, "
        f"{summary['passed']} checks passed, {summary['failed']} failed, "
        f"{summary['skipped']} skipped with a reason"
    )
    return 1 if said else 0


def faults(found: dict[str, Any]) -> list[str]:
    """List what must not be: a failed check, a skip without reason, an unread file."""
    results = found["results"]
    said = [f"{name}: checkov cannot read it" for name in results["parsing_errors"]]
    said += [f"{_place(one)}: {one['check_name']}" for one in results["failed_checks"]]
    said += [
        f"{_place(one)}: skipped without a reason that says anything"
        for one in results["skipped_checks"]
        if len(one["check_result"].get("suppress_comment") or "") < LEAST_REASON
    ]
    if not results["passed_checks"]:
        said.append(f"{TEMPLATES}: checkov found nothing to check")
    return said


def _place(one: dict[str, Any]) -> str:
    line = one["file_line_range"][0]
    return f"infra/bicep{one['file_path']}:{line}: {one['check_id']} {one['resource']}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
