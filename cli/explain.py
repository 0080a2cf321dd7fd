"""``nightshift explain``: why each rule would act on one event or not, with no effect.

Reads files and prints; what it prints is found by ``cli.explaining``. Exit code 0 if a
plan would follow, 3 if nothing would happen, 2 if the input is bad.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cli.explaining import Question
    from cli.recording import FactsOf
    from shared.core.signals import Signal, Unanswered
    from shared.rules.book import Rule

DEFAULT_RULES = Path(__file__).parents[1] / "rules"
NOTHING, BAD_INPUT = 3, 2


class BadInput(ValueError):
    """A file that explain was given is not what it should be."""


def register(subparsers: Any) -> None:
    """Add ``explain`` to the command line."""
    parser = subparsers.add_parser(
        "explain", help="why each rule would act on an event or not; no effect"
    )
    parser.add_argument("event", metavar="EVENT.json", help="any event known; - for stdin")
    parser.add_argument(
        "--rules",
        nargs="+",
        action="extend",
        type=Path,
        metavar="DIR",
        help="rule folders, a later one wins by rule name (default: the app's own)",
    )
    parser.add_argument("--facts", type=Path, metavar="FACTS.json", help="see docs/REPLAY.md")
    parser.add_argument(
        "--now", metavar="T", help="the moment to answer for (default: the event's own)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Explain one event; 0 a plan would follow, 3 none would, 2 bad input."""
    from cli.explaining import explain, would_act
    from shared.core.errors import AutomationError
    from shared.rules.problems import RulesRefused

    try:
        shape, questions, unanswered, rules = _asked(arguments)
    except (OSError, BadInput, RulesRefused, AutomationError) as error:
        print(f"nightshift explain: {error}", file=sys.stderr)
        return BAD_INPUT
    explained = [explain(question, rules) for question in questions]
    document = {
        "shape": shape,
        "signals": explained,
        "unanswered": [{"event_id": one.event_id, "why": one.why} for one in unanswered],
    }
    if arguments.json:
        print(json.dumps(document, indent=2, sort_keys=True))
    else:
        from cli.explain_table import show

        show(document)
    return 0 if any(would_act(one) for one in explained) else NOTHING


def _asked(
    arguments: argparse.Namespace,
) -> tuple[str, list[Question], list[Unanswered], Sequence[Rule]]:
    """Read every input, all before anything is printed."""
    from cli.explaining import Question
    from cli.replaying import load
    from cli.shapes import RUNBOOK, read_runbook, shape_of
    from shared.adapters.clock import SystemClock

    book = load(arguments.rules or [DEFAULT_RULES])
    rules: Sequence[Rule] = book.rules
    given = _moment(arguments.now) if arguments.now else None
    document = _json(arguments.event, "the event")
    shape, now = shape_of(document), given or SystemClock().now()
    is_dry_run = False
    signals: list[Signal]
    unanswered: list[Unanswered] = []
    if shape == RUNBOOK and isinstance(document, dict):
        asked = read_runbook(document)
        signals, rules, is_dry_run = *_by_hand(asked, now), asked.is_dry_run
    else:
        signals, unanswered = _signals(document, now)
    facts = _facts(arguments.facts, signals)
    questions = [
        Question(signal, facts, given or signal.observed_at, book, is_dry_run)
        for signal in signals
    ]
    return shape, questions, unanswered, rules


def _by_hand(asked: Any, now: datetime) -> tuple[list[Signal], Sequence[Rule]]:
    from cli.rehearsal import SETTINGS
    from shared.engine.runbook import runbook_signal
    from shared.engine.runbook_rules import runbook_rule
    from shared.remediations import discover

    remediations = discover()
    if asked.remediation not in remediations:
        known = ", ".join(remediations)
        raise BadInput(f"no remediation is called {asked.remediation!r}; known: {known}")
    signal = runbook_signal(
        asked.remediation,
        target=asked.target,
        is_dry_run=asked.is_dry_run,
        request_id="explain",
        reason=asked.reason,
        now=now,
    )
    return [signal], (runbook_rule(remediations[asked.remediation], asked.given, SETTINGS),)


def _signals(document: Any, now: datetime) -> tuple[list[Signal], list[Unanswered]]:
    from cli.shapes import read_signals
    from shared.core.envelopes import Malformed
    from shared.core.signals import Signal, Unanswered

    said = read_signals(document, received_at=now)
    wrong = [f"event {one.index}: {one.why}" for one in said if isinstance(one, Malformed)]
    if wrong:
        raise BadInput("\n".join(wrong))
    signals = [one for one in said if isinstance(one, Signal)]
    return signals, [one for one in said if isinstance(one, Unanswered)]


def _facts(path: Path | None, signals: list[Signal]) -> FactsOf:
    from cli.recording import FactsOf

    if path is None:
        return FactsOf({})
    return checked_facts(_json(str(path), "the facts"), str(path), signals)


def checked_facts(document: Any, where: str, signals: list[Signal]) -> FactsOf:
    """Read a facts document strictly: a slip would be taken for something unknown.

    Raises:
        BadInput: It is none, or about something else than the signals.
    """
    from cli.recording import BadLine, facts_of
    from shared.core.facts import FactsKind
    from shared.core.facts_json import WrongFacts, facts_from_json

    try:
        read = facts_of(document)
    except BadLine as error:
        raise BadInput(f"{where}: {error}") from error
    targets = {signal.target.casefold(): signal.target for signal in signals}
    for target, kinds in document.items():
        if target.casefold() not in targets:
            about = " and ".join(targets.values()) or "no resource"
            raise BadInput(f"{where}: it has facts of {target}; the event is about {about}")
        for kind, value in kinds.items():
            if kind not in set(FactsKind):
                known = ", ".join(FactsKind)
                raise BadInput(
                    f"{where}: {target}: {kind!r} is no kind of facts; known: {known}"
                )
            try:
                if value is not None:
                    facts_from_json(FactsKind(kind), value, is_strict=True)
            except WrongFacts as error:
                raise BadInput(f"{where}: {target}: {kind}.{error}") from error
    return read


def _json(name: str, what: str) -> Any:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8-sig")
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{what} in {name} is not JSON: {error}") from error


def _moment(text: str) -> datetime:
    from shared.core.moments import read_moment

    try:
        moment = read_moment(text)
    except ValueError as error:
        raise BadInput(f"--now {error}") from error
    if moment is None:
        raise BadInput("--now is empty: write for example 2026-11-22T03:04:05Z")
    return moment
