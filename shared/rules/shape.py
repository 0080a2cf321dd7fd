"""The shape of one merged rule: its keys and the kinds of their values.

A rule that is plainly right is read here by plain code, so that a cold start does not
pay for pydantic. Whatever is not plainly right goes to the models, which decide and say
what is wrong: this file takes no rule that they would refuse, reads none differently
(tests/property/test_rule_shapes.py) and refuses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.core.freezes import Freeze
from shared.core.plans import Mode
from shared.core.signals import SignalType
from shared.rules.documents import plain
from shared.rules.drafts import Draft
from shared.rules.problems import Problems
from shared.rules.settings import duration

NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
NAME_AT_MOST = 64
WHEN_AT_MOST = 2000
RUNG_LATER = frozenset({"timeout", "verify"})
"""Settings of the full language that this version refuses by name."""
_KEYS = frozenset(
    {"name", "description", "notes", "on", "when", "remediate", "with", "mode", "guard"}
)
_GUARD_KEYS = frozenset({"cooldown"})
_SIGNALS = {kind.value: kind for kind in SignalType}
_MODES = {mode.value: mode for mode in Mode}


@dataclass(frozen=True, slots=True)
class RuleShape:
    """A rule whose keys and kinds of values are right; its words are not checked yet."""

    name: str
    description: str = ""
    notes: str = ""
    on: tuple[SignalType, ...] | None = None
    when: str = "true"
    remediate: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = Mode.OBSERVE
    cooldown: timedelta = timedelta(0)
    max_age: timedelta | None = None
    freezes: tuple[Freeze, ...] = ()


class _NotPlain(Exception):
    """The models must look at this one."""


def shape(draft: Draft, problems: Problems) -> RuleShape:
    """Read a rule's shape; report what is wrong with it and leave that out."""
    content = {key: plain(entry.node) for key, entry in draft.table.entries.items()}
    found = read_plain(content)
    if found is not None:
        return found
    from shared.rules.misshapen import freezes_within, modelled  # noqa: PLC0415 - pydantic

    model = modelled(draft, problems)
    return RuleShape(
        name=model.name,
        description=model.description,
        notes=model.notes,
        on=model.on,
        when=model.when,
        remediate=model.remediate,
        settings=model.with_,
        mode=model.mode,
        cooldown=model.guard.cooldown,
        max_age=model.guard.max_age,
        freezes=freezes_within(draft, model),
    )


def freeze_of(draft: Draft, problems: Problems) -> Freeze | None:
    """Check a window that holds for every rule; None if it is refused."""
    from shared.rules.misshapen import modelled_freeze  # noqa: PLC0415 - imports pydantic

    return modelled_freeze(draft, problems)


def read_plain(content: Mapping[str, Any]) -> RuleShape | None:
    """Read a rule that is plainly right; None leaves the verdict to the models."""
    if not content.keys() <= _KEYS or "name" not in content:
        return None
    try:
        return RuleShape(**{_FIELDS.get(k, k): _READ[k](v) for k, v in content.items()})
    except (_NotPlain, ValueError):
        return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _NotPlain
    value.encode()  # a lone surrogate is no text: UnicodeEncodeError is a ValueError
    return value


def _name(value: object) -> str:
    text = _text(value)
    if len(text) > NAME_AT_MOST or not re.fullmatch(NAME, text):
        raise _NotPlain
    return text


def _on(value: object) -> tuple[SignalType, ...]:
    words = value if isinstance(value, list) else [value]
    found = [_SIGNALS.get(_text(word)) for word in words]
    if not found or None in found:
        raise _NotPlain
    return tuple(kind for kind in found if kind is not None)


def _when(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = _text(value)
    if len(text) > WHEN_AT_MOST:
        raise _NotPlain
    return text


def _mode(value: object) -> Mode:
    mode = _MODES.get(_text(value))
    if mode is None:
        raise _NotPlain
    return mode


def _with(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _NotPlain
    return {_text(key): item for key, item in value.items()}


def _cooldown(value: object) -> timedelta:
    if not isinstance(value, dict) or not value.keys() <= _GUARD_KEYS:
        raise _NotPlain
    return duration(value["cooldown"]) if value else timedelta(0)


_FIELDS = {"with": "settings", "guard": "cooldown"}
_READ: Mapping[str, Any] = {
    "name": _name,
    "description": _text,
    "notes": _text,
    "on": _on,
    "when": _when,
    "remediate": _text,
    "with": _with,
    "mode": _mode,
    "guard": _cooldown,
}
