"""Requests to pause are read strictly: what is not understood is refused with its path."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from shared.core.errors import MalformedEvent
from shared.core.pauses import Scope
from shared.parsing.pause_request import PauseRequest, parse_lift_request, parse_pause_request

GOOD = {"scope": "global", "reason": "moving  the array", "expires_in": "4h", "owner": " ada "}


def asked(**fields):
    """Write a request with some fields changed; None leaves one out."""
    merged = {**GOOD, **fields}
    return json.dumps({key: value for key, value in merged.items() if value is not None})


def test_a_request_is_read():
    """Blank space in words does not count."""
    expected = PauseRequest(
        Scope.parse("global"), "moving the array", timedelta(hours=4), "ada"
    )
    assert expected == parse_pause_request(asked())


def test_without_an_end_it_must_say_so():
    """Nobody pauses for ever by forgetting a key."""
    assert parse_pause_request(asked(expires_in=None, until_lifted=True)).expires_in is None
    for wrong in (
        {"expires_in": None},
        {"until_lifted": True},
        {"expires_in": None, "until_lifted": False},
    ):
        with pytest.raises(MalformedEvent, match="until_lifted"):
            parse_pause_request(asked(**wrong))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"scope": None}, r"\$\.scope"),
        ({"scope": "all"}, r"\$\.scope: .*write global"),
        ({"scope": 3}, r"\$\.scope"),
        ({"reason": None}, r"\$\.reason"),
        ({"reason": " \n "}, r"\$\.reason"),
        ({"reason": "x" * 501}, r"\$\.reason.*1 to 500"),
        ({"expires_in": "soon"}, r"\$\.expires_in: .*write for example"),
        ({"expires_in": 3600}, r"\$\.expires_in"),
        ({"owner": ""}, r"\$\.owner"),
        ({"expiresin": "4h"}, r"\$\.expiresin: is not known"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(fields, words):
    """A person mends it in one go."""
    with pytest.raises(MalformedEvent, match=words):
        parse_pause_request(asked(**fields))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"global"'])
def test_what_is_no_object_is_refused(body):
    """An empty pause is no pause of everything."""
    with pytest.raises(MalformedEvent):
        parse_pause_request(body)


def test_who_lifts_may_be_left_to_the_sign_in():
    """Or is said in the body; nothing else is."""
    assert "" == parse_lift_request(b"")
    assert "ada" == parse_lift_request(b'{"owner": "ada"}')
    with pytest.raises(MalformedEvent, match="is not known"):
        parse_lift_request(b'{"by": "ada"}')
