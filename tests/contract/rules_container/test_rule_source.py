"""A container of rule files: what changed is seen in one call, and read as it was listed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters.blob_rules import BlobRules
from shared.adapters.storage import Storage
from shared.core.errors import InvalidTarget, ProviderUnavailable, StaleFacts
from shared.core.settings import Settings
from shared.ports.rule_source import GoodVersion, RuleSource
from tests.builders import NOW

GOOD = GoodVersion("v1", NOW, {"blob:night/a.yaml": "rules: []\n# é\n"})
LATER = NOW + timedelta(minutes=1)


async def test_an_empty_container_lists_nothing(folder):
    """And nothing was ever good."""
    assert [] == list(await folder.source.listing())
    assert await folder.source.last_good() is None


async def test_a_listing_tells_name_size_and_version(folder):
    """One call says what has changed."""
    await folder.upload("b.yaml", b"bb")
    await folder.upload("a.yaml", b"a")
    first = list(await folder.source.listing())
    assert [("a.yaml", 1), ("b.yaml", 2)] == [(one.name, one.size) for one in first]

    await folder.upload("a.yaml", b"a")
    second = list(await folder.source.listing())
    assert first[1] == second[1]
    assert first[0].etag != second[0].etag


async def test_what_is_in_folders_is_not_seen(folder):
    """Rules are flat; the fixtures of their tests may lie beside them."""
    for name in ("fixtures/a.yaml", "fixtures/b.yaml", "a.yaml"):
        await folder.upload(name, b"x")
    assert ["a.yaml"] == [one.name for one in await folder.source.listing()]


async def test_a_file_is_read_as_it_was_listed(folder):
    """Byte for byte: what cannot be decoded must still be told apart."""
    body = b"\xff\x00 rules: []"
    await folder.upload("a.yaml", body)
    [listed] = await folder.source.listing()
    assert body == await folder.source.read(listed)


@pytest.mark.parametrize("change", ["upload", "delete"])
async def test_a_file_that_has_changed_since_is_listed_again(folder, change):
    """Two files of different versions of the container must not become one version."""
    await folder.upload("a.yaml", b"old")
    [listed] = await folder.source.listing()
    await (folder.upload("a.yaml", b"new") if change == "upload" else folder.delete("a.yaml"))
    with pytest.raises(StaleFacts):
        await folder.source.read(listed)


async def test_more_blobs_than_one_answer_tells_are_refused(folder):
    """A data lake named by mistake is not read through page by page."""
    for number in range(5):
        await folder.upload(f"{number}.yaml", b"x")
    with pytest.raises(InvalidTarget, match="more than 4 blobs"):
        await folder.source.listing()


async def test_a_container_that_is_not_there_is_named(nowhere: RuleSource):
    """Not an empty layer: somebody mistyped a setting, or deleted the container."""
    with pytest.raises(InvalidTarget, match=f"there is no container {nowhere.name}"):
        await nowhere.listing()


async def test_what_was_kept_comes_back(folder):
    """It is what a restart beside a broken container goes on with."""
    await folder.source.keep(GOOD)
    assert GOOD == await folder.source.last_good()
    await folder.source.keep(GOOD)
    assert GOOD == await folder.source.last_good()


async def test_of_two_versions_the_one_seen_later_counts(folder):
    """Instances look at different moments; a slow one must not bring an old version back."""
    newer = GoodVersion("v2", LATER, {})
    await folder.source.keep(newer)
    await folder.source.keep(GOOD)
    assert newer == await folder.source.last_good()
    again = replace(GOOD, seen_at=LATER + timedelta(minutes=1))
    await folder.source.keep(again)
    assert again == await folder.source.last_good()


async def test_of_many_at_once_the_latest_counts(folder):
    """Every instance keeps what it loaded, at about the same time."""
    seen = [NOW + timedelta(seconds=n) for n in range(4)]
    await folder.source.keep(replace(GOOD, id="v0", seen_at=NOW - timedelta(days=1)))
    many = [GoodVersion(f"w{n}", at, {}) for n, at in enumerate(seen)]
    await asyncio.gather(*(folder.source.keep(one) for one in many))
    last = await folder.source.last_good()
    assert last is not None
    assert "w3" == last.id


async def test_another_container_has_another_last_version(storage: Storage, name: str):
    """The setting may be changed: the old container's rules are not the new one's."""
    await BlobRules(storage, "one", prefix=name).keep(GOOD)
    assert await BlobRules(storage, "two", prefix=name).last_good() is None
    await BlobRules(storage, "two", prefix=name).keep(replace(GOOD, id="v2"))
    last = await BlobRules(storage, "two", prefix=name).last_good()
    assert last is not None
    assert "v2" == last.id


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"id": "v1"}'])
async def test_a_broken_pointer_is_no_version_and_no_silence(
    storage: Storage, name: str, text: bytes
):
    """Not knowing the last good version is not the same as there being none."""
    source = BlobRules(storage, "one", prefix=name)
    await source.keep(GOOD)
    records = storage.blobs.get_container_client(f"{name}-records")
    await records.upload_blob("rules-last-good.json", text, overwrite=True)
    with pytest.raises(InvalidTarget):
        await source.last_good()
    await source.keep(GOOD)
    assert GOOD == await source.last_good()


async def test_an_account_that_is_away_is_an_error_that_passes():
    """The rules in force stay, and the next look tries again."""
    away = (
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
        "BlobEndpoint=http://127.0.0.1:9/devstoreaccount1;"
    )
    account = Storage(Settings(storage=away), lambda: pytest.fail("no identity"))
    with pytest.raises(ProviderUnavailable):
        await BlobRules(account, "night-rules").listing()
    await account.close()
