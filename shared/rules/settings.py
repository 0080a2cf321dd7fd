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

from shared.rules.model import duration

SHOWN_AT_MOST = 60


def known_settings(settings: type[Any]) -> Mapping[str, object]:
    """Name the settings a remediation has, with what each takes."""
    hints = typing.get_type_hints(settings)
    return {field.name: hints[field.name] for field in dataclasses.fields(settings)}


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


def read_settings(settings: type[Any], given: Mapping[str, Any]) -> Any:
    """Read settings back from what a plan recorded; a key of another release is ignored.

    Raises:
        ValueError: A value does not fit its setting.
    """
    known = known_settings(settings)
    return settings(**{k: convert(v, known[k]) for k, v in given.items() if k in known})
