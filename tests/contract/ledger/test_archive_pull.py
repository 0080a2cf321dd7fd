"""``nightshift archive pull`` against Azurite: a range of deliveries, with their facts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.demo import events, world
from shared.adapters.archive_reader import ArchiveReader
from shared.adapters.blob_records import BlobRecords
from shared.adapters.storage import Storage
from shared.adapters.table_ledger import TableLedger
from shared.core.facts import FactsKind, NodeFacts
from shared.core.facts_json import facts_to_json
from shared.engine.archive import name_of, written
from shared.ports import EventRecord
from tests.builders import a_node, a_resource
from tests.fakes.ledger import FakeClock

ROOT = Path(__file__).parents[3]
DAY = timedelta(days=1)
VM = world.instance_id(3)


@pytest.fixture
def start() -> datetime:
    """A moment that no other test archives at: days far ahead, by chance."""
    return datetime(2101, 1, 1, 23, 59, 59, tzinfo=UTC) + DAY * (uuid.uuid4().int % 300_000)


def pulled(azurite: str, start: datetime, end: datetime, *, is_given: bool) -> list[dict]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "cli.main", "archive", "pull"]
    command += ["--from", start.isoformat(), "--to", end.isoformat()]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AzureWebJobs")}
    environment = {**kept, "PYTHONPATH": str(ROOT)}
    if is_given:
        command += ["--connection", azurite]
    else:
        environment["AzureWebJobsStorage"] = azurite
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("is_given", [True, False])
async def test_a_range_comes_back_in_order_with_the_facts_of_its_decisions(
    azurite: str, storage: Storage, start: datetime, is_given
):
    """Over midnight, the end left out; what was no JSON as it came."""
    name = f"e-{uuid.uuid4().hex}"
    body = json.dumps(events.notice(name, (3,), now=start)).encode()
    records = BlobRecords(storage)
    sent = [
        (timedelta(0), body),
        (timedelta(seconds=1), b"\xff"),
        (timedelta(seconds=2), b"{"),
    ]
    for after, one in [*sent, (DAY, b"{}")]:
        at = start + after
        inlet = "on_maintenance_event"
        await records.archive(name_of(at, inlet, one), written(at, inlet, one))
    facts = facts_to_json(NodeFacts(a_resource(VM), a_node(3)))
    decision = {"rule": "drain", "kind": "act", "facts": {"kind": "node", "value": facts}}
    ledger = TableLedger(storage, FakeClock(start))
    for phase in ("scheduled+1", "scheduled"):
        record = EventRecord(name, phase, VM.upper(), start, {}, (decision,))
        await ledger.record_event(record)

    lines = pulled(azurite, start, start + DAY, is_given=is_given)

    assert ["json", "base64", "text"] == [one.get("encoding", "json") for one in lines]
    assert json.loads(body) == lines[0]["event"]
    assert {VM: {FactsKind.NODE: facts}} == lines[0]["facts"]
    assert [{}, {}] == [one["facts"] for one in lines[1:]]


async def test_an_archive_of_many_pages_is_read_in_order(storage: Storage, start: datetime):
    """Downloads overlap; the order in which they end must not show."""
    prefix = f"t{uuid.uuid4().hex[:12]}"
    records = BlobRecords(storage, prefix)
    moments = [start + timedelta(seconds=n) for n in range(40)]
    for at in moments:
        await records.archive(name_of(at, "on_alert", b"{}"), written(at, "on_alert", b"{}"))
    await records.archive(name_of(start, "odd", b""), b"[1]")

    reader = ArchiveReader(storage, prefix)
    read = [copy async for _, copy in reader.copies(start, moments[-1])]

    assert 1 == len([copy for copy in read if copy is None])
    seen = [datetime.fromisoformat(copy["received_at"]) for copy in read if copy]
    assert moments[:-1] == seen
    assert [] == [
        c async for c in ArchiveReader(storage, f"{prefix}-x").copies(start, start + DAY)
    ]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--from", "soon", "--to", "2030-01-01"), "--from: 'soon' is not a moment"),
        (("--from", "2030-01-02", "--to", "2030-01-01"), "--to should be after --from"),
        (("--from", "2030-01-01", "--to", "2030-01-02"), "AzureWebJobsStorage is missing"),
        (("--from", "2030-01-01", "--to", "2030-01-02", "--connection", "x"), "(not shown)"),
    ],
)
def test_bad_arguments_are_refused_with_2(words, problem):
    """And a connection string is never repeated."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "cli.main", "archive", "pull", *words]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert 2 == done.returncode
    assert problem in done.stderr
