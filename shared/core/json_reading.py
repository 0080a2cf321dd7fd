"""Read untrusted JSON by typed getters.

Whatever the sender wrote, the outcome is a value of the asked type or a
``MalformedEvent`` that names the JSON path, what was there and what should be.
Field names are matched exactly, else without case: the same vendor writes
``EventId`` in one schema and ``eventId`` in its sister.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.core.errors import MalformedEvent
from shared.core.json_bounds import MAX_VALUES, check_json, describe, load_json
from shared.core.moments import read_moment
from shared.core.resource_ids import ResourceId

MAX_ID = 2048  # characters; the longest ARM ids seen have a few hundred
_SHOWN = 60  # characters of a wrong text that an error repeats


def read_arm_id(text: str) -> ResourceId:
    """Read an untrusted ARM id.

    Raises:
        ValueError: It is none, is endless, or cannot be printed.
    """
    if len(text) > MAX_ID or not text.isprintable():
        raise ValueError(f"an ARM id has at most {MAX_ID} printable characters")
    return ResourceId.parse(text)


def read_request(
    body: bytes | str | object, known: tuple[str, ...], *, limit: int
) -> JsonObject:
    """Read what a person sent as one JSON object, of which every key must be known.

    Args:
        limit: Bytes that are read at most.

    Raises:
        MalformedEvent: It is anything else; the message names the JSON path.
    """
    value = load_json(body, limit=limit)
    check_json(value)
    return JsonObject.of(value).only(known)


@dataclass(frozen=True, slots=True)
class JsonObject:
    """One JSON object and where it was found.

    The plain getters insist; those named ``optional_`` take an absent field and null
    for "not said". ``loose_`` ones take any type: for fields that only describe, whose
    types differ between the vendor's own pages.
    """

    fields: Mapping[str, Any]
    path: str = "$"

    @classmethod
    def of(cls, value: object, path: str = "$") -> JsonObject:
        """Insist that a value is an object."""
        if not isinstance(value, dict):
            raise MalformedEvent(f"{path}: was {describe(value)}, should be an object")
        return cls(value, path)

    def only(self, known: tuple[str, ...]) -> JsonObject:
        """Insist that no other keys are there: a misspelled one is not to be ignored."""
        for name in self.fields:
            if name not in known:
                should = known[0] if len(known) == 1 else f"one of {', '.join(known)}"
                raise MalformedEvent(f"{self.at(name[:60])}: is not known, should be {should}")
        return self

    def at(self, name: str) -> str:
        """Name the path of a field."""
        return f"{self.path}.{name}"

    def wrong(self, name: str, should: str) -> MalformedEvent:
        """Make the error for a field; texts are shown, cut, as formats are judged by them."""
        value = self.get(name)
        was = repr(value[:_SHOWN]) if isinstance(value, str) else describe(value)
        missing = not self.has(name)
        return MalformedEvent(
            f"{self.at(name)}: {'is missing' if missing else f'was {was}'}, should be {should}"
        )

    def get(self, name: str) -> Any:
        """Read any value, None if absent: the exact name first, then without case."""
        if name in self.fields:
            return self.fields[name]
        wanted = name.casefold()
        found = [key for key in self.fields if key.casefold() == wanted]
        if len(found) > 1:
            raise MalformedEvent(
                f"{self.at(name)}: is there {len(found)} times, should be once"
            )
        return self.fields[found[0]] if found else None

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null."""
        return self.get(name) is not None

    def text(self, name: str) -> str:
        """Insist on a text that is not blank."""
        value = self.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(name, "a text")
        return value.strip()

    def optional_text(self, name: str) -> str:
        """Read a text; empty if not said."""
        value = self.get(name)
        if value is not None and not isinstance(value, str):
            raise self.wrong(name, "a text")
        return (value or "").strip()

    def loose_text(self, name: str) -> str:
        """Read a text, or a number or flag as text; empty for anything else."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return describe(value) if isinstance(value, bool) else ""
        return str(value).strip()

    def identifier(self, name: str) -> str:
        """Insist on a text that can name something: printable and not endless."""
        value = self.text(name)
        if len(value) > MAX_ID or not value.isprintable():
            raise self.wrong(name, f"an id of at most {MAX_ID} printable characters")
        return value

    def optional_identifier(self, name: str) -> str:
        """Read a text that can name something; empty if not said or blank."""
        return self.identifier(name) if self.optional_text(name) else ""

    def arm_id(self, name: str) -> ResourceId:
        """Insist on an ARM id."""
        try:
            return read_arm_id(self.identifier(name))
        except ValueError:
            raise self.wrong(name, "an ARM id (/subscriptions/...)") from None

    def loose_number(self, name: str) -> float | None:
        """Read a number, also one written as text; None for anything else."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return None
        return number if math.isfinite(number) else None

    def flag(self, name: str, *, default: bool) -> bool:
        """Read a true or false; the default if the field is absent."""
        value = self.get(name)
        if value is None and name not in self.fields:
            return default
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def object(self, name: str) -> JsonObject:
        """Insist on an object."""
        value = self.get(name)
        if not isinstance(value, dict):
            raise self.wrong(name, "an object")
        return JsonObject(value, self.at(name))

    def loose_object(self, name: str) -> JsonObject:
        """Read an object; an empty one for anything else."""
        value = self.get(name)
        return JsonObject(value if isinstance(value, dict) else {}, self.at(name))

    def array(self, name: str, *, at_most: int = MAX_VALUES) -> list[Any]:
        """Read an array; an empty one if not said."""
        value = self.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > at_most:
            raise self.wrong(name, f"an array of at most {at_most}")
        return value

    def objects(self, name: str) -> list[JsonObject]:
        """Read an array of objects; an empty one if not said."""
        return [
            JsonObject.of(value, f"{self.at(name)}[{index}]")
            for index, value in enumerate(self.array(name))
        ]

    def loose_objects(self, name: str) -> list[JsonObject]:
        """Read an array's objects; anything else in it, or instead of it, is left out."""
        values = self.get(name)
        return [
            JsonObject(value, f"{self.at(name)}[{index}]")
            for index, value in enumerate(values if isinstance(values, list) else [])
            if isinstance(value, dict)
        ]

    def texts(self, name: str, *, at_most: int = MAX_VALUES) -> tuple[str, ...]:
        """Read an array of texts, blanks left out; an empty one if not said."""
        values = self.array(name, at_most=at_most)
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(name, "an array of texts")
        return tuple(value.strip() for value in values if value.strip())

    def optional_moment(self, name: str) -> datetime | None:
        """Read a moment; None if not said, blank or year 1."""
        value = self.get(name)
        try:
            if value is None or isinstance(value, str):
                return read_moment(value or "")
        except ValueError:
            pass
        raise self.wrong(name, "a moment (RFC 1123 or ISO 8601)")

    def loose_moment(self, name: str) -> datetime | None:
        """Read a moment; None for anything that is not one."""
        value = self.get(name)
        try:
            return read_moment(value) if isinstance(value, str) else None
        except ValueError:
            return None
