"""Print docs/REFERENCE.md: every key of a rule file, and all that a condition may read.

From the JSON Schema (which is made of the models), the remediations and the classes of
facts; ``make reference`` writes the file, ``make check`` compares it. docs/RULES.md explains;
this page lists.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from cli.catalogue import meanings
from shared.core.facts import FactsKind, Resource
from shared.core.facts_json import CLASSES
from shared.core.remediation import Remediation
from shared.core.signals import Signal
from shared.remediations import discover
from shared.rules.checking import FUNCTIONS
from shared.rules.demand_models import DURATION
from shared.rules.schema import rules_schema

HEAD = """\
# Rule reference

Written by `make reference` from the models; do not edit. What the keys are for, with examples:
[RULES.md](RULES.md). The settings of each remediation: [CATALOGUE.md](CATALOGUE.md).
"""
MODELS = (
    ("RuleModel", "A rule"),
    ("GuardModel", "guard"),
    ("LimitModel", "guard.limits"),
    ("CanaryModel", "guard.canary"),
    ("BreakerModel", "guard.breaker"),
    ("BudgetModel", "guard.budget"),
    ("MoneyModel", "guard.budget.money"),
    ("FreezeModel", "guard.freeze, freezes"),
    ("StrikesModel", "strikes"),
    ("ApprovalModel", "approval"),
    ("OverrideModel", "overrides"),
    ("BlockModel", "blocks"),
    ("TestModel", "tests"),
)
_SHOWN_AT_MOST = 8
_SIMPLE = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    datetime: "moment",
    timedelta: "duration",
    dict: "mapping",
}
Schema = dict[str, Any]


def reference() -> str:
    """Write the whole page."""
    remediations = discover()
    schema = rules_schema(remediations)
    found = schema["definitions"]
    parts = [HEAD, *_section("A file", schema, found)]
    for name, title in MODELS:
        parts += _section(title, found[name], found)
    parts += [*_ladder(remediations), *_conditions(remediations)]
    return "\n".join(parts) + "\n"


def _section(title: str, model: Schema, found: Schema) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{model['description'].partition(chr(10))[0]}\n"
    yield "| key | takes | default | meaning |"
    yield "|---|---|---|---|"
    needed = model.get("required", [])
    ordered = sorted(model["properties"].items(), key=lambda item: item[0] != "name")
    for name, one in ordered:
        default = "needed" if name in needed else _default(one)
        yield f"| `{name}` | {_takes(one, found)} | {default} | {_cell(one, found)} |"
    yield ""


def _cell(one: Schema, found: Schema) -> str:
    """Say what a key means: in its own words, else in those of the mapping it takes."""
    parts = [one, *one.get("anyOf", [])]
    named = (found[part["$ref"].rpartition("/")[2]] for part in parts if "$ref" in part)
    said = (part.get("description", "") for part in (one, *named))
    return next(filter(None, said), "").partition("\n")[0].replace("|", "\\|")


def _default(one: Schema) -> str:
    value = one.get("default")
    if value is None or value in ([], {}, ""):
        return "none"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _takes(one: Schema, found: Schema) -> str:
    """Say in words what a key takes."""
    if "$ref" in one:
        name = one["$ref"].rpartition("/")[2]
        titles = dict(MODELS)
        if name in titles:
            return f"[mapping](#{_anchor(titles[name])})"
        return _takes(found[name], found)
    if "anyOf" in one:
        parts = dict.fromkeys(_takes(part, found) for part in one["anyOf"])
        names = [part for part in parts if part != "null"]
        return " or ".join(names) if len(names) <= _SHOWN_AT_MOST else "name, or ladder"
    if "enum" in one:
        values = [f"`{value}`" for value in one["enum"]]
        return ", ".join(values) if len(values) <= _SHOWN_AT_MOST else _SEE
    if "const" in one:
        return f"`{one['const']}`"
    return _shape(one, found)


_SEE = "[signal](OPERATIONS.md#signals)"


def _anchor(title: str) -> str:
    return "".join(c for c in title.lower() if c.isalnum() or c in " -_").replace(" ", "-")


def _shape(one: Schema, found: Schema) -> str:
    match one.get("type"):
        case "array":
            most = f", {one['maxItems']} at most" if "maxItems" in one else ""
            return f"list of {_takes(one['items'], found)}{most}"
        case "string":
            if one.get("pattern") == DURATION:
                return "duration"
            length = one.get("maxLength")
            return f"text, {length} characters at most" if length else "text"
        case "integer" | "number" as kind:
            word = "whole number" if kind == "integer" else "number"
            low = one.get("minimum", one.get("exclusiveMinimum"))
            above = "above " if "exclusiveMinimum" in one else ""
            high = one.get("maximum")
            return f"{word}, {above}{low} to {high}" if high is not None else word
        case "object":
            return "mapping"
        case "boolean":
            return "true or false"
        case ["string", "boolean"]:
            return "condition"
        case _:
            return str(one.get("type") or "any value")


def _ladder(remediations: Mapping[str, Remediation]) -> Iterator[str]:
    yield "## remediate\n"
    yield "A name, or a list of rungs: a name, or a mapping of a name to its settings, with"
    yield "`verify` and `timeout` ([ladders](RULES.md#ladders)).\n"
    yield "| remediation | answers | facts |"
    yield "|---|---|---|"
    for name, one in sorted(remediations.items()):
        answers = ", ".join(f"`{kind}`" for kind in sorted(one.answers))
        many = f"{len(one.answers)} signals" if len(one.answers) > _SHOWN_AT_MOST else answers
        facts = f"[`{one.facts}`](#facts-{one.facts})"
        yield f"| [`{name}`](CATALOGUE.md#{name}) | {many} | {facts} |"
    yield ""


def _conditions(remediations: Mapping[str, Remediation]) -> Iterator[str]:
    yield "## Conditions\n"
    yield "`when`, `approval.when` and `verify` are CEL over what follows"
    yield "([conditions](RULES.md#conditions)). What could not be read is `null`.\n"
    yield "Functions: " + ", ".join(f"`{name}`" for name in sorted(FUNCTIONS)) + ".\n"
    yield "### signal\n"
    yield from _signal()
    yield "### target\n"
    yield from _members(Resource, {"pool_size": "pool.size", "pool": "pool.id"})
    used: dict[FactsKind, list[str]] = {}
    for name, one in sorted(remediations.items()):
        used.setdefault(one.facts, []).append(f"`{name}`")
    for kind, names in sorted(used.items()):
        yield f"### facts: {kind}\n"
        yield f"Of {', '.join(names)}.\n"
        yield from _members(CLASSES[kind], {})


def _signal() -> Iterator[str]:
    names = {field.name for field in dataclasses.fields(Signal)} - {"attributes"}
    shown = sorted(names | {"involuntary"})
    yield ", ".join(f"`{name}`" for name in shown) + "; `attributes`, and each of those under"
    yield "its own name: which there are depends on the source.\n"


def _members(kind: type[Any], renamed: Mapping[str, str]) -> Iterator[str]:
    yield "| name | is | meaning |"
    yield "|---|---|---|"
    yield from _rows(kind, "", renamed)
    yield ""


def _rows(kind: type[Any], before: str, renamed: Mapping[str, str]) -> Iterator[str]:
    hints, said = typing.get_type_hints(kind), meanings(kind)
    for field in dataclasses.fields(kind):
        if field.name == "resource":
            continue
        name = before + renamed.get(field.name, field.name)
        meaning = said.get(field.name, "").replace("``", "`").replace("|", "\\|")
        yield f"| `{name}` | {_is(hints[field.name])} | {meaning} |"
        inner = _record(hints[field.name])
        if inner is not None:
            each = "[]." if _many(hints[field.name]) else "."
            yield from _rows(inner, f"{name}{each}", {})


def _parts(hint: object) -> list[object]:
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        return [part for part in typing.get_args(hint) if part is not types.NoneType]
    return [hint]


def _many(hint: object) -> bool:
    return typing.get_origin(_parts(hint)[0]) in {tuple, list, frozenset}


def _record(hint: object) -> type[Any] | None:
    """Find the record that a member is, or is a list of."""
    part = _parts(hint)[0]
    inner = typing.get_args(part)[0] if _many(hint) else part
    return inner if isinstance(inner, type) and dataclasses.is_dataclass(inner) else None


def _is(hint: object) -> str:
    nullable = types.NoneType in typing.get_args(hint)
    part = _parts(hint)[0]
    word = f"list of {_word(typing.get_args(part)[0])}" if _many(hint) else _word(part)
    return f"{word} or null" if nullable else word


def _word(part: object) -> str:
    origin = typing.get_origin(part)
    if origin is not None:
        return "mapping" if issubclass(origin, Mapping) else "list"
    if isinstance(part, type) and issubclass(part, Enum):
        return ", ".join(f"`{member.value}`" for member in part)
    if isinstance(part, type) and dataclasses.is_dataclass(part):
        return "record"
    return _SIMPLE.get(typing.cast("type[Any]", part), "any value")


if __name__ == "__main__":
    sys.stdout.write(reference())
