"""The lines of a recording: an event as it came, when, and the facts known then.

One JSON object a line, as ``nightshift archive pull`` writes them:
``{received_at, inlet, event, encoding?, facts: {target: {kind: facts}}}``.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shared.core.facts import Facts, FactsKind
from shared.core.facts_json import WrongFacts, facts_from_json

ENCODINGS = ("json", "text", "base64")


class BadLine(ValueError):
    """A line is no line of a recording; the message says what would be."""


class NoFacts(LookupError):
    """Nothing was recorded of that kind about that target."""


@dataclass(slots=True)
class FactsOf:
    """The facts of one line, read when a rule first asks for them."""

    written: Mapping[str, Mapping[str, Any]]
    _read: dict[tuple[str, FactsKind], Facts | None] = field(default_factory=dict)

    def about(self, target: str, kind: FactsKind) -> Facts | None:
        """Return facts of a target, None if it was gone.

        Raises:
            NoFacts: There are none of that kind about it.
            WrongFacts: What is there is no facts of that kind.
        """
        key = (target.casefold(), kind)
        if key not in self._read:
            kinds = self.written.get(key[0], {})
            if kind not in kinds:
                raise NoFacts(f"no {kind} facts were recorded about {target}")
            value = kinds[kind]
            self._read[key] = None if value is None else facts_from_json(kind, value)
        return self._read[key]


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery of a recording.

    Attributes:
        body: JSON values, or bytes where the delivery was no JSON.
    """

    received_at: datetime
    inlet: str
    body: Any
    facts: FactsOf


def read_line(text: str | bytes) -> Line:
    """Read one line.

    Raises:
        BadLine: It is no such object.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise BadLine("is not JSON") from None
    if not isinstance(document, dict):
        raise BadLine("is not an object")
    missing = [key for key in ("received_at", "event") if key not in document]
    if missing:
        raise BadLine(f"has no {' and no '.join(missing)}")
    return Line(
        received_at=_moment(document["received_at"]),
        inlet=str(document.get("inlet") or ""),
        body=body_of(document["event"], document.get("encoding", "json")),
        facts=facts_of(document.get("facts") or {}),
    )


def body_of(value: Any, encoding: object) -> Any:
    """Give a delivery's body as a parser takes it; a text that is JSON stays one.

    Raises:
        BadLine: The value does not fit its encoding.
    """
    if encoding == "json":
        return json.dumps(value).encode() if isinstance(value, str) else value
    if encoding not in ENCODINGS or not isinstance(value, str):
        raise BadLine(f"encoding should be one of {', '.join(ENCODINGS)}, with a text")
    if encoding == "text":
        return value.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise BadLine("its event should be base64 and is not") from None


def facts_of(document: Any) -> FactsOf:
    """Take ``{target: {kind: facts}}``; Azure's ids fold case.

    Raises:
        BadLine: It has another shape.
    """
    if not isinstance(document, dict) or not all(
        isinstance(kinds, dict) for kinds in document.values()
    ):
        raise BadLine("facts should be {target: {kind: facts}}")
    return FactsOf({target.casefold(): kinds for target, kinds in document.items()})


def _moment(text: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise BadLine("received_at should be a moment such as 2026-11-22T03:04:05Z") from None
    if moment.tzinfo is None:
        raise BadLine("received_at should say its time zone: 2026-11-22T03:04:05Z")
    return moment.astimezone(UTC)


__all__ = ["BadLine", "FactsOf", "Line", "NoFacts", "WrongFacts", "read_line"]
