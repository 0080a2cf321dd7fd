"""Look at a CEL expression without evaluating it: what it refers to, and where.

The compiler knows the names of variables and functions but not where they stand nor
which members are read. This scan finds both, so that a misspelt fact is refused at
load with its column and not at the first eviction.

Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MACROS = frozenset({"all", "exists", "exists_one", "existsOne", "filter", "map"})
KEYWORDS = frozenset({"false", "in", "null", "true"})

_TOKEN = re.compile(
    r"""
      (?P<space>\s+|//[^\n]*)
    | (?P<string>[bB]?[rR](?:'''(?s:.*?)'''|\"\"\"(?s:.*?)\"\"\"|'[^'\n]*'|"[^"\n]*")
               |[bB]?(?:'''(?s:.*?)'''|\"\"\"(?s:.*?)\"\"\"
                       |'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"))
    | (?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?[uU]?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the expression; ``at`` counts characters from 0."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A variable with the members read from it, as far as they are literal."""

    root: str
    path: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function or macro by name."""

    name: str
    at: int


@dataclass(slots=True)
class Scan:
    """What an expression refers to.

    Attributes:
        tags: Names of target tags that it mentions, by member, index or ``in``.
        bound: Names that macros bind somewhere in it.
    """

    references: list[Reference] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)


def tokens(text: str) -> list[Token]:
    """Split an expression into words; whatever is no CEL becomes single characters."""
    return [
        Token(str(match.lastgroup), match.group(), match.start())
        for match in _TOKEN.finditer(text)
        if match.lastgroup != "space"
    ]


def scan(text: str) -> Scan:
    """Find the free variables with their members, and the calls."""
    words = [*tokens(text), *[Token("end", "", len(text))] * 4]
    found = Scan()
    bound: list[str] = []
    for index, word in enumerate(words):
        before = words[index - 1] if index else words[-1]
        if word.text in {"(", "[", "{"}:
            bound.append(_binds(words, index))
            found.bound.update(bound[-1:])
        elif word.text in {")", "]", "}"}:
            del bound[-1:]
        elif word.kind == "name" and words[index + 1].text == "(":
            found.calls.append(Call(word.text, word.at))
        elif (
            word.kind == "name" and before.text != "." and word.text not in KEYWORDS | {*bound}
        ):
            _note(found, words, index)
    return found


def _binds(words: list[Token], opening: int) -> str:
    """Name the variable that a macro binds between this bracket and its closing one."""
    is_macro = (
        opening > 1
        and words[opening - 1].text in MACROS
        and words[opening - 2].text == "."
        and words[opening + 1].kind == "name"
        and words[opening + 2].text == ","
    )
    return words[opening + 1].text if is_macro else ""


def _note(found: Scan, words: list[Token], index: int) -> None:
    """Add the reference that begins at ``index``, and the tag it means."""
    reference = Reference(words[index].text, _members(words, index + 1), words[index].at)
    found.references.append(reference)
    if (reference.root, *reference.path[:1]) != ("target", "tags"):
        return
    found.tags.update(reference.path[1:2])
    if index > 1 and words[index - 1].text == "in" and words[index - 2].kind == "string":
        found.tags.add(literal(words[index - 2].text))


def _members(words: list[Token], index: int) -> tuple[str, ...]:
    """Read ``.name`` and ``["name"]`` as long as they follow; a method ends it."""
    path: list[str] = []
    while True:
        one, two, three = words[index : index + 3]
        if one.text == "." and two.kind == "name" and three.text != "(":
            path.append(two.text)
            index += 2
        elif one.text == "[" and two.kind == "string" and three.text == "]":
            path.append(literal(two.text))
            index += 3
        else:
            return tuple(path)


def literal(text: str) -> str:
    """Read a string literal of an index; names of tags and facts need no escapes."""
    body = text.lstrip("bBrR")
    quote = body[:3] if body[:3] in {"'''", '"""'} else body[:1]
    inner = body[len(quote) : len(body) - len(quote)]
    return re.sub(r"\\(.)", r"\1", inner) if body == text else inner
