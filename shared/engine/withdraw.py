"""Take back what an event made us begin: it was withdrawn, or it is over.

Open plans get no further step; what they did and can be undone becomes a plan of its
own, so that undoing is claimed, verified and recorded like any other work. A step whose
worker died may have had its effect, so it is undone too: the verb looks whose it is.

When the event is over, the target returns to service only once it is seen to be healthy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from shared.core import ledger
from shared.core.decisions import Act, Hold, Reason, Skip
from shared.core.errors import RetryLater, StaleFacts
from shared.core.incidents import needs_no_rule
from shared.core.plans import SAFE, Plan, StepRecord, plan_id, rung_name
from shared.core.remediation import Remediation
from shared.core.signals import Signal
from shared.core.steps import Step, Verb
from shared.core.wire import signal_to_json
from shared.engine import consulting
from shared.engine.counting import settle
from shared.engine.holding import MOST_REMINDERS, patience
from shared.engine.night import Night
from shared.engine.opening import open_plan
from shared.engine.recorded import record_of, store
from shared.engine.request import Answer, Request, again
from shared.engine.rulings import Ruling
from shared.ports import EventRecord, StoredPlan

UNDO_RETRY = timedelta(seconds=2)
RETURN_WITHIN = timedelta(minutes=30)
"""A machine that is not well by then is left to people; it stays out of service."""
TRIES = 8


async def withdraw(night: Night, signal: Signal, request: Request) -> tuple[Answer, ...]:
    """Close what the incident opened, and open the plans that undo it.

    A signal without a target withdraws the incident wherever it acted.

    Raises:
        RetryLater: The ledger kept changing or could not be reached; send again.
    """
    targets = await _targets(night, signal)
    answers = [
        await _withdraw_one(night, replace(signal, target=target), request)
        for target in targets
    ]
    return tuple(answers)


async def _targets(night: Night, signal: Signal) -> list[str]:
    if signal.target:
        return [signal.target]
    records = await night.ports.ledger.find_event(signal.event_id)
    found = {r.target.casefold(): r.target for r in records if r.target}
    return list(found.values()) or [""]


async def _withdraw_one(night: Night, signal: Signal, request: Request) -> Answer:
    plans = await _plans(night, signal)
    if not plans and not signal.phase.withdraws:
        return await _nothing_ended(night, signal, request)
    for known in plans:
        await consulting.used_for(night, known)
    await consulting.void_of(night, sorted(_named(night, signal)))
    why = Reason.WITHDRAWN if signal.phase.withdraws else Reason.EVENT_OVER
    ended = [await _stop(night, stored, why) for stored in plans]
    rulings: list[Ruling] = []
    opened: StoredPlan | None = None
    is_new = False
    for plan in ended:
        if not ledger.undo_steps(plan):
            gone = Skip(Reason.NOTHING_TO_UNDO)
            rulings.append(Ruling(plan.rule, plan.remediation, gone, plan=plan.id))
            continue
        ruling, undo = await _undo(night, signal, plan, request)
        rulings.append(ruling)
        opened = undo or opened
        is_new = is_new or isinstance(ruling.decision, Act)
    if not rulings:
        rulings.append(Ruling("", "", Skip(Reason.NOTHING_TO_UNDO)))
    record = record_of(night, signal, rulings, request)
    given = Answer(signal, tuple(rulings), opened, is_new=is_new, record=record)
    await store(night, given)
    await _remind(night, signal, rulings, request)
    return given


async def _nothing_ended(night: Night, signal: Signal, request: Request) -> Answer:
    """Record that an event is over for which nothing had been done."""
    over = needs_no_rule(signal) or Skip(Reason.NOT_ACTIONABLE)
    given = Answer(signal, (Ruling("", "", over),))
    given = replace(given, record=record_of(night, signal, given.rulings, request))
    await store(night, given)
    return given


async def _plans(night: Night, signal: Signal) -> list[StoredPlan]:
    """Find plans of the incident on this target: by the rules' names and by the records.

    Without those that undo others: a notice that is taken back twice is still taken back.
    """
    if not signal.target:
        return []
    names = _named(night, signal)
    records = await night.ports.ledger.find_event(signal.event_id)
    names |= _recorded(records, signal)
    view = await night.ports.ledger.look(signal.target, sorted(names))
    return [stored for stored in view.plans.values() if not stored.plan.undoes]


def _named(night: Night, signal: Signal) -> set[str]:
    """Name every plan that the rules may have opened for the incident on this target."""
    names = [
        rung_name(rule.name, rung) + variant
        for rule in night.answering(signal.type)
        for rung in range(len(rule.rungs))
        for variant in ("", SAFE)
    ]
    return {plan_id(name, signal.event_id, signal.target) for name in names}


def _recorded(records: Iterable[EventRecord], signal: Signal) -> set[str]:
    home = plan_id("", signal.event_id, signal.target).split("-")[0]
    named = {str(d.get("plan") or "") for r in records for d in r.decisions}
    return {name for name in named if name.startswith(f"{home}-")}


async def _stop(night: Night, stored: StoredPlan, why: Reason) -> Plan:
    """Withdraw an open plan; close it too if nobody works on it now."""
    for _ in range(TRIES):
        plan, now = stored.plan, night.ports.clock.now()
        if not plan.is_open:
            return plan
        changed = ledger.withdraw(plan, why, now=now)
        if plan.lease is None or now >= plan.lease.until:
            changed = ledger.close(changed, now=now)
        try:
            saved = await night.ports.ledger.save(stored, changed)
        except StaleFacts:
            newer = await night.ports.ledger.find(plan.id)
            if newer is None:
                break
            stored = newer
        else:
            await settle(night, saved.plan)
            return saved.plan
    raise RetryLater(f"withdrawing {stored.plan.id}: it kept changing", after=UNDO_RETRY)


async def _undo(
    night: Night, signal: Signal, plan: Plan, request: Request
) -> tuple[Ruling, StoredPlan | None]:
    """Open the plan that takes another back, once that one has closed."""
    now = night.ports.clock.now()
    is_over = not signal.phase.withdraws
    rule = plan.rule + ending(signal)
    undo = Plan(
        id=plan_id(rule, signal.event_id, signal.target),
        rule=rule,
        rule_hash=plan.rule_hash,
        remediation=plan.remediation,
        mode=plan.mode,
        target=plan.target,
        signal=signal_to_json(signal),
        settings=plan.settings,
        steps=tuple(
            StepRecord(step)
            for step in taken_back(
                night.remediations.get(plan.remediation), plan, is_over=is_over
            )
        ),
        created_at=now,
        undoes=plan.id,
        wake_at=now,
        until=now + RETURN_WITHIN if is_over else None,
        channels=plan.channels,
    )
    view = await night.ports.ledger.look(plan.target, [undo.id])
    found = view.plans.get(undo.id)
    if found is not None:
        return Ruling(rule, plan.remediation, Skip(Reason.DUPLICATE), plan=undo.id), found
    waiting = Hold(Reason.IN_FLIGHT, until=now + UNDO_RETRY, detail=view.head.in_flight)
    if plan.is_open or view.head.in_flight:
        return Ruling(rule, plan.remediation, waiting, plan=undo.id), None
    try:
        stored = await open_plan(night, undo, view.head, request)
    except StaleFacts:
        return Ruling(rule, plan.remediation, waiting, plan=undo.id), None
    act = Act(tuple(record.step for record in undo.steps))
    return Ruling(rule, plan.remediation, act, plan=undo.id), stored


def taken_back(
    remediation: Remediation | None, plan: Plan, *, is_over: bool
) -> tuple[Step, ...]:
    """Return what undoes a plan; after its event, a look first whether the target is well."""
    steps = ledger.undo_steps(plan)
    if not steps or not is_over or remediation is None or not remediation.healthy:
        return steps
    seen = {"conditions": list(remediation.healthy), "facts": remediation.facts.value}
    return (Step(Verb.VERIFY, plan.target, seen), *steps)


def ending(signal: Signal) -> str:
    """Name what an end leads to: withdrawn is undone, over returns to service."""
    return "/undo" if signal.phase.withdraws else "/return"


async def _remind(
    night: Night, signal: Signal, rulings: list[Ruling], request: Request
) -> None:
    is_held = any(isinstance(ruling.decision, Hold) for ruling in rulings)
    if not is_held:
        # Heard at the same moment, the notice may have opened its plan after we looked.
        late = await _plans(night, signal)
        is_held = any(s.plan.is_open and s.plan.withdrawn is None for s in late)
    if is_held and request.attempt < MOST_REMINDERS:
        delay = max(UNDO_RETRY, patience(request.attempt))
        await night.ports.queue.put(again(signal, request), delay=delay)
