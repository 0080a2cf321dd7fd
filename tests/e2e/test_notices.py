"""From what happened to what people read: the outbox on Azurite, messengers over HTTPS.

Only time is played: a tick every fifteen seconds would make this an hour.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from handlers import slack
from shared import bootstrap
from shared.adapters.messengers import configured
from shared.adapters.storage import Storage
from shared.adapters.table_notices import TableNotices
from shared.core.approvals import ApprovalState
from shared.core.notices import Notice, asked
from shared.core.settings import Settings
from shared.core.terms import Channel
from shared.engine.night import Night
from shared.engine.notify import Delivered, deliver
from tests.builders import MINUTE, NOW, SECOND
from tests.channels import SECRETS, Channels, Fault, open_channels
from tests.notices import a_story, an_approval
from tests.shift import World, a_night, a_world
from tests.slack_clicks import ADA, SECRET, a_click, signed

TICK = 15 * SECOND
PAGE = "https://nights.example/api/approvals/"


@dataclass
class Office:
    """The deployed parts: outbox, messengers and the tick between them."""

    night: Night
    world: World
    channels: Channels

    async def post(self, notices: Sequence[Notice]) -> None:
        """Store what happened."""
        await asyncio.gather(*(self.night.ports.notices.post(one) for one in notices))

    async def tick(self) -> Delivered:
        """Let the timer fire, and its time pass."""
        told = await deliver(self.night)
        self.world.clock.move(TICK)
        return told

    async def tick_for(self, span: timedelta) -> None:
        """Let the timer fire for a while."""
        until = self.world.clock.now() + span
        while self.world.clock.now() < until:
            await self.tick()

    def titles(self, channel: str) -> list[str]:
        """Give the first line of each message that a channel took."""
        return [_title(channel, body) for body in self.channels.bodies(channel)]


def _counted(title: str) -> int:
    """Tell how many notices a message says it is."""
    first = title.split(maxsplit=1)[0].replace(",", "")
    return int(first) if first.isdecimal() else 1


def _title(channel: str, body: Any) -> str:
    if channel == "teams":
        content = body["attachments"][0]["content"]
        return str(content["body"][0]["inlines"][0]["text"])
    return str(body["text" if channel == "slack" else "title"])


@pytest.fixture
async def office(
    azurite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    """Everything that a notice passes, with all three channels configured."""
    async with open_channels(tmp_path) as channels:
        monkeypatch.setenv("SSL_CERT_FILE", str(channels.ca_file))
        settings = Settings(
            storage=azurite,
            teams_webhook=channels.address("teams"),
            slack_webhook=channels.address("slack"),
            slack_signing_secret=SECRET,
            slack_approvers=(f"{ADA}=ada@example.com",),
            slack_reply_hosts=(channels.host,),
            webhook_url=channels.address("webhook"),
            webhook_key="k" * 32,
        )
        world = a_world(NOW, lambda _: None)
        storage = Storage(settings, lambda: pytest.fail("no identity is needed"))
        messengers = configured(settings, world.clock, _link)
        outbox = TableNotices(storage, list(Channel), f"T{uuid.uuid4().hex[:16]}")
        night = a_night(world, settings=settings)
        ports = replace(night.ports, notices=outbox, messengers=messengers)
        yield Office(replace(night, ports=ports), world, channels)
        for messenger in messengers:
            await messenger.close()
        await storage.close()


def _link(approval_id: str, expires_at: datetime) -> str:
    return f"{PAGE}{approval_id}"


async def test_before_and_after_are_told_in_every_channel(office: Office):
    """Two notices, three channels, six messages, in order."""
    before, after = a_story(1)
    await office.post([before, after, before])
    told = await office.tick()
    assert (6, 6, 0, {}) == (told.sent, told.messages, told.waiting, told.failed)
    for channel in Channel:
        assert [before.title, after.title] == office.titles(channel)
    assert Delivered() == await office.tick()


async def test_a_storm_of_a_thousand_plans_is_a_handful_of_messages(office: Office):
    """A thousand beginnings and a thousand ends, and a question that nobody misses."""
    question = asked(an_approval())
    storm = [
        replace(one, channels=(Channel.TEAMS,)) for n in range(1000) for one in a_story(n)
    ]
    for at in range(0, len(storm), 100):
        await office.post(storm[at : at + 100])
    await office.post([question])
    await office.tick_for(20 * MINUTE)
    assert () == await office.night.ports.notices.backlog(Channel.TEAMS, limit=10)
    titles = office.titles("teams")
    assert len(titles) <= 10
    assert question.title == titles[0]
    # At least once: storage that is slow to say yes makes a part of it be told again.
    assert 2000 <= sum(map(_counted, titles[1:])), titles
    card = json.dumps(office.channels.bodies("teams")[1])
    assert "GET /api/plans" in card
    assert len(card.encode()) < 28_000


async def test_everything_arrives_once_after_an_outage(office: Office):
    """Slack answers 503, then 429 with Retry-After; Teams and the webhook go on meanwhile."""
    office.channels.faults["slack"] += [
        *[Fault(503)] * 6,
        Fault(429, headers={"Retry-After": "300"}),
    ]
    stories = [a_story(number) for number in range(12)]
    for before, after in stories:
        await office.post([before])
        await office.tick_for(MINUTE)
        await office.post([after])
        await office.tick_for(MINUTE)
    # The last of the outage: 429 asks for five minutes, and gets them.
    await office.tick_for(30 * MINUTE)
    titles = [one.title for story in stories for one in story]
    assert titles == office.titles("teams") == office.titles("webhook")
    assert 7 + len(office.titles("slack")) == office.channels.calls["slack"]
    text = json.dumps(office.channels.bodies("slack"))
    ids = [one.id for story in stories for one in story]
    for waiting in Channel:
        assert () == await office.night.ports.notices.backlog(waiting, limit=100)
    assert 24 == len(set(ids))
    assert "things happened, about" in text, "what had waited came as a digest"
    # Redelivered afterwards, nothing of it is told again.
    calls = dict(office.channels.calls)
    await office.post([one for story in stories for one in story])
    await office.tick_for(2 * MINUTE)
    assert calls == dict(office.channels.calls)


async def test_what_one_channel_cannot_read_is_kept_and_blocks_nothing(office: Office):
    """400 for one message: the next one is sent, the first kept with the reason."""
    office.channels.faults["teams"].append(Fault(400, "bad card"))
    bad, good = a_story(1)
    await office.post([bad, good])
    told = await office.tick()
    assert 1 == told.kept_aside
    assert [good.title] == office.titles("teams")
    [kept] = office.world.records.kept.values()
    assert "400 bad card" in kept
    assert not [secret for secret in SECRETS if secret in kept]


async def test_a_question_is_answered_in_slack_and_the_message_shows_by_whom(
    office: Office, monkeypatch: pytest.MonkeyPatch
):
    """The button that arrived is the one that is pressed; its answer replaces the message."""
    approval = an_approval()
    await office.night.ports.approvals.ask(approval)
    await office.post([asked(approval)])
    await office.tick()
    [message] = office.channels.bodies("slack")
    approve, *_ = message["blocks"][-1]["elements"]
    body = a_click(
        approval.id, value=approve["value"], answer_at=office.channels.address("reply")
    )
    monkeypatch.setitem(bootstrap._built, "night", office.night)

    status, said = await _post(body, signed(body, office.world.clock.now()))
    assert (200, "") == (status, said["reason"])
    found = await office.night.ports.approvals.find(approval.id)
    assert found is not None
    assert ApprovalState.APPROVED is found.state
    [shown] = office.channels.bodies("reply")
    assert shown["replace_original"] is True
    assert "ada@example.com" in json.dumps(shown)
    assert "button" not in json.dumps(shown)

    # The same request again says so to the one who sent it, and decides nothing.
    status, said = await _post(body, signed(body, office.world.clock.now()))
    assert "replayed" == said["reason"]
    # What was decided is told like everything else.
    await office.tick()
    assert f"{approval.rule} on aks-spot-1-vmss/1 was allowed" == office.titles("teams")[-1]


async def test_an_answer_that_slack_does_not_take_changes_no_decision(
    office: Office, monkeypatch: pytest.MonkeyPatch
):
    """The click is acknowledged in time all the same."""
    office.channels.faults["reply"].append(Fault(200, wait_s=5.0))
    approval = an_approval()
    await office.night.ports.approvals.ask(approval)
    body = a_click(approval.id, answer_at=office.channels.address("reply"))
    monkeypatch.setitem(bootstrap._built, "night", office.night)
    status, said = await _post(body, signed(body, NOW))
    assert (200, "") == (status, said["reason"])
    found = await office.night.ports.approvals.find(approval.id)
    assert found is not None
    assert ApprovalState.APPROVED is found.state


async def _post(body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    request = func.HttpRequest("POST", "/api/slack/actions", headers=headers, body=body)
    answer = await slack._hear(request)
    return answer.status_code, json.loads(answer.get_body())
