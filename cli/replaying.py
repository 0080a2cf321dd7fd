"""One pass over a recording, line by line; touches nothing.

With a second rule set it names every signal on which the two differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cli.recording import BadLine, Line, read_line
from cli.rehearsal import Rehearsal
from cli.replay_report import (
    JsonReport,
    Outcome,
    Tally,
    about,
    decision_json,
    outcome_of,
)
from cli.rules import read_layer
from cli.shapes import read_signals
from shared.core.decisions import Reason, Skip
from shared.core.envelopes import Malformed
from shared.core.errors import MalformedEvent
from shared.core.signals import Signal, Unanswered
from shared.core.wire import write_moment
from shared.engine.rulings import Ruling
from shared.rules.book import RuleBook

DIFFERENCES_SHOWN = 20


@dataclass(slots=True)
class Replay:
    """One pass over a recording, with one rule set or two.

    Attributes:
        against: The rule set to compare with, or None.
        differences: The first ones; the report has them all.
    """

    rehearsal: Rehearsal
    against: Rehearsal | None
    report: JsonReport
    tally: Tally = field(default_factory=Tally)
    differences: list[dict[str, Any]] = field(default_factory=list)
    _last: datetime | None = None

    def run(self, lines: Iterable[str | bytes]) -> None:
        """Take every line; one that cannot be read is told and passed over."""
        for number, text in enumerate(lines, 1):
            if not text.strip():
                continue
            self.tally.lines += 1
            try:
                self._take(number, read_line(text))
            except BadLine as bad:
                self.tally.add_bad(number, str(bad))
        self.report.end(self.tally)

    def _take(self, number: int, line: Line) -> None:
        if self._last is not None and line.received_at < self._last:
            self.tally.out_of_order += 1
        self._last = line.received_at
        for said in _parsed(line):
            if isinstance(said, Malformed):
                self.tally.quarantined += 1
            elif isinstance(said, Unanswered):
                self._unanswered(number, line, said)
            else:
                self._answer(number, line, said)

    def _unanswered(self, number: int, line: Line, event: Unanswered) -> None:
        named = {"event_id": event.event_id, "target": "", "type": "", "phase": "fired"}
        rulings = (Ruling("", "", Skip(Reason.NO_RULE, event.why)),)
        self._note(number, line, named, rulings)

    def _answer(self, number: int, line: Line, signal: Signal) -> None:
        now = line.received_at
        rulings = self.rehearsal.answer(signal, line.facts, now)
        outcome = self._note(number, line, about(signal), rulings)
        if self.against is not None:
            other = outcome_of(self.against.answer(signal, line.facts, now))
            if outcome.differs(other):
                self._differ(number, signal, outcome, other)

    def _note(
        self, number: int, line: Line, named: dict[str, Any], rulings: tuple[Ruling, ...]
    ) -> Outcome:
        outcome = outcome_of(rulings)
        self.tally.add(rulings, outcome)
        if self.report.is_wanted:
            moment = write_moment(line.received_at) or ""
            self.report.add(decision_json(number, moment, named, rulings))
        return outcome

    def _differ(self, number: int, signal: Signal, one: Outcome, other: Outcome) -> None:
        self.tally.differences += 1
        both = {"rules": one.to_json(), "against": other.to_json()}
        difference = {"line": number, **about(signal), **both}
        self.report.differ(difference)
        if len(self.differences) < DIFFERENCES_SHOWN:
            self.differences.append(difference)


def _parsed(line: Line) -> Iterable[Signal | Unanswered | Malformed]:
    """Parse a delivery; what is no event at all is quarantined as a whole."""
    try:
        return read_signals(line.body, received_at=line.received_at, inlet=line.inlet)
    except MalformedEvent as error:
        return (Malformed(0, str(error), ""),)


def load(folders: list[Path]) -> RuleBook:
    """Load folders as layers.

    Raises:
        OSError, RulesRefused: With everything that is wrong.
    """
    from shared.remediations import discover
    from shared.rules.loading import load_rules

    return load_rules([read_layer(folder) for folder in folders], discover())
