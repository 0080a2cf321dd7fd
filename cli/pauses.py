"""``nightshift pause|resume|pauses``: tell a deployment to open no new plans.

Speaks HTTP to the app and prints what it answered; every rule about pauses is there.
"""

from __future__ import annotations

import argparse
import getpass
import json
from typing import Any
from urllib.parse import quote

from cli.over_http import Json, call, command

SCOPES = "global, rule:NAME, subscription:ID, resource_group:ID, resource:ID, tag:NAME=VALUE"


def register(subparsers: Any) -> None:
    """Add ``pause``, ``resume`` and ``pauses``."""
    pause = command(subparsers, "pause", "open no new plans within a scope", _pause)
    pause.add_argument("scope", help=SCOPES)
    pause.add_argument("--reason", required=True, help="why; whoever is refused reads it")
    end = pause.add_mutually_exclusive_group(required=True)
    end.add_argument("--for", dest="expires_in", metavar="4h", help="how long, at most 30d")
    end.add_argument("--until-lifted", action="store_true", help="until somebody resumes")
    _owner(pause)
    resume = command(subparsers, "resume", "lift a pause", _resume)
    resume.add_argument("id", help="its id, from `nightshift pauses`")
    _owner(resume)
    listed = command(subparsers, "pauses", "list the pauses in force", _pauses)
    listed.add_argument("--json", action="store_true", help="as the app answers it")


def _owner(parser: Any) -> None:
    parser.add_argument("--owner", default=None, help="who you are; default: your login")


def _pause(arguments: argparse.Namespace) -> None:
    asked: Json = {
        "scope": arguments.scope,
        "reason": arguments.reason,
        "owner": arguments.owner or getpass.getuser(),
    }
    if arguments.until_lifted:
        asked["until_lifted"] = True
    else:
        asked["expires_in"] = arguments.expires_in
    print(_line(call(arguments, "POST", "/api/pauses", asked)))


def _resume(arguments: argparse.Namespace) -> None:
    asked = {"owner": arguments.owner or getpass.getuser()}
    path = f"/api/pauses/{quote(arguments.id, safe='')}"
    print(_line(call(arguments, "DELETE", path, asked)))


def _pauses(arguments: argparse.Namespace) -> None:
    said = call(arguments, "GET", "/api/pauses")
    if arguments.json:
        print(json.dumps(said, indent=2))
        return
    for one in said["pauses"]:
        print(_line(one))
    if not said["pauses"]:
        print("nothing is paused")


def _line(pause: Json) -> str:
    who = pause["owner"] if pause["is_owner_verified"] else f"{pause['owner']} (self-declared)"
    end = f"until {pause['expires_at']}" if pause["expires_at"] else "until lifted"
    if pause["lifted_at"]:
        end = f"lifted {pause['lifted_at']} by {pause['lifted_by']}"
    what = (pause["id"], pause["state"], pause["scope"], f"by {who}", end)
    return f"{'  '.join(what)}: {pause['reason']}"
