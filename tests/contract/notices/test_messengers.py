"""Messengers against real HTTPS: what arrives, what an answer means, what is never said."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import re
import traceback
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.adapters.http_post import Poster
from shared.adapters.messengers import configured
from shared.adapters.slack import answer_click
from shared.adapters.webhook import MESSAGE_ID
from shared.core.cards_slack import answered_message
from shared.core.digests import message_id
from shared.core.errors import (
    AutomationError,
    InvalidTarget,
    ProviderUnavailable,
    Throttled,
    TooLarge,
)
from shared.core.notices import Notice, asked
from shared.core.settings import Settings
from shared.core.terms import Channel
from shared.ports import Messenger
from tests.builders import NOW, SECOND
from tests.channels import SECRETS, Channels, Fault, open_channels
from tests.fakes.ledger import FakeClock
from tests.notices import a_story, an_approval
from tests.slack_clicks import ADA, SECRET
from tests.unit.core.card_schemas import adaptive_problems, block_kit_problems

KEY = "k" * 32


def link(approval_id: str, expires_at: datetime) -> str:
    """Make the address of a question."""
    return f"https://nights.example/api/approvals/{approval_id}"


@pytest.fixture
async def channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Channels]:
    """Channels that are trusted as any other: by the machine's own authorities."""
    async with open_channels(tmp_path) as opened:
        monkeypatch.setenv("SSL_CERT_FILE", str(opened.ca_file))
        yield opened


@pytest.fixture
async def messengers(channels: Channels) -> AsyncIterator[dict[Channel, Messenger]]:
    """One messenger for each channel, built from settings."""
    settings = Settings(
        teams_webhook=channels.address("teams"),
        slack_webhook=channels.address("slack"),
        slack_signing_secret=SECRET,
        slack_approvers=(f"{ADA}=ada",),
        webhook_url=channels.address("webhook"),
        webhook_key=KEY,
    )
    built = configured(settings, FakeClock(NOW), link)
    yield {one.channel: one for one in built}
    for one in built:
        await one.close()


async def refusal(messenger: Messenger, notices: list[Notice]) -> AutomationError:
    """What sending raises."""
    with pytest.raises(AutomationError) as caught:
        await messenger.send(notices)
    _says_no_secret(caught.value)
    return caught.value


def _says_no_secret(error: BaseException) -> None:
    """Neither the message nor the traceback has a secret address."""
    text = "".join(traceback.format_exception(error))
    assert not [secret for secret in SECRETS if secret in text]


async def test_each_channel_gets_what_it_takes(
    messengers: dict[Channel, Messenger], channels: Channels
):
    """One question, three shapes."""
    question = asked(an_approval())
    for messenger in messengers.values():
        await messenger.send([question])
    [card] = channels.bodies("teams")
    assert [] == adaptive_problems(card["attachments"][0]["content"])
    [message] = channels.bodies("slack")
    assert [] == block_kit_problems(message)
    assert 3 == len(message["blocks"][-1]["elements"])
    [told] = channels.bodies("webhook")
    assert an_approval().id == told["approval"]["id"]
    for taken in (channels.taken[str(channel)][0] for channel in Channel):
        assert "application/json; charset=utf-8" == taken.headers["content-type"]


async def test_a_program_can_check_where_a_message_comes_from(
    messengers: dict[Channel, Messenger], channels: Channels
):
    """Over the bytes as they arrived; and know by its id one that comes twice."""
    story = list(a_story(1))
    await messengers[Channel.WEBHOOK].send(story)
    [taken] = channels.taken["webhook"]
    seconds, mac = re.fullmatch(
        r"t=(\d+),v1=([0-9a-f]{64})", taken.headers["nightshift-signature"]
    ).groups()
    signed = f"{seconds}.".encode() + taken.raw
    assert hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest() == mac
    assert NOW.timestamp() == int(seconds)
    assert message_id(story) == taken.headers[MESSAGE_ID.casefold()] == taken.body["id"]


@pytest.mark.parametrize(
    ("fault", "kind", "after"),
    [
        (Fault(429, headers={"Retry-After": "41"}), Throttled, 41),
        (Fault(429), Throttled, 15),
        (Fault(503, headers={"Retry-After": "120"}), ProviderUnavailable, 120),
        (Fault(500, "rollup_error"), ProviderUnavailable, 15),
        (Fault(408), ProviderUnavailable, 15),
        (Fault(403, "action_prohibited"), ProviderUnavailable, 300),
        (Fault(404, "no_service"), ProviderUnavailable, 300),
        (Fault(410, "channel_is_archived"), ProviderUnavailable, 300),
        (Fault(302, headers={"Location": "https://evil.example/"}), ProviderUnavailable, 300),
        (Fault(400, "invalid_blocks"), InvalidTarget, None),
        (Fault(413), TooLarge, None),
    ],
)
async def test_each_answer_means_what_to_do(
    messengers: dict[Channel, Messenger],
    channels: Channels,
    fault: Fault,
    kind: type[AutomationError],
    after: int | None,
):
    """A body that is wrong is given up; everything else waits for better times."""
    channels.faults["slack"].append(fault)
    error = await refusal(messengers[Channel.SLACK], [a_story(1)[0]])
    assert kind is type(error)
    assert f"posting to 127.0.0.1: {fault.status}" in str(error)
    assert fault.body in str(error)
    if after is not None:
        assert timedelta(seconds=after) == getattr(error, "after", None)
    assert [] == channels.bodies("slack")
    assert 1 == channels.calls["slack"]


async def test_an_answer_that_repeats_the_address_is_not_repeated(
    messengers: dict[Channel, Messenger], channels: Channels
):
    """A proxy's error page names what was asked for."""
    page = f"<html>cannot reach {channels.address('teams')} now</html>"
    channels.faults["teams"].append(Fault(502, page))
    error = await refusal(messengers[Channel.TEAMS], [a_story(1)[0]])
    assert "502 <html>cannot reach *** now</html>" in str(error)


async def test_a_channel_that_does_not_answer_is_given_up_soon(channels: Channels):
    """The library's own words for it name the whole address."""
    channels.faults["slack"].append(Fault(200, wait_s=2.0))
    poster = Poster(total_s=0.2)
    with pytest.raises(ProviderUnavailable, match=r"posting to 127\.0\.0\.1") as caught:
        await poster.post(channels.address("slack"), b"{}")
    await poster.close()
    _says_no_secret(caught.value)


async def test_what_the_library_says_of_an_address_is_not_repeated():
    """It names the address whole, where it cannot make anything of it."""
    poster, address = Poster(), f"https://127.0.0.1:99999/{SECRETS[0]}"
    with pytest.raises(ProviderUnavailable, match=r"posting to 127\.0\.0\.1: \w+$") as caught:
        await poster.post(address, b"{}")
    await poster.close()
    _says_no_secret(caught.value)


async def test_a_channel_that_is_not_there_is_a_trouble_that_passes():
    """Nobody listens on that port."""
    poster, address = Poster(), f"https://127.0.0.1:9/{SECRETS[0]}"
    with pytest.raises(ProviderUnavailable) as caught:
        await poster.post(address, b"{}")
    await poster.close()
    _says_no_secret(caught.value)


async def test_a_server_that_nobody_vouches_for_gets_nothing(
    channels: Channels, monkeypatch: pytest.MonkeyPatch
):
    """The address is the secret: it is told to its owner only."""
    monkeypatch.delenv("SSL_CERT_FILE")
    poster = Poster()
    with pytest.raises(ProviderUnavailable):
        await poster.post(channels.address("slack"), b"{}")
    await poster.close()
    assert 0 == channels.calls["slack"]


async def test_messages_to_teams_are_no_burst(
    messengers: dict[Channel, Messenger], channels: Channels
):
    """Four a second is all that Teams takes."""
    for number in range(3):
        await messengers[Channel.TEAMS].send([a_story(number)[0]])
    moments = [one.at for one in channels.taken["teams"]]
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert min(gaps) >= 0.25, gaps


async def test_an_answer_is_written_under_a_click(channels: Channels):
    """In place of the question, its buttons gone."""
    message = answered_message("May it?", "approved by ada")
    await answer_click(channels.address("reply"), message)
    [told] = channels.bodies("reply")
    assert told["replace_original"] is True
    assert [] == block_kit_problems(told)
    assert "approved by ada" in str(told)
    assert "button" not in str(told)


def test_a_channel_without_an_address_has_no_messenger():
    """Nothing is configured, so nobody is told."""
    assert () == configured(Settings(), FakeClock(NOW), link)


async def test_buttons_need_somebody_who_may_press_them(channels: Channels):
    """A secret without approvers would show buttons that refuse everybody."""
    settings = Settings(slack_webhook=channels.address("slack"), slack_signing_secret=SECRET)
    [messenger] = configured(settings, FakeClock(NOW + SECOND), link)
    await messenger.send([asked(an_approval())])
    await messenger.close()
    [message] = channels.bodies("slack")
    assert 1 == len(message["blocks"][-1]["elements"])
