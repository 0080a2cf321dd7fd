"""A host process that dies or is told to stop loses no queue message and no tick."""

import asyncio
import json
import os
import signal
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob.aio import BlobServiceClient

from sandbox import processes
from tests.e2e.running_host import running_host, start_host


async def status_blob(container, host, function):
    """Wait until a timer's status is in storage, and give the blob's name."""
    name = f"timers/{host.prefix}/Host.Functions.{function}/status"
    until = time.monotonic() + 20
    while name not in [blob.name async for blob in container.list_blobs()]:
        assert time.monotonic() < until, f"{name} was not written"
        await asyncio.sleep(0.1)
    return name


async def test_a_killed_host_loses_no_queue_message(azurite, tmp_path):
    """Killed with messages in its hands, the next process does them all, each once."""
    prefix = f"t{uuid.uuid4().hex[:8]}"
    lease = ("--queue-lease", "3")
    orders = {f"o{n}" for n in range(6)}
    async with running_host(tmp_path, azurite, *lease, prefix=prefix) as host:
        for order in orders:
            await host.send("work", json.dumps({"id": order, "seconds": 1.5}))
        await host.eventually("on_work", lambda notes: len(notes) >= 1)
        await asyncio.to_thread(processes.kill, host.process)
        assert not processes.is_alive(host.process)
    async with running_host(tmp_path, azurite, *lease, prefix=prefix) as again:
        texts = await again.results(lambda text: '"done"' in text, len(orders))
        noted = await again.seen("on_work")
    assert orders == {json.loads(text)["done"] for text in texts}
    # The one in hand came back with its count raised: it was leased, not lost.
    assert max(note["count"] for note in noted) >= 2


async def test_a_long_invocation_keeps_its_message_by_renewal(azurite, tmp_path):
    """Two processes share the queue; a run longer than the lease is still done once."""
    prefix = f"t{uuid.uuid4().hex[:8]}"
    lease = ("--queue-lease", "2")
    other = tmp_path / "other"
    other.mkdir()
    async with (
        running_host(tmp_path, azurite, *lease, prefix=prefix) as one,
        running_host(other, azurite, *lease, prefix=prefix) as two,
    ):
        await one.send("work", json.dumps({"id": "long", "seconds": 3.5}))
        await one.results(lambda text: '"done": "long"' in text)
        noted = [*await one.seen("on_work"), *await two.seen("on_work")]
    assert [1] == [note["count"] for note in noted]


async def test_sigterm_lets_the_running_invocation_end_and_exits_with_0(azurite, tmp_path):
    """A deployment must not cut a drain in half when ten seconds are enough."""
    async with running_host(tmp_path, azurite) as host:
        await host.send("work", json.dumps({"id": "last", "seconds": 1.5}))
        await host.eventually("on_work", lambda notes: len(notes) == 1)
        await host.send("work", json.dumps({"id": "too-late", "seconds": 0}))
        child = processes._children[host.process.pid]
        os.kill(host.process.pid, signal.SIGTERM)
        assert 0 == await asyncio.to_thread(child.wait, 12)
        texts = await host.results(lambda text: '"done": "last"' in text)
    assert 1 == len(texts)
    assert "succeeded" == next(x for x in host.log() if x["function"] == "on_work")["status"]


async def test_a_tick_missed_while_no_process_ran_is_made_up_for(azurite, tmp_path):
    """The status in storage says what was due; the next process fires it as past due."""
    async with (
        running_host(tmp_path, azurite) as host,
        BlobServiceClient.from_connection_string(azurite) as blobs,
    ):
        container = blobs.get_container_client("azure-webjobs-hosts")
        name = await status_blob(container, host, "tick_yearly")
        assert [] == await host.seen("tick_yearly")
        await asyncio.to_thread(processes.end, [host.process])
        yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        await container.upload_blob(name, json.dumps({"Next": yesterday}), overwrite=True)
    async with running_host(tmp_path, azurite, prefix=host.prefix) as again:
        notes = await again.eventually("tick_yearly", lambda notes: len(notes) >= 1)
    assert [True] == [note["past_due"] for note in notes]


async def test_a_timer_runs_on_one_of_two_processes(azurite, tmp_path):
    """The lease in storage keeps instances from firing one timer twice."""
    other = tmp_path / "other"
    other.mkdir()
    async with (
        running_host(tmp_path, azurite) as one,
        running_host(other, azurite, prefix=one.prefix) as two,
    ):
        await one.eventually("tick_each_second", lambda notes: len(notes) >= 2)
        assert [] == await two.seen("tick_each_second")


@pytest.mark.parametrize(
    ("host_json", "app", "words"),
    [
        ("{}", "x = 1", 'host.json: "version" must be "2.0"'),
        ('{"version": "2.0"}', "x = 1", "holds 0 function apps"),
    ],
)
def test_a_host_that_cannot_start_says_why_in_one_line(
    azurite, tmp_path, host_json, app, words
):
    """A person sees the reason, not a traceback, and the exit code is 1."""
    (tmp_path / "host.json").write_text(host_json)
    (tmp_path / "function_app.py").write_text(app)
    _, process = start_host(tmp_path, azurite, "t", app=tmp_path)
    assert 1 == processes._children[process.pid].wait(20)
    lines = (tmp_path / "host.err").read_text().splitlines()
    assert 1 == len(lines)
    assert words in lines[0]
