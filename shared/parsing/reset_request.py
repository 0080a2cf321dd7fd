"""A person's request to reset a breaker, read strictly."""

from __future__ import annotations

from dataclasses import dataclass

from shared.core.json_reading import JsonObject, read_request

MAX_BODY = 16 * 1024  # bytes
MAX_NAME = 2_000  # characters of a breaker's key: an ARM id and some words
MAX_OWNER = 500
_KNOWN = ("breaker", "dry_run", "owner")


@dataclass(frozen=True, slots=True)
class ResetRequest:
    """What was asked for.

    Attributes:
        breaker: Its key, from the list of those that are open.
        owner: Who asks, in their own words; empty if the request does not say.
    """

    breaker: str
    is_dry_run: bool = False
    owner: str = ""


def parse_reset_request(body: bytes | str | object) -> ResetRequest:
    """Read ``{"breaker", "dry_run"?, "owner"?}``.

    Raises:
        MalformedEvent: It is anything else; the message names the JSON path.
    """
    fields = read_request(body, _KNOWN, limit=MAX_BODY)
    return ResetRequest(
        breaker=_text(fields, "breaker", MAX_NAME),
        is_dry_run=fields.flag("dry_run", default=False),
        owner=_text(fields, "owner", MAX_OWNER) if "owner" in fields.fields else "",
    )


def _text(fields: JsonObject, name: str, most: int) -> str:
    text = fields.text(name).strip()
    if not text or len(text) > most:
        raise fields.wrong(name, f"1 to {most} characters")
    return text
