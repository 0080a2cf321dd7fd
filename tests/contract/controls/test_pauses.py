"""Pauses as they are stored: once, for everybody, and kept after they are lifted."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_controls import KEPT_AFTER_END, TableControls
from shared.core.errors import InvalidTarget, RetryLater
from shared.core.settings import Settings
from shared.ports import Controls
from tests.builders import HOUR, NOW, VM, a_pause

ADA, LATER = "ada", NOW + HOUR / 2


async def test_nothing_is_paused_at_first(controls: Controls):
    """A table that does not exist yet is no error and no pause."""
    assert () == await controls.pauses()
    assert await controls.find("pause-1") is None
    assert await controls.lift("pause-1", by=ADA, at=NOW) is None


async def test_a_pause_is_read_back_as_it_was_stored(controls: Controls):
    """Every word of it is somebody's answer at night."""
    odd = a_pause(
        "tag:Team=a=b/ü%",
        id="pause-2",
        owner="Grace “Amazing” Hopper",
        reason="it's = 100 % broken\n",
        is_owner_verified=True,
        expires_at=None,
    )
    for pause in (a_pause(), odd, a_pause(f"resource:{VM}", id="pause-3")):
        assert pause == await controls.pause(pause)
        assert pause == await controls.find(pause.id)
        assert pause in await controls.pauses()
    assert 3 == len(await controls.pauses())


async def test_the_first_pause_of_an_id_stands(controls: Controls):
    """A request that is sent again must not begin again, nor change the owner."""
    await controls.pause(a_pause())
    again = replace(a_pause(), owner="eve", expires_at=NOW + 2 * HOUR)
    assert a_pause() == await controls.pause(again)
    assert (a_pause(),) == await controls.pauses()


async def test_lifting_ends_it_at_once_and_keeps_who_did(controls: Controls):
    """On the instance that lifted it the next decision already knows."""
    await controls.pause(a_pause())
    await controls.pauses()
    lifted = await controls.lift("pause-1", by=ADA, at=LATER)
    assert replace(a_pause(), lifted_by=ADA, lifted_at=LATER) == lifted
    assert () == await controls.pauses()
    assert lifted == await controls.find("pause-1")


async def test_lifting_again_changes_nothing(controls: Controls):
    """The first who lifted it stays in the books; asking to pause again does not revive it."""
    await controls.pause(a_pause())
    first = await controls.lift("pause-1", by=ADA, at=LATER)
    assert first == await controls.lift("pause-1", by="eve", at=LATER + HOUR)
    assert first == await controls.pause(a_pause())
    assert () == await controls.pauses()


async def test_of_many_who_lift_at_once_one_is_recorded(controls: Controls):
    """Twenty clicks, one name."""
    await controls.pause(a_pause())
    names = [f"person-{n}" for n in range(20)]
    lifted = await asyncio.gather(
        *(controls.lift("pause-1", by=name, at=LATER) for name in names)
    )
    assert 1 == len({one.lifted_by for one in lifted if one is not None})
    assert 20 == len([one for one in lifted if one is not None])


@pytest.mark.parametrize(
    "name", ["", "a/b", "a\\b", "ü", "now:pause-1", "'", "a#b?c", "x" * 900]
)
async def test_an_id_that_nobody_gave_is_simply_not_there(controls: Controls, name: str):
    """Ids come from URLs: nothing in one may lead to another row, or to an error."""
    await controls.pause(a_pause())
    assert await controls.find(name) is None
    assert await controls.lift(name, by=ADA, at=NOW) is None


@pytest.fixture
def table(storage: Storage) -> tuple[TableControls, TableControls]:
    """Two instances of the app over one table."""
    prefix = f"T{uuid.uuid4().hex[:16]}"
    return TableControls(storage, prefix), TableControls(storage, prefix)


async def test_another_instance_hears_of_a_pause_within_seconds(table):
    """Not at once: a storm reads it from memory. The bound is two seconds."""
    here, there = table
    assert () == await there.pauses()
    await here.pause(a_pause())
    await asyncio.sleep(2.05)
    assert (a_pause(),) == await there.pauses()


async def test_pauses_that_ended_long_ago_are_filed(table):
    """What every decision reads stays short; the pause itself is kept."""
    here, there = table
    old = a_pause(id="pause-old", expires_at=NOW - KEPT_AFTER_END - timedelta(minutes=2))
    await here.pause(old)
    await here.pause(a_pause())
    assert (a_pause(),) == await there.pauses()
    assert old == await there.find("pause-old")


async def test_a_row_that_is_no_pause_is_an_error_and_not_no_pause(table):
    """A newer release may have written it: not knowing is not being allowed."""
    here, _ = table
    row = {"PartitionKey": "pauses", "RowKey": "now:pause-9", "scope": "galaxy"}
    await here._store.insert("Controls", row)
    with pytest.raises(InvalidTarget, match="is no pause"):
        await here.pauses()


async def test_a_store_that_is_away_is_an_error_that_passes():
    """The engine holds; it never takes silence for permission."""
    away = (
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
        "TableEndpoint=http://127.0.0.1:9/devstoreaccount1;"
    )
    account = Storage(Settings(storage=away), lambda: pytest.fail("no identity"))
    with pytest.raises(RetryLater):
        await TableControls(account).pauses()
    await account.close()
