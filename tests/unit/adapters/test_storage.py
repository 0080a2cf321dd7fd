"""How the storage account is reached."""

from __future__ import annotations

import pytest

from shared.adapters.blob_records import blob_name, header_text
from shared.adapters.clock import SystemClock
from shared.adapters.credentials import credential
from shared.adapters.storage import Storage
from shared.core.settings import Settings


async def test_by_name_and_identity():
    """No key: the endpoints follow from the account's name and the cloud's domain."""
    settings = Settings(storage_account="night", storage_suffix="core.chinacloudapi.cn")
    identity = credential(settings)
    storage = Storage(settings, lambda: identity)
    urls = [storage.tables.url, storage.queues.url, storage.blobs.url]
    hosts = [
        f"https://night.{kind}.core.chinacloudapi.cn" for kind in ("table", "queue", "blob")
    ]
    assert hosts == [url.rstrip("/") for url in urls]
    await storage.close()
    await identity.close()


async def test_by_endpoints_and_identity():
    """An account behind its own domain is named by endpoints."""
    settings = Settings(
        storage_table_uri="https://t.example",
        storage_queue_uri="https://q.example",
        storage_blob_uri="https://b.example",
    )
    identity = credential(settings)
    storage = Storage(settings, lambda: identity)
    urls = [storage.tables.url, storage.queues.url, storage.blobs.url]
    assert ["https://t.example", "https://q.example", "https://b.example"] == [
        url.rstrip("/") for url in urls
    ]
    await storage.close()
    await identity.close()


async def test_clients_are_built_once():
    """Each has its own connections; a second one would shake hands again."""
    settings = Settings(storage="AccountName=night;AccountKey=c2VjcmV0")
    storage = Storage(settings, pytest.fail)
    assert storage.tables is storage.tables
    assert storage.queues is storage.queues
    await storage.close()


async def test_closing_what_was_never_used_is_nothing():
    """A start that fails early closes too."""
    await Storage(Settings(), pytest.fail).close()


def test_each_worker_has_its_own_name():
    """A lease is a worker's by this name alone."""
    clock = SystemClock()
    assert 100 == len({clock.token() for _ in range(100)})


def test_the_clock_is_in_utc():
    """Every moment in the ledger is compared with it."""
    offset = SystemClock().now().utcoffset()
    assert offset is not None
    assert 0 == offset.total_seconds()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("plan-1", "plan-1"), ("a/b", r"a_b-\w{12}"), ("..", r"\w{12}"), ("", r"\w{12}")],
)
def test_a_blob_name_is_plain(name: str, expected: str):
    """Slashes and dots mean folders to some tools and parents to others."""
    import re

    assert re.fullmatch(expected, blob_name(name))


@pytest.mark.parametrize("text", ["a\r\nb", "a\tb", "a \x00 \x7fb", "  a\u2028b "])
def test_a_header_text_is_one_printable_line(text: str):
    """A reason quotes the payload, which may try to end the header."""
    written = header_text(text)
    assert written.isascii()
    assert written.isprintable()
