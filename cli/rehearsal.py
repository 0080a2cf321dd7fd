"""What a rule set answers to signals in order, with nothing but itself to remember by.

The engine's own pure parts decide; what it asks the ledger for is remembered here: the
phases heard, the plans opened, when each rule acted on a target. Simplified on purpose,
and said so in docs/REPLAY.md: a plan is done after ``plan_takes``, a Hold is not asked
about again, people and other tools do nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cli.counts import Counts, horizons
from cli.recording import FactsOf, NoFacts
from shared.core import guardrails
from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import Facts
from shared.core.facts_json import WrongFacts
from shared.core.incidents import needs_no_rule, overtaken
from shared.core.plans import Plan, StepOutcome, StepRecord, plan_id
from shared.core.settings import Settings
from shared.core.signals import Signal
from shared.core.steps import Step
from shared.core.terms import Match
from shared.engine import guarding
from shared.engine.guarding import Surroundings
from shared.engine.rulings import Ruling, as_allowed, judge_rule, outranked, unmatched
from shared.engine.withdraw import ending, taken_back
from shared.ports import Head
from shared.rules.book import Rule, RuleBook

_AT_ONCE = timedelta(0)
SETTINGS = Settings()
"""What a deployment protects beside its rules is not known here: see docs/REPLAY.md."""


@dataclass(slots=True)
class _Target:
    """What the ledger's head would know of a target."""

    acted: dict[str, datetime] = field(default_factory=dict)
    in_flight: str = ""
    until: datetime | None = None


@dataclass(slots=True)
class _Incident:
    """What the ledger would know of one event about one target."""

    phases: list[str] = field(default_factory=list)
    plans: dict[str, Plan] = field(default_factory=dict)


class Rehearsal:
    """One rule set, and the ledger it would have written."""

    def __init__(self, rules: RuleBook, *, plan_takes: timedelta = _AT_ONCE) -> None:
        """Begin with an empty ledger.

        Args:
            plan_takes: How long each plan keeps its target taken.
        """
        self.rules = rules
        self._takes = plan_takes
        self._targets: defaultdict[str, _Target] = defaultdict(_Target)
        self._counts = Counts(horizons(rules))
        self._events: defaultdict[str, dict[str, _Incident]] = defaultdict(dict)

    def answer(self, signal: Signal, facts: FactsOf, now: datetime) -> tuple[Ruling, ...]:
        """Answer a signal as the engine would, and remember it."""
        incident = self._incident(signal)
        if signal.phase.ends and not signal.is_test:
            rulings = self._withdraw_all(signal, incident)
        else:
            rulings = self._answer(signal, incident, facts, now)
        if not signal.is_recurring and signal.phase.value not in incident.phases:
            incident.phases.append(signal.phase.value)
        return rulings

    def _answer(
        self, signal: Signal, incident: _Incident, facts: FactsOf, now: datetime
    ) -> tuple[Ruling, ...]:
        early = needs_no_rule(signal)
        if early is not None:
            return (_ruleless(early),)
        rules = self.rules.answering(signal.type)
        if not rules:
            return (_ruleless(Skip(Reason.NO_RULE)),)
        known = self._known(signal, incident, rules)
        if known is not None:
            return (known,)
        return self._judge(signal, rules, facts, now)

    def _judge(
        self, signal: Signal, rules: tuple[Rule, ...], facts: FactsOf, now: datetime
    ) -> tuple[Ruling, ...]:
        """Ask the rules in order, up to the first that would act and lets no other act."""
        rulings: list[Ruling] = []
        for index, rule in enumerate(rules):
            version, said = judge_recorded(rule, signal, facts, now)
            ruling = as_allowed(version, self._counts.struck(version, signal, said, now))
            if not isinstance(ruling.decision, Act):
                rulings.append(ruling)
                continue
            seen = ruling.observed[1] if ruling.observed else None
            acting = (version, ruling.decision, seen)
            rulings.append(self._guard(signal, ruling, acting, now))
            if version.match is Match.FIRST:
                rulings.extend(outranked(other, by=rule) for other in rules[index + 1 :])
                break
        return tuple(rulings)

    def _known(
        self, signal: Signal, incident: _Incident, rules: tuple[Rule, ...]
    ) -> Ruling | None:
        for rule in rules:
            if rule.name in incident.plans:
                plan = incident.plans[rule.name]
                return Ruling("", "", Skip(Reason.DUPLICATE), plan=plan.id)
        if signal.is_recurring:
            return None
        late = overtaken(signal.phase, incident.phases)
        if late is not None:
            return _ruleless(late)
        again = signal.phase.value in incident.phases
        return _ruleless(Skip(Reason.DUPLICATE)) if again else None

    def _guard(
        self,
        signal: Signal,
        ruling: Ruling,
        acting: tuple[Rule, Act, Facts | None],
        now: datetime,
    ) -> Ruling:
        rule, act, _ = acting
        target = self._targets[signal.target.casefold()]
        is_taken = target.until is not None and now < target.until
        head = Head(target.in_flight if is_taken else "", target.acted)
        bare = guarding.context(
            SETTINGS,
            self.rules,
            acting,
            signal,
            Surroundings(head),
            now=now,
            is_dry_run=False,
            plan_id=plan_id(rule.name, signal.event_id, signal.target),
        )
        context = self._counts.seen(bare)
        refusal = guardrails.ask(context)
        if refusal is None:
            self._counts.opened(context, until=now + self._takes)
            self._open(signal, rule, act, now)
            return ruling
        self._counts.refused(context)
        return replace(ruling, decision=refusal, draft=act)

    def _open(self, signal: Signal, rule: Rule, act: Act, now: datetime) -> None:
        plan = _done(rule, act, signal, now)
        self._incident(signal).plans[rule.name] = plan
        target = self._targets[signal.target.casefold()]
        target.acted[rule.name] = now
        if self._takes:
            target.in_flight, target.until = plan.id, now + self._takes

    def _incident(self, signal: Signal) -> _Incident:
        targets = self._events[signal.event_id.casefold()]
        return targets.setdefault(signal.target.casefold(), _Incident())

    def _withdraw_all(self, signal: Signal, incident: _Incident) -> tuple[Ruling, ...]:
        """Withdraw on the target, or without one wherever the incident acted."""
        if signal.target:
            return self._withdraw(signal, incident)
        others = [
            (replace(signal, target=plan.target), one)
            for one in self._events[signal.event_id.casefold()].values()
            for plan in list(one.plans.values())[:1]
        ]
        rulings = [ruling for about, one in others for ruling in self._withdraw(about, one)]
        return tuple(rulings) or (_nothing_to_take_back(signal),)

    def _withdraw(self, signal: Signal, incident: _Incident) -> tuple[Ruling, ...]:
        """Take back what the incident's plans did, each once."""
        rulings = []
        for name, plan in list(incident.plans.items()):
            if plan.undoes:
                continue
            steps, undo = self._taken_back(plan, signal), name + ending(signal)
            decision: Decision = Act(steps) if steps else Skip(Reason.NOTHING_TO_UNDO)
            if undo in incident.plans:
                decision = Skip(Reason.DUPLICATE)
            elif steps:
                own = plan_id(undo, signal.event_id, signal.target)
                incident.plans[undo] = replace(plan, id=own, rule=undo, undoes=plan.id)
            rule = undo if steps else name
            rulings.append(Ruling(rule, plan.remediation, decision))
        return tuple(rulings) or (_nothing_to_take_back(signal),)

    def _taken_back(self, plan: Plan, signal: Signal) -> tuple[Step, ...]:
        rule = self.rules.named(plan.rule)
        remediation = rule.remediation if rule is not None else None
        return taken_back(remediation, plan, is_over=not signal.phase.withdraws)


def judge_recorded(
    rule: Rule, signal: Signal, facts: FactsOf, now: datetime
) -> tuple[Rule, Ruling]:
    """Judge one rule by what was recorded; what was not is as unreadable as it was then.

    Returns:
        The version of the rule that holds for the target, and what it says.
    """
    early = unmatched(rule, signal, now)
    if early is not None:
        return rule, early
    try:
        seen = facts.about(signal.target, rule.remediation.facts)
    except (NoFacts, WrongFacts) as error:
        unread = Hold(Reason.UNREADABLE, detail=str(error))
        return rule, Ruling(rule.name, rule.remediation.name, unread)
    version = rule.version_for(guarding.subject(rule, signal, seen))
    return version, judge_rule(version, signal, seen, now)


def _done(rule: Rule, act: Act, signal: Signal, now: datetime) -> Plan:
    """Make the plan as it is once every step was done."""
    done = StepOutcome.DONE
    return Plan(
        id=plan_id(rule.name, signal.event_id, signal.target),
        rule=rule.name,
        rule_hash=rule.hash,
        remediation=rule.remediation.name,
        mode=rule.mode,
        target=signal.target,
        signal={},
        steps=tuple(StepRecord(s, done, started_at=now, finished_at=now) for s in act.steps),
        created_at=now,
    )


def _ruleless(decision: Decision) -> Ruling:
    return Ruling("", "", decision)


def _nothing_to_take_back(signal: Signal) -> Ruling:
    """Say that an end finds nothing: one that is merely over asks for nothing either."""
    over = None if signal.phase.withdraws else needs_no_rule(signal)
    return _ruleless(over or Skip(Reason.NOTHING_TO_UNDO))
