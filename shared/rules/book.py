"""The rules as the engine sees them: frozen, checked, compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.core.freezes import Freeze
from shared.core.pauses import Scope, Subject
from shared.core.plans import Mode
from shared.core.remediation import Remediation
from shared.core.signals import SignalType
from shared.core.terms import (
    ApprovalTerms,
    Breaker,
    Budget,
    Canary,
    Channel,
    Limit,
    LimitScope,
    Match,
    Strikes,
)
from shared.rules.conditions import Condition

DEFAULT_LIMITS = (Limit(LimitScope.RULE, count=10, within=timedelta(hours=1)),)
"""For a rule that states none: a wrong rule must not reach a whole fleet in an hour."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a rule's ladder: what to try, and how to tell whether it helped.

    Attributes:
        settings: An instance of the remediation's settings.
        verify: What must be true of fresh facts once its steps are done.
        timeout: How long it may take, from its plan's opening; None for no limit.
    """

    remediation: Remediation
    settings: Any
    verify: tuple[Condition, ...] = ()
    timeout: timedelta | None = None


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test that a rule brings along.

    Attributes:
        event: Path of a payload, from the rule file's folder, or the payload itself.
        facts: Path of a facts document, or the document itself; None for no facts.
        expect: ``act``, ``hold``, ``skip`` or ``no_match``.
        steps: Verbs of the plan, or None if they do not matter.
        source: ``file:line`` where it stands.
    """

    event: str | Mapping[str, Any]
    expect: str
    source: str
    facts: str | Mapping[str, Any] | None = None
    reason: str | None = None
    steps: tuple[str, ...] | None = None
    at: datetime | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        settings: An instance of the remediation's settings.
        cooldown: Quiet time on a target after the rule acted; 0 for none.
        max_age: How old an event it acts on; None for the default of the signal's class.
        freezes: Windows in which it does not act on what is voluntary.
        hash: 16 hexadecimal digits of what the rule says, defaults included.
        source: ``file:line`` where its name stands, of the first layer that has it.
        verify, timeout: Of the first rung; see ``Rung``.
        ladder: What to try next, in order, when a rung failed or could not be verified.
        priority: Higher is asked first; equals in the order in which they stand.
        limits: Empty for no limits at all.
        approval_when: Which plans need the approval; None for all.
        overrides: Other versions of this rule for some targets; the first scope that
            covers a target counts.
    """

    name: str
    on: frozenset[SignalType]
    condition: Condition
    remediation: Remediation
    settings: Any
    mode: Mode
    cooldown: timedelta
    hash: str
    source: str
    description: str = ""
    notes: str = ""
    max_age: timedelta | None = None
    freezes: tuple[Freeze, ...] = ()
    verify: tuple[Condition, ...] = ()
    timeout: timedelta | None = None
    ladder: tuple[Rung, ...] = ()
    priority: int = 0
    match: Match = Match.FIRST
    strikes: Strikes | None = None
    limits: tuple[Limit, ...] = DEFAULT_LIMITS
    canary: Canary | None = None
    breaker: Breaker | None = None
    budget: Budget | None = None
    approval: ApprovalTerms | None = None
    approval_when: Condition | None = None
    notify: tuple[Channel, ...] = ()
    overrides: tuple[tuple[Scope, Rule], ...] = ()
    tests: tuple[RuleTest, ...] = ()

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """All that it may try, in order: its own remediation, then the ladder."""
        first = Rung(self.remediation, self.settings, self.verify, self.timeout)
        return (first, *self.ladder)

    def version_for(self, subject: Subject) -> Rule:
        """Return the rule as it is for a target: the first override that covers it, or it."""
        covering = (version for scope, version in self.overrides if scope.covers(subject))
        return next(covering, self)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules that are in force, in the order in which they are asked: by priority.

    Attributes:
        freezes: Windows that hold for every rule, and for runbooks.
    """

    rules: tuple[Rule, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    def answering(self, signal: SignalType) -> tuple[Rule, ...]:
        """Give the rules that answer a signal, in order."""
        return tuple(rule for rule in self.rules if signal in rule.on)

    def named(self, name: str) -> Rule | None:
        """Give the rule of that name, or None."""
        return next((rule for rule in self.rules if rule.name == name), None)
