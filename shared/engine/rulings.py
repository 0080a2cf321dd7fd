"""What was decided about one signal, rule by rule, before anything is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.errors import GiveUp, RetryLater
from shared.core.facts import Facts, FactsKind
from shared.core.plans import plan_id
from shared.core.signals import Signal
from shared.core.wire import decision_to_json, step_to_json
from shared.engine.night import Night
from shared.engine.observe import observe
from shared.rules.book import Rule
from shared.rules.conditions import ConditionFailed, environment, judge


@dataclass(frozen=True, slots=True)
class Ruling:
    """One rule's answer.

    Attributes:
        draft: What the remediation would do, kept when a guardrail then says no.
        guardrails: For a dry run: every guardrail's answer, by name.
    """

    rule: str
    remediation: str
    decision: Decision
    plan: str = ""
    draft: Act | None = None
    guardrails: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Write it for the event's record and for people."""
        shown = {
            "rule": self.rule,
            "remediation": self.remediation,
            "plan": self.plan,
            **decision_to_json(self.decision),
        }
        if self.draft is not None and not isinstance(self.decision, Act):
            shown["would"] = [step_to_json(step) for step in self.draft.steps]
        if self.guardrails:
            shown["guardrails"] = dict(self.guardrails)
        return shown


FactsByKind = dict[tuple[FactsKind, str], Facts | None]


async def rule_on(
    night: Night, rule: Rule, signal: Signal, *, known: FactsByKind, now: datetime
) -> tuple[Ruling, Facts | None]:
    """Ask one rule: its condition, then its remediation. No guardrail yet."""

    def ruling(decision: Decision) -> Ruling:
        name = plan_id(rule.name, signal.event_id, signal.target)
        return Ruling(rule.name, rule.remediation.name, decision, plan=name)

    try:
        facts = await _facts(night, rule, signal, known)
    except RetryLater as later:
        return ruling(Hold(Reason.UNREADABLE, now + later.after, str(later))), None
    except GiveUp as error:
        return ruling(Skip(Reason.UNREADABLE, str(error))), None
    if facts is None:
        return ruling(Skip(Reason.TARGET_GONE)), None
    try:
        verdict = judge(rule.condition, environment(signal, facts.resource, facts, now))
    except ConditionFailed as error:
        return ruling(Hold(Reason.CONDITION_FAILED, detail=str(error))), facts
    if not verdict.is_match:
        return ruling(Skip(Reason.NOT_MATCHED, verdict.detail)), facts
    decision = rule.remediation.decide(signal, facts, rule.settings, now)
    return ruling(decision), facts


async def _facts(night: Night, rule: Rule, signal: Signal, known: FactsByKind) -> Facts | None:
    """Observe once per kind and settings, however many rules ask."""
    key = (rule.remediation.facts, repr(rule.settings))
    if key not in known:
        known[key] = await observe(rule.remediation.facts, signal, rule.settings, night.ports)
    return known[key]


def is_worth_a_reminder(decision: Decision, signal: Signal) -> bool:
    """Tell whether the engine must look again itself because nobody else will."""
    return (
        isinstance(decision, Hold) and decision.until is not None and not signal.is_recurring
    )
