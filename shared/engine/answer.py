"""One signal in, one recorded answer out: look, decide once, open a plan or say why not.

A plan is stored before its first effect, together with the queue message that wakes
another worker if this one dies. A redelivered event finds the stored plan, or the
recorded refusal, and is not decided afresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.errors import GiveUp, RetryLater, StaleFacts
from shared.core.incidents import needs_no_rule, overtaken
from shared.core.plans import SAFE, Plan, plan_id, rung_name
from shared.core.resource_ids import same_resource
from shared.core.signals import Signal, SignalType
from shared.core.terms import Match
from shared.engine import consulting
from shared.engine.climbing import below, may_not_climb
from shared.engine.counting import struck
from shared.engine.guarding import Surroundings, read_locks, read_pauses
from shared.engine.holding import remember_hold
from shared.engine.night import Night
from shared.engine.opening import Case, guard_and_open
from shared.engine.recorded import record_of, store
from shared.engine.request import Answer, Request, again
from shared.engine.rulings import FactsByKind, Ruling, as_allowed, outranked, rule_on
from shared.engine.runbook_rules import rule_asked_for
from shared.engine.suggesting import as_decided, suggest
from shared.ports import EventRecord, TargetView
from shared.rules.book import Rule

TRIES = 4
Judged = tuple[tuple[Ruling, ...], Case | None]


async def answer(night: Night, signal: Signal, request: Request) -> Answer:
    """Answer a signal; answering it again changes nothing. The record is stored too.

    Raises:
        RetryLater: The ledger could not be reached or kept changing; nothing was lost,
            the sender should send again.
    """
    given = await decide_and_open(night, signal, request)
    await store(night, given)
    return given


async def decide_and_open(night: Night, signal: Signal, request: Request) -> Answer:
    """Like ``answer``, but leaves storing the event's record to the caller.

    So that the first effect of an eviction need not wait for it.
    """
    early = needs_no_rule(signal) or _is_too_late(night, signal, request)
    if early is not None:
        return _refused(night, signal, (_ruling(early),), request)
    rules = _asked(night, signal, request)
    if not rules:
        return _refused(night, signal, (_ruling(Skip(Reason.NO_RULE)),), request)
    for _ in range(TRIES):
        try:
            return await _try(night, signal, request, rules)
        except StaleFacts:
            continue
        except GiveUp as error:
            never = _ruling(Skip(Reason.REJECTED, str(error)))
            return _refused(night, signal, (never,), request)
    raise RetryLater(
        f"opening a plan for {signal.event_id}: its target's ledger row kept changing",
        after=timedelta(seconds=1),
    )


def _asked(night: Night, signal: Signal, request: Request) -> tuple[Rule, ...]:
    """Name the rules to ask: all that answer, one alone, or those after one."""
    if request.rules is not None:
        return request.rules
    if signal.type is SignalType.RUNBOOK:
        rules: tuple[Rule, ...] = (rule_asked_for(night, signal),)
    else:
        rules = night.rules_for(signal.target).answering(signal.type)
    names = [rule.name for rule in rules]
    if request.after:
        rules = rules[names.index(request.after) + 1 :] if request.after in names else ()
    if request.rule:
        rules = tuple(rule for rule in rules if rule.name == request.rule)
    return tuple(as_decided(rule, request) for rule in rules)


def _is_too_late(night: Night, signal: Signal, request: Request) -> Skip | None:
    """Stop reminding of what can no longer help, readable or not."""
    limit = signal.deadline
    is_over = limit is not None and night.ports.clock.now() >= limit
    return Skip(Reason.DEADLINE_PASSED) if request.attempt and is_over else None


async def _try(
    night: Night, signal: Signal, request: Request, rules: Sequence[Rule]
) -> Answer:
    """Look, judge, guard, open. A tick's many signals are judged before any look."""
    facts: FactsByKind = {} if request.facts is None else request.facts
    early = None
    if signal.is_recurring:
        early = await _judge(night, signal, request, rules, facts)
        if early[1] is None:
            return Answer(signal, early[0])
    view, records = await asyncio.gather(
        night.ports.ledger.look(signal.target, _names(signal, request, rules)),
        _records(night, signal),
    )
    known = _known(night, signal, view, records, request)
    if known is not None:
        await consulting.used_for(night, known.stored)
        return await remember_hold(night, known, request)
    (rulings, case), pauses, locks = await asyncio.gather(
        _judge(night, signal, request, rules, facts, early),
        read_pauses(night),
        read_locks(night, signal, rules),
    )
    if case is None:
        given = _refused(night, signal, rulings, request)
        return await remember_hold(night, given, request)
    around = Surroundings(view.head, pauses, locks)
    return await guard_and_open(night, signal, request, rulings, case, around)


def _names(signal: Signal, request: Request, rules: Sequence[Rule]) -> list[str]:
    """Name the plans that these rules would open, and that of the rung below.

    What was done because nobody answered is the answer to the event, too.
    """
    names = [
        plan_id(rung_name(rule.name, request.rung) + variant, signal.event_id, signal.target)
        for rule in rules
        for variant in (("", SAFE) if rule.approval or rule.overrides else ("",))
    ]
    return [name for name in (*names, below(signal, request)) if name]


async def _records(night: Night, signal: Signal) -> Sequence[EventRecord]:
    """Read what became of the event; a tick has no phases, and thousands of targets."""
    return () if signal.is_recurring else await night.ports.ledger.find_event(signal.event_id)


def _known(
    night: Night,
    signal: Signal,
    view: TargetView,
    records: Sequence[EventRecord],
    request: Request,
) -> Answer | None:
    """Recognise what was answered before, or was taken back meanwhile."""
    mine = [r for r in records if same_resource(r.target, signal.target)]
    previous = below(signal, request)
    plans = [stored for name, stored in view.plans.items() if name != previous]
    if plans:
        stored = min(plans, key=lambda s: not s.plan.is_open)
        if _is_own(stored.plan, request):
            act = _ruling(Act(tuple(r.step for r in stored.plan.steps)), plan=stored.plan.id)
            record = record_of(night, signal, (act,), request)
            return Answer(signal, (act,), stored, is_new=True, record=record)
        ruling = _ruling(Skip(Reason.DUPLICATE), plan=stored.plan.id)
        recorded = any(r.phase == signal.phase.value for r in mine)
        heard = None if recorded else record_of(night, signal, (ruling,), request)
        return Answer(signal, (ruling,), stored, record=heard)
    late: Hold | Skip | None = overtaken(signal.phase, [r.phase for r in mine])
    if late is None and previous:
        late = may_not_climb(night, view, previous)
    if late is not None:
        return _refused(night, signal, (_ruling(late),), request)
    hearing = signal.phase.value + (request.label if request.attempt else "")
    if any(r.phase == hearing for r in mine):
        before = Skip(Reason.DUPLICATE, "answered before: its event has the reason")
        return Answer(signal, (_ruling(before),))
    return None


def _is_own(plan: Plan, request: Request) -> bool:
    """Tell whether this very call opened the plan, and only the answer was lost."""
    return plan.lease is not None and plan.lease.owner == request.owner


async def _judge(
    night: Night,
    signal: Signal,
    request: Request,
    rules: Sequence[Rule],
    facts: FactsByKind,
    judged: Judged | None = None,
) -> Judged:
    """Ask the rules in order, up to the first that would act and may; once only.

    One that only observes says what it would do and stands in nobody's way; one that
    suggests asks people, and stands in nobody's way either. After one that lets others
    act too, those are heard by a message of their own.
    """
    if judged is not None:
        return judged
    now = night.ports.clock.now()
    rulings: list[Ruling] = []
    for index, rule in enumerate(rules):
        said, version, seen = await rule_on(
            night, rule, signal, known=facts, now=now, rung=request.rung
        )
        said = await struck(night, version, signal, said, is_dry_run=request.is_dry_run)
        ruling = as_allowed(version, said)
        rulings.append(ruling)
        await suggest(night, signal, request, ruling, version, seen)
        if isinstance(ruling.decision, Act):
            case = Case(version, ruling.decision, seen, request.rung)
            rest = rules[index + 1 :]
            if rest and version.match is Match.ALL:
                await _hear_others(night, signal, request, version)
            else:
                rulings.extend(outranked(other, by=rule) for other in rest)
            return tuple(rulings), case
    return tuple(rulings), None


async def _hear_others(night: Night, signal: Signal, request: Request, rule: Rule) -> None:
    """Have the rules after this one heard too; before its plan is opened, so none is lost."""
    if request.is_dry_run or signal.is_recurring:
        return
    message = again(signal, request, attempt=1, after=rule.name, rule="", rung=0, because="")
    await night.ports.queue.put(message, delay=timedelta(0))


def _refused(
    night: Night, signal: Signal, rulings: tuple[Ruling, ...], request: Request
) -> Answer:
    return Answer(signal, rulings, record=record_of(night, signal, rulings, request))


def _ruling(decision: Decision, *, plan: str = "") -> Ruling:
    return Ruling("", "", decision, plan=plan)
