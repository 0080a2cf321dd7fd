"""Run one instance of a function app: ``python -m sandbox.functions_host``.

Reads the command line and the environment, and ends with 0 on SIGTERM. The
first line on stdout says that the host is running; then comes one line for
each invocation, without payloads or keys.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from azure.core.exceptions import AzureError

from sandbox.functions_host.app_settings import STORAGE, load_settings_file
from sandbox.functions_host.errors import HostError
from sandbox.functions_host.host import Host, HostSettings
from sandbox.functions_host.keys import Keys

_LONGEST_LEASE_S = 7 * 24 * 3600


def _seconds(text: str) -> timedelta:
    if not text.isdecimal() or not 1 <= int(text) <= _LONGEST_LEASE_S:
        raise argparse.ArgumentTypeError(f"{text!r} must be 1 to {_LONGEST_LEASE_S} seconds")
    return timedelta(seconds=int(text))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.functions_host", description=__doc__
    )
    parser.add_argument("--app", type=Path, required=True, help="folder of function_app.py")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--master-key", required=True, help="opens everything")
    parser.add_argument(
        "--function-key", required=True, help="opens functions of level function"
    )
    parser.add_argument("--system-key", help="opens the Event Grid webhook")
    parser.add_argument(
        "--storage", help=f"connection string, for {STORAGE} where it is unset"
    )
    parser.add_argument("--settings", type=Path, help="a local.settings.json")
    parser.add_argument(
        "--queue-lease",
        type=_seconds,
        default=timedelta(minutes=10),
        help="how long a queue message taken stays invisible, in seconds; Azure's is 600"
        " and cannot be set, so set it only to wait less after a crash",
    )
    return parser.parse_args()


def _host(arguments: argparse.Namespace) -> Host:
    if arguments.settings is not None:
        load_settings_file(arguments.settings, os.environ)
    if arguments.storage is not None:
        os.environ.setdefault(STORAGE, arguments.storage)
    keys = Keys(arguments.master_key, arguments.function_key, arguments.system_key)
    chosen = HostSettings(arguments.app, arguments.port, keys, arguments.queue_lease)
    return Host(chosen, os.environ)


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Inside the loop, since the storage clients belong to it.
    host = _host(arguments)

    def announce() -> None:
        url = f"http://127.0.0.1:{arguments.port}"
        sys.stdout.write(json.dumps({"state": "Running", "functions_url": url}) + "\n")
        sys.stdout.flush()

    await host.serve(stop, announce)


def main() -> int:
    """Serve until SIGTERM: 0, or 1 with one line saying why the host cannot start."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    # The SDK logs each request at INFO: the real host does not show that either.
    logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        asyncio.run(_serve(_arguments()))
    except (HostError, AzureError, OSError) as exc:
        sys.stderr.write(f"functions host: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread of a function that outlived its grace must not hold the process.
    os._exit(code)
