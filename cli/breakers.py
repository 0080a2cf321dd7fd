"""``nightshift breakers|reset-breaker``: see what is open, look again, close it.

Speaks HTTP to the app and prints what it answered.
"""

from __future__ import annotations

import argparse
import getpass
import json
from typing import Any

from cli.over_http import Json, call, command


def register(subparsers: Any) -> None:
    """Add ``breakers`` and ``reset-breaker``."""
    listed = command(subparsers, "breakers", "list the breakers that are open", _breakers)
    listed.add_argument("--json", action="store_true", help="as the app answers it")
    reset = command(
        subparsers,
        "reset-breaker",
        "look again at what failed, drop what is over, close if the rest is no storm",
        _reset,
    )
    reset.add_argument("breaker", help="its name, from `nightshift breakers`")
    reset.add_argument("--dry-run", action="store_true", help="show it, change nothing")
    reset.add_argument("--owner", default=None, help="who you are; default: your login")


def _breakers(arguments: argparse.Namespace) -> None:
    said = call(arguments, "GET", "/api/breakers")
    if arguments.json:
        print(json.dumps(said, indent=2))
        return
    for one in said["breakers"]:
        failed = f"{len(one['failed'])} failed, {one['threshold']} are a storm"
        trying = f", plan {one['canary']} tries" if one["canary"] else ""
        print(f"{one['breaker']}  open since {one['tripped_at']}: {failed}{trying}")
    if not said["breakers"]:
        print("no breaker is open")


def _reset(arguments: argparse.Namespace) -> None:
    asked: Json = {
        "breaker": arguments.breaker,
        "dry_run": arguments.dry_run,
        "owner": arguments.owner or getpass.getuser(),
    }
    found = call(arguments, "POST", "/api/breakers/reset", asked)
    for one in found["dropped"]:
        print(f"over: {one}")
    for one in found["still_failing"]:
        print(f"failing still: {one}")
    would = "would be " if found["dry_run"] else "is "
    print(f"{found['breaker']} {would}{found['state']}")
