"""Bicep's expressions worked out, with the functions that the templates use.

Source: https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.infra.expression import Tree

Names = Callable[[str], Any]


class Made(dict[str, Any]):
    """A resource or a module: what is not said of it is known later."""

    def __init__(self, told: Mapping[str, Any], name: str) -> None:
        super().__init__(told)
        self.called = name

    def __missing__(self, key: str) -> Any:
        return Made({}, f"{self.called}.{key}")

    def __str__(self) -> str:
        return f"<{self.called}>"


def work_out(tree: Tree, names: Names) -> Any:
    """Work an expression out; ``names`` knows what every name stands for."""
    kind, *rest = tree
    return _KINDS.get(kind, _operator(kind))(rest, names)


def _text(rest: list[Any], names: Names) -> str:
    parts = (p if isinstance(p, str) else work_out(p, names) for p in rest[0])
    return "".join(_said(part) for part in parts)


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _object(rest: list[Any], names: Names) -> dict[str, Any]:
    return {work_out(key, names): work_out(value, names) for key, value in rest[0]}


def _choice(rest: list[Any], names: Names) -> Any:
    asked, yes, no = rest
    return work_out(yes if work_out(asked, names) is True else no, names)


def _member(rest: list[Any], names: Names) -> Any:
    inner, key, is_safe = rest
    value = work_out(inner, names)
    if is_safe and (value is None or key not in value):
        return None
    return value[key]


def _item(rest: list[Any], names: Names) -> Any:
    value, key = work_out(rest[0], names), work_out(rest[1], names)
    return value[key]


def _lambda(rest: list[Any], names: Names) -> Callable[..., Any]:
    heads, body = rest

    def called(*given: Any) -> Any:
        own = dict(zip(heads, given, strict=False))
        return work_out(body, lambda name: own[name] if name in own else names(name))

    return called


def _for(rest: list[Any], names: Names) -> list[Any]:
    heads, over, body = rest
    one = _lambda([heads, body], names)
    return [one(value, at) for at, value in enumerate(work_out(over, names))]


def _call(rest: list[Any], names: Names) -> Any:
    head, given = rest
    if head[0] == "member":  # listKeys() of a resource
        return Made({}, f"{work_out(head[1], names).called}.{head[2]}()")
    if head[1] in _OF_A_FILE:
        return _OF_A_FILE[head[1]](names("<file>"), *(work_out(one, names) for one in given))
    values = [work_out(one, names) for one in given]
    return (
        FUNCTIONS[head[1]](*values) if head[1] in FUNCTIONS else names(f"{head[1]}()")(*values)
    )


def _operator(kind: str) -> Callable[[list[Any], Names], Any]:
    return lambda rest, names: _OPERATORS[kind](*(work_out(one, names) for one in rest))


_KINDS: dict[str, Callable[[list[Any], Names], Any]] = {
    "is": lambda rest, _: rest[0],
    "name": lambda rest, names: names(rest[0]),
    "text": _text,
    "array": lambda rest, names: [work_out(one, names) for one in rest[0]],
    "object": _object,
    "?": _choice,
    "member": _member,
    "item": _item,
    "lambda": _lambda,
    "for": _for,
    "call": _call,
    "if": lambda rest, names: work_out(rest[1], names) if work_out(rest[0], names) else None,
    "&&": lambda rest, names: all(work_out(one, names) is True for one in rest),
    "||": lambda rest, names: any(work_out(one, names) is True for one in rest),
}
_OPERATORS: dict[str, Callable[..., Any]] = {
    "not": lambda a: not a,
    "minus": lambda a: -a,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "??": lambda a, b: b if a is None else a,
}


def _union(*given: Any) -> Any:
    if isinstance(given[0], dict):
        merged: dict[str, Any] = {}
        for one in given:
            merged |= one
        return merged
    found: list[Any] = []
    for one in (value for each in given for value in each):
        if one not in found:
            found.append(one)
    return found


def _id(scope: str, kind: str, *names: str) -> str:
    space, *types = kind.split("/")
    pairs = "/".join(f"{t}/{n}" for t, n in zip(types, names, strict=True))
    return f"{scope}/providers/{space}/{pairs}"


def _digest(*given: Any) -> str:
    return hashlib.sha256("\n".join(map(_said, given)).encode()).hexdigest()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "base64": lambda text: base64.b64encode(str(text).encode()).decode(),
    "concat": lambda *given: [v for one in given for v in one],
    "contains": lambda value, one: one in value,
    "empty": lambda value: not value,
    "filter": lambda values, keep: [v for v in values if keep(v)],
    "flatten": lambda values: [v for one in values for v in one],
    "guid": lambda *given: str(uuid.uuid5(uuid.NAMESPACE_URL, _digest(*given))),
    "items": lambda value: [{"key": k, "value": value[k]} for k in sorted(value)],
    "join": lambda values, between: between.join(map(_said, values)),
    "last": lambda value: value[-1],
    "length": len,
    "map": lambda values, turn: [turn(v) for v in values],
    "range": lambda begin, count: list(range(begin, begin + count)),
    "replace": lambda text, old, new: str(text).replace(old, str(new)),
    "split": lambda text, at: str(text).split(at),
    "string": lambda value: value if isinstance(value, str) else json.dumps(value),
    "take": lambda value, count: value[:count],
    "toLower": lambda text: str(text).lower(),
    "toObject": lambda values, key, value=lambda v: v: {key(v): value(v) for v in values},
    "union": _union,
    "uniqueString": lambda *given: _digest(*given)[:13],
}


def _read(path: Path, name: str) -> bytes:
    return (path.parent / name).read_bytes()


_OF_A_FILE: dict[str, Callable[..., Any]] = {
    "loadJsonContent": lambda path, name: json.loads(_read(path, name)),
    "loadTextContent": lambda path, name: _read(path, name).decode(),
    "loadFileAsBase64": lambda path, name: base64.b64encode(_read(path, name)).decode(),
}
make_id = _id
