"""Drive one process of the Functions host stand-in from a test."""

import asyncio
import json
import os
import sys
import time
import uuid
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient

from sandbox import processes
from sandbox.free_ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
SAMPLE_APP = Path(__file__).parent / "sample_app"
MASTER, FUNCTION, SYSTEM = "master-of-tests", "function-of-tests", "system-of-tests"


@dataclass
class RunningHost:
    """One host process and a client for it."""

    url: str
    process: processes.ProcessRecord
    folder: Path
    storage: str
    prefix: str
    http: aiohttp.ClientSession

    async def request(self, method: str, path: str, **more: object) -> tuple[int, str]:
        """Give status and text of one request."""
        async with self.http.request(method, self.url + path, **more) as answer:
            return answer.status, await answer.text()

    async def seen(self, function: str) -> list[dict]:
        """Read what a function of the sample app noted."""
        _, text = await self.request("GET", "/v1/seen", headers={"x-functions-key": FUNCTION})
        return [note for note in json.loads(text) if note["function"] == function]

    async def eventually(
        self, function: str, until: Callable[[list[dict]], bool]
    ) -> list[dict]:
        """Wait until what a function noted is as wanted; fail with it after 60 seconds."""
        limit = time.monotonic() + 60
        while not until(notes := await self.seen(function)):
            assert time.monotonic() < limit, f"{function} noted only {notes}"
            await asyncio.sleep(0.1)
        return notes

    async def fire(self, function: str, given: str = "") -> int:
        """Fire a function by hand."""
        key = {"x-functions-key": MASTER}
        path = f"/admin/functions/{function}"
        status, _ = await self.request("POST", path, headers=key, json={"input": given})
        return status

    def queue(self, name: str) -> QueueClient:
        """Give a client of one of the app's queues."""
        return QueueClient.from_connection_string(self.storage, f"{self.prefix}-{name}")

    async def send(self, queue: str, text: str) -> None:
        """Put one message on a queue, base64 as the host expects."""
        async with self.queue(queue) as client:
            await client.send_message(b64encode(text.encode()).decode())

    async def results(self, wanted: Callable[[str], bool], count: int = 1) -> list[str]:
        """Take messages from the results queue until so many are as wanted."""
        texts: list[str] = []
        limit = time.monotonic() + 60
        async with self.queue("results") as client:
            while len([text for text in texts if wanted(text)]) < count:
                assert time.monotonic() < limit, f"the results queue gave only {texts}"
                async for message in client.receive_messages():
                    texts.append(b64decode(message.content).decode())
                    await client.delete_message(message)
                await asyncio.sleep(0.1)
        return [text for text in texts if wanted(text)]

    def log(self) -> list[dict]:
        """Read the lines the host wrote about invocations."""
        lines = (self.folder / "host.out").read_text().splitlines()
        return [line for line in map(json.loads, lines) if "function" in line]


def start_host(
    folder: Path, storage: str, prefix: str, *more: str, app: Path = SAMPLE_APP
) -> tuple[str, processes.ProcessRecord]:
    """Start a host process; gives its URL at once, before it is ready."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "sandbox.functions_host", "--app", str(app)]
    command += ["--port", str(port), "--master-key", MASTER, "--function-key", FUNCTION]
    command += ["--system-key", SYSTEM, "--storage", storage, *more]
    process = processes.start(
        "functions",
        command,
        environment={
            **os.environ,
            "PREFIX": prefix,
            "YEARLY": "0 0 0 1 1 *",
            "AzureFunctionsWebHost__hostid": prefix,
        },
        cwd=ROOT,
        stdout=folder / "host.out",
        stderr=folder / "host.err",
    )
    return f"http://127.0.0.1:{port}", process


@asynccontextmanager
async def running_host(
    folder: Path, storage: str, *more: str, prefix: str = ""
) -> AsyncIterator[RunningHost]:
    """Run a host of the sample app for as long as the block lasts."""
    prefix = prefix or f"t{uuid.uuid4().hex[:8]}"
    url, process = start_host(folder, storage, prefix, *more)
    async with aiohttp.ClientSession() as http:
        host = RunningHost(url, process, folder, storage, prefix, http)
        try:
            await _ready(host)
            async with host.queue("results") as results:
                with suppress(ResourceExistsError):
                    await results.create_queue()
            yield host
        finally:
            await asyncio.to_thread(processes.end, [process])


async def _ready(host: RunningHost) -> None:
    limit = time.monotonic() + 30
    while time.monotonic() < limit and processes.is_alive(host.process):
        try:
            status, text = await host.request(
                "GET", "/admin/host/status", headers={"x-functions-key": MASTER}
            )
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.05)
            continue
        assert (status, json.loads(text)["state"]) == (200, "Running")
        return
    raise AssertionError("the host did not start: " + processes.tail(host.folder / "host.err"))
