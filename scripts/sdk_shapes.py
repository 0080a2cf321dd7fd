# ruff: noqa: INP001, SLF001 - a script; what it reads is the inside of generated classes
"""Read which properties a resource type has, from the vendor's own library for it.

Run by ``scripts.bicep_types`` in an environment that has the libraries. They are written
from the same specifications as Bicep's types. There are two generations of them: one
keeps a map of attributes, the other describes its fields.

Source: https://github.com/Azure/azure-rest-api-specs, https://github.com/Azure/autorest.python
"""

from __future__ import annotations

import datetime as dt
import enum
import importlib
import json
import re
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any

Shape = dict[str, Any]
_PLAIN = {
    "str": "string",
    "int": "int",
    "long": "int",
    "float": "number",
    "bool": "bool",
    "object": "any",
    "iso-8601": "string",
    "duration": "string",
    "rfc-1123": "string",
    "bytearray": "string",
}


def main() -> None:
    """Print the shapes that are reachable from the classes named in the arguments."""
    shapes: dict[str, Shape] = {}
    waiting = list(sys.argv[1:])
    while waiting:
        name = waiting.pop()
        if name in shapes:
            continue
        module, _, cls = name.rpartition(".")
        shapes[name] = _shape(importlib.import_module(module), cls)
        waiting += _named(shapes[name])
    print(json.dumps(shapes))  # noqa: T201 - a pipe to the caller


def _named(spec: object) -> Iterator[str]:
    """List the shapes that a description refers to."""
    if isinstance(spec, dict):
        if isinstance(spec.get("shape"), str):
            yield spec["shape"]
        for value in spec.values():
            yield from _named(value)


def _shape(module: types.ModuleType, name: str) -> Shape:
    cls = getattr(module, name)
    if hasattr(cls, "_attribute_map"):
        return _mapped(module, cls)
    return _described(module, cls)


def _mapped(module: types.ModuleType, cls: Any) -> Shape:
    """Read the older generation; its keys are paths, as in ``properties.source``."""
    words = _documented(cls)
    shape: Shape = {"properties": {}}
    for attribute, one in cls._attribute_map.items():
        rule = cls._validation.get(attribute, {})
        spec = _typed(one["type"], module, words.get(attribute, []))
        if rule.get("required"):
            spec["required"] = True
        if rule.get("readonly"):
            spec["readonly"] = True
        parts = [
            part.replace("\0", ".") for part in one["key"].replace("\\.", "\0").split(".")
        ]
        place = shape["properties"]
        for part in parts[:-1]:
            inner = place.setdefault(part, {"type": "object", "properties": {}})
            place = inner.setdefault("properties", {})
        place[parts[-1]] = spec
    kinds: dict[str, Any] = {}
    for attribute, known in vars(cls).get("_subtype_map", {}).items():
        key = cls._attribute_map[attribute]["key"].replace("\\.", ".")
        kinds = {
            "by": key,
            "shapes": {k: {"shape": _full(module, v)} for k, v in known.items()},
        }
    return {**shape, "kinds": kinds} if kinds else shape


def _typed(text: str, module: types.ModuleType, values: list[str]) -> Shape:
    if text in _PLAIN:
        plain = _PLAIN[text]
        return (
            {"type": plain, "values": values}
            if values and plain == "string"
            else {"type": plain}
        )
    if text.startswith("["):
        return {"type": "array", "items": _typed(text[1:-1], module, values)}
    if text.startswith("{"):
        return {"type": "map", "items": _typed(text[1:-1], module, values)}
    return {"type": "object", "shape": _full(module, text)}


def _described(module: types.ModuleType, cls: Any) -> Shape:
    """Read the newer generation, whose fields know their names on the wire."""
    words = _documented(cls)
    fields = cls({})._attr_to_rest_field
    models = importlib.import_module(cls.__module__)
    space = {**vars(typing), **vars(models), "_models": module, "datetime": dt}
    hints = {
        k: v
        for one in reversed(cls.__mro__)
        for k, v in vars(one).get("__annotations__", {}).items()
    }
    properties = {}
    for attribute, one in fields.items():
        hint = hints.get(attribute)
        if hint is None:
            continue
        text = hint if isinstance(hint, str) else getattr(hint, "__forward_arg__", None)
        found = eval(text, space) if text else hint  # noqa: S307 - the vendor's own annotations
        spec = _hinted(found, space, module, words.get(attribute, []))
        if type(None) not in typing.get_args(found) and "Optional" not in str(text):
            spec["required"] = True
        if one._visibility == ["read"]:
            spec["readonly"] = True
        properties[one._rest_name] = spec
    return {"properties": properties}


def _hinted(
    hint: Any, space: dict[str, Any], module: types.ModuleType, values: list[str]
) -> Shape:
    if isinstance(hint, str | typing.ForwardRef):
        text = hint if isinstance(hint, str) else hint.__forward_arg__
        hint = eval(text, space)  # noqa: S307 - the vendor's own annotations
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        real = [one for one in inside if one is not type(None)]
        specs = [_hinted(one, space, module, values) for one in real]
        return next((one for one in specs if one.get("values")), specs[0])
    if origin is list:
        return {"type": "array", "items": _hinted(inside[0], space, module, values)}
    if origin is dict:
        return {"type": "map", "items": _hinted(inside[1], space, module, values)}
    if origin is typing.Literal:
        return {"type": "string", "values": [getattr(one, "value", one) for one in inside]}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"type": "string", "values": [one.value for one in hint]}
    plain = {str: "string", int: "int", float: "number", bool: "bool"}.get(hint)
    if plain:
        return {"type": plain, **({"values": values} if values and plain == "string" else {})}
    if isinstance(hint, type) and hasattr(hint, "_deserialize"):
        return {"type": "object", "shape": _full(module, hint.__name__)}
    is_moment = isinstance(hint, type) and issubclass(hint, dt.datetime | dt.timedelta)
    return {"type": "string" if is_moment else "any"}


def _documented(cls: Any) -> dict[str, list[str]]:
    """Find the values that the documentation says an attribute may have."""
    found = {}
    text = " ".join((cls.__doc__ or "").split())
    for attribute, said in re.findall(r":ivar (\w+): (.*?)(?= :ivar| :vartype|$)", text):
        known = re.search(r"Known values are: (.*)", said)
        if known:
            found[attribute] = re.findall(r'"([^"]+)"', known[1])
    return found


def _full(module: types.ModuleType, name: str) -> str:
    return f"{module.__name__}.{name}"


if __name__ == "__main__":
    main()
