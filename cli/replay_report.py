"""What a replay found: counted by rule, and written as JSON while it goes on.

The same input gives the same bytes: keys are sorted, nothing of the clock or of the
machine gets in. Decisions are written as they are made, so that memory does not grow
with the recording.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from shared.core.decisions import Act, Decision, Hold, Reason
from shared.core.signals import Signal
from shared.core.steps import Step
from shared.core.wire import step_to_json
from shared.engine.rulings import Ruling

BAD_LINES_SHOWN = 100
IN_MEMORY, PORTION = 4 * 1024 * 1024, 1024 * 1024
_UNSAID = frozenset({Reason.NOT_MATCHED, Reason.OTHER_RULE_ACTED})
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one signal: the one answer that mattered.

    Attributes:
        kind: ``act``, ``hold`` or ``skip``.
        steps: Of the plan, or those a guardrail refused.
    """

    kind: str
    reason: str
    rule: str
    steps: tuple[Step, ...] = ()

    def differs(self, other: Outcome) -> bool:
        """Tell whether decision, reason or steps differ; a rule's name is no difference."""
        mine = (self.kind, self.reason, self.steps)
        return mine != (other.kind, other.reason, other.steps)

    def to_json(self) -> dict[str, Any]:
        """Write it whole."""
        steps = [step_to_json(step) for step in self.steps]
        return {"kind": self.kind, "reason": self.reason, "rule": self.rule, "steps": steps}


def outcome_of(rulings: Sequence[Ruling]) -> Outcome:
    """Sum rulings up by the one that acted or would have, else the first with a reason."""
    chosen = next((r for r in rulings if isinstance(r.decision, Act) or r.draft), None)
    chosen = chosen or next((r for r in rulings if reason_of(r.decision) not in _UNSAID), None)
    ruling = chosen or rulings[0]
    act = ruling.decision if isinstance(ruling.decision, Act) else ruling.draft
    steps = act.steps if act else ()
    return Outcome(kind_of(ruling.decision), reason_of(ruling.decision), ruling.rule, steps)


def kind_of(decision: Decision) -> str:
    """Name a decision's kind."""
    if isinstance(decision, Act):
        return "act"
    return "hold" if isinstance(decision, Hold) else "skip"


def reason_of(decision: Decision) -> str:
    """Name a decision's reason; empty for an act."""
    return "" if isinstance(decision, Act) else decision.reason.value


@dataclass(slots=True)
class RuleTally:
    """What one rule answered, counted.

    Attributes:
        would: Times a guardrail, the mode among them, refused what it would have done.
    """

    acted: int = 0
    would: int = 0
    held: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, ruling: Ruling) -> None:
        """Count one ruling."""
        self.would += ruling.draft is not None
        match kind_of(ruling.decision):
            case "act":
                self.acted += 1
            case "hold":
                self.held[reason_of(ruling.decision)] += 1
            case _:
                self.skipped[reason_of(ruling.decision)] += 1

    def to_json(self) -> dict[str, Any]:
        """Write the counts."""
        return {
            "acted": self.acted,
            "would_have_acted": self.would,
            "held": dict(self.held),
            "skipped": dict(self.skipped),
        }


@dataclass(slots=True)
class Tally:
    """A whole replay, counted."""

    lines: int = 0
    signals: int = 0
    quarantined: int = 0
    out_of_order: int = 0
    bad: int = 0
    bad_lines: list[dict[str, Any]] = field(default_factory=list)
    differences: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    rules: dict[str, RuleTally] = field(default_factory=dict)

    def add(self, rulings: Sequence[Ruling], outcome: Outcome) -> None:
        """Count the answers to one signal."""
        self.signals += 1
        self.outcomes[outcome.reason or outcome.kind] += 1
        for ruling in rulings:
            tally = self.rules.get(ruling.rule)
            if tally is None:
                tally = self.rules[ruling.rule] = RuleTally()
            tally.add(ruling)

    def add_bad(self, number: int, why: str) -> None:
        """Count a line that could not be read; the first ones are named."""
        self.bad += 1
        if len(self.bad_lines) < BAD_LINES_SHOWN:
            self.bad_lines.append({"line": number, "why": why})

    def to_json(self) -> dict[str, Any]:
        """Write the counts."""
        return {
            "lines": self.lines,
            "bad_lines": self.bad,
            "signals": self.signals,
            "quarantined": self.quarantined,
            "out_of_order": self.out_of_order,
            "differences": self.differences,
            "outcomes": dict(self.outcomes),
            "rules": {name: tally.to_json() for name, tally in self.rules.items()},
        }


def decision_json(
    number: int, received_at: str, signal: Mapping[str, Any], rulings: Iterable[Ruling]
) -> dict[str, Any]:
    """Write the answers to one signal; steps by verb, whole ones are in differences."""
    return {
        "line": number,
        "received_at": received_at,
        **signal,
        "decisions": [_ruling_json(ruling) for ruling in rulings],
    }


def about(signal: Signal) -> dict[str, Any]:
    """Name a signal."""
    return {
        "event_id": signal.event_id,
        "target": signal.target,
        "type": signal.type.value,
        "phase": signal.phase.value,
    }


def _ruling_json(ruling: Ruling) -> dict[str, Any]:
    decision = ruling.decision
    written: dict[str, Any] = {
        "rule": ruling.rule,
        "kind": kind_of(decision),
        "reason": reason_of(decision),
    }
    if isinstance(decision, Act):
        written["steps"] = [step.verb.value for step in decision.steps]
    elif decision.detail:
        written["detail"] = decision.detail
    if ruling.draft is not None:
        written["would"] = [step.verb.value for step in ruling.draft.steps]
    return written


class JsonReport:
    """The JSON document of a replay, one decision a line; nowhere if there is no file."""

    def __init__(self, out: IO[str] | None) -> None:
        """Begin the document."""
        self._out = out
        self._next = "\n"
        self._aside = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by end()
            IN_MEMORY, "w+", encoding="utf-8"
        )
        self._write('{"decisions":[')

    def _write(self, text: str) -> None:
        if self._out is not None:
            self._out.write(text)

    def add(self, decision: Mapping[str, Any]) -> None:
        """Write one signal's answers."""
        self._write(self._next + _encode(decision))
        self._next = ",\n"

    @property
    def is_wanted(self) -> bool:
        """Tell whether decisions need to be written out at all."""
        return self._out is not None

    def differ(self, difference: Mapping[str, Any]) -> None:
        """Put a difference by for the document's end; on disk if there are many."""
        if self._out is not None:
            self._aside.write(f"{',' if self._aside.tell() else ''}\n{_encode(difference)}")

    def end(self, tally: Tally) -> None:
        """Write the rest: differences, the bad lines, the counts."""
        self._write('\n],\n"differences":[')
        self._aside.seek(0)
        while portion := self._aside.read(PORTION):
            self._write(portion)
        self._aside.close()
        self._write(f'\n],\n"bad_lines":{_encode(tally.bad_lines)},\n')
        self._write(f'"summary":{_encode(tally.to_json())}}}\n')
