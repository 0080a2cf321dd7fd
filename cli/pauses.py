"""``nightshift pause|resume|pauses``: tell a deployment to open no new plans.

Speaks HTTP to the app and prints what it answered; every rule about pauses is there.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]
TIMEOUT_S = 30
SCOPES = "global, rule:NAME, subscription:ID, resource_group:ID, resource:ID, tag:NAME=VALUE"


class Refused(Exception):
    """The app, or the way to it, said no."""


def register(subparsers: Any) -> None:
    """Add ``pause``, ``resume`` and ``pauses``."""
    pause = _command(subparsers, "pause", "open no new plans within a scope", _pause)
    pause.add_argument("scope", help=SCOPES)
    pause.add_argument("--reason", required=True, help="why; whoever is refused reads it")
    end = pause.add_mutually_exclusive_group(required=True)
    end.add_argument("--for", dest="expires_in", metavar="4h", help="how long, at most 30d")
    end.add_argument("--until-lifted", action="store_true", help="until somebody resumes")
    _owner(pause)
    resume = _command(subparsers, "resume", "lift a pause", _resume)
    resume.add_argument("id", help="its id, from `nightshift pauses`")
    _owner(resume)
    listed = _command(subparsers, "pauses", "list the pauses in force", _pauses)
    listed.add_argument("--json", action="store_true", help="as the app answers it")


def _command(subparsers: Any, name: str, purpose: str, run: Any) -> Any:
    parser = subparsers.add_parser(name, help=purpose)
    parser.add_argument(
        "--url", required=True, help="the app, as in https://NAME.azurewebsites.net"
    )
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--key", help="a function key")
    key.add_argument(
        "--key-file", type=Path, help="file that holds one; other users see --key"
    )
    parser.set_defaults(run=lambda arguments: _reported(name, run, arguments))
    return parser


def _owner(parser: Any) -> None:
    parser.add_argument("--owner", default=None, help="who you are; default: your login")


def _reported(name: str, run: Any, arguments: argparse.Namespace) -> int:
    try:
        run(arguments)
    except (Refused, OSError) as error:
        print(f"nightshift {name}: {error}", file=sys.stderr)
        return 1
    return 0


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
    print(_line(_call(arguments, "POST", "/api/pauses", asked)))


def _resume(arguments: argparse.Namespace) -> None:
    asked = {"owner": arguments.owner or getpass.getuser()}
    path = f"/api/pauses/{quote(arguments.id, safe='')}"
    print(_line(_call(arguments, "DELETE", path, asked)))


def _pauses(arguments: argparse.Namespace) -> None:
    said = _call(arguments, "GET", "/api/pauses")
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


def _call(
    arguments: argparse.Namespace, method: str, path: str, body: Json | None = None
) -> Json:
    """Send one request and return its JSON answer.

    Raises:
        Refused: The app answered with a problem, or could not be reached.
    """
    url = arguments.url.rstrip("/")
    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise Refused(f"--url {url!r} is not https: the key would be readable on the way")
    key = arguments.key or arguments.key_file.read_text("utf-8").strip()
    headers = {"x-functions-key": key, "content-type": "application/json"}
    if method == "POST":
        headers["Idempotency-Key"] = str(uuid.uuid4())
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{path}", sent, headers, method=method)  # noqa: S310 - the scheme is checked above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
            said: Json = json.loads(answer.read())
            return said
    except urllib.error.HTTPError as error:
        raise Refused(_why(error)) from error
    except (urllib.error.URLError, ValueError) as error:
        raise Refused(f"asking {url}: {error}") from error


def _why(error: urllib.error.HTTPError) -> str:
    try:
        return f"{error.code}: {json.loads(error.read())['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
