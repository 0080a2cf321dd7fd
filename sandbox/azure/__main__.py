"""Start the stand-in: ``python -m sandbox.azure --port 0 --state DIR [--world FILE]``.

Prints one line of JSON when it is ready, and runs until SIGTERM or SIGINT.
"""

import argparse
import asyncio
import json
import secrets
import signal
import sys
from pathlib import Path

from aiohttp import web

from sandbox.azure import certificates, identity, kubeconfig, server, world
from sandbox.azure.state import State


def main() -> int:
    """Read the command line, load the world, serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.azure")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument(
        "--state", type=Path, required=True, help="directory for ca.pem and more"
    )
    parser.add_argument(
        "--world", type=Path, help="a world file; without it the world is empty"
    )
    given = parser.parse_args()
    try:
        loaded = (
            world.load(json.loads(given.world.read_text())) if given.world else world.World()
        )
    except (OSError, ValueError) as exc:
        sys.stderr.write(f"the world {given.world} cannot be used: {exc}\n")
        return 2
    asyncio.run(serve(given.port, given.state, loaded))
    return 0


async def serve(port: int, directory: Path, loaded: world.World) -> None:
    """Listen on 127.0.0.1 until told to end."""
    made = certificates.make(directory)
    state = State(world=loaded, identity_header=secrets.token_urlsafe(24), ca_pem=made.ca_pem)
    runner = web.AppRunner(server.make(state), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=made.context)
    await site.start()
    chosen = runner.addresses[0][1]
    state.url = f"https://127.0.0.1:{chosen}"
    config = directory / "kubeconfig"
    config.touch(mode=0o600)
    config.write_text(kubeconfig.with_token(state))
    ready = {
        "azure_url": state.url,
        "ca_file": str(made.ca_file.resolve()),
        "identity_endpoint": state.url + identity.PATH,
        "identity_header": state.identity_header,
        "kubeconfig": str(config.resolve()),
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
