"""Clicks in Slack: believed only as Slack signed them, just now, on a button of ours."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier

from shared.core.errors import MalformedEvent
from shared.parsing.slack_reply import (
    SlackRefusal,
    SlackRefused,
    SlackReply,
    button_value,
    parse_slack_reply,
    verify,
)
from tests.builders import MINUTE, NOW, SECOND
from tests.slack_clicks import ADA, ANSWER_AT, EVE, SECRET, a_click, signed

QUESTION = "0" * 31 + "1"
HOSTS = ("hooks.slack.com", "127.0.0.1:8443")


def read(body: bytes) -> SlackReply | None:
    """Read a click that was verified."""
    return parse_slack_reply(body, SECRET, HOSTS)


def refusal(body: bytes, headers: dict[str, str], *, secret: str = SECRET) -> SlackRefused:
    """Why a request is not believed."""
    with pytest.raises(SlackRefused) as caught:
        verify(headers, body, secret, NOW)
    return caught.value


def test_what_slack_signed_just_now_is_believed():
    """Whatever the case of the headers' names, and a little before our clock."""
    body = a_click(QUESTION)
    verify(signed(body, NOW), body, SECRET, NOW)
    verify({k.lower(): v for k, v in signed(body, NOW).items()}, body, SECRET, NOW)
    verify(signed(body, NOW + 300 * SECOND), body, SECRET, NOW)
    verify(signed(body, NOW - 300 * SECOND), body, SECRET, NOW)


@given(st.binary(max_size=300))
def test_our_signature_is_slacks(body):
    """Slack's own library says the same of the same bytes."""

    class At(Clock):
        def now(self) -> float:
            return NOW.timestamp()

    headers = signed(body, NOW)
    verify(headers, body, SECRET, NOW)
    library = SignatureVerifier(SECRET, At())
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return
    assert library.is_valid(
        text, headers["X-Slack-Request-Timestamp"], headers["X-Slack-Signature"]
    )


def test_a_body_that_was_changed_is_refused():
    """A no that became a yes on its way has the signature of the no."""
    no, yes = a_click(QUESTION, is_yes=False), a_click(QUESTION)
    assert SlackRefusal.BAD_SIGNATURE is refusal(yes, signed(no, NOW)).refusal
    assert SlackRefusal.BAD_SIGNATURE is refusal(yes + b" ", signed(yes, NOW)).refusal


def test_a_body_without_an_end_is_not_looked_at():
    """Anybody can send one; checking its signature would be work for nothing."""
    body = b"payload=" + b"x" * 600_000
    with pytest.raises(MalformedEvent, match="600008 bytes"):
        verify(signed(body, NOW), body, SECRET, NOW)


def test_another_secret_or_another_moment_is_refused():
    """The moment is signed too: an old request cannot be made young."""
    body = a_click(QUESTION)
    other = signed(body, NOW, "x" * 32)
    assert SlackRefusal.BAD_SIGNATURE is refusal(body, other).refusal
    young = {**signed(body, NOW - 10 * MINUTE), "X-Slack-Request-Timestamp": _moment(NOW)}
    assert SlackRefusal.BAD_SIGNATURE is refusal(body, young).refusal


def _moment(at) -> str:
    return str(int(at.timestamp()))


@pytest.mark.parametrize("away", [-301, 301, 86400, -86400])
def test_an_old_request_is_refused_however_well_it_is_signed(away):
    """Whoever recorded it may not say yes with it tomorrow."""
    body = a_click(QUESTION)
    said = refusal(body, signed(body, NOW + timedelta(seconds=away)))
    assert SlackRefusal.OLD_REQUEST is said.refusal
    assert "5 minutes" in str(said)


@pytest.mark.parametrize(
    "change",
    [
        {"X-Slack-Signature": ""},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "soon"},
        {"X-Slack-Request-Timestamp": "9" * 400},
        {"X-Slack-Request-Timestamp": "-1"},
        {"X-Slack-Request-Timestamp": "\u0661\u0662"},
    ],
)
def test_what_is_not_signed_is_refused(change):
    """Anybody can find the address."""
    body = a_click(QUESTION)
    assert SlackRefusal.UNSIGNED is refusal(body, {**signed(body, NOW), **change}).refusal


@pytest.mark.parametrize("said", ["v0=", "v0=é", "v1=00", "v0=" + "0" * 64])
def test_a_signature_that_is_made_up_is_refused(said):
    """No text of it makes anything else happen."""
    body = a_click(QUESTION)
    headers = {**signed(body, NOW), "X-Slack-Signature": said}
    assert SlackRefusal.BAD_SIGNATURE is refusal(body, headers).refusal


@pytest.mark.parametrize("is_yes", [True, False])
def test_a_click_says_who_and_what_about_which_question(is_yes):
    """By Slack's id: a name can be chosen, and is not looked at."""
    reply = read(a_click(QUESTION, is_yes=is_yes))
    mark = button_value(SECRET, QUESTION, is_yes=is_yes).rpartition(".")[2]
    assert SlackReply(ADA, QUESTION, is_yes, mark, ANSWER_AT) == reply


def test_one_button_is_one_thing_for_each_person():
    """Two people may press the same button; one may not twice."""
    yes, no = read(a_click(QUESTION)), read(a_click(QUESTION, is_yes=False))
    assert yes is not None
    assert no is not None
    assert yes.once == replace(yes, answer_at="").once
    assert 3 == len({yes.once, no.once, replace(yes, user=EVE).once})


@pytest.mark.parametrize(
    "value",
    [
        QUESTION,
        f"{QUESTION}.yes",
        f"{QUESTION}.yes.{'0' * 32}",
        f"{QUESTION}.yes.é",
        button_value("another secret here", QUESTION, is_yes=True),
        button_value(SECRET, QUESTION, is_yes=False),
        button_value(SECRET, "2" * 32, is_yes=True).replace("2" * 32, QUESTION),
        button_value(SECRET, "../../plans", is_yes=True),
    ],
)
def test_a_button_that_we_did_not_make_is_refused(value):
    """Another app of the workspace may post buttons; what they bring is not ours."""
    with pytest.raises(SlackRefused) as caught:
        read(a_click(QUESTION, value=value))
    assert SlackRefusal.FORGED_BUTTON is caught.value.refusal


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "view_submission"},
        {"actions": []},
        {"actions": [{"action_id": "nightshift_open", "type": "button"}]},
    ],
)
def test_a_click_that_decides_nothing_is_no_reply(changed):
    """The button that opens the page tells Slack's app, too."""
    assert read(a_click(QUESTION, **changed)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload",
        b"\xff=\xff",
        b"payload=%7B",
        b"payload=1",
        b"payload={}&payload={}",
        urlencode({"payload": json.dumps({"type": 5})}).encode(),
        urlencode({"payload": "[" * 5000}).encode(),
        b"&".join(b"a%d=1" % n for n in range(50)),
        a_click(QUESTION, user=""),
        a_click(QUESTION, actions=5),
        b"payload=" + b"x" * 600_000,
    ],
)
def test_a_body_that_is_none_of_slacks_is_said_to_be_wrong(body):
    """It was signed, so Slack's schema has changed or ours is wrong."""
    with pytest.raises(MalformedEvent, match=r"^\$"):
        read(body)


@pytest.mark.parametrize(
    ("answer_at", "is_ours"),
    [
        (ANSWER_AT, True),
        ("https://127.0.0.1:8443/x", True),
        ("http://hooks.slack.com/x", False),
        ("https://hooks.slack.com.evil.example/x", False),
        ("https://ada@hooks.slack.com/x", False),
        ("https://evil.example/hooks.slack.com", False),
        ("https://127.0.0.1/x", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_an_answer_is_written_to_slack_only(answer_at, is_ours):
    """Whoever could choose the address would have us call what they like."""
    reply = read(a_click(QUESTION, answer_at=answer_at))
    assert reply is not None
    assert (answer_at if is_ours else "") == reply.answer_at
