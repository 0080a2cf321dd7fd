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

from shared.core.remediation import Remediation
from shared.core.signals import SignalType
from shared.rules.model import DURATION, RulesFileModel
from shared.rules.settings import known_settings
from shared.rules.values import settings_as_yaml

Schema = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"
"""Source: https://github.com/redhat-developer/yaml-language-server (supports draft 7)."""

_SIGNAL: Schema = {"type": "string", "enum": [str(kind) for kind in SignalType]}
_SIGNALS: Schema = {"type": "array", "items": _SIGNAL, "minItems": 1, "uniqueItems": True}

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
    definitions["GuardModel"]["properties"]["cooldown"]["default"] = "0s"
    properties["remediate"] = _remediate(remediations)
    rule["allOf"] = [_settings_when(one) for _, one in sorted(remediations.items())]
    return {"$schema": DIALECT, **document, "definitions": definitions}


def _remediate(remediations: typing.Mapping[str, Remediation]) -> Schema:
    """Take a name, or a list of one name or of one name with its settings."""
    names = [
        {"const": name, "description": one.summary}
        for name, one in sorted(remediations.items())
    ]
    settings = {name: _settings(one) for name, one in sorted(remediations.items())}
    rung = {
        "type": "object",
        "properties": settings,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    items = {"anyOf": [*names, rung]}
    ladder = {"type": "array", "items": items, "minItems": 1, "maxItems": 1}
    return {"anyOf": [*names, ladder], "description": "The remediation to carry out."}


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
