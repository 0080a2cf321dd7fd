"""The shape of a remediation: a name, what it decides on, two pure functions, examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.core.decisions import Decision, Reason
from shared.core.facts import FactsKind
from shared.core.plans import Plan
from shared.core.signals import Signal, SignalType
from shared.core.steps import Verb

Decide = Callable[[Signal, Any, Any, datetime], Decision]
"""``decide(signal, facts, settings, now)``."""

Recheck = Callable[[Plan, Any, Any, datetime], Reason | None]
"""``recheck(plan, fresh facts, settings, now)``: why the next step is no longer wanted."""


@dataclass(frozen=True, slots=True)
class Example:
    """One worked case: shown in the catalogue and run as a test."""

    title: str
    signal: Signal
    facts: Any
    now: datetime
    expect: Decision
    settings: Any = None


@dataclass(frozen=True, slots=True)
class Remediation:
    """From a signal and the facts to a decision, under one name.

    Attributes:
        summary: One sentence for the catalogue.
        answers: Signals it makes sense for; a rule that pairs it with another is refused.
        settings: A frozen dataclass whose fields, all with defaults, are what a rule's
            ``with`` may set.
        verbs: Every verb its plans may hold: the role table is checked against it.
        examples: At least one that acts and one that refuses.
        healthy: Conditions, as in a rule's ``when``, that are true of a target that came
            back: only then is undone, after the event, what kept work away from it.
        only_tagged: A tag without which nothing is decided, so that ticks need not measure
            resources that lack it; empty if it may concern any.
        always_asks: A person's runbook of it needs another person's yes, whatever the
            deployment says of runbooks.
    """

    name: str
    summary: str
    answers: frozenset[SignalType]
    facts: FactsKind
    settings: type[Any]
    verbs: frozenset[Verb]
    decide: Decide
    recheck: Recheck
    examples: tuple[Example, ...]
    healthy: tuple[str, ...] = ()
    only_tagged: str = ""
    always_asks: bool = False
