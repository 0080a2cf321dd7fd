"""What each channel is sent: of the published shape, within its limits, and tamed."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from slack_sdk.errors import SlackObjectFormationError

from shared.core import notices
from shared.core.approvals import Approval
from shared.core.cards_slack import (
    answered_message,
    escaped,
    private_message,
    slack_message,
)
from shared.core.cards_teams import SIZE_LIMIT, teams_message
from shared.core.cards_webhook import signature, webhook_message
from shared.core.notices import Notice
from tests import builders as make
from tests import notices as told_of
from tests.notices import HOSTILE, an_approval
from tests.unit.core.card_schemas import adaptive_problems, block_kit_problems
from tests.unit.core.test_notices import every_kind

EXPIRES = make.NOW + make.HOUR
PAGE = "https://nights.example/api/approvals/"


def link(approval_id: str, expires_at: datetime = EXPIRES) -> str:
    """Make the address of a question, as long as a signed one is."""
    return f"{PAGE}{approval_id}?exp={int(expires_at.timestamp())}&kid=k1&sig={'A' * 43}"


def no_link(approval_id: str, expires_at: datetime) -> str:
    """Know no address: the app's own is not configured."""
    return ""


def stamp(approval_id: str, is_yes: bool) -> str:
    """Make a button's value, as long as a real one."""
    return f"{approval_id}.{is_yes}.{'f' * 64}"


def questions(count: int, **fields: Any) -> list[Notice]:
    """Make so many questions."""
    return [notices.asked(an_approval(number, **fields)) for number in range(count)]


def batches(text: str) -> list[list[Notice]]:
    """Make every kind of message: each notice alone, and digests of many."""
    one_each = every_kind(text)
    storm = [one for n in range(4) for one in every_kind(f"{n}{text}")]
    return [*([one] for one in one_each), storm, questions(12, rule=text, target=text)]


def parts(value: Any, kind: str) -> list[dict[str, Any]]:
    """Find every part of a type, however deep."""
    found: list[dict[str, Any]] = []
    if isinstance(value, dict):
        found += [value] if value.get("type") == kind else []
        found += [part for inner in value.values() for part in parts(inner, kind)]
    if isinstance(value, list):
        found += [part for inner in value for part in parts(inner, kind)]
    return found


def card_of(message: dict[str, Any]) -> dict[str, Any]:
    """Take the card out of its envelope."""
    assert {"type", "attachments"} == set(message)
    assert "message" == message["type"]
    [attachment] = message["attachments"]
    assert "application/vnd.microsoft.card.adaptive" == attachment["contentType"]
    card: dict[str, Any] = attachment["content"]
    return card


TEXTS = st.one_of(st.text(max_size=400), st.text(alphabet='&<>"\\{}*_`😀', max_size=400))


@settings(max_examples=20)
@given(TEXTS)
@example(HOSTILE)
@example("😀" * 400)
@example('"' * 400)
@example("&" * 400)
def test_a_teams_message_is_of_the_published_shape_and_size(text):
    """Teams drops a card it cannot read, and says 202 all the same."""
    for batch in batches(text):
        message = teams_message(batch, link)
        assert [] == adaptive_problems(card_of(message))
        size = len(json.dumps(message, ensure_ascii=False).encode())
        assert size <= SIZE_LIMIT, (len(batch), size)


@settings(max_examples=20)
@given(TEXTS)
@example(HOSTILE)
@example("&" * 400)
def test_a_slack_message_is_of_the_published_shape(text):
    """Slack refuses a message whole for one key or one character too many."""
    for batch in batches(text):
        message = slack_message(batch, link, stamp)
        assert [] == block_kit_problems(message)
    assert [] == block_kit_problems(answered_message(f"x{text}", f"x{text}"))


def test_the_published_shapes_do_refuse():
    """A check that passes everything would prove nothing."""
    card = card_of(teams_message(every_kind()[:1], link))
    card["body"][0]["inlines"][0]["weight"] = "heavy"
    assert [] != adaptive_problems(card)
    card = card_of(teams_message(every_kind()[:1], link))
    card["body"].append({"type": "TextBox", "text": "x"})
    assert [] != adaptive_problems(card)
    message = slack_message(questions(1), link, stamp)
    message["blocks"][-1]["elements"][0]["valve"] = "x"
    assert [] != block_kit_problems(message)
    message = slack_message(questions(1), link, stamp)
    message["blocks"][0]["text"]["text"] = "x" * 3001
    with pytest.raises(SlackObjectFormationError, match="3000"):
        block_kit_problems(message)


def test_a_teams_card_only_opens_our_page():
    """A card posted by a webhook cannot call back: Submit would be a dead button."""
    text = json.dumps(teams_message(questions(1), link))
    assert "Action.Submit" not in text
    [action] = parts(teams_message(questions(1), link), "Action.OpenUrl")
    assert link(an_approval(0).id) == action["url"]
    assert [] == parts(teams_message(questions(1), no_link), "ActionSet")
    assert [] == parts(teams_message(every_kind()[:2], link), "ActionSet")


def test_in_a_teams_card_nothing_from_outside_is_markdown():
    """A machine called [Approve](https://evil) must not become a link."""
    for batch in batches(HOSTILE):
        card = card_of(teams_message(batch, link))
        assert [] == parts(card, "TextBlock")
        assert [] == parts(card, "FactSet")
        for run in parts(card, "TextRun"):
            assert "{{" not in run["text"]
            assert {"type", "text"} >= set(run) - {"weight", "size", "color", "isSubtle"}


def test_in_a_slack_message_nothing_from_outside_is_markup():
    """No event may mention a whole channel, and no name may become a link."""
    for batch in batches(HOSTILE):
        message = slack_message(batch, link, stamp)
        for text in parts(message["blocks"], "mrkdwn"):
            assert not re.search("[<>]", text["text"])
            assert text["verbatim"] is True
        assert not re.search("[<>]", message["text"])
    assert "&lt;!channel&gt; &amp;amp;" == escaped("<!channel> &amp;")


def test_buttons_that_decide_are_there_only_where_a_chat_is_enough():
    """Everything else has the one that opens the page."""
    [yes, no, look] = parts(slack_message(questions(1), link, stamp), "button")
    asked: Approval = an_approval(0)
    assert [stamp(asked.id, True), stamp(asked.id, False)] == [yes["value"], no["value"]]
    assert ("Allow this?", "Refuse this?") == (
        yes["confirm"]["title"]["text"],
        no["confirm"]["title"]["text"],
    )
    assert link(asked.id) == look["url"]
    grave = questions(1, is_destructive=True)
    [only] = parts(slack_message(grave, link, stamp), "button")
    assert "nightshift_open" == only["action_id"]
    [unconfigured] = parts(slack_message(questions(1), link, None), "button")
    assert "nightshift_open" == unconfigured["action_id"]
    assert [] == parts(slack_message(grave, no_link, stamp), "actions")


@pytest.mark.parametrize("make_message", [teams_message, slack_message])
def test_in_a_digest_of_questions_the_first_ten_keep_their_link(make_message):
    """The rest is behind the list."""
    text = json.dumps(make_message(questions(40), link))
    assert 10 == text.count(PAGE)
    assert "and 30 more: GET /api/approvals" in text


def test_a_digest_shows_counts_ten_lines_and_where_the_rest_is():
    """The same facts in both chats."""
    many = [one for n in range(1000) for one in told_of.a_story(n)]
    for message in (teams_message(many, link), slack_message(many, link)):
        text = json.dumps(message)
        assert "2,000 things happened, about 1,000 plans" in text
        assert "1,000 begun: drain-spot" in text
        assert "and 1,990 more: GET /api/plans" in text
        assert 10 == text.count("aks-spot-1-vmss/")


def test_a_program_gets_ids_and_facts():
    """What a person is shown, and what to ask with."""
    [question] = questions(1)
    message = webhook_message([question], link)
    assert "asked" == message["kind"]
    assert {
        "id": an_approval(0).id,
        "url": link(an_approval(0).id),
        "expires_at": "2030-01-01T04:00:00Z",
    } == message["approval"]
    assert "cordon" == message["facts"]["Steps"]
    assert (question.plan_id, question.event_id) == (message["plan_id"], message["event_id"])
    told = notices.decided(told_of.answered(an_approval(0), is_yes=True))
    assert webhook_message([told], link)["approval"]["url"] is None
    assert webhook_message([told_of.a_story(1)[0]], link)["approval"] is None


def test_a_program_gets_a_hundred_of_a_storm_whole_and_the_counts_of_all():
    """One body of a bounded size; the same storm bears the same id."""
    many = [one for n in range(1000) for one in told_of.a_story(n)]
    message = webhook_message(many, link)
    assert ("digest", 100, 1900) == (
        message["kind"],
        len(message["notices"]),
        message["more"],
    )
    assert 2000 == sum(one["count"] for one in message["counts"])
    assert message["id"] == webhook_message(list(reversed(many)), link)["id"]
    assert len(json.dumps(message)) < 200_000


def test_a_signature_covers_the_moment_and_the_body():
    """Neither can be changed; whoever has the key can check it with five lines."""
    said = signature("k" * 32, b'{"a":1}', make.NOW)
    seconds, mac = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", said).groups()
    assert str(int(make.NOW.timestamp())) == seconds
    signed = seconds.encode() + b'.{"a":1}'
    assert hmac.new(b"k" * 32, signed, hashlib.sha256).hexdigest() == mac
    for other in (
        signature("k" * 31, b'{"a":1}', make.NOW),
        signature("k" * 32, b'{"a":2}', make.NOW),
        signature("k" * 32, b'{"a":1}', make.NOW + make.SECOND),
    ):
        assert mac not in other


def test_a_private_answer_leaves_the_question_as_it_is():
    """Only the person who clicked sees why it was refused."""
    assert {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": "no &lt;b&gt;",
    } == private_message("no <b>")
