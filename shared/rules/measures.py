"""Single values of rule files, read strictly: words, numbers and spans within bounds.

Each reader takes a YAML value and returns what it means, or raises ValueError with
``what is wrong: what to write``. The plain reader and the models share them, so that
both draw every line in the same place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import Enum
from typing import Any, TypeVar, cast

from shared.core.durations import format_duration
from shared.core.moments import read_moment
from shared.rules.settings import duration, shown

Read = Callable[[object], Any]
E = TypeVar("E", bound=Enum)

NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
NAME_AT_MOST = 64
CONDITION_AT_MOST = 2000


def text(value: object) -> str:
    """Read a text; a lone surrogate is none."""
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is no text: write text")  # noqa: TRY004 - one kind
    value.encode()  # UnicodeEncodeError is a ValueError
    return value


def name(value: object) -> str:
    """Read a name of a rule or a block."""
    word = text(value)
    if len(word) > NAME_AT_MOST or not re.fullmatch(NAME, word):
        raise ValueError(f"{shown(word)} is no name: write lower-case-words-with-hyphens")
    return word


def condition(value: object) -> str:
    """Read a condition's text; a bare truth value is one too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    words = text(value)
    if len(words) > CONDITION_AT_MOST:
        raise ValueError(f"it is too long: write at most {CONDITION_AT_MOST} characters")
    return words


def word(kind: type[E]) -> Callable[[object], E]:
    """Make a reader of one of an enumeration's words."""
    known = {str(member.value): member for member in kind}

    def read(value: object) -> E:
        if isinstance(value, str) and value in known:
            return known[value]
        raise ValueError(f"{shown(value)} is not known: {nearest(value, known)}")

    return read


def nearest(value: object, known: Any) -> str:
    """Suggest the word meant, or name all there are."""
    near = get_close_matches(str(value).casefold(), known, n=1) if value else []
    return f"did you mean {near[0]}?" if near else f"write {', '.join(known)}"


def whole(least: int, most: int) -> Callable[[object], int]:
    """Make a reader of whole numbers between two bounds, both included."""

    def read(value: object) -> int:
        if type(value) is not int or not least <= value <= most:
            wanted = f"write a whole number from {least} to {most}"
            raise ValueError(f"{shown(value)} does not fit: {wanted}")
        return value

    return read


def number(least: float, most: float, *, is_above: bool = False) -> Callable[[object], float]:
    """Make a reader of finite numbers; ``is_above`` leaves out the lower bound itself."""

    def read(value: object) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and math.isfinite(found := float(cast("float", value))):
            is_in = least < found <= most if is_above else least <= found <= most
            if is_in:
                return found
        low = f"above {least:g}" if is_above else f"from {least:g}"
        wanted = f"write a number {low} to {most:g}"
        raise ValueError(f"{shown(value)} does not fit: {wanted}")

    return read


def span(least: timedelta, most: timedelta) -> Callable[[object], timedelta]:
    """Make a reader of durations between two bounds, both included."""

    def read(value: object) -> timedelta:
        found = duration(value)
        if not least <= found <= most:
            wanted = f"write {format_duration(least)} to {format_duration(most)}"
            raise ValueError(f"{shown(value)} does not fit: {wanted}")
        return found

    return read


def each(
    read: Read, *, most: int, is_unique: bool = False
) -> Callable[[object], tuple[Any, ...]]:
    """Make a reader of one value or a list of them."""

    def read_all(value: object) -> tuple[Any, ...]:
        found = tuple(read(one) for one in (value if isinstance(value, list) else [value]))
        if len(found) > most:
            raise ValueError(f"these are {len(found)}: write at most {most}")
        if is_unique and len(set(found)) < len(found):
            raise ValueError("one is named twice: write each once")
        return found

    return read_all


def moment(value: object) -> datetime:
    """Read a moment with its time zone."""
    found = read_moment(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{shown(value)} is no moment: write 2030-01-01T03:00:00Z")
    return found


def document(value: object) -> Any:
    """Read the path of a file, or the document itself."""
    if isinstance(value, dict) or (isinstance(value, str) and text(value).strip()):
        return value
    raise ValueError(f"{shown(value)} does not fit: write the path of a file, or its content")
