"""``nightshift approvals|approve|reject``: answer what the night shift asks people.

Speaks HTTP to the app and prints what it answered; who may say what is decided there.
Who you are is proven by an access token for the app, from a file or from ``az``.
"""

from __future__ import annotations

import argparse
import json
from typing import Any
from urllib.parse import quote

from cli.over_http import Json, call, command, keyless, send, token_header, token_options


def register(subparsers: Any) -> None:
    """Add ``approvals``, ``approve`` and ``reject``."""
    listed = command(subparsers, "approvals", "list what waits for an answer", _approvals)
    listed.add_argument("--json", action="store_true", help="as the app answers it")
    approve = keyless(subparsers, "approve", "say yes to a plan", _approve)
    approve.add_argument("--reason", default="", help="why; kept with the decision")
    reject = keyless(subparsers, "reject", "say no to a plan", _reject)
    reject.add_argument("--reason", required=True, help="why; whoever asked reads it")
    for parser in (approve, reject):
        parser.add_argument("id", help="its id, from `nightshift approvals`")
        token_options(parser, required=True)


def _approvals(arguments: argparse.Namespace) -> None:
    said = call(arguments, "GET", "/api/approvals")
    if arguments.json:
        print(json.dumps(said, indent=2))
        return
    for one in said["approvals"]:
        print(_line(one))
    if not said["approvals"]:
        print("nothing waits for an answer")


def _approve(arguments: argparse.Namespace) -> None:
    _decide(arguments, "approve")


def _reject(arguments: argparse.Namespace) -> None:
    _decide(arguments, "reject")


def _decide(arguments: argparse.Namespace, decision: str) -> None:
    asked = {"decision": decision, "reason": arguments.reason}
    headers = token_header(arguments)
    path = f"/api/approvals/{quote(arguments.id, safe='')}"
    print(_line(send(arguments.url, "POST", path, headers, asked)))


def _line(approval: Json) -> str:
    """Write one question on one line: what, for whom, until when or how it ended."""
    steps = ", ".join(step["verb"] for step in approval["steps"])
    risk = "destructive" if approval["is_destructive"] else "low risk"
    yes = sum(1 for voice in approval["voices"] if voice["is_yes"])
    end = approval["verdict"] or (
        f"{yes} of {approval['quorum']} said yes, until {approval['expires_at']}"
    )
    what = (approval["id"], approval["state"], approval["rule"], approval["target"])
    return f"{'  '.join(what)}: {steps} ({risk}); {end}"
