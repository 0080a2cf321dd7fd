"""Which version counts where: one state for all instances, on the fake and on Azurite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.adapters.blob_rules import BlobRules
from shared.adapters.storage import Storage
from shared.core.errors import InvalidTarget, StaleFacts
from shared.core.rollouts import Rejected, Rollout
from shared.ports.rule_source import GoodVersion
from tests.builders import NOW

TRYING = Rollout(
    stable="v1",
    trial="v2",
    since=NOW,
    rejected=(Rejected("v0", NOW, "2 of 3 plans failed"),),
    unknown={"of_a_later_release": [1]},
)
GOOD = GoodVersion("v2", NOW, {"blob:night/a.yaml": "rules: []\n"})


async def test_before_anything_was_stored_nothing_counts_anywhere(folder):
    """An account in which nobody ever kept anything, too."""
    assert Rollout() == await folder.source.rollout()
    await folder.source.keep(GOOD, is_last=False)
    assert Rollout() == await folder.source.rollout()


async def test_it_is_read_as_it_was_stored(folder):
    """With what a later release wrote beside it."""
    await folder.source.keep(GOOD)
    stored = await folder.source.save_rollout(TRYING)
    found = await folder.source.rollout()
    assert (TRYING, stored.etag) == (found, found.etag)
    assert found.etag


async def test_of_two_that_change_it_one_is_told_so(folder):
    """Else one instance would take a version back and another one make it count."""
    await folder.source.keep(GOOD)
    await folder.source.save_rollout(TRYING)
    with pytest.raises(StaleFacts):
        await folder.source.save_rollout(replace(TRYING, trial="v3"))
    first = await folder.source.rollout()
    await folder.source.save_rollout(replace(first, trial="v4"))
    with pytest.raises(StaleFacts):
        await folder.source.save_rollout(replace(first, trial="v5"))
    assert "v4" == (await folder.source.rollout()).trial


async def test_a_version_on_trial_is_kept_and_is_not_the_last_good_one(folder):
    """An instance that starts while the container is away must not have it everywhere."""
    await folder.source.keep(replace(GOOD, id="v1"))
    await folder.source.keep(GOOD, is_last=False)
    assert GOOD.texts == await folder.source.kept("v2")
    assert await folder.source.kept("v9") is None
    last = await folder.source.last_good()
    assert last is not None
    assert "v1" == last.id


async def test_another_container_has_a_rollout_of_its_own(storage: Storage, name: str):
    """The setting may be changed: what was on trial in the old one is not in the new one."""
    one, two = (BlobRules(storage, which, prefix=name) for which in ("one", "two"))
    await one.keep(GOOD)
    await one.save_rollout(TRYING)
    found = await two.rollout()
    assert Rollout() == found
    await two.save_rollout(replace(found, stable="w1"))
    assert "w1" == (await two.rollout()).stable


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"container": "one", "stable": 1}'])
async def test_one_that_cannot_be_read_is_no_silence(storage: Storage, name: str, text: bytes):
    """A version that was taken back must not count because nobody could read so."""
    source = BlobRules(storage, "one", prefix=name)
    await source.keep(GOOD)
    records = storage.blobs.get_container_client(f"{name}-records")
    await records.upload_blob("rules-rollout.json", text, overwrite=True)
    with pytest.raises(InvalidTarget, match="was not written by this app"):
        await source.rollout()
