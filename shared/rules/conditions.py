"""Conditions of rules: CEL, compiled once at load, over one environment everywhere.

``signal``, ``target``, ``facts`` and ``now``, and nothing else. An error while
evaluating is ``ConditionFailed``, which the engine turns into a Hold: it is never
taken for "no match". The one exception has a decision record: a target that lacks a
tag which the condition reads does not match
(docs/decisions/0006-missing-tags-in-conditions.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from shared.core.errors import AutomationError
from shared.core.facts import Facts, Resource
from shared.core.signals import Signal
from shared.rules.cel_extension import Program, cel
from shared.rules.expressions import scan

VARIABLES = ("signal", "target", "facts", "now")
EVALUATION_ERRORS = (
    ArithmeticError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What the CEL package raises for a condition that fails; anything else is a defect."""

LARGEST_INT = 2**63 - 1


class ConditionFailed(AutomationError):
    """A condition could not be evaluated, or said neither true nor false."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition.

    Attributes:
        needs: Which of the variables it reads, so that facts need not be gathered for
            a condition that does not look at them.
        tags: The target's tags that it names.
        facts: The facts that it names: some are gathered only if somebody asks.
    """

    text: str
    program: Program = field(compare=False, repr=False)
    needs: frozenset[str] = field(compare=False, default=frozenset())
    tags: frozenset[str] = field(compare=False, default=frozenset())
    facts: frozenset[str] = field(compare=False, default=frozenset())


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a condition matched; ``detail`` says which tag was missing."""

    is_match: bool
    detail: str = ""


def compile_condition(text: str) -> Condition:
    """Compile a condition. ``shared.rules.checking`` says whether its names exist.

    Raises:
        ValueError: It is not CEL; the message is the compiler's, with the position.
    """
    program = cel().compile(text)
    found = scan(text)
    needs = frozenset(program.variables()) & frozenset(VARIABLES)
    facts = frozenset(
        one.path[0] for one in found.references if one.root == "facts" and one.path
    )
    return Condition(text, program, needs, frozenset(found.tags), facts)


def evaluate(condition: Condition, environment: Mapping[str, object]) -> bool:
    """Tell whether a condition matches.

    Raises:
        ConditionFailed: It failed while running, or its value is not true or false.
    """
    return judge(condition, environment).is_match


def judge(condition: Condition, environment: Mapping[str, object]) -> Verdict:
    """Evaluate a condition and say why it did not match when a tag was missing.

    A missing tag shows as a missing key, which does not tell whose key it was. So the
    condition is tried again with that tag given: if the same key is still missing, it
    was not the tag's, and the condition failed; if it now runs, the tag was the cause.

    Raises:
        ConditionFailed: It failed while running, or its value is not true or false.
    """
    given = dict(environment)
    missing: list[str] = []
    tags = _fold_tags(condition, given)
    while True:
        try:
            value = condition.program.execute(given)
        except KeyError as error:
            key = error.args[0] if error.args else None
            if tags is None or not isinstance(key, str) or key in tags:
                raise _failed(condition, f"there is no {key!r}") from error
            missing.append(key)
            tags[key] = ""
            continue
        except EVALUATION_ERRORS as error:
            if not missing:
                raise _failed(condition, str(error)) from error
            value = False
        break
    if missing:
        return Verdict(is_match=False, detail=f"the target has no tag {missing[0]!r}")
    if not isinstance(value, bool):
        raise _failed(condition, f"it gave {value!r} instead of true or false")
    return Verdict(is_match=value)


def _failed(condition: Condition, why: str) -> ConditionFailed:
    return ConditionFailed(f"evaluating {condition.text!r}: {' '.join(why.split())}")


def _fold_tags(condition: Condition, given: dict[str, Any]) -> dict[str, object] | None:
    """Give the tags the spelling the condition uses; Azure's tag names fold case.

    Returns:
        The copy of the tags that stands in ``given``, or None if there is no target.

    Source: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
    ("Tag names are case-insensitive for operations").
    """
    target = given.get("target")
    if not isinstance(target, Mapping) or not isinstance(target.get("tags"), Mapping):
        return None
    tags = dict(target["tags"])
    folded = {name.casefold(): value for name, value in tags.items()}
    for name in condition.tags - tags.keys():
        if name.casefold() in folded:
            tags[name] = folded[name.casefold()]
    given["target"] = {**target, "tags": tags}
    return tags


def environment_for(
    condition: Condition, signal: Signal, facts: Facts | None, now: datetime
) -> dict[str, object]:
    """Build only what this condition reads: most read little, and each event is judged.

    Without facts, what it reads of them is absent, so that it fails.
    """
    seen: dict[str, object] = {"now": now}
    if "signal" in condition.needs:
        seen["signal"] = _signal(signal)
    if "target" in condition.needs and facts is not None:
        seen["target"] = _target(facts.resource)
    if "facts" in condition.needs and facts is not None:
        seen["facts"] = {k: v for k, v in _plain(facts).items() if k != "resource"}
    return seen


def environment(
    signal: Signal, resource: Resource | None, facts: Facts | None, now: datetime
) -> dict[str, object]:
    """Build all that a condition may see.

    What was not read is absent, so that a condition on it fails and holds the rule,
    rather than comparing with a value that nobody observed.
    """
    seen = {} if facts is None else _plain(facts)
    seen.pop("resource", None)
    target = {"id": signal.target} if resource is None else _target(resource)
    return {"signal": _signal(signal), "target": target, "facts": seen, "now": now}


def _signal(signal: Signal) -> dict[str, object]:
    attributes = {str(name): _value(value) for name, value in signal.attributes.items()}
    return {
        **attributes,
        "type": str(signal.type),
        "event_id": signal.event_id,
        "source": signal.source,
        "phase": str(signal.phase),
        "observed_at": signal.observed_at,
        "deadline": signal.deadline,
        "target": signal.target,
        "involuntary": signal.is_involuntary,
        "attributes": attributes,
    }


def _target(resource: Resource) -> dict[str, Any]:
    """Show a resource as conditions see it: its pool is one thing, with id and size."""
    seen = _plain(resource)
    size = seen.pop("pool_size")
    return {**seen, "pool": {"id": seen["pool"], "size": size}}


def _plain(record: Facts | Resource) -> dict[str, Any]:
    return {f.name: _value(getattr(record, f.name)) for f in dataclasses.fields(record)}


def _value(value: Any) -> Any:
    """Turn a Python value into one that CEL takes."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | bool | float | datetime | timedelta) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_INT else _double(value)
    if isinstance(value, Mapping):
        return {str(name): _value(item) for name, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _value(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return [_value(item) for item in value]


def _double(value: int) -> float:
    """Turn an integer that CEL cannot hold into the double that JSON means by it."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
