"""What Bicep gives to resources, held against the table of what they take.

Literal objects are followed, also through a variable, a loop, both ends of a condition
and the objects of a ``union``; what is put together at deployment is left to the service.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tree_sitter import Node

from tests.infra.bicep import (
    FILES,
    Declared,
    Template,
    chain,
    literal,
    pairs,
    read,
    text,
    walk,
)

Spec = Mapping[str, Any]
_OWN = frozenset({"name", "parent", "scope", "dependsOn"})
_READ = frozenset({"id", "name", "type", "apiVersion", "location"})


@dataclass
class Walk:
    """One reading of one resource.

    Attributes:
        wrong: What the table does not know, where.
        visited: The shapes that were needed for it.
    """

    table: Mapping[str, Any]
    template: Template
    wrong: list[str]
    visited: set[str]

    def say(self, node: Node, what: str) -> None:
        """Note a fault."""
        self.wrong.append(f"{self.template.at(node)}: {what}")

    def value(self, node: Node, spec: Spec, path: str) -> None:
        """Hold a value against its description."""
        for one in self._ends(node):
            kind = spec.get("type", "any")
            if one.type == "object" and kind == "object":
                self.members(one, spec, path)
            elif one.type == "object" and kind == "map":
                for name, inner in pairs(one):
                    self.value(inner, spec["items"], f"{path}.{name}")
            elif one.type == "array" and kind == "array":
                for inner in one.named_children:
                    self.value(inner, spec["items"], f"{path}[]")
            elif kind != "any":
                self._plain(one, spec, kind, path)

    def _ends(self, node: Node) -> Iterator[Node]:
        """Give the literals that a value may come to."""
        if node.type in {"parenthesized_expression", "if_statement"}:
            yield from self._ends(node.named_children[-1])
        elif node.type == "ternary_expression":
            for one in node.named_children[1:]:
                yield from self._ends(one)
        elif node.type == "identifier":
            known = self.template.named.get(text(node))
            if known is not None and known.kind == "var":
                yield from self._ends(known.node.children[-1])
        elif node.type == "call_expression":
            yield from self._joined(node)
        else:
            yield node

    def _joined(self, node: Node) -> Iterator[Node]:
        function, arguments = node.child_by_field_name("function"), node.named_children[-1]
        if function is not None and text(function) in {"union", "concat", "shallowMerge"}:
            for one in arguments.named_children:
                yield from self._ends(one)

    def members(self, node: Node, spec: Spec, path: str) -> None:
        """Hold an object's properties against its description."""
        own = self._properties(node, spec)
        if own is None:
            return
        given = dict(pairs(node))
        for name, inner in given.items():
            if name == "*":
                continue
            known = own.get(name)
            if known is None:
                self.say(
                    inner, f"{path}.{name} is not known; there are {', '.join(sorted(own))}"
                )
            elif known.get("readonly"):
                self.say(inner, f"{path}.{name} cannot be set")
            else:
                self.value(inner, known, f"{path}.{name}")
        is_part = node.parent is not None and node.parent.type == "arguments"
        needed = {name for name, one in own.items() if one.get("required")}
        for name in sorted(needed - set(given)):
            if not is_part:
                self.say(node, f"{path}.{name} is missing")

    def _properties(self, node: Node, spec: Spec) -> dict[str, Spec] | None:
        """Collect an object's properties; None if it may have any."""
        if "properties" in spec and "shape" not in spec:
            return dict(spec["properties"])
        name = spec.get("shape", "")
        shape = self.table["shapes"].get(name)
        self.visited.add(name)
        if shape is None:
            self.say(node, f"{name} is not in the table: run make bicep-types")
            return None
        own = dict(shape["properties"])
        kinds = shape.get("kinds")
        if kinds:
            said = next((literal(v) for k, v in pairs(node) if k == kinds["by"]), None)
            if said not in kinds["shapes"]:
                self.say(
                    node, f"{kinds['by']} is {said}; it may be {', '.join(kinds['shapes'])}"
                )
                return None
            return self._properties(node, {"type": "object", **kinds["shapes"][said]})
        return own or None

    def _plain(self, node: Node, spec: Spec, kind: str, path: str) -> None:
        is_text = node.type == "string"
        wrong = {
            "string": node.type in {"number", "boolean", "object", "array"},
            "int": is_text or node.type in {"boolean", "object", "array"},
            "number": is_text or node.type in {"boolean", "object", "array"},
            "bool": is_text or node.type in {"number", "object", "array"},
            "object": is_text or node.type in {"number", "boolean", "array"},
            "map": is_text or node.type in {"number", "boolean", "array"},
            "array": is_text or node.type in {"number", "boolean", "object"},
        }
        if wrong[kind]:
            self.say(node, f"{path} is {text(node)[:40]}, should be {kind}")
        said = literal(node)
        values = spec.get("values")
        if values and said is not None and said not in values:
            self.say(node, f"{path} is {said!r}; it may be {', '.join(values)}")


def faults(table: Mapping[str, Any], template: Template) -> list[str]:
    """List what a file's resources are given and do not take, and what they lack."""
    return [
        fault for one in template.of("resource") for fault in _look(table, template, one).wrong
    ]


def reached(table: Mapping[str, Any]) -> set[str]:
    """Collect the shapes that the Bicep files come to, and those that they read from."""
    found: set[str] = set()
    for template in map(read, FILES):
        for one in template.of("resource"):
            if one.what in table["resources"]:
                found |= _look(table, template, one).visited
        found |= {name for _, _, seen in _readings(table, template) for name in seen}
    return {name for name in found if name in table["shapes"]}


def misread(table: Mapping[str, Any], template: Template) -> list[str]:
    """List the properties that are read from resources and that these do not have."""
    return [
        f"{template.at(node)}: {text(node)[:60]} is not known"
        for node, is_known, _ in _readings(table, template)
        if not is_known
    ]


def _look(table: Mapping[str, Any], template: Template, one: Declared) -> Walk:
    look = Walk(table, template, [], set())
    known = table["resources"].get(one.what)
    if known is None:
        look.say(one.node, f"{one.what} is not in the table: run make bicep-types")
        return look
    if "shape" not in known:
        if not one.is_existing:
            look.say(one.node, f"{one.what} can only be looked up")
        return look
    shape = table["shapes"].get(known["shape"], {"properties": {}})
    look.visited.add(known["shape"])
    own = {**shape["properties"], **{name: {"type": "any"} for name in _OWN}}
    if one.is_existing:
        own = {name: {"type": "any"} for name in _OWN}
    look.members(one.body, {"type": "object", "properties": own}, one.name)
    return look


def _readings(
    table: Mapping[str, Any], template: Template
) -> Iterator[tuple[Node, bool, set[str]]]:
    """Give what is read from a resource, whether it exists, and the shapes it is in."""
    for node in walk(template.root):
        if node.type != "member_expression" or _is_inner(node):
            continue
        begin, names = chain(node)
        one = template.named.get(text(begin))
        if one is None or one.kind != "resource" or begin.type != "identifier":
            continue
        known = table["resources"].get(one.what, {})
        if names[0] in _READ or not names:
            yield node, True, set()
        elif "shape" in known:
            yield node, *_follow(table, {"type": "object", "shape": known["read"]}, names)
        else:
            yield node, False, set()


def _is_inner(node: Node) -> bool:
    parent = node.parent
    return (
        parent is not None
        and parent.type in {"member_expression", "subscript_expression"}
        and parent.child_by_field_name("object") == node
    )


def _follow(
    table: Mapping[str, Any], spec: Spec, names: tuple[str, ...]
) -> tuple[bool, set[str]]:
    seen: set[str] = set()
    for name in names:
        if re.fullmatch(r"list\w*", name):
            return True, seen
        if "shape" in spec:
            seen.add(spec["shape"])
            spec = table["shapes"].get(spec["shape"], {"properties": {}})
        inner = spec.get("properties", {}).get(name)
        if inner is None:
            return spec.get("type") in {"any", "map"}, seen
        spec = inner
    return True, seen
