"""What the benchmarks run against: Azurite and the Azure stand-in, over a generated site.

One AKS cluster with as many nodes as a benchmark has events, so that every event is the
first about its node. No Functions host: its queue listeners would share the two
endpoints and the processor with what is measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox import azurite, processes
from sandbox.demo import world
from sandbox.environment import AzureEndpoints, app_environment, write_ca_bundle

ROOT = Path(__file__).resolve().parents[1]
RULES = (ROOT / "rules", ROOT / "sandbox" / "rules")
FIRST = 40
"""The number of the first generated node; the demo's own are below."""
_START_LIMIT_S = 30.0


@dataclass(frozen=True)
class Standing:
    """The two endpoints while they are up.

    Attributes:
        environment: A whole environment for a process of the app.
        settings: The part of it that is the app's own.
    """

    azure_url: str
    ca_file: str
    environment: dict[str, str]
    settings: dict[str, str]

    def take_calls(self) -> list[dict[str, Any]]:
        """Return the calls that the stand-in received, and make it forget them."""
        calls = json.loads(self._ask("GET") or b"[]")
        self._ask("DELETE")
        return list(calls)

    def _ask(self, method: str) -> bytes:
        request = urllib.request.Request(f"{self.azure_url}/_calls", method=method)  # noqa: S310 - https, ours
        trust = ssl.create_default_context(cafile=self.ca_file)
        with urllib.request.urlopen(request, context=trust) as answer:  # noqa: S310 - https, ours
            return bytes(answer.read())


@contextlib.contextmanager
def standing(
    nodes: int, *, document: dict[str, Any] | None = None, rules: tuple[Path, ...] = RULES
) -> Iterator[Standing]:
    """Start both endpoints over a site of that many nodes, or another; end them after."""
    started: list[processes.ProcessRecord] = []
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name:
        folder = Path(name)
        try:
            storage = azurite.start(folder / "azurite", folder / "azurite.log")
            started.append(storage.process)
            azure = _start_azure(folder, document or _site(nodes), started)
            bundle = folder / "ca-bundle.pem"
            write_ca_bundle(Path(azure.ca_file), bundle)
            settings = app_environment(azure, storage.connection_string, bundle, rules, {})
            yield Standing(
                azure.azure_url, azure.ca_file, child_environment(settings), settings
            )
        finally:
            processes.end(started)


def child_environment(settings: dict[str, str]) -> dict[str, str]:
    """Make the environment of a measured process: bytecode is written, so that it is warm."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT), **settings}


def preempt(event_id: str, number: int, *, now: datetime) -> dict[str, Any]:
    """Write the notice that one generated node's machine is about to be taken away."""
    from sandbox.demo import events

    return events.notice(event_id, (number,), now=now)


def node_of(path: str) -> str:
    """Return the node that a call's path names, or empty."""
    _, found, rest = path.partition("/api/v1/nodes/")
    return rest.partition("?")[0] if found else ""


def moment(text: str) -> float:
    """Read the time of a call as seconds of the machine's wall clock."""
    return datetime.fromisoformat(text).timestamp()


def _site(nodes: int) -> dict[str, Any]:
    """Take the demo's site and put a scale set's worth of nodes into its cluster."""
    numbers = range(FIRST, FIRST + nodes)
    resources = [
        {
            "id": world.CLUSTER,
            "location": world.REGION,
            "properties": {"nodeResourceGroup": world.NODE_GROUP.rpartition("/")[2]},
        },
        {
            "id": world.SCALE_SET,
            "location": world.REGION,
            "tags": {"workload": "training", "aks-managed-poolName": "gpuspot"},
            "sku": {"name": world.GPU_SIZE, "capacity": nodes},
            "properties": {"orchestrationMode": "Uniform"},
        },
        *(
            {
                "id": world.instance_id(n),
                "location": world.REGION,
                "sku": {"name": world.GPU_SIZE},
            }
            for n in numbers
        ),
    ]
    objects = [world.node(n) for n in numbers]
    return {
        "resources": resources,
        "kubernetes": {world.CLUSTER: {"objects": objects}},
    }


def _start_azure(
    folder: Path, document: dict[str, Any], started: list[processes.ProcessRecord]
) -> AzureEndpoints:
    file, said, log = folder / "world.json", folder / "azure.out", folder / "azure.err"
    file.write_text(json.dumps(document), encoding="utf-8")
    command = [sys.executable, "-m", "sandbox.azure", "--port", "0"]
    command += ["--state", str(folder), "--world", str(file)]
    record = processes.start(
        "azure", command, environment=child_environment({}), cwd=ROOT, stdout=said, stderr=log
    )
    started.append(record)
    until = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < until and processes.is_alive(record):
        text = said.read_text(encoding="utf-8")
        if text.endswith("\n"):
            return AzureEndpoints(**json.loads(text.splitlines()[0]))
        time.sleep(0.05)
    raise RuntimeError(f"the Azure stand-in did not start:\n{processes.tail(log)}")
