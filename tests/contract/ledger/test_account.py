"""The storage account itself: what is made when missing, what is loaded, what goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time

import pytest

from shared.adapters.blob_records import BlobRecords
from shared.adapters.storage import Storage
from shared.adapters.table_ledger import TableLedger
from shared.adapters.wake_queue import PlanWakeQueue
from shared.core.errors import Forbidden, ProviderUnavailable
from shared.ports import Head
from tests.contract.ledger.conftest import VM, Build
from tests.emulated import emulated_storage
from tests.fakes.ledger import FakeClock

FAST_PATH = """
import asyncio, sys
from datetime import timedelta
from shared.adapters.clock import SystemClock
from shared.adapters.storage import Storage
from shared.adapters.table_ledger import TableLedger
from shared.adapters.wake_queue import PlanWakeQueue
from shared.adapters.blob_records import BlobRecords
from shared.core.settings import Settings
early = [name for name in sys.modules if name.split(".")[0] == "azure"]
async def main():
    storage = Storage(Settings(storage=sys.argv[1]), lambda: 1 / 0)
    records = BlobRecords(storage)
    await TableLedger(storage, SystemClock(), "FastPath").look("/subscriptions/s", [])
    await PlanWakeQueue(storage, "fastpath").put({}, delay=timedelta(0))
    await storage.close()
asyncio.run(main())
print(early, [name for name in sys.modules if name.startswith("azure.storage.blob")])
"""


def test_the_fast_path_loads_no_blob_library_and_importing_loads_nothing(azurite: str):
    """Its import costs more than the rest together, and an eviction leaves 30 seconds."""
    done = subprocess.run(
        [sys.executable, "-c", FAST_PATH, azurite], capture_output=True, text=True, check=True
    )
    assert "[] []" == done.stdout.strip()


async def test_tables_are_made_by_whoever_comes_first(
    storage: Storage, clock: FakeClock, build: Build
):
    """Twenty events reach a new deployment at once."""
    ledger = TableLedger(storage, clock, f"T{time.monotonic_ns()}")
    plans = [build() for _ in range(20)]
    await asyncio.gather(*(ledger.open(plan, Head()) for plan in plans))
    assert sorted(plan.id for plan in plans) == sorted([i async for i in ledger.open_plans()])


async def test_a_wrong_key_is_refused_and_not_repeated(azurite: str, clock: FakeClock):
    """The message names the role, the operation and the place, and not the key."""
    key = "d3Jvbmcga2V5IG9mIHRoaXMgdGVzdA=="
    parts = [
        f"AccountKey={key}" if part.startswith("AccountKey=") else part
        for part in azurite.split(";")
    ]
    storage = emulated_storage(";".join(parts))
    asked = {
        "querying rows in table NightshiftPlans": TableLedger(storage, clock).look(VM, []),
        "message on queue plans": PlanWakeQueue(storage).put({}, delay=clock.at - clock.at),
        "in container nightshift-records": BlobRecords(storage).read("x"),
    }
    for place, asking in asked.items():
        with pytest.raises(Forbidden) as caught:
            await asking
        assert place in str(caught.value)
        assert "Data Contributor" in str(caught.value)
        assert key not in str(caught.value)
    await storage.close()


async def test_an_account_that_does_not_answer_is_left_soon(azurite: str, clock: FakeClock):
    """Two tries and no more: time belongs to the plan's deadline."""
    connections: list[object] = []

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    parts = [
        part.partition("=")[0] + f"=http://127.0.0.1:{port}/devstoreaccount1"
        if "Endpoint=" in part
        else part
        for part in azurite.split(";")
    ]
    storage = emulated_storage(";".join(parts))
    with pytest.raises(ProviderUnavailable):
        await TableLedger(storage, clock).look(VM, [])
    with pytest.raises(ProviderUnavailable):
        await PlanWakeQueue(storage).put({}, delay=clock.at - clock.at)
    # Two tries each; aiohttp itself opens the connection of a read anew once.
    assert 2 * 2 <= len(connections) <= 3 * 2
    server.close()
    await server.wait_closed()
    await storage.close()
