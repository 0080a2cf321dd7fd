"""A person's request to pause, or to lift a pause, read strictly.

Nothing is guessed: a pause without an end must be asked for in words, and a misspelled
key must not make a different pause from the one that was meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from shared.core.durations import parse_duration
from shared.core.errors import MalformedEvent
from shared.core.json_reading import JsonObject, read_request
from shared.core.pauses import Scope

MAX_BODY = 16 * 1024  # bytes
MAX_WORDS = 500  # characters of a reason or a name
_PAUSE = ("scope", "reason", "expires_in", "until_lifted", "owner")
_LIFT = ("owner",)


@dataclass(frozen=True, slots=True)
class PauseRequest:
    """What was asked for.

    Attributes:
        expires_in: How long; None if it was asked for until lifted.
        owner: Who asks, in their own words; empty if the request does not say.
    """

    scope: Scope
    reason: str
    expires_in: timedelta | None
    owner: str = ""


def parse_pause_request(body: bytes | str | object) -> PauseRequest:
    """Read ``{"scope", "reason", "expires_in" | "until_lifted": true, "owner"?}``.

    Raises:
        MalformedEvent: It is anything else; the message names the JSON path.
    """
    fields = read_request(body, _PAUSE, limit=MAX_BODY)
    try:
        scope = Scope.parse(fields.text("scope"))
    except ValueError as error:
        raise MalformedEvent(f"$.scope: {error}") from error
    return PauseRequest(scope, _words(fields, "reason"), _end(fields), _owner(fields))


def parse_lift_request(body: bytes | str | object) -> str:
    """Read ``{"owner"?}``; an empty body says nothing. Returns who lifts, or empty.

    Raises:
        MalformedEvent: It is anything else.
    """
    return _owner(read_request(body, _LIFT, limit=MAX_BODY)) if body else ""


def _words(fields: JsonObject, name: str) -> str:
    text = " ".join(fields.text(name).split())
    if not text or len(text) > MAX_WORDS:
        raise fields.wrong(name, f"1 to {MAX_WORDS} characters")
    return text


def _owner(fields: JsonObject) -> str:
    return _words(fields, "owner") if "owner" in fields.fields else ""


def _end(fields: JsonObject) -> timedelta | None:
    until_lifted = fields.flag("until_lifted", default=False)
    if until_lifted == ("expires_in" in fields.fields):
        raise MalformedEvent(
            '$: should have either "expires_in", for example "4h", or "until_lifted": true'
        )
    if until_lifted:
        return None
    try:
        return parse_duration(fields.text("expires_in"))
    except (ValueError, OverflowError) as error:
        raise MalformedEvent(f"$.expires_in: {error}") from error
