"""YAML values -> a remediation's settings, strictly: nothing is guessed or coerced.

A setting is a field of the remediation's frozen dataclass. Its annotation says what
is taken; what its ``__post_init__`` refuses with ValueError is refused here too.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import Any

from shared.core.durations import parse_duration
from shared.core.errors import InvalidSetting

SHOWN_AT_MOST = 60
LONGEST = timedelta(days=3650)
_KNOWN: dict[type[Any], Mapping[str, object]] = {}


def known_settings(settings: type[Any]) -> Mapping[str, object]:
    """Name the settings a remediation has, with what each takes.

    Looked up once for each: every attempt at every step asks.
    """
    if settings not in _KNOWN:
        hints = typing.get_type_hints(settings)
        _KNOWN[settings] = {one.name: hints[one.name] for one in dataclasses.fields(settings)}
    return _KNOWN[settings]


def read_settings(settings: type[Any], stored: Mapping[str, object]) -> Any:
    """Read settings back as ``values.settings_as_yaml`` wrote them into a plan.

    A setting that this version does not have any more is left out: a plan outlives the
    version that opened it.

    Raises:
        InvalidSetting: A value no longer fits its setting.
    """
    known = known_settings(settings)
    try:
        return settings(
            **{name: convert(stored[name], known[name]) for name in known if name in stored}
        )
    except ValueError as error:
        raise InvalidSetting(f"reading the settings of a stored plan: {error}") from error


def convert(value: object, hint: object) -> object:
    """Turn one YAML value into what a setting takes.

    Raises:
        ValueError: It is of another kind; the message says what to write.
        TypeError: The setting's own annotation is none that rules can set.
    """
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        others = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
        return None if value is None else convert(value, others[0])
    if typing.get_origin(hint) is tuple:
        return _words(value, typing.get_args(hint)[0])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _member(value, hint)
    if hint is timedelta:
        return duration(value)
    if hint in {str, int, float, bool}:
        return _simple(value, typing.cast("type", hint))
    raise TypeError(f"a setting of type {hint} cannot be set from a rule")


def duration(value: object) -> timedelta:
    """Read a duration strictly: text with units, from zero to ten years.

    Raises:
        ValueError: It is not; the message says what to write.
    """
    if not isinstance(value, str):
        wrong = f"{value!r} is not a duration: write for example 20s, 10m, 1h30m"
        raise ValueError(wrong)  # noqa: TRY004 - one kind of refusal for the caller
    try:
        span = parse_duration(value)
    except OverflowError:
        span = timedelta.max
    if span > LONGEST:
        raise ValueError(f"{value!r} is too long a duration: write at most 3650d")
    return span


_WANTED = {
    str: "text, in quotes if it looks like something else",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def _simple(value: object, hint: type) -> object:
    fits = type(value) is hint or (hint is float and type(value) is int)
    if not fits or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{shown(value)} does not fit: write {_WANTED[hint]}")
    return float(typing.cast("float", value)) if hint is float else value


def _words(value: object, hint: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        wrong = f"{shown(value)} is not a list: write [{shown(value)}]"
        raise ValueError(wrong)  # noqa: TRY004 - one kind of refusal for the caller
    return tuple(convert(item, hint) for item in value)


def _member(value: object, hint: type[Enum]) -> Enum:
    for member in hint:
        if value == member.value and type(value) is not bool:
            return member
    known = ", ".join(str(member.value) for member in hint)
    raise ValueError(f"{shown(value)} is not known: write one of {known}")


def shown(value: object) -> str:
    """Write a value for a message as YAML has it, cut to a readable length."""
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= SHOWN_AT_MOST else text[: SHOWN_AT_MOST - 3] + "..."
