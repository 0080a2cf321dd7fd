"""The tests that rules bring along, run: what a rule answers to an event, with no effect.

A test asks the rule alone: its condition and its remediation, in the version that holds
for the target. Neither its mode nor a guardrail is asked, and nothing is counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.explain import BadInput, checked_facts
from cli.recording import FactsOf, NoFacts
from cli.shapes import RUNBOOK, read_signals, shape_of
from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.envelopes import Malformed
from shared.core.errors import AutomationError
from shared.core.incidents import needs_no_rule
from shared.core.signals import Signal
from shared.engine import guarding
from shared.engine.rulings import judge_rule
from shared.rules.book import Rule, RuleBook, RuleTest
from shared.rules.conditions import ConditionFailed, environment, judge

NO_MATCH = "no_match"
UNDATED = datetime(2030, 1, 1, 3, tzinfo=UTC)
"""When an event came that does not say it itself, so that a test is the same every day."""
_OBSERVED = frozenset({"target", "facts"})


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that did not come out as it should."""

    rule: str
    test: RuleTest
    why: str

    def __str__(self) -> str:
        """Write it on one line, position first, as problems of rule files are."""
        name = f" {self.test.name!r}" if self.test.name else ""
        return f"{self.test.source}: the test{name} of {self.rule} failed: {self.why}"


def run_tests(book: RuleBook) -> tuple[int, list[Failure]]:
    """Run every test of every rule.

    Returns:
        How many there are, and those that failed.
    """
    tests = [(rule, test) for rule in book.rules for test in rule.tests]
    found = ((rule, test, _failure(rule, test)) for rule, test in tests)
    return len(tests), [Failure(rule.name, test, why) for rule, test, why in found if why]


def _failure(rule: Rule, test: RuleTest) -> str:
    """Say why a test failed, or nothing."""
    try:
        decided = list(_decided(rule, test))
    except (BadInput, AutomationError, NoFacts) as error:
        return str(error)
    wanted = _wanted(test)
    wrong = [said for is_right, said in decided if not is_right]
    return f"expected {wanted}, got {wrong[0]}" if wrong else ""


def _decided(rule: Rule, test: RuleTest) -> Iterator[tuple[bool, str]]:
    """Give each answer of the rule: whether it is the one expected, and its words."""
    signals = _signals(test)
    facts = _facts(test, signals)
    answered = [signal for signal in signals if signal.type in rule.on]
    if not answered:
        types = ", ".join(sorted({signal.type.value for signal in signals})) or "no signal"
        yield test.expect == NO_MATCH, f"{NO_MATCH}: the event says {types}"
    for signal in answered:
        decision = _decide(rule, signal, facts, test.at or signal.observed_at)
        yield _is_right(rule, test, decision), _words(decision)


def _decide(rule: Rule, signal: Signal, facts: FactsOf, now: datetime) -> Decision:
    early = needs_no_rule(signal)
    if early is not None:
        return early
    kind = rule.remediation.facts
    try:
        seen = facts.about(signal.target, kind)
    except NoFacts:
        if _is_false_anyway(rule, signal, now):
            return Skip(Reason.NOT_MATCHED)
        raise NoFacts(
            f"it decides on {kind} facts of {signal.target}, and the test has none: "
            "give them in facts"
        ) from None
    version = rule.version_for(guarding.subject(rule, signal, seen))
    return judge_rule(version, signal, seen, now).decision


def _is_false_anyway(rule: Rule, signal: Signal, now: datetime) -> bool:
    """Tell whether the condition is false whatever the facts are."""
    if rule.condition.needs & _OBSERVED:
        return False
    try:
        return not judge(rule.condition, environment(signal, None, None, now)).is_match
    except ConditionFailed:
        return False


def _is_right(rule: Rule, test: RuleTest, decision: Decision) -> bool:
    if _kind(decision) != test.expect:
        return False
    if isinstance(decision, Act):
        verbs = tuple(step.verb.value for step in decision.steps)
        return test.steps is None or test.steps in {verbs, (rule.remediation.name,)}
    return test.reason is None or test.reason == decision.reason.value


def _kind(decision: Decision) -> str:
    match decision:
        case Act():
            return "act"
        case Hold():
            return "hold"
        case Skip():
            return NO_MATCH if decision.reason is Reason.NOT_MATCHED else "skip"


def _wanted(test: RuleTest) -> str:
    parts = (test.expect, test.reason or "", ", ".join(test.steps or ()))
    return " ".join(part for part in parts if part)


def _words(decision: Decision) -> str:
    if isinstance(decision, Act):
        return f"act {', '.join(step.verb.value for step in decision.steps)}"
    kind = _kind(decision)
    said = kind if kind == NO_MATCH else f"{kind} {decision.reason.value}"
    return f"{said} ({decision.detail})" if decision.detail else said


def _signals(test: RuleTest) -> list[Signal]:
    document, where = _document(test, test.event, "event")
    if shape_of(document) == RUNBOOK:
        raise BadInput(f"{where} is a runbook request, which asks no rule: write an event")
    try:
        said = read_signals(document, received_at=test.at or UNDATED)
    except AutomationError as error:
        raise BadInput(f"{where} is no event that is known: {error}") from error
    wrong = [one.why for one in said if isinstance(one, Malformed)]
    if wrong:
        raise BadInput(f"{where} cannot be parsed: {wrong[0]}")
    return [one for one in said if isinstance(one, Signal)]


def _facts(test: RuleTest, signals: list[Signal]) -> FactsOf:
    if test.facts is None:
        return FactsOf({})
    document, where = _document(test, test.facts, "facts")
    return checked_facts(document, where, signals)


def _document(test: RuleTest, given: str | Mapping[str, Any], what: str) -> tuple[Any, str]:
    """Read a document that a test names, or that stands in it."""
    if not isinstance(given, str):
        return given, f"its {what}"
    path = Path(test.source.rpartition(":")[0]).parent / given
    try:
        return json.loads(path.read_text("utf-8-sig")), str(path)
    except OSError as error:
        raise BadInput(f"its {what}, {path}, cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"its {what}, {path}, is not JSON: {error}") from error
