"""The shape of one merged rule: its keys and the kinds of their values.

A rule that is plainly right is read here by plain code, so that a cold start does not
pay for pydantic. Whatever is not plainly right goes to the models, which decide and say
what is wrong: this file takes no rule that they would refuse, reads none differently
(tests/property/test_rule_shapes.py) and refuses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.core.freezes import Freeze
from shared.core.plans import Mode
from shared.core.signals import SignalType
from shared.core.terms import Breaker, Budget, Canary, Channel, Limit, Match, Strikes
from shared.rules import forms
from shared.rules.book import DEFAULT_LIMITS, RuleTest
from shared.rules.demands import Asked
from shared.rules.documents import plain
from shared.rules.drafts import Draft
from shared.rules.forms import NotPlain
from shared.rules.measures import Read, condition, name, text, whole, word
from shared.rules.problems import Problems
from shared.rules.settings import duration


@dataclass(frozen=True, slots=True)
class GuardShape:
    """What may hold a rule back."""

    cooldown: timedelta = timedelta(0)
    max_age: timedelta | None = None
    freezes: tuple[Freeze, ...] = ()
    limits: tuple[Limit, ...] = DEFAULT_LIMITS
    canary: Canary | None = None
    breaker: Breaker | None = None
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class RuleShape:
    """A rule whose keys and kinds of values are right; its words are not checked yet."""

    name: str
    description: str = ""
    notes: str = ""
    priority: int = 0
    match: Match = Match.FIRST
    on: tuple[SignalType, ...] | None = None
    when: str = "true"
    strikes: Strikes | None = None
    remediate: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = Mode.OBSERVE
    guard: GuardShape = field(default_factory=GuardShape)
    approval: Asked = field(default_factory=Asked)
    notify: tuple[Channel, ...] = ()
    tests: tuple[RuleTest, ...] = ()


def shape(draft: Draft, problems: Problems) -> RuleShape:
    """Read a rule's shape; report what is wrong with it and leave that out."""
    content = {key: plain(entry.node) for key, entry in draft.table.entries.items()}
    found = read_plain(content)
    if found is not None:
        return found
    from shared.rules.misshapen import modelled  # noqa: PLC0415 - imports pydantic

    return modelled(draft, problems)


def freeze_of(draft: Draft, problems: Problems) -> Freeze | None:
    """Check a window that holds for every rule; None if it is refused."""
    from shared.rules.misshapen import modelled_freeze  # noqa: PLC0415 - imports pydantic

    return modelled_freeze(draft, problems)


def read_plain(content: Mapping[str, Any]) -> RuleShape | None:
    """Read a rule that is plainly right; None leaves the verdict to the models."""
    if not content.keys() <= READ.keys() or "name" not in content:
        return None
    try:
        return RuleShape(**{_FIELDS.get(k, k): READ[k](v) for k, v in content.items()})
    except ValueError:
        return None


def _on(value: object) -> tuple[SignalType, ...]:
    found = tuple(_SIGNAL(one) for one in (value if isinstance(value, list) else [value]))
    if not found:
        raise NotPlain
    return found


def _with(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotPlain
    return {text(key): item for key, item in value.items()}


def _list_of(read: Read, most: int) -> Callable[[object], tuple[Any, ...]]:
    def read_list(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > most:
            raise NotPlain
        return tuple(read(one) for one in value)

    return read_list


_SIGNAL = word(SignalType)
_FIELDS = {"with": "settings"}
_GUARD = forms.Form(
    GuardShape,
    {
        "cooldown": duration,
        "max_age": duration,
        "limits": _list_of(forms.LIMIT, forms.LIMITS_AT_MOST),
        "canary": forms.CANARY,
        "breaker": forms.BREAKER,
        "budget": forms.BUDGET,
    },
)
GUARD_KEYS = frozenset(_GUARD.keys)
READ: Mapping[str, Read] = {
    "name": name,
    "description": text,
    "notes": text,
    "priority": whole(-forms.PRIORITY, forms.PRIORITY),
    "match": word(Match),
    "on": _on,
    "when": condition,
    "strikes": forms.STRIKES,
    "remediate": text,
    "with": _with,
    "mode": word(Mode),
    "guard": _GUARD,
    "approval": forms.approval,
    "notify": forms.channels,
    "tests": _list_of(forms.TEST, forms.TESTS_AT_MOST),
}
