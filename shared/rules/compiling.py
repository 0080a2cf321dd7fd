"""Conditions of a rule file: compiled, and every finding put at its own character."""

from __future__ import annotations

import re
from collections.abc import Collection

from shared.core.facts import FactsKind
from shared.rules.checking import check
from shared.rules.conditions import VARIABLES, Condition, compile_condition
from shared.rules.documents import Node, Scalar
from shared.rules.measures import condition as read_condition
from shared.rules.measures import text as read_text
from shared.rules.problems import Place, Problems

_SYNTAX = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?([^\n]+)")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
VERIFIED = ("target", "facts", "now")
"""What a condition that verifies may see: nothing of the signal, which is long over."""


def compile_at(
    text: str,
    node: Node,
    where: str,
    facts: FactsKind | None,
    problems: Problems,
    variables: Collection[str] = VARIABLES,
) -> Condition | None:
    """Compile a condition and check the names in it; None if it does not compile.

    Args:
        node: Where it stands.
        where: What it is called there, for messages.
        facts: What the remediation decides on; None if that is not known.
    """
    try:
        condition = compile_condition(text)
    except ValueError as error:
        _refuse_syntax(node, where, text, str(error), problems)
        return None

    def report(at: int, message: str, suggestion: str) -> None:
        problems.add(_within(node, at), f"{where}: {message}", suggestion)

    check(condition, facts, report, variables)
    return condition


def compile_verify(
    node: Node, where: str, facts: FactsKind | None, problems: Problems
) -> Condition | None:
    """Compile one condition that verifies; a single word is a fact that must be true."""
    try:
        text = read_condition(read_text(node.value if isinstance(node, Scalar) else None))
    except ValueError as error:
        wrong, _, suggestion = str(error).rpartition(": ")
        problems.add(node.place, f"{where}: {wrong}", suggestion)
        return None
    if _WORD.fullmatch(text) and text not in {*VARIABLES, "true", "false"}:
        text = f"facts.{text}"
    return compile_at(text, node, where, facts, problems, VERIFIED)


def _refuse_syntax(node: Node, where: str, text: str, error: str, problems: Problems) -> None:
    """Report the compiler's first finding at its own position."""
    found = _SYNTAX.search(error)
    line, column, what = found.groups() if found else ("1", "1", error)
    at = int(column) - 1 if line == "1" else 0
    suggestion = 'write CEL, for example target.tags.workload == "training"'
    for wrong, right in ((" and ", "&&"), (" or ", "||"), ("not ", "!")):
        if wrong in text:
            suggestion = f"write {right} instead of {wrong.strip()}"
    of = f" (line {line} of the condition)" if line != "1" else ""
    message = f"{where}: the condition does not compile{of}: {what}"
    problems.add(_within(node, at), message, suggestion)


def _within(node: Node, character: int) -> Place:
    """Point into the condition where its text stands verbatim, else at its start."""
    if isinstance(node, Scalar) and node.text is not None:
        return node.text.right(character)
    return node.place
