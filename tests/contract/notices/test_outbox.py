"""Notices as they wait: once each, in order, until they are sent, and then known for a day."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters.storage import Storage
from shared.adapters.table_notices import TableNotices
from shared.core.errors import InvalidTarget, RetryLater, StaleFacts
from shared.core.notices import Notice, asked
from shared.core.pacing import Pace
from shared.core.settings import Settings
from shared.core.terms import Channel
from shared.ports import Notices
from tests.builders import HOUR, MINUTE, NOW, SECOND
from tests.contract.notices.conftest import CONFIGURED
from tests.notices import HOSTILE, a_story, an_approval

TEAMS, SLACK, WEBHOOK = Channel
DAY = timedelta(days=1)


def a_notice(number: int = 1) -> Notice:
    """Make one of many notices, a second after the one before."""
    return replace(a_story(number)[0], at=NOW + number * SECOND)


async def test_nothing_waits_at_first(notices: Notices):
    """A table that does not exist yet is no error and no notice."""
    assert () == await notices.backlog(TEAMS, limit=10)
    assert Pace(TEAMS) == await notices.pace(TEAMS)
    await notices.drop(TEAMS, [a_notice()], at=NOW)
    await notices.give_back("nothing")


async def test_a_notice_waits_for_each_channel_as_it_was_posted(notices: Notices):
    """Every word of it is somebody's news at night."""
    odd = replace(
        asked(an_approval(rule=HOSTILE)),
        at=NOW + HOUR,
        event_id="it's/100%?#\\ü",
        is_good=None,
    )
    for notice in (a_notice(), odd):
        assert CONFIGURED == await notices.post(notice)
    for channel in CONFIGURED:
        assert (a_notice(), odd) == await notices.backlog(channel, limit=10)


async def test_for_a_channel_that_nobody_sends_to_nothing_waits(notices: Notices):
    """It would wait for ever; who posts it is told that nobody will be."""
    only = replace(a_notice(), channels=(WEBHOOK,))
    assert () == await notices.post(only)
    assert () == await notices.backlog(WEBHOOK, limit=10)
    assert () == await notices.post(replace(a_notice(), channels=()))


async def test_posted_again_it_waits_once(notices: Notices):
    """A redelivery tells the same thing; the first to tell it stands."""
    await notices.post(a_notice())
    await notices.post(replace(a_notice(), at=NOW + HOUR, title="again"))
    assert (a_notice(),) == await notices.backlog(TEAMS, limit=10)


async def test_posted_by_many_at_once_it_waits_once(notices: Notices):
    """Twenty instances hear the same event."""
    await asyncio.gather(*(notices.post(a_notice()) for _ in range(20)))
    assert (a_notice(),) == await notices.backlog(TEAMS, limit=10)


async def test_what_was_sent_to_one_channel_waits_for_the_other(notices: Notices):
    """Slack being down is no reason to tell Teams twice."""
    await notices.post(a_notice())
    await notices.drop(TEAMS, [a_notice()], at=NOW)
    assert () == await notices.backlog(TEAMS, limit=10)
    assert (a_notice(),) == await notices.backlog(SLACK, limit=10)


async def test_what_was_sent_is_not_sent_again_for_a_day(notices: Notices):
    """A message that is redelivered after hours must not tell it twice."""
    await notices.post(a_notice())
    await notices.drop(TEAMS, [a_notice()], at=NOW)
    await notices.post(a_notice(2))
    await notices.drop(TEAMS, [a_notice(2)], at=NOW + DAY - SECOND)
    await notices.post(a_notice())
    assert () == await notices.backlog(TEAMS, limit=10)


async def test_after_a_day_its_id_is_forgotten(notices: Notices):
    """The table does not grow for ever."""
    await notices.post(a_notice())
    await notices.drop(TEAMS, [a_notice()], at=NOW)
    await notices.post(a_notice(2))
    await notices.drop(TEAMS, [a_notice(2)], at=NOW + DAY + MINUTE)
    await notices.post(a_notice())
    await notices.post(a_notice(2))
    assert (a_notice(),) == await notices.backlog(TEAMS, limit=10)


async def test_the_oldest_come_first_and_no_more_than_asked_for(notices: Notices):
    """After an outage people read what happened in its order."""
    numbers = [7, 3, 9, 1, 5]
    await asyncio.gather(*(notices.post(a_notice(number)) for number in numbers))
    expected = tuple(a_notice(number) for number in sorted(numbers))
    assert expected == await notices.backlog(TEAMS, limit=10)
    assert expected[:3] == await notices.backlog(TEAMS, limit=3)


async def test_many_are_dropped_at_once_whatever_else_was_dropped_meanwhile(notices: Notices):
    """A digest of a storm is hundreds of notices; another instance may have sent some."""
    many = [a_notice(number) for number in range(130)]
    await asyncio.gather(*(notices.post(one) for one in many))
    await notices.drop(TEAMS, many[40:43], at=NOW)
    await notices.drop(TEAMS, many[:120], at=NOW)
    assert tuple(many[120:]) == await notices.backlog(TEAMS, limit=1000)


async def test_one_of_many_who_want_to_send_may(notices: Notices):
    """Two ticks that overlap would tell everything twice."""
    pace = await notices.pace(TEAMS)
    wanted = [replace(pace, until=NOW + n * MINUTE) for n in range(10)]
    kept = await asyncio.gather(
        *(notices.keep_pace(one) for one in wanted), return_exceptions=True
    )
    won = [one for one in kept if isinstance(one, Pace)]
    assert 1 == len(won)
    assert 9 == len([one for one in kept if isinstance(one, StaleFacts)])
    assert won[0].until == (await notices.pace(TEAMS)).until


async def test_a_pace_is_read_back_as_it_was_kept(notices: Notices):
    """The allowance of an hour holds across instances and restarts."""
    sent = tuple(NOW + n * SECOND for n in range(600))
    pace = Pace(SLACK, until=NOW + MINUTE, failures=3, level=2, sent=sent)
    kept = await notices.keep_pace(pace)
    assert pace == await notices.pace(SLACK)
    again = await notices.keep_pace(replace(kept, until=None, sent=()))
    assert Pace(SLACK, failures=3, level=2) == again == await notices.pace(SLACK)
    assert Pace(TEAMS) == await notices.pace(TEAMS)
    with pytest.raises(StaleFacts):
        await notices.keep_pace(kept)


async def test_what_may_be_used_once_is_used_once(notices: Notices):
    """Of twenty replays of one click one counts."""
    key = "a/b?c#" + "x" * 5000
    used = await asyncio.gather(*(notices.use_once(key, at=NOW) for _ in range(20)))
    assert [True] == [one for one in used if one]
    assert await notices.use_once("another", at=NOW)
    await notices.give_back(key)
    assert await notices.use_once(key, at=NOW)
    assert not await notices.use_once(key, at=NOW + DAY)
    assert await notices.use_once(key, at=NOW + DAY + MINUTE)


async def test_a_row_of_a_newer_release_waits_and_holds_up_nothing(storage: Storage):
    """It is told when there is somebody who can read it."""
    outbox = TableNotices(storage, CONFIGURED, f"T{uuid.uuid4().hex[:16]}")
    await outbox.post(a_notice())
    row = {"PartitionKey": "teams", "RowKey": "wait|20000101T000000000000|x", "notice": "{}"}
    await outbox._store.insert("Notices", row)
    assert (a_notice(),) == await outbox.backlog(TEAMS, limit=10)
    await outbox._store.put(
        "Notices", {"PartitionKey": "pace", "RowKey": "teams", "until": ""}
    )
    with pytest.raises(InvalidTarget, match="is no pace"):
        await outbox.pace(TEAMS)


async def test_a_store_that_is_away_is_an_error_that_passes():
    """Whoever posts tries again; nothing is taken for told."""
    away = (
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
        "TableEndpoint=http://127.0.0.1:9/devstoreaccount1;"
    )
    account = Storage(Settings(storage=away), lambda: pytest.fail("no identity"))
    with pytest.raises(RetryLater):
        await TableNotices(account, CONFIGURED).post(a_notice())
    await account.close()
