"""The JSON Schema of rule files, for editors: from the models and the remediations.

Stricter than the models where an editor can help (the settings of each remediation)
and no stricter than loading: a later layer's rule may give only what it changes.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from datetime import timedelta
from enum import Enum
from typing import Any

from shared.core.durations import format_duration
from shared.core.moments import read_span
from shared.core.remediation import Remediation
from shared.core.signals import SignalType
from shared.core.terms import ApprovalKind
from shared.rules.demand_models import DURATION
from shared.rules.demands import NOTHING
from shared.rules.ladders import RUNGS_AT_MOST
from shared.rules.model import RulesFileModel
from shared.rules.rungs import VERIFIES_AT_MOST
from shared.rules.settings import known_settings
from shared.rules.values import settings_as_yaml

Schema = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"
"""Source: https://github.com/redhat-developer/yaml-language-server (supports draft 7)."""

_SIGNAL: Schema = {"type": "string", "enum": [str(kind) for kind in SignalType]}
_SIGNALS: Schema = {"type": "array", "items": _SIGNAL, "minItems": 1, "uniqueItems": True}

_CONDITION: Schema = {"type": "string"}
_RUNG: dict[str, Schema] = {
    "verify": {
        "anyOf": [
            _CONDITION,
            {
                "type": "array",
                "items": _CONDITION,
                "minItems": 1,
                "maxItems": VERIFIES_AT_MOST,
            },
        ],
        "description": "CEL over target, facts and now that must be true of fresh facts"
        " once the steps are done. One word is a fact that must be true.",
    },
    "timeout": {
        "type": "string",
        "pattern": DURATION,
        "description": "How long it may take before the next rung is tried, 1s to 7d.",
    },
}

_ISO_SPAN = re.compile(r"P(T|\d)")
_SIMPLE: dict[object, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    timedelta: {"type": "string", "pattern": DURATION},
}


def rules_schema(remediations: typing.Mapping[str, Remediation]) -> Schema:
    """Describe a rule file, with the names and settings of these remediations."""
    document = RulesFileModel.model_json_schema(ref_template="#/definitions/{model}")
    definitions = document.pop("$defs")
    rule = definitions["RuleModel"]
    properties = rule["properties"]
    properties["on"] = {"anyOf": [_SIGNAL, _SIGNALS], "description": "What it answers."}
    properties["use"] = _one_or_list(properties["use"], {"type": "string"})
    properties["remediate"] = _remediate(remediations)
    for terms in ("RuleModel", "BlockModel", "OverrideModel"):
        _describe_terms(definitions[terms]["properties"])
    definitions["ApprovalModel"]["properties"]["if_expired"]["default"] = NOTHING
    rule["allOf"] = [_settings_when(one) for _, one in sorted(remediations.items())]
    _write_spans(definitions)
    return {"$schema": DIALECT, **document, "definitions": definitions}


def _describe_terms(properties: Schema) -> None:
    """Name both forms of what has a short one; what a guard is by default, its keys say."""
    properties["guard"].pop("default")
    full = {"$ref": "#/definitions/ApprovalModel"}
    properties["approval"] = {
        "anyOf": [{"enum": [str(kind) for kind in ApprovalKind]}, full],
        "default": "none",
        "description": "Whose yes a plan needs.",
    }
    channel = {"$ref": "#/definitions/Channel"}
    properties["notify"] = _one_or_list(properties["notify"], channel)


def _one_or_list(described: Schema, one: Schema) -> Schema:
    """Take one value where a list of them is meant."""
    several = {"type": "array", "items": one, "uniqueItems": True}
    return {"anyOf": [one, several], "description": described["description"]}


def _write_spans(node: Any) -> None:
    """Write defaults that are durations as rule files do; pydantic writes ISO 8601."""
    if isinstance(node, list):
        for item in node:
            _write_spans(item)
    if not isinstance(node, dict):
        return
    default = node.get("default")
    if isinstance(default, str) and _ISO_SPAN.match(default):
        node["default"] = format_duration(read_span(default))
    for item in node.values():
        _write_spans(item)


def _remediate(remediations: typing.Mapping[str, Remediation]) -> Schema:
    """Take a name, or a ladder of names and of names with what each is told."""
    names = [
        {"const": name, "description": one.summary}
        for name, one in sorted(remediations.items())
    ]
    told = {name: _rung(one) for name, one in sorted(remediations.items())}
    rung = {
        "type": "object",
        "properties": told,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    items = {"anyOf": [*names, rung]}
    ladder = {"type": "array", "items": items, "minItems": 1, "maxItems": RUNGS_AT_MOST}
    description = "What to do; in a list, the next where one failed or could not be verified."
    return {"anyOf": [*names, ladder], "description": description}


def _rung(remediation: Remediation) -> Schema:
    """Take settings, with verify and timeout among them or beside ``with``."""
    settings = _settings(remediation)
    own = {key: value for key, value in _RUNG.items() if key not in settings["properties"]}
    flat = {**settings, "properties": {**settings["properties"], **own}}
    apart = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"with": settings, **_RUNG},
        "required": ["with"],
    }
    return {"anyOf": [flat, apart, {"type": "null"}]}


def _settings_when(remediation: Remediation) -> Schema:
    """Bind ``with`` to the settings of the remediation that the rule names."""
    return {
        "if": {
            "properties": {"remediate": {"const": remediation.name}},
            "required": ["remediate"],
        },
        "then": {"properties": {"with": _settings(remediation)}},
    }


def _settings(remediation: Remediation) -> Schema:
    known = known_settings(remediation.settings)
    defaults = settings_as_yaml(remediation.settings())
    meanings = _meanings(remediation.settings)
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {
                **_kind(hint),
                "default": defaults[name],
                **({"description": meanings[name]} if name in meanings else {}),
            }
            for name, hint in known.items()
        },
    }


def _kind(hint: object) -> Schema:
    """Describe what ``shared.rules.settings.convert`` takes for an annotation."""
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        inner = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
        return {"anyOf": [_kind(inner[0]), {"type": "null"}]}
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": _kind(typing.get_args(hint)[0])}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    return dict(_SIMPLE[hint])


def _meanings(settings: type[Any]) -> dict[str, str]:
    """Read what each setting means from the ``Attributes`` of its docstring."""
    _, _, attributes = inspect.cleandoc(settings.__doc__ or "").partition("Attributes:\n")
    parts = re.split(r"^ {4}(\w+): ", attributes, flags=re.MULTILINE)[1:]
    return {
        name: " ".join(text.split())
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }
