"""A person's yes or no, from a form or as JSON, read strictly.

Nothing is guessed: a decision that is neither word is none, and a misspelled key must
not lose somebody's reason.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from urllib.parse import parse_qsl

from shared.core.errors import MalformedEvent
from shared.core.json_reading import JsonObject, read_request

MAX_BODY = 16 * 1024  # bytes
MAX_REASON = 500  # characters
MAX_NAME = 100
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
_WORDS = {"approve": True, "reject": False}
_KNOWN = ("decision", "reason", "name")
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """What was said.

    Attributes:
        reason: Why, on one line; may be empty.
        name: Who says so in their own words; empty if they do not.
    """

    is_yes: bool
    reason: str
    name: str


def is_form(content_type: str) -> bool:
    """Tell whether a body is what a browser sends without a script."""
    return content_type.partition(";")[0].strip().casefold() != JSON


def parse_decision(body: bytes, content_type: str) -> DecisionRequest:
    """Read ``decision=approve|reject``, ``reason`` and ``name``, as a form or as JSON.

    Raises:
        MalformedEvent: It is anything else; the message names the field.
    """
    if is_form(content_type):
        fields = _form(body, content_type).only(_KNOWN)
    else:
        fields = read_request(body, _KNOWN, limit=MAX_BODY)
    word = fields.text("decision")
    if word not in _WORDS:
        raise fields.wrong("decision", "approve or reject")
    return DecisionRequest(
        is_yes=_WORDS[word],
        reason=_line(fields, "reason", MAX_REASON),
        name=_line(fields, "name", MAX_NAME),
    )


def _form(body: bytes, content_type: str) -> JsonObject:
    if content_type.partition(";")[0].strip().casefold() != FORM:
        raise MalformedEvent(f"$: should be {FORM} or {JSON}")
    if len(body) > MAX_BODY:
        raise MalformedEvent(f"$: was {len(body)} bytes, should be at most {MAX_BODY}")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=len(_KNOWN),
        )
    except ValueError:
        raise MalformedEvent("$: should be a form with decision, reason and name") from None
    if len(dict(pairs)) < len(pairs):
        raise MalformedEvent("$: has a field twice, should have each once")
    return JsonObject(dict(pairs))


def _line(fields: JsonObject, name: str, most: int) -> str:
    """Read words that are shown to other people: on one line, in the order written."""
    text = " ".join(fields.optional_text(name).split())
    if len(text) > most:
        raise MalformedEvent(f"$.{name}: has {len(text)} characters, at most {most} are read")
    if any(c in _REORDERING or unicodedata.category(c) in {"Cc", "Cs"} for c in text):
        raise MalformedEvent(f"$.{name}: holds characters that cannot be shown")
    return text
