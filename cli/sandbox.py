"""`nightshift sandbox up|down`: a local Azure, storage and Functions host."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sandbox import lifecycle
from sandbox.options import FUNCTIONS_HOSTS, ROOT, SandboxError, SandboxOptions


def register(subparsers: Any) -> None:
    """Add ``sandbox`` with ``up`` and ``down``."""
    parser = subparsers.add_parser("sandbox", help="run everything on this machine")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="up|down")
    up = verbs.add_parser("up", help="start a sandbox in the background")
    up.add_argument("--state", type=Path, required=True, help="folder for everything it keeps")
    up.add_argument("--world", type=Path, help="JSON file of the resources Azure has")
    up.add_argument(
        "--rules",
        type=Path,
        action="append",
        default=[],
        help="folder of more rules; repeatable",
    )
    up.add_argument("--app", type=Path, default=ROOT, help="function app, default: this one")
    up.add_argument("--functions-host", choices=FUNCTIONS_HOSTS, default="auto")
    up.add_argument(
        "--env",
        type=_setting,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one more app setting; repeatable",
    )
    up.add_argument(
        "--queue-lease",
        type=int,
        metavar="SECONDS",
        help="how long a queue message stays hidden after a crash (Azure: 600)",
    )
    up.set_defaults(run=_up)
    down = verbs.add_parser("down", help="end exactly what `up` started")
    down.add_argument("--state", type=Path, required=True, help="the folder given to `up`")
    down.set_defaults(run=_down)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{key or text!r} must be written KEY=VALUE")
    return key, value


def _up(arguments: argparse.Namespace) -> int:
    options = SandboxOptions(
        state=arguments.state,
        world=arguments.world,
        rules=tuple(arguments.rules),
        app=arguments.app,
        functions_host=arguments.functions_host,
        environment=dict(arguments.env),
        queue_lease_s=arguments.queue_lease,
    )
    try:
        sandbox = lifecycle.up(options)
    except SandboxError as exc:
        print(f"nightshift sandbox up: {exc}", file=sys.stderr)
        return 1
    print(sandbox.as_json())
    return 0


def _down(arguments: argparse.Namespace) -> int:
    try:
        ended = lifecycle.down(arguments.state)
    except SandboxError as exc:
        print(f"nightshift sandbox down: {exc}", file=sys.stderr)
        return 1
    print(json.dumps({"ended": ended}))
    return 0
