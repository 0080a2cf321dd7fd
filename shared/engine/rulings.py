"""What was decided about one signal, rule by rule, before anything is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.core import guardrails
from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.errors import Forbidden, GiveUp, RetryLater, Unproven
from shared.core.facts import Facts, FactsKind
from shared.core.plans import plan_id, rung_name
from shared.core.signals import Signal
from shared.core.terms import LimitScope
from shared.core.wire import decision_to_json, step_to_json
from shared.engine import guarding
from shared.engine.night import Night
from shared.engine.observe import ON_DEMAND, observe
from shared.rules.book import Rule
from shared.rules.conditions import ConditionFailed, environment_for, judge


@dataclass(frozen=True, slots=True)
class Ruling:
    """One rule's answer.

    Attributes:
        draft: What the remediation would do, kept when a guardrail then says no.
        guardrails: For a dry run: every guardrail's answer, by name.
        observed: The facts it was made on, None in them for a target that is gone; None
            if no facts were looked at or none could be read.
    """

    rule: str
    remediation: str
    decision: Decision
    plan: str = ""
    draft: Act | None = None
    guardrails: Mapping[str, str] = field(default_factory=dict)
    observed: tuple[FactsKind, Facts | None] | None = None

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
    night: Night,
    rule: Rule,
    signal: Signal,
    *,
    known: FactsByKind,
    now: datetime,
    rung: int = 0,
) -> tuple[Ruling, Rule, Facts | None]:
    """Ask one rule: its condition, then its remediation. No guardrail yet.

    Returns:
        What it says, the version of it that holds for this target, and the facts.
    """
    asked = at_rung(rule, rung)
    early = unmatched(asked, signal, now)
    if early is not None:
        return early, asked, None
    name = plan_id(rung_name(rule.name, rung), signal.event_id, signal.target)
    try:
        facts = await _facts(night, asked, signal, known)
        if facts is not None and rule.overrides:
            version = rule.version_for(guarding.subject(rule, signal, facts))
            asked = at_rung(version, rung)
            facts = await _facts(night, asked, signal, known)
    except RetryLater as later:
        held = Hold(Reason.UNREADABLE, now + later.after, str(later))
        return Ruling(rule.name, asked.remediation.name, held, plan=name), asked, None
    except GiveUp as error:
        skipped = Skip(_why_unread(error), str(error))
        return Ruling(rule.name, asked.remediation.name, skipped, plan=name), asked, None
    return replace(judge_rule(asked, signal, facts, now), plan=name), asked, facts


def unmatched(rule: Rule, signal: Signal, now: datetime) -> Ruling | None:
    """Judge a condition on the signal alone before anything is read for it.

    Most of what a subscription announces concerns no rule: it must cost no read.
    """
    if rule.condition.needs & {"target", "facts"}:
        return None
    try:
        verdict = judge(rule.condition, environment_for(rule.condition, signal, None, now))
    except ConditionFailed:
        return None  # told as a Hold, with the facts that go with it
    if verdict.is_match:
        return None
    missed = Skip(Reason.NOT_MATCHED, verdict.detail)
    name = plan_id(rule.name, signal.event_id, signal.target)
    return Ruling(rule.name, rule.remediation.name, missed, plan=name)


def _why_unread(error: GiveUp) -> Reason:
    """Name why facts cannot be had, where looking again is of no use."""
    if isinstance(error, Forbidden):
        return Reason.FORBIDDEN
    return Reason.NO_PROVIDER_ID if isinstance(error, Unproven) else Reason.UNREADABLE


def at_rung(rule: Rule, rung: int) -> Rule:
    """Return the rule as it stands on a rung of its ladder, from 0.

    A ladder is one attempt: what holds back a second attempt, or counts it, was asked
    at its foot.
    """
    if not rung or rung >= len(rule.rungs):
        return rule
    step = rule.rungs[rung]
    return replace(
        rule,
        remediation=step.remediation,
        settings=step.settings,
        verify=step.verify,
        timeout=step.timeout,
        cooldown=timedelta(0),
        strikes=None,
        canary=None,
        budget=None,
        limits=tuple(one for one in rule.limits if one.scope is not LimitScope.TARGET),
    )


def judge_rule(rule: Rule, signal: Signal, facts: Facts | None, now: datetime) -> Ruling:
    """Judge by facts alone, None for a target that is gone: the part that is pure.

    The engine calls it with what it observed, a replay with what was recorded.
    """
    return Ruling(
        rule.name,
        rule.remediation.name,
        _judged(rule, signal, facts, now),
        plan=plan_id(rule.name, signal.event_id, signal.target),
        observed=(rule.remediation.facts, facts),
    )


def _judged(rule: Rule, signal: Signal, facts: Facts | None, now: datetime) -> Decision:
    if facts is None:
        return Skip(Reason.TARGET_GONE)
    try:
        verdict = judge(rule.condition, environment_for(rule.condition, signal, facts, now))
    except ConditionFailed as error:
        return Hold(Reason.CONDITION_FAILED, detail=str(error))
    if not verdict.is_match:
        return Skip(Reason.NOT_MATCHED, verdict.detail)
    return rule.remediation.decide(signal, facts, rule.settings, now)


def as_allowed(rule: Rule, ruling: Ruling) -> Ruling:
    """Let a rule that only observes say what it would do, and stand in nobody's way."""
    refusal = guardrails.mode_allows(rule.mode)
    if refusal is None or not isinstance(ruling.decision, Act):
        return ruling
    return replace(ruling, decision=refusal, draft=ruling.decision)


def outranked(rule: Rule, *, by: Rule) -> Ruling:
    """Answer for a rule that was not asked because an earlier one would act."""
    return Ruling(rule.name, rule.remediation.name, Skip(Reason.OTHER_RULE_ACTED, by.name))


async def _facts(night: Night, rule: Rule, signal: Signal, known: FactsByKind) -> Facts | None:
    """Observe once per kind and settings, however many rules ask.

    What costs a call of its own is read only for a rule that names it.
    """
    key = facts_key(rule)
    if key not in known:
        known[key] = await observe(
            rule.remediation.facts, signal, rule.settings, night.ports, _wanted(rule)
        )
    return known[key]


def _wanted(rule: Rule) -> frozenset[str]:
    conditions = (rule.condition, rule.approval_when)
    named = (one.facts for one in conditions if one is not None)
    return ON_DEMAND & frozenset[str]().union(*named)


def facts_key(rule: Rule) -> tuple[FactsKind, str]:
    """Name the facts that a rule decides on: the same name, the same facts."""
    return rule.remediation.facts, f"{rule.settings!r}{sorted(_wanted(rule))}"


_BYSTANDERS = (Reason.OBSERVE_ONLY, Reason.SUGGEST_ONLY, Reason.NOT_MATCHED)


def reason_of(rulings: tuple[Ruling, ...]) -> str:
    """Sum an answer up: a rule acted, or why the first that may act did not.

    What a rule only observed is said if no other rule had more to say.
    """
    decisions = [ruling.decision for ruling in rulings]
    if any(isinstance(decision, Act) for decision in decisions):
        return "acted"
    reasons = [said.reason for said in decisions if isinstance(said, Hold | Skip)]
    order = {reason: place for place, reason in enumerate(_BYSTANDERS, start=1)}
    return str(min(reasons, key=lambda one: order.get(Reason(one), 0), default="no_rule"))


def is_worth_a_reminder(decision: Decision, signal: Signal) -> bool:
    """Tell whether the engine must look again itself because nobody else will."""
    return (
        isinstance(decision, Hold) and decision.until is not None and not signal.is_recurring
    )


def after_strike(rule: Rule, ruling: Ruling, count: int) -> Ruling:
    """Let a rule act at its last strike; before, say how many there were."""
    terms = rule.strikes
    if terms is None or count >= terms.count or not isinstance(ruling.decision, Act):
        return ruling
    too_few = Skip(Reason.TOO_FEW_STRIKES, f"{count} of {terms.count} within the time")
    return replace(ruling, decision=too_few, draft=ruling.decision)
