"""Bicep files as their grammar reads them: what is declared, what is used, where.

Only reads. The compiler cannot be had from any package registry, so the checks that it
would make of names are made here; those of types and values are not.

Source: https://learn.microsoft.com/azure/azure-resource-manager/bicep/file
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra" / "bicep"
FILES = tuple(sorted(INFRA.rglob("*.bicep")))
PARAMETER_FILES = tuple(sorted(INFRA.rglob("*.bicepparam")))

_LANGUAGE = Language(tree_sitter_bicep.language())
_KINDS = {
    "parameter_declaration": "param",
    "variable_declaration": "var",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
    "type_declaration": "type",
    "user_defined_function": "func",
}


@dataclass(frozen=True)
class Declared:
    """One declaration: ``what`` is its type, its file, or empty."""

    kind: str
    name: str
    node: Node
    what: str = ""

    @property
    def is_existing(self) -> bool:
        """Tell whether it only names what is there already."""
        return any(child.type == "existing" for child in self.node.children)

    @property
    def has_default(self) -> bool:
        """Tell whether a parameter may be left out."""
        is_nullable = any(one.type == "nullable_type" for one in walk(self.node))
        return is_nullable or any(child.type == "=" for child in self.node.children)

    @property
    def body(self) -> Node:
        """The object of a resource or a module, inside its loop and its condition."""
        return _object(self.node.children[-1])


@dataclass(frozen=True)
class Template:
    """One file.

    Attributes:
        named: By name; outputs are apart, since they share no names with the rest.
    """

    path: Path
    source: bytes
    root: Node
    named: dict[str, Declared] = field(default_factory=dict)
    outputs: dict[str, Declared] = field(default_factory=dict)
    twice: tuple[str, ...] = ()

    def of(self, kind: str) -> list[Declared]:
        """List the declarations of a kind."""
        return [one for one in self.named.values() if one.kind == kind]

    @property
    def scope(self) -> str:
        """Where it is deployed to."""
        for child in self.root.children:
            if child.type == "target_scope_assignment":
                return literal(child.named_children[-1]) or ""
        return "resourceGroup"

    def at(self, node: Node) -> str:
        """Say where a node is, as an editor takes it."""
        is_ours = self.path.is_relative_to(ROOT)
        shown = self.path.relative_to(ROOT) if is_ours else self.path
        return f"{shown}:{node.start_point[0] + 1}"


@lru_cache
def read(path: Path) -> Template:
    """Read a file; a syntax error is found by ``broken``."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".bicepparam":  # the grammar knows them less well than variables
        source = re.sub(r"^param (\w+) =", r"var   \1 =", source, flags=re.MULTILINE)
    root = Parser(_LANGUAGE).parse(source.encode()).root_node
    named: dict[str, Declared] = {}
    outputs: dict[str, Declared] = {}
    twice = []
    for node in walk(root):
        kind = _KINDS.get(node.type)
        if kind is None:
            continue
        name = next(text(c) for c in node.named_children if c.type == "identifier")
        what = next((literal(c) for c in node.named_children if c.type == "string"), None)
        found = Declared(kind, name, node, what or "")
        own = outputs if kind == "output" else named
        if name in own:
            twice.append(name)
        own[name] = found
    return Template(path, source.encode(), root, named, outputs, tuple(twice))


def walk(node: Node) -> Iterator[Node]:
    """Visit a node and all below it, in the order of the text."""
    yield node
    for child in node.children:
        yield from walk(child)


def broken(template: Template) -> list[str]:
    """List what the grammar could not read."""
    found = [one for one in walk(template.root) if one.is_error or one.is_missing]
    return [f"{template.at(one)}: {text(one)[:60]!r}" for one in found]


def text(node: Node) -> str:
    """Return a node as it is written."""
    return (node.text or b"").decode()


def literal(node: Node) -> str | None:
    """Return a text without interpolation, or nothing."""
    if node.type != "string" or any(c.type == "interpolation" for c in node.children):
        return None
    return "".join(text(c) for c in node.children if c.type == "string_content")


def pairs(node: Node) -> Iterator[tuple[str, Node]]:
    """Give an object's properties; a name that is put together has the name ``*``."""
    for one in node.named_children:
        if one.type != "object_property" or len(one.named_children) < 2:
            continue
        key, value = one.named_children[0], one.named_children[-1]
        name = text(key) if key.type == "identifier" else literal(key)
        yield (name if name is not None else "*"), value


def pair(node: Node, name: str) -> Node | None:
    """Return the value of an object's property."""
    return next((value for key, value in pairs(node) if key == name), None)


def chain(node: Node) -> tuple[Node, tuple[str, ...]]:
    """Take ``a[0].b.c`` apart: what it begins with, and the names that follow."""
    names: list[str] = []
    while node.type in {"member_expression", "subscript_expression"}:
        if node.type == "member_expression":
            property_ = node.child_by_field_name("property")
            names.append(text(property_) if property_ else "")
        inner = node.child_by_field_name("object")
        if inner is None:
            break
        node = inner
    return node, tuple(reversed(names))


def _object(node: Node) -> Node:
    """Look through ``[for x in y: if (z) {...}]``."""
    while node.type in {"for_statement", "if_statement"}:
        inner = [c for c in node.named_children if c.type in {"object", "if_statement"}]
        node = inner[-1]
    return node
