"""Check at load that a condition speaks only of what exists.

Variables, functions, and the members of ``target`` and ``facts`` are known by type;
what a signal carries beside its fixed fields depends on its source, so members of
``signal`` stay free. A condition that reads nothing is tried at once.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Collection, Mapping
from functools import cache

from shared.core.facts import FactsKind, Resource
from shared.core.facts_json import CLASSES
from shared.rules.conditions import (
    VARIABLES,
    Condition,
    ConditionFailed,
    evaluate,
)
from shared.rules.expressions import MACROS, Call, Reference, scan
from shared.rules.problems import instead


@dataclasses.dataclass(frozen=True, slots=True)
class Pool:
    """``target.pool`` as conditions see it."""

    id: str
    size: int | None


FUNCTIONS = (
    frozenset(
        {
            *("bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type"),
            *("contains", "endsWith", "has", "matches", "size", "startsWith", "uint"),
            *("getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear"),
            *("getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds"),
        }
    )
    | MACROS
)
"""What the CEL package 0.10.0 answers; a test calls each of them."""

Report = Callable[[int, str, str], None]
"""``report(character, message, suggestion)``."""


def check(
    condition: Condition,
    facts: FactsKind | None,
    report: Report,
    variables: Collection[str] = VARIABLES,
) -> None:
    """Report every name in a condition that does not exist, with its character from 0.

    Args:
        condition: A compiled one.
        facts: What the rule's remediation decides on; None if that is not known.
        report: Called once for each problem.
        variables: Those it may see.
    """
    found = scan(condition.text)
    wrong = [_check_reference(one, facts, report, variables) for one in found.references]
    wrong += [_check_call(one, report) for one in found.calls]
    named = {*condition.program.variables()}
    for name in sorted(named - found.bound - {*variables}) if not any(wrong) else []:
        # Only the compiler saw it: a name with a leading dot, a macro it does not have.
        report(0, f"there is no variable {name!r}", instead(name, variables, "variable"))
    if not named and not any(wrong):
        _check_constant(condition, report)


def _check_call(call: Call, report: Report) -> bool:
    if call.name in FUNCTIONS:
        return False
    suggestion = instead(call.name, FUNCTIONS, "function")
    report(call.at, f"there is no function {call.name!r} in conditions", suggestion)
    return True


def _check_reference(
    one: Reference, facts: FactsKind | None, report: Report, variables: Collection[str]
) -> bool:
    if one.root not in variables:
        suggestion = instead(one.root, variables, "variable")
        where = "in conditions" if one.root not in VARIABLES else "here"
        report(one.at, f"there is no variable {one.root!r} {where}", suggestion)
        return True
    if one.root == "target":
        return _check_members(one, Resource, report)
    if one.root == "facts" and facts is not None:
        if one.path[:1] == ("resource",):
            report(one.at, "facts.resource is the target", "write target instead")
            return True
        return _check_members(one, CLASSES[facts], report)
    return False


def _check_members(one: Reference, kind: type | None, report: Report) -> bool:
    """Walk down the members as long as their types are known records or simple values."""
    walked = one.root
    for name in one.path:
        known = members(kind) if kind is not None else None
        if known is None:
            return False
        if name not in known:
            report(
                one.at,
                f"{walked} has no member {name!r}" if known else f"{walked} has no members",
                instead(name, known, "member") if known else f"compare {walked} itself",
            )
            return True
        walked, kind = f"{walked}.{name}", known[name]
    if kind is Pool:
        report(
            one.at, f"{walked} is no single value", "write target.pool.id or target.pool.size"
        )
        return True
    return False


@cache
def members(kind: type) -> Mapping[str, type | None] | None:
    """Name what a type has: its fields, nothing for a simple value, None if it is free."""
    if not dataclasses.is_dataclass(kind):
        return None if kind in {dict, list} else {}
    hints = typing.get_type_hints(kind)
    hidden = {"resource"}
    if kind is Resource:
        hints["pool"], hidden = Pool, {"pool_size"}
    return {
        field.name: _simplify(hints[field.name])
        for field in dataclasses.fields(kind)
        if field.name not in hidden
    }


def _simplify(hint: object) -> type | None:
    """Turn an annotation into the one type whose members are known, or None."""
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        kinds = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
        return _simplify(kinds[0]) if len(kinds) == 1 else None
    return hint if isinstance(hint, type) and typing.get_origin(hint) is None else None


def _check_constant(condition: Condition, report: Report) -> None:
    try:
        evaluate(condition, {})
    except ConditionFailed as error:
        report(0, str(error), "write an expression that is true or false")
