"""Why each rule would act on an event or not, as one JSON value; touches nothing.

Every rule is asked, also those that an earlier one outranks, and every guardrail: what
people want to know is what stands in the way, not only what stands first. Nothing is
known of the ledger, so it is taken to be empty: no plan in flight, no earlier act.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cli.counts import Counts
from cli.recording import FactsOf, NoFacts
from cli.rehearsal import SETTINGS
from shared.core import guardrails
from shared.core.decisions import Act, Decision, Hold
from shared.core.facts import Facts
from shared.core.incidents import needs_no_rule
from shared.core.plans import Mode, plan_id
from shared.core.signals import Signal
from shared.core.wire import decision_to_json, signal_to_json, step_to_json, write_moment
from shared.engine import guarding
from shared.engine.guarding import Surroundings
from shared.engine.rulings import judge_rule
from shared.ports import Head
from shared.rules.book import Rule, RuleBook
from shared.rules.conditions import (
    ConditionFailed,
    Verdict,
    environment,
    environment_for,
    judge,
)

Json = dict[str, Any]
_OBSERVED = frozenset({"target", "facts"})


@dataclass(frozen=True, slots=True)
class Question:
    """One signal, what is known about it, and the moment to answer for.

    Attributes:
        book: The rules in force, for the freezes that hold for all of them.
    """

    signal: Signal
    facts: FactsOf
    now: datetime
    book: RuleBook
    is_dry_run: bool = False


def explain(question: Question, rules: Sequence[Rule]) -> Json:
    """Answer for one signal, rule by rule."""
    signal = question.signal
    early = needs_no_rule(signal)
    if early is not None:
        return {
            "signal": signal_to_json(signal),
            "decision": decision_to_json(early),
            "withdraws": signal.phase.withdraws and not signal.is_test,
            "undecided": [],
            "rules": [],
        }
    answers = [_rule(question, rule) for rule in rules]
    drafts = [a for a in answers if a["steps"]]
    acting = next((a for a in drafts if a["mode"] == Mode.AUTO.value), None)
    first = acting or next(iter(drafts), None)
    unknown = [
        a["rule"] for a in answers if a["needs"] and a["condition"]["matched"] is not False
    ]
    for answer in answers:
        is_later = acting is not None and answers.index(answer) > answers.index(acting)
        if acting is not None and is_later and answer["steps"]:
            answer["outranked_by"] = acting["rule"]
    return {
        "signal": signal_to_json(signal),
        "decision": first["decision"] if first else None,
        "withdraws": False,
        "undecided": unknown,
        "rules": answers,
        "plan": first["plan"] if first else None,
    }


def would_act(explained: Json) -> bool:
    """Tell whether a plan would follow."""
    decision = explained["decision"]
    return decision is not None and decision["kind"] == "act"


def _rule(question: Question, rule: Rule) -> Json:
    signal = question.signal
    answer: Json = {
        "rule": rule.name,
        "source": rule.source,
        "mode": rule.mode.value,
        "answers": signal.type in rule.on,
        "condition": {"text": rule.condition.text, "matched": None, "detail": ""},
        "needs": None,
        "remediation": {"name": rule.remediation.name, "decision": None},
        "steps": [],
        "guardrails": {},
        "decision": None,
        "plan": None,
    }
    if not answer["answers"]:
        on = ", ".join(sorted(rule.on))
        answer["condition"]["detail"] = f"it answers {on}, not {signal.type}"
        return answer
    kind = rule.remediation.facts
    try:
        facts = question.facts.about(signal.target, kind)
    except NoFacts:
        answer["needs"] = {"kind": kind.value, "target": signal.target}
        answer["condition"].update(_blind(question, rule))
        return answer
    _with_facts(question, rule, facts, answer)
    return answer


def _blind(question: Question, rule: Rule) -> Json:
    """Judge a condition that reads nothing observed, without facts."""
    if rule.condition.needs & _OBSERVED:
        return {"detail": "not judged: it reads what was not given"}
    return _verdict(rule, environment(question.signal, None, None, question.now))


def _verdict(rule: Rule, given: dict[str, object]) -> Json:
    try:
        verdict = judge(rule.condition, given)
    except ConditionFailed as error:
        return {"matched": None, "detail": str(error)}
    return {"matched": verdict.is_match, "detail": _why(verdict)}


def _why(verdict: Verdict) -> str:
    return verdict.detail or ("" if verdict.is_match else "it is false")


def _with_facts(question: Question, rule: Rule, facts: Facts | None, answer: Json) -> None:
    signal, now = question.signal, question.now
    rule = rule.version_for(guarding.subject(rule, signal, facts))
    answer["mode"] = rule.mode.value
    if facts is not None:
        given = environment_for(rule.condition, signal, facts, now)
        answer["condition"].update(_verdict(rule, given))
    ruling = judge_rule(rule, signal, facts, now)
    decision: Decision = Counts().struck(rule, signal, ruling, now).decision
    answer["remediation"]["decision"] = decision_to_json(decision)
    answer["decision"] = decision_to_json(decision)
    if not isinstance(decision, Act):
        return
    context = Counts().seen(
        guarding.context(
            SETTINGS,
            question.book,
            (rule, decision, facts),
            signal,
            Surroundings(Head()),
            now=now,
            is_dry_run=question.is_dry_run,
            plan_id=plan_id(rule.name, signal.event_id, signal.target),
        )
    )
    answer["guardrails"] = guardrails.answers(context)
    answer["steps"] = [step_to_json(step) for step in decision.steps]
    refusal = guardrails.ask(context)
    if refusal is not None:
        answer["decision"] = decision_to_json(refusal)
    answer["plan"] = {
        "id": plan_id(rule.name, signal.event_id, signal.target),
        "rule": rule.name,
        "remediation": rule.remediation.name,
        "target": signal.target,
        "deadline": write_moment(signal.deadline),
        "steps": answer["steps"],
        "refused": None if refusal is None else refusal.reason.value,
        "again_at": write_moment(refusal.until) if isinstance(refusal, Hold) else None,
    }
