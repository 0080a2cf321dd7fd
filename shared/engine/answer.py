"""One signal in, one recorded answer out: look, decide once, open a plan or say why not.

A plan is stored before its first effect, together with the queue message that wakes
another worker if this one dies. A redelivered event finds the stored plan, or the
recorded refusal, and is not decided afresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.core import guardrails, ledger
from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.errors import GiveUp, InvalidTarget, RetryLater, StaleFacts
from shared.core.facts import Facts
from shared.core.incidents import needs_no_rule, overtaken
from shared.core.plans import Lease, Plan, StepRecord, plan_id
from shared.core.resource_ids import same_resource
from shared.core.signals import Signal
from shared.core.wire import signal_to_json
from shared.engine import guarding
from shared.engine.guarding import Surroundings, read_locks, read_pauses
from shared.engine.night import Night
from shared.engine.recorded import recorded
from shared.engine.rulings import (
    FactsByKind,
    Ruling,
    as_allowed,
    is_worth_a_reminder,
    outranked,
    rule_on,
)
from shared.ports import EventRecord, Head, StoredPlan, TargetView
from shared.rules.book import Rule
from shared.rules.values import settings_as_yaml

TRIES = 4
BRIEF = ("rule", "remediation", "plan", "kind", "reason")
PROMPT_REMINDERS = 10
MOST_REMINDERS = 300  # a day, at the longest patience
LONGEST_PATIENCE = timedelta(minutes=5)
_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Request:
    """How a signal is to be answered.

    Attributes:
        owner: Name on the lease of whoever carries the plan out at once; empty to leave
            it to the queue.
        is_dry_run: Think, record, do not act.
        attempt: 0 for an event; 1 and up for the engine's own reminder of a Hold.
        rules: Rules to ask instead of those in force (a person's runbook).
        facts: Facts gathered already (a tick reads many at once).
    """

    owner: str = ""
    is_dry_run: bool = False
    attempt: int = 0
    rules: tuple[Rule, ...] | None = None
    facts: FactsByKind | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one signal.

    Attributes:
        stored: The plan opened, or found if the event was a duplicate.
        is_new: This call opened the plan.
        record: The event's record that has yet to be stored; see ``store``.
        dry: For a dry run: the plan that would have been opened.
    """

    signal: Signal
    rulings: tuple[Ruling, ...]
    stored: StoredPlan | None = None
    is_new: bool = False
    record: EventRecord | None = None
    dry: Plan | None = None


async def answer(night: Night, signal: Signal, request: Request) -> Answer:
    """Answer a signal; answering it again changes nothing. The record is stored too.

    Raises:
        RetryLater: The ledger could not be reached or kept changing; nothing was lost,
            the sender should send again.
    """
    given = await decide_and_open(night, signal, request)
    await store(night, given)
    return given


async def store(night: Night, given: Answer) -> None:
    """Store an answer's record, if it has one.

    One that no row holds is kept whole as a document, and the row names it: an event
    must not come again and again because there is much to say about it.
    """
    if given.record is None:
        return
    try:
        await night.ports.ledger.record_event(given.record)
    except InvalidTarget:
        name = f"events/{plan_id('', given.record.event_id, given.record.target)}.json"
        whole = {
            "signal": dict(given.record.signal),
            "decisions": [dict(d) for d in given.record.decisions],
        }
        await night.ports.records.keep(name, whole)
        brief = tuple(
            {**{k: d.get(k) for k in BRIEF}, "record": name} for d in given.record.decisions
        )
        short = {**given.record.signal, "attributes": {"record": name}}
        await night.ports.ledger.record_event(
            replace(given.record, signal=short, decisions=brief)
        )


async def decide_and_open(night: Night, signal: Signal, request: Request) -> Answer:
    """Like ``answer``, but leaves storing the event's record to the caller.

    So that the first effect of an eviction need not wait for it.
    """
    early = needs_no_rule(signal) or _is_too_late(night, signal, request)
    if early is not None:
        return _refused(night, signal, (_ruling(early),), request)
    rules = night.rules.answering(signal.type) if request.rules is None else request.rules
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


def _is_too_late(night: Night, signal: Signal, request: Request) -> Skip | None:
    """Stop reminding of what can no longer help, readable or not."""
    limit = signal.deadline
    is_over = limit is not None and night.ports.clock.now() >= limit
    return Skip(Reason.DEADLINE_PASSED) if request.attempt and is_over else None


def patience(attempt: int) -> timedelta:
    """Return how long to wait at least before the next reminder: none, then longer."""
    if attempt < PROMPT_REMINDERS:
        return _NOTHING
    doublings = min(attempt - PROMPT_REMINDERS, 10)
    return min(timedelta(seconds=2**doublings), LONGEST_PATIENCE)


async def _try(
    night: Night, signal: Signal, request: Request, rules: Sequence[Rule]
) -> Answer:
    """Look, judge, guard, open. A tick's many signals are judged before any look."""
    facts: FactsByKind = {} if request.facts is None else request.facts
    early = await _judge(night, signal, rules, facts) if signal.is_recurring else None
    if early is not None and early[1] is None:
        return Answer(signal, early[0])
    names = [plan_id(rule.name, signal.event_id, signal.target) for rule in rules]
    view, records = await asyncio.gather(
        night.ports.ledger.look(signal.target, names), _records(night, signal)
    )
    known = _known(night, signal, view, records, request)
    if known is not None:
        return known
    (rulings, acting), pauses, locks = await asyncio.gather(
        _judge(night, signal, rules, facts, early),
        read_pauses(night),
        read_locks(night, signal, rules),
    )
    if acting is None:
        return await _remember_hold(night, _refused(night, signal, rulings, request), request)
    around = Surroundings(view.head, pauses, locks)
    return await _guard_and_open(night, signal, request, rulings, acting, around)


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
    if view.plans:
        stored = min(view.plans.values(), key=lambda s: not s.plan.is_open)
        if _is_own(stored.plan, request):
            act = _ruling(Act(tuple(r.step for r in stored.plan.steps)), plan=stored.plan.id)
            record = record_of(night, signal, (act,), request)
            return Answer(signal, (act,), stored, is_new=True, record=record)
        ruling = _ruling(Skip(Reason.DUPLICATE), plan=stored.plan.id)
        recorded = any(r.phase == signal.phase.value for r in mine)
        again = None if recorded else record_of(night, signal, (ruling,), request)
        return Answer(signal, (ruling,), stored, record=again)
    late = overtaken(signal.phase, [r.phase for r in mine])
    if late is not None:
        return _refused(night, signal, (_ruling(late),), request)
    if not request.attempt and any(r.phase == signal.phase.value for r in mine):
        before = Skip(Reason.DUPLICATE, "answered before: its event has the reason")
        return Answer(signal, (_ruling(before),))
    return None


def _is_own(plan: Plan, request: Request) -> bool:
    """Tell whether this very call opened the plan, and only the answer was lost."""
    return plan.lease is not None and plan.lease.owner == request.owner


Acting = tuple[Rule, Act, Facts | None]
Judged = tuple[tuple[Ruling, ...], Acting | None]


async def _judge(
    night: Night,
    signal: Signal,
    rules: Sequence[Rule],
    facts: FactsByKind,
    judged: Judged | None = None,
) -> Judged:
    """Ask the rules in order, up to the first that would act and may; once only.

    One that only observes says what it would do and stands in nobody's way.
    """
    if judged is not None:
        return judged
    now = night.ports.clock.now()
    rulings: list[Ruling] = []
    for index, rule in enumerate(rules):
        said, seen = await rule_on(night, rule, signal, known=facts, now=now)
        ruling = as_allowed(rule, said)
        rulings.append(ruling)
        if isinstance(ruling.decision, Act):
            rulings.extend(outranked(other, by=rule) for other in rules[index + 1 :])
            return tuple(rulings), (rule, ruling.decision, seen)
    return tuple(rulings), None


async def _guard_and_open(
    night: Night,
    signal: Signal,
    request: Request,
    rulings: tuple[Ruling, ...],
    acting: Acting,
    around: Surroundings,
) -> Answer:
    rule, act, _ = acting
    now = night.ports.clock.now()
    context = guarding.context(
        night.settings,
        night.rules,
        acting,
        signal,
        around,
        now=now,
        is_dry_run=request.is_dry_run,
    )
    refusal = guardrails.ask(context)
    plan = _plan(rule, act, signal, now)
    if refusal is not None:
        said = guardrails.answers(context) if context.is_dry_run else {}
        refused = tuple(
            replace(r, decision=refusal, draft=act, guardrails=said)
            if isinstance(r.decision, Act)
            else r
            for r in rulings
        )
        if signal.is_recurring:
            return Answer(signal, refused)
        given = _refused(night, signal, refused, request)
        dry = ledger.dry_run(plan, now=now) if context.is_dry_run else None
        return await _remember_hold(night, replace(given, dry=dry), request)
    stored = await open_plan(night, plan, around.head, request)
    return Answer(
        signal, rulings, stored, is_new=True, record=record_of(night, signal, rulings, request)
    )


async def open_plan(night: Night, plan: Plan, head: Head, request: Request) -> StoredPlan:
    """Store a plan and, at the same time, the message that wakes it; before any effect.

    Claimed for the caller if it names itself as the owner. A queue that is away holds
    nothing up: the plan is stored, and the sweep wakes it.

    Raises:
        StaleFacts, RetryLater: The plan could not be stored.
    """
    delay = _NOTHING
    if request.owner:
        now, delay = night.ports.clock.now(), night.settings.lease
        plan = replace(plan, lease=Lease(request.owner, now + delay), wake_at=None)
        plan = ledger.begin(plan, 0, now=now)
    message = {"plan": plan.id, "seq": plan.wake_seq}
    stored, put = await asyncio.gather(
        night.ports.ledger.open(plan, head),
        night.ports.queue.put(message, delay=delay),
        return_exceptions=True,
    )
    if isinstance(stored, BaseException):
        raise stored
    if isinstance(put, BaseException) and not isinstance(put, RetryLater):
        raise put
    return stored


def _plan(rule: Rule, act: Act, signal: Signal, now: datetime) -> Plan:
    return Plan(
        id=plan_id(rule.name, signal.event_id, signal.target),
        rule=rule.name,
        rule_hash=rule.hash,
        remediation=rule.remediation.name,
        mode=rule.mode,
        target=signal.target,
        signal=signal_to_json(signal),
        settings=settings_as_yaml(rule.settings),
        steps=tuple(StepRecord(step) for step in act.steps),
        created_at=now,
        deadline=signal.deadline,
        wake_at=now,
    )


async def _remember_hold(night: Night, given: Answer, request: Request) -> Answer:
    """Queue a reminder for a Hold that names a time, so that it is kept.

    What holds for long is asked about less and less often, and in the end no more.
    """
    moments = [
        r.decision.until
        for r in given.rulings
        if isinstance(r.decision, Hold)
        and r.decision.until is not None
        and is_worth_a_reminder(r.decision, given.signal)
    ]
    is_kept = not request.is_dry_run and request.rules is None
    if moments and is_kept and request.attempt < MOST_REMINDERS:
        delay = max(min(moments) - night.ports.clock.now(), patience(request.attempt))
        message = {"signal": signal_to_json(given.signal), "attempt": request.attempt + 1}
        await night.ports.queue.put(message, delay=delay)
    return given


def _refused(
    night: Night, signal: Signal, rulings: tuple[Ruling, ...], request: Request
) -> Answer:
    return Answer(signal, rulings, record=record_of(night, signal, rulings, request))


def _ruling(decision: Decision, *, plan: str = "") -> Ruling:
    return Ruling("", "", decision, plan=plan)


def record_of(
    night: Night, signal: Signal, rulings: Sequence[Ruling], request: Request
) -> EventRecord:
    """Write down what one hearing of a signal came to; each hearing has its own row."""
    again = f"+{request.attempt}" if request.attempt else ""
    again += "+dry" if request.is_dry_run else ""
    return EventRecord(
        event_id=signal.event_id,
        phase=signal.phase.value + again,
        target=signal.target,
        recorded_at=night.ports.clock.now(),
        signal=signal_to_json(signal),
        decisions=recorded(rulings),
    )
