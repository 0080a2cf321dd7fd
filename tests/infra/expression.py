"""Bicep's expressions, read by precedence as the compiler reads them.

The grammar that the other checks use is an editor's: it finds names well and ends a lambda
or a ``!`` too early. Here an expression is read to be worked out.

Source: https://learn.microsoft.com/azure/azure-resource-manager/bicep/operators
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/|\#[^\n]*)
    |(?P<long>'''.*?''')
    |(?P<text>')
    |(?P<number>\d+)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<mark>=>|==|!=|=~|!~|<=|>=|&&|\|\||\?\?|\.\?|\[\?|[-+*/%<>!?:.,(){}\[\]=@])""",
    re.VERBOSE | re.DOTALL,
)
_BINDS = (("??",), ("||",), ("&&",), ("==", "!=", "=~", "!~"), ("<", ">", "<=", ">="))
_BINDS += (("+", "-"), ("*", "/", "%"))
Tree = tuple[Any, ...]


@dataclass
class Token:
    """One word of the text; a text with interpolation is a list of parts."""

    kind: str
    value: Any


def tokens(source: str) -> list[Token]:
    """Cut a text into words.

    Raises:
        SyntaxError: Something in it is no word.
    """
    found: list[Token] = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise SyntaxError(f"{source[at : at + 20]!r}")
        at, kind = match.end(), match.lastgroup
        if kind == "text":
            parts, at = _text(source, at)
            found.append(Token("text", parts))
        elif kind == "long":
            found.append(Token("text", [match[0][3:-3].removeprefix("\n")]))
        elif kind not in {"skip", None}:
            found.append(Token(str(kind), match[0]))
    return found


_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "$": "$"}


def _text(source: str, at: int) -> tuple[list[Any], int]:
    """Read a text from behind its first quote: strings, and trees between ``${`` and ``}``."""
    parts: list[Any] = [""]
    while source[at] != "'":
        if source[at] == "\\":
            parts[-1] += _ESCAPED[source[at + 1]]
            at += 2
        elif source.startswith("${", at):
            inner, at = _inside(source, at + 2)
            parts += [parse(inner), ""]
        else:
            parts[-1] += source[at]
            at += 1
    return parts, at + 1


def _inside(source: str, at: int) -> tuple[str, int]:
    """Find the end of an interpolation: braces and texts may be nested in it."""
    begin, depth = at, 1
    while depth:
        if source[at] == "'":
            at = _text(source, at + 1)[1]
            continue
        depth += {"{": 1, "}": -1}.get(source[at], 0)
        at += 1
    return source[begin : at - 1], at


def parse(source: str) -> Tree:
    """Read one expression, or what stands behind the ``=`` of a declaration."""
    reader = _Reader(tokens(source))
    tree = reader.value()
    if reader.at < len(reader.all):
        raise SyntaxError(f"left over: {reader.all[reader.at]}")
    return tree


class _Reader:
    def __init__(self, words: list[Token]) -> None:
        self.all, self.at = words, 0

    def peek(self, ahead: int = 0) -> Any:
        """Return the next word's text, or nothing for a text."""
        at = self.at + ahead
        return self.all[at].value if at < len(self.all) and self.all[at].kind != "text" else ""

    def take(self, wanted: str = "") -> Token:
        """Step over a word."""
        word = self.all[self.at]
        if wanted and word.value != wanted:
            raise SyntaxError(f"{wanted!r} was wanted, {word.value!r} is there")
        self.at += 1
        return word

    def got(self, *marks: str) -> str:
        """Step over one of some marks, if it is there."""
        return str(self.take().value) if self.peek() in marks else ""

    def value(self) -> Tree:
        """Read a value with its condition: ``if (...) {...}``, or a ternary."""
        if self.peek() == "if":
            self.take()
            self.take("(")
            asked = self.value()
            self.take(")")
            return ("if", asked, self.value())
        asked = self.binary(0)
        if not self.got("?"):
            return asked
        yes = self.value()
        self.take(":")
        return ("?", asked, yes, self.value())

    def binary(self, level: int) -> Tree:
        """Read operators of one level and above."""
        if level == len(_BINDS):
            return self.unary()
        left = self.binary(level + 1)
        while mark := self.got(*_BINDS[level]):
            left = (mark, left, self.binary(level + 1))
        return left

    def unary(self) -> Tree:
        """Read ``!`` and ``-`` in front."""
        if mark := self.got("!", "-"):
            return ("not" if mark == "!" else "minus", self.unary())
        return self.behind(self.primary())

    def behind(self, tree: Tree) -> Tree:
        """Read what follows: members, items, calls, and the ``!`` that says it is there."""
        while mark := self.got(".", ".?", "[", "[?", "(", "!"):
            if mark in {".", ".?"}:
                tree = ("member", tree, self.take().value, mark == ".?")
            elif mark == "(":
                tree = ("call", tree, self.several(")"))
            elif mark != "!":
                tree = ("item", tree, self.value())
                self.take("]")
        return tree

    def several(self, end: str) -> list[Tree]:
        """Read values up to a closing mark; commas between them may be left out."""
        found: list[Tree] = []
        while not self.got(end):
            found.append(self.value())
            self.got(",")
        return found

    def primary(self) -> Tree:
        """Read what everything else is made of."""
        word = self.take()
        if word.kind == "text":
            return ("text", word.value)
        if word.kind == "number":
            return ("is", int(word.value))
        if word.value == "(":
            return self.parenthesis()
        if word.value == "[":
            return self.loop() if self.peek() == "for" else ("array", self.several("]"))
        if word.value == "{":
            return self.object()
        if self.got("=>"):
            return ("lambda", [word.value], self.value())
        known = {"true": True, "false": False, "null": None}
        return ("is", known[word.value]) if word.value in known else ("name", word.value)

    def parenthesis(self) -> Tree:
        """Read ``(...)``, or a lambda of several names."""
        found = self.several(")")
        if self.got("=>"):
            return ("lambda", [one[1] for one in found], self.value())
        return found[0]

    def loop(self) -> Tree:
        """Read ``for x in y: z`` and its closing bracket."""
        self.take("for")
        names = [self.take().value]
        if names == ["("]:
            names = [self.take().value, self.take(",") and self.take().value]
            self.take(")")
        self.take("in")
        over = self.value()
        self.take(":")
        body = self.value()
        self.take("]")
        return ("for", names, over, body)

    def object(self) -> Tree:
        """Read ``{name: value}``; names may be texts with interpolation."""
        found: list[tuple[Tree, Tree]] = []
        while not self.got("}"):
            word = self.take()
            name: Tree = ("text", word.value if word.kind == "text" else [word.value])
            self.take(":")
            found.append((name, self.value()))
            self.got(",")
        return ("object", found)
