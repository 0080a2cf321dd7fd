"""The wake queue and the records: what the fakes and the account both promise."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.blob_records import BlobRecords
from shared.adapters.storage import Storage
from shared.adapters.wake_queue import PlanWakeQueue
from shared.core.errors import InvalidTarget
from shared.ports import Records
from tests.fakes.ledger import FakeClock, FakeRecords, FakeWakeQueue


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t{uuid.uuid4().hex[:16]}"


@pytest.fixture(params=["fake", "blobs"])
def records(request: pytest.FixtureRequest, name: str) -> Records:
    """No records yet."""
    if request.param == "fake":
        return FakeRecords()
    return BlobRecords(request.getfixturevalue("storage"), name)


async def peeked(storage: Storage, name: str) -> list:
    """Look at the visible messages as they are on the wire."""
    return await storage.queues.get_queue_client(name).peek_messages(32)


async def test_a_message_is_what_the_queue_trigger_reads(storage: Storage, name: str):
    """Base64 of JSON, never expiring, on a queue that is made when missing."""
    queue = PlanWakeQueue(storage, name)
    await queue.put({"plan": "é", "seq": 1}, delay=timedelta(0))
    (message,) = await peeked(storage, name)
    assert {"plan": "é", "seq": 1} == json.loads(base64.b64decode(message.content))
    assert message.expires_on > datetime.now(UTC) + timedelta(days=3650)


async def test_a_delayed_message_is_hidden(storage: Storage, name: str):
    """The watchdog's message must not start a second worker beside the first."""
    queue = PlanWakeQueue(storage, name)
    await queue.put({"seq": 1}, delay=timedelta(seconds=30))
    await queue.put({"seq": 2}, delay=timedelta(days=400))
    await queue.put({"seq": 3}, delay=timedelta(seconds=-5))
    seen = [
        json.loads(base64.b64decode(m.content))["seq"] for m in await peeked(storage, name)
    ]
    assert [3] == seen


async def test_a_message_too_large_is_refused(storage: Storage, name: str):
    """It would be refused by the service, with words that help nobody."""
    queue = PlanWakeQueue(storage, name)
    await queue.put({"text": "x" * (48 * 1024 - 11)}, delay=timedelta(0))
    with pytest.raises(InvalidTarget, match=r"a message of 48 KiB: queue t\w+ takes 48 KiB"):
        await queue.put({"text": "x" * (48 * 1024 - 10)}, delay=timedelta(0))
    assert 1 == len(await peeked(storage, name))


async def test_the_fake_queue_hides_too(clock: FakeClock):
    """Tests of the engine rest on it."""
    queue = FakeWakeQueue(clock)
    await queue.put({"seq": 1}, delay=timedelta(seconds=30))
    await queue.put({"seq": 2}, delay=timedelta(0))
    assert [{"seq": 2}] == queue.take()
    clock.move(timedelta(seconds=30))
    assert [{"seq": 1}] == queue.take()
    assert [] == queue.take()


@pytest.mark.parametrize("odd", ["plan-1", "a/b?c#d", "é" * 300, "..", "", "x" * 2000])
async def test_the_first_record_of_a_name_stands(records: Records, odd: str):
    """Exit information is saved before it is erased; a second try must not erase it."""
    assert await records.read(odd) is None
    await records.keep(odd, {"exit": 1, "text": "Zürich \ud83d"})
    await records.keep(odd, {"exit": 0})
    assert {"exit": 1, "text": "Zürich \ud83d"} == await records.read(odd)


async def test_the_last_document_that_was_put_stands(records: Records):
    """What is remembered from look to look is written again and again."""
    await records.put("month", {"n": 1})
    await records.put("month", {"n": 2})
    assert {"n": 2} == await records.read("month")


async def test_names_that_look_alike_are_two_records(records: Records):
    """Making a name safe must not make two names one."""
    await records.keep("a/b", {"n": 1})
    await records.keep("a?b", {"n": 2})
    assert [{"n": 1}, {"n": 2}] == [await records.read("a/b"), await records.read("a?b")]


async def test_quarantine_is_repeatable(records: Records):
    """The same poison is delivered again; keeping it must not fail."""
    for _ in range(2):
        await records.quarantine("x/1", b"\xff{", why="not UTF-8", source="on_alert")


async def test_quarantine_keeps_the_body_and_the_reason(storage: Storage, name: str):
    """As it came, for a person to look at; the reason where a header can carry it."""
    why = "line 1\r\nInjected: yes\t" + "é" + "x" * 3000
    await BlobRecords(storage, name).quarantine("ev", b"\x00\xff", why=why, source="")
    blob = storage.blobs.get_blob_client(f"{name}-quarantine", "ev")
    stream = await blob.download_blob()
    assert b"\x00\xff" == await stream.readall()
    metadata = (await blob.get_blob_properties()).metadata
    assert metadata["why"].startswith("line 1 Injected: yes \\xe9xxx")
    assert (1024, "-") == (len(metadata["why"]), metadata["source"])


async def test_archived_copies_are_forgotten_oldest_first(records: Records):
    """By day, in portions, and never one of the days that are kept."""
    for name in ("2030/01/02/03/0405.006-b-1.json", "2029/12/31/23/5959.999-a-1.json"):
        for _ in range(2):
            await records.archive(name, b"{}")
    await records.archive("2030/01/01/00/0000.000-c-1.json", b"{}")

    assert 1 == await records.forget_archive(before="2030/01/02", limit=1)
    assert 1 == await records.forget_archive(before="2030/01/02", limit=256)
    assert 0 == await records.forget_archive(before="2030/01/02", limit=256)
    assert 1 == await records.forget_archive(before="2031/01/01", limit=256)


async def test_an_archived_copy_is_kept_byte_for_byte(storage: Storage, name: str):
    """Under its own path, so that a day is a prefix."""
    await BlobRecords(storage, name).archive("2030/01/02/x.json", b'{"a":  1}')
    blob = storage.blobs.get_blob_client(f"{name}-archive", "2030/01/02/x.json")
    stream = await blob.download_blob()
    assert b'{"a":  1}' == await stream.readall()
