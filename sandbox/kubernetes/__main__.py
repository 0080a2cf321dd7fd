"""Run one cluster's API server by itself, over plain http on 127.0.0.1.

``python -m sandbox.kubernetes --port 0 --objects world.yaml`` prints the URL and
serves until it is interrupted. For use by hand and in tests; no credentials.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path

import yaml
from aiohttp import web

from sandbox.kubernetes.api import KubernetesApi
from sandbox.kubernetes.resources import Manifest


def read_objects(path: Path | None) -> list[Manifest]:
    """Read manifests from JSON or YAML: a list, a ``List``, or documents one after another."""
    if path is None:
        return []
    documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    objects: list[Manifest] = []
    for document in documents:
        if isinstance(document, list):
            objects.extend(document)
        elif isinstance(document, dict):
            objects.extend(document["items"] if document.get("kind") == "List" else [document])
    return objects


async def serve(port: int, objects: list[Manifest]) -> None:
    """Serve until SIGINT or SIGTERM, having printed one line of JSON with the URL."""
    api = KubernetesApi(objects)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await api.handle(request, request.path.lstrip("/"))

    app = web.Application(client_max_size=64 * 1024**2)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    host, bound = runner.addresses[0][:2]
    sys.stdout.write(json.dumps({"url": f"http://{host}:{bound}"}) + "\n")
    sys.stdout.flush()
    await stop.wait()
    api.close()
    await runner.cleanup()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.kubernetes", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--objects", type=Path, help="JSON or YAML manifests to start with")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(arguments.port, read_objects(arguments.objects)))


if __name__ == "__main__":
    main()
