"""A yes or a no is read strictly, from a form and as JSON."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from shared.core.errors import MalformedEvent
from shared.parsing.approval_request import (
    FORM,
    JSON,
    MAX_BODY,
    DecisionRequest,
    parse_decision,
)


def form(**fields: str):
    """Read a form."""
    return parse_decision(urlencode(fields).encode(), f"{FORM}; charset=utf-8")


def as_json(**fields: object):
    """Read JSON."""
    return parse_decision(json.dumps(fields).encode(), f"{JSON}; charset=utf-8")


@pytest.mark.parametrize("read", [form, as_json])
def test_both_ways_say_the_same(read):
    """What a browser posts and what a program sends."""
    assert DecisionRequest(is_yes=True, reason="", name="") == read(decision="approve")
    said = read(decision="reject", reason=" noch  nicht:\n 100 % & ü", name="Ada")
    assert DecisionRequest(is_yes=False, reason="noch nicht: 100 % & ü", name="Ada") == said


@pytest.mark.parametrize("read", [form, as_json])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "should be"),
        ({"reason": "x"}, "$.decision: is missing"),
        ({"decision": "yes"}, "should be approve or reject"),
        ({"decision": "APPROVE"}, "should be approve or reject"),
        ({"decision": "approve", "raeson": "x"}, "$.raeson: is not known"),
        ({"decision": "approve", "reason": "x" * 501}, "at most 500"),
        ({"decision": "approve", "name": "x" * 101}, "at most 100"),
        ({"decision": "approve", "name": "ada\u202enimda"}, "cannot be shown"),
        ({"decision": "approve", "reason": "a\x00b"}, "cannot be shown"),
    ],
)
def test_what_cannot_be_meant_is_refused(read, fields, words):
    """The message names the field and what it may be."""
    with pytest.raises(MalformedEvent) as caught:
        read(**fields)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"decision=approve&decision=reject", FORM),
        (b"decision=approve&a=1&b=2&c=3", FORM),
        (b"decision=%ff", FORM),
        (b"\xff", FORM),
        (b"decision=approve&name=" + b"x" * MAX_BODY, FORM),
        (b'{"decision": "approve", "name": "' + b"x" * MAX_BODY + b'"}', JSON),
        (b'{"decision": "approve", "decision": "reject"}', JSON),
        (b'["approve"]', JSON),
        (b"", JSON),
        (b"", FORM),
        (b"decision=approve", "text/plain"),
        (b"decision=approve", ""),
        (b"decision=approve", "multipart/form-data; boundary=x"),
    ],
)
def test_a_body_of_another_kind_is_refused(body: bytes, kind: str):
    """Too long, said twice, not in these letters, or not a form at all."""
    with pytest.raises(MalformedEvent):
        parse_decision(body, kind)
