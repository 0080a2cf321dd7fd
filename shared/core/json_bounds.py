"""Load untrusted JSON and keep it within bounds, on the way in and on the way out.

What cannot be read at all is refused when loading. What is JSON but unbearable is
refused by ``check_json``, separately, so that one bad event of a batch is refused
without its neighbours. ``bounded`` cuts what is kept of an event, marking each cut.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii
from typing import Any

from shared.core.errors import MalformedEvent, NotJson

MAX_DEPTH = 64
MAX_VALUES = 100_000  # values in one document, whatever their depth
MAX_INTEGER = 2**64
MAX_TEXT = 4096  # characters of one text that is kept
MAX_KEPT = 16_384  # characters of all that is kept of one event, as ASCII JSON
CUT = "… [cut]"
_INTEGER_DIGITS = 20
_SHOWN = 60  # characters of a path that an error repeats
_NUMBER_COST = 24  # characters a number or a flag takes at most, with its comma


class _Repeated(dict[str, Any]):
    """An object with one key twice: kept until the event it belongs to is refused."""


class _Oversized(str):
    """The digits of an integer no field can hold: kept until its event is refused."""

    __slots__ = ()


def load_json(body: bytes | str | object, *, limit: int) -> object:
    """Read a body to JSON values, not yet checked; see ``check_json``.

    A body that the caller already read (a host's ``get_json``) passes through.

    Args:
        limit: Largest size in bytes, as UTF-8.

    Raises:
        MalformedEvent: It is too large or too deep; ``NotJson`` if it is no JSON.
    """
    if isinstance(body, bytes | bytearray | memoryview):
        raw = bytes(body)
    elif isinstance(body, str):
        raw = body.encode("utf-8", "surrogatepass")
    else:
        return body
    if len(raw) > limit:
        raise MalformedEvent(f"$: was {len(raw)} bytes, should be at most {limit}")
    try:
        value: object = json.loads(
            raw.decode("utf-8-sig"), object_pairs_hook=_pairs, parse_int=_integer
        )
    except UnicodeDecodeError as exc:
        raise NotJson(f"$: should be UTF-8, is not at byte {exc.start}") from None
    except RecursionError:
        raise MalformedEvent(f"$: should be nested at most {MAX_DEPTH} deep") from None
    except ValueError as exc:
        at = f" at character {exc.pos}" if isinstance(exc, json.JSONDecodeError) else ""
        raise NotJson(f"$: should be JSON, is not{at}") from None
    return value


def check_json(value: object, path: str = "$") -> None:
    """Refuse what JSON allows and nothing downstream can bear.

    Raises:
        MalformedEvent: Too deep, too many values, a key twice, a number that is not
            finite or beyond 64 bits, half a character, or no JSON value at all.
    """
    waiting: list[tuple[object, str, int]] = [(value, path, 0)]
    seen = 0
    while waiting:
        current, at, depth = waiting.pop()
        seen += 1
        if depth > MAX_DEPTH:
            raise MalformedEvent(f"{path}: should be nested at most {MAX_DEPTH} deep")
        if seen + len(waiting) > MAX_VALUES:
            raise MalformedEvent(f"{path}: should hold at most {MAX_VALUES} values")
        if isinstance(current, list | dict) and len(current) > MAX_VALUES:
            raise MalformedEvent(f"{at}: should hold at most {MAX_VALUES} values")
        if isinstance(current, dict):
            _check_keys(current, at)
            items = [(k, v) for k, v in current.items() if not _is_plain(v)]
            seen += len(current) - len(items)
            waiting += [(v, f"{at}.{k}"[:_SHOWN], depth + 1) for k, v in items]
        elif isinstance(current, list):
            places = [(i, v) for i, v in enumerate(current) if not _is_plain(v)]
            seen += len(current) - len(places)
            waiting += [(v, f"{at}[{i}]"[:_SHOWN], depth + 1) for i, v in places]
        else:
            _check_scalar(current, at)
    if seen > MAX_VALUES:
        raise MalformedEvent(f"{path}: should hold at most {MAX_VALUES} values")


def _is_plain(value: object) -> bool:
    """Tell at little cost that a value needs no closer look, as nearly all need none.

    Not for a text's subclass: ``_Oversized`` is one.
    """
    return type(value) is str and value.isascii()


def _check_keys(value: dict[Any, Any], path: str) -> None:
    if isinstance(value, _Repeated):
        raise MalformedEvent(f"{path}: has a key twice, should have each once")
    for key in value:
        if _is_plain(key):
            continue
        if not isinstance(key, str):
            raise MalformedEvent(f"{path}: has a key that is {describe(key)}, not a text")
        _check_scalar(key, path)


def _check_scalar(value: object, path: str) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, _Oversized) or (
        isinstance(value, int) and not -MAX_INTEGER < value < MAX_INTEGER
    ):
        raise MalformedEvent(f"{path}: was an integer beyond 64 bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise MalformedEvent(f"{path}: was {value}, should be a finite number")
    if isinstance(value, str) and _has_half_character(value):
        raise MalformedEvent(f"{path}: has half a surrogate pair, should be Unicode text")
    if not isinstance(value, int | float | str):
        raise MalformedEvent(f"{path}: was {describe(value)}, should be a JSON value")


def _has_half_character(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= mark <= "\udfff" for mark in text)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else _Repeated(fields)


def _integer(digits: str) -> int | _Oversized:
    return int(digits) if len(digits) <= _INTEGER_DIGITS else _Oversized(digits)


def describe(value: object) -> str:
    """Say what kind of JSON value was found, without repeating its content."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    names: tuple[tuple[type, str], ...] = (
        (int, "a number"),
        (float, "a number"),
        (str, "a text"),
        (list, "an array"),
        (dict, "an object"),
    )
    found = (name for kind, name in names if isinstance(value, kind))
    return next(found, f"a {type(value).__name__}")


def bounded(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Copy JSON fields, cut so that they fit a ledger row; the first ones win.

    Table storage holds 64 KiB of UTF-16 in one property. A cut text ends with a mark,
    a cut array gets the mark as its last value, a cut object as its last key.

    Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
    """
    kept, _ = _cut_object(fields, MAX_KEPT)
    return kept


def _cut(value: object, left: int) -> tuple[Any, int]:
    """Cut one value to the characters left; also say how many remain then."""
    if isinstance(value, str):
        text = _cut_text(value, min(left, MAX_TEXT))
        return text, left - _cost(text)
    if isinstance(value, Mapping):
        return _cut_object(value, left)
    if isinstance(value, list | tuple):
        return _cut_array(value, left)
    return value, left - _NUMBER_COST


def _cut_object(fields: Mapping[str, Any], left: int) -> tuple[dict[str, Any], int]:
    kept: dict[str, Any] = {}
    left -= _NUMBER_COST
    for key, value in fields.items():
        name = _cut_text(key, MAX_TEXT // 16)
        left -= _cost(name)
        if left <= 0:
            kept[CUT] = f"{len(fields) - len(kept)} more"
            break
        kept[name], left = _cut(value, left)
    return kept, left


def _cut_array(values: list[Any] | tuple[Any, ...], left: int) -> tuple[list[Any], int]:
    kept: list[Any] = []
    left -= _NUMBER_COST
    for value in values:
        if left <= 0:
            kept.append(f"{CUT} {len(values) - len(kept)} more")
            break
        item, left = _cut(value, left)
        kept.append(item)
    return kept, left


def _cut_text(text: str, limit: int) -> str:
    text = text.replace("\x00", "\ufffd")  # the one character Table storage refuses
    if _cost(text) <= limit:
        return text
    short = text[:limit]
    while short and _cost(short) > limit - len(CUT):
        short = short[: min(len(short) - 1, len(short) * limit // _cost(short))]
    return short + CUT


def _cost(text: str) -> int:
    """Count the characters of a text once it is written as ASCII JSON."""
    return len(encode_basestring_ascii(text))


def show(value: object) -> str:
    """Write a value as JSON text for the quarantine, whatever it is."""
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return f"({describe(value)} that cannot be written as JSON)"
