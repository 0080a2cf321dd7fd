"""How a signal is to be answered, what became of it, and how to be asked again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.core.plans import Plan
from shared.core.signals import Signal
from shared.core.wire import signal_to_json
from shared.engine.rulings import FactsByKind, Ruling
from shared.ports import EventRecord, StoredPlan
from shared.rules.book import Rule


@dataclass(frozen=True, slots=True)
class Request:
    """How a signal is to be answered.

    Attributes:
        owner: Name on the lease of whoever carries the plan out at once; empty to leave
            it to the queue.
        is_dry_run: Think, record, do not act.
        attempt: 0 for an event; 1 and up for the engine's own hearings of it.
        rules: Rules to ask instead of those in force (a person's runbook).
        facts: Facts gathered already (a tick reads many at once).
        rule: The only rule to ask, or empty for all.
        rung: Which remediation of that rule's ladder, from 0.
        after: Ask the rules that stand after this one.
        because: What a person said, or did not say in time, that made us hear it again.
    """

    owner: str = ""
    is_dry_run: bool = False
    attempt: int = 0
    rules: tuple[Rule, ...] | None = None
    facts: FactsByKind | None = None
    rule: str = ""
    rung: int = 0
    after: str = ""
    because: str = ""

    @property
    def label(self) -> str:
        """Tell this hearing of an event from its others: each has its own record."""
        parts = [
            str(self.attempt) if self.attempt else "",
            f"after-{self.after}" if self.after else "",
            f"rung{self.rung + 1}" if self.rung else "",
            f"{self.because}-{self.rule}" if self.because else "",
            "dry" if self.is_dry_run else "",
        ]
        return "".join(f"+{part}" for part in parts if part)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one signal.

    Attributes:
        stored: The plan opened, or found if the event was a duplicate.
        is_new: This call opened the plan.
        record: The event's record that has yet to be stored; see ``recorded.store``.
        dry: For a dry run: the plan that would have been opened.
    """

    signal: Signal
    rulings: tuple[Ruling, ...]
    stored: StoredPlan | None = None
    is_new: bool = False
    record: EventRecord | None = None
    dry: Plan | None = None


def again(signal: Signal, request: Request, **changes: Any) -> dict[str, Any]:
    """Write the message that has a signal heard again, as it was or with what changed."""
    said = {
        "attempt": request.attempt + 1,
        "rule": request.rule,
        "rung": request.rung,
        "after": request.after,
        "because": request.because,
        **changes,
    }
    return {"signal": signal_to_json(signal), **{k: v for k, v in said.items() if v}}


def request_of(message: Mapping[str, Any], *, owner: str) -> Request:
    """Read such a message; one of an older release says less."""
    return Request(
        owner=owner,
        attempt=int(message["attempt"]),
        rule=str(message.get("rule") or ""),
        rung=int(message.get("rung") or 0),
        after=str(message.get("after") or ""),
        because=str(message.get("because") or ""),
    )
