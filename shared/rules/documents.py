"""YAML text -> a tree that remembers where everything stands.

Reads YAML 1.2's core words, not PyYAML's 1.1: there ``on:`` is a key named True and
``mode: off`` is False, and both are words of this language. Built from the parser's
events, so a hostile text is refused while it is read: no anchors or aliases (an
expansion bomb needs them), no tags, no duplicate keys, no second document, and
limits on size, depth and count.

Source: https://yaml.org/spec/1.2.2/#103-core-schema
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import yaml

from shared.rules.problems import Place, Problems

MAX_CHARACTERS = 512 * 1024
MAX_DEPTH = 24
MAX_NODES = 50_000
MAX_DIGITS = 18

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {"true": True, "True": True, "TRUE": True} | {
    "false": False,
    "False": False,
    "FALSE": False,
}
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL_FLOAT = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A word, number, truth value or nothing.

    Attributes:
        text: Where its characters begin, if they stand verbatim on one line; for
            pointing into a condition.
    """

    value: str | int | float | bool | None
    place: Place
    text: Place | None = None


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    nodes: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """One key's place, and what it holds."""

    key: Place
    node: Node


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping whose keys are words."""

    entries: dict[str, Entry]
    place: Place


Node = Scalar | Items | Table


class _Refused(Exception):
    """Ends the reading of one file; carries the place and what to say."""

    def __init__(self, place: Place, message: str, suggestion: str) -> None:
        super().__init__(message)
        self.place, self.message, self.suggestion = place, message, suggestion


def read(file: str, text: str, problems: Problems) -> Node | None:
    """Read one YAML document; None if it is refused or empty, with the problem noted."""
    start = Place(file, 1, 1)
    if len(text) > MAX_CHARACTERS:
        message = f"the file has {len(text)} characters, more than {MAX_CHARACTERS}"
        problems.add(start, message, "split it into several files")
        return None
    try:
        return _Reader(file, text).document()
    except _Refused as refused:
        problems.add(refused.place, refused.message, refused.suggestion)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else start
        what = error.problem or error.context or "it cannot be parsed"
        problems.add(place, f"this is not YAML: {what}", "check indentation, ':' and quotes")
    except (yaml.YAMLError, ValueError) as error:
        # ReaderError for control characters; a lone surrogate cannot even be encoded.
        what = str(getattr(error, "reason", error))
        at = int(getattr(error, "position", getattr(error, "start", 0)))
        place = Place(file, text.count("\n", 0, at) + 1, 1)
        problems.add(place, f"this is not YAML: {what}", "save the file as plain UTF-8 text")
    return None


class _Reader:
    """Builds the tree of one text from its parser events."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._start = Place(file, 1, 1)
        self._lines = text.split("\n")
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=Loader)
        self._left = MAX_NODES

    def document(self) -> Node | None:
        """Read the one document."""
        node: Node | None = None
        seen = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                seen += 1
                if seen > 1:
                    self._refuse(event, "a second document begins", "keep to one per file")
                node = self._node(next(self._events), 0)
        return node

    def _refuse(self, event: yaml.Event, message: str, suggestion: str) -> None:
        raise _Refused(self._place(event), message, suggestion)

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        return Place(self._file, mark.line + 1, mark.column + 1) if mark else self._start

    def _node(self, event: yaml.Event, depth: int) -> Node:
        self._left -= 1
        if self._left < 0:
            self._refuse(event, f"more than {MAX_NODES} values", "split the file")
        if depth > MAX_DEPTH:
            self._refuse(event, f"nested deeper than {MAX_DEPTH} levels", "nest less")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self._refuse(event, "anchors and aliases are not read", "write the value out")
        if tag := getattr(event, "tag", None):
            self._refuse(event, f"the tag {tag} is not read", "leave the tag out")
        if isinstance(event, yaml.MappingStartEvent):
            return self._table(event, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._items(event, depth)
        return self._scalar(cast("yaml.ScalarEvent", event))

    def _items(self, start: yaml.Event, depth: int) -> Items:
        nodes: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            nodes.append(self._node(event, depth + 1))
        return Items(tuple(nodes), self._place(start))

    def _table(self, start: yaml.Event, depth: int) -> Table:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar) or not isinstance(key.value, str):
                self._refuse(event, "this key is not a word", "use a plain word as key")
            name = str(getattr(key, "value", ""))
            if name in entries:
                first = entries[name].key
                message = f"the key {name!r} is given twice, first on line {first.line}"
                self._refuse(event, message, "keep one of them")
            entries[name] = Entry(
                self._place(event), self._node(next(self._events), depth + 1)
            )
        return Table(entries, self._place(start))

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        place, text = self._place(event), event.value
        if not event.implicit[0]:
            return Scalar(text, place, self._verbatim(place, text))
        digits = text.lstrip("+-")
        if _INT.fullmatch(text) and len(digits) > MAX_DIGITS:
            self._refuse(event, f"a number of {len(digits)} digits", "write a smaller one")
        return Scalar(resolve(text), place, self._verbatim(place, text))

    def _verbatim(self, place: Place, text: str) -> Place | None:
        """Find where the characters of a scalar begin: plain, quoted, or in a block."""
        if not text or "\n" in text:
            return None
        line = self._lines[place.line - 1] if place.line <= len(self._lines) else ""
        for skip in (0, 1):
            if line[place.column - 1 + skip :].startswith(text):
                return place.right(skip)
        below = self._lines[place.line] if place.line < len(self._lines) else ""
        if below.strip() == text:
            return Place(place.file, place.line + 1, below.index(text) + 1)
        return None


def resolve(text: str) -> str | int | float | bool | None:
    """Tell what a plain scalar means by YAML 1.2's core schema."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL_FLOAT.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def plain(node: Node) -> object:
    """Drop the places: dict, list and scalar values only."""
    if isinstance(node, Table):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Items):
        return [plain(item) for item in node.nodes]
    return node.value


def locate(table: Table, path: tuple[str | int, ...]) -> tuple[Place, Place]:
    """Find the key's and the value's place at ``path``, or of the nearest that exists."""
    key = table.place
    found: Node = table
    for part in path:
        if isinstance(found, Table) and part in found.entries:
            entry = found.entries[str(part)]
            key, found = entry.key, entry.node
        elif isinstance(found, Items) and isinstance(part, int) and part < len(found.nodes):
            found = found.nodes[part]
            key = found.place
        else:
            break
    return key, found.place
