"""What a rule says without what it leaves off: the same from release to release."""

from __future__ import annotations

from collections.abc import Mapping


def without_what_is_off(content: Mapping[str, object]) -> dict[str, object]:
    """Leave out every key whose value is off, at every depth.

    Off is nothing, false, no time at all, and what is empty then; the number 0 is a number.
    """
    looked = {key: _within(value) for key, value in content.items()}
    return {key: value for key, value in looked.items() if not _is_off(value)}


def _within(value: object) -> object:
    if isinstance(value, Mapping):
        return without_what_is_off(value)
    return [_within(one) for one in value] if isinstance(value, list) else value


def _is_off(value: object) -> bool:
    return value is None or value is False or value in ("", "0s", [], {}, ())
