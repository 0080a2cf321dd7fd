"""From a decision to act to an open plan: the guardrails, what is counted, who is asked.

What a guardrail counts is reserved before the plan is stored, by conditional writes: of
fifty that come at once each sees the others. A reservation whose plan never came to be is
found and given back by whoever meets it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.core import guardrails, ledger
from shared.core.contexts import Context
from shared.core.decisions import Act, Hold, Reason, Skip
from shared.core.errors import RetryLater, StaleFacts
from shared.core.facts import Facts
from shared.core.plans import SAFE, Lease, Plan, StepRecord, plan_id, rung_name
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb
from shared.core.wire import signal_to_json
from shared.engine import consulting, counting, guarding
from shared.engine.guarding import Surroundings
from shared.engine.holding import remember_hold
from shared.engine.night import Night
from shared.engine.recorded import record_of
from shared.engine.request import Answer, Request
from shared.engine.reserving import Claim
from shared.engine.rulings import Ruling
from shared.engine.turns import Turn
from shared.ports import Head, StoredPlan
from shared.rules.book import Rule
from shared.rules.values import settings_as_yaml

TRIES = 60
SHORTEST_S, LONGEST_S = 0.002, 0.1
_NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Case:
    """A rule that would act on a signal, and on what facts.

    Attributes:
        rule: The version of it that holds for the target, as it stands on its rung.
        variant: Told apart in the plan's id: what is done when nobody answered.
    """

    rule: Rule
    act: Act
    facts: Facts | None
    rung: int = 0
    variant: str = ""

    def plan_id(self, signal: Signal) -> str:
        """Name the plan that would follow."""
        return plan_id(self.name, signal.event_id, signal.target)

    @property
    def name(self) -> str:
        """The rule's name, with its rung and variant: what the plan's id is made of."""
        return rung_name(self.rule.name, self.rung) + self.variant

    def steps(self, signal: Signal) -> tuple[Step, ...]:
        """Return what would be done, and at the end looked for."""
        conditions = [one.text for one in self.rule.verify]
        if not conditions or self.variant:
            return self.act.steps
        kind = self.rule.remediation.facts.value
        look = Step(Verb.VERIFY, signal.target, {"conditions": conditions, "facts": kind})
        return (*self.act.steps, look)


async def guard_and_open(
    night: Night,
    signal: Signal,
    request: Request,
    rulings: tuple[Ruling, ...],
    case: Case,
    around: Surroundings,
) -> Answer:
    """Ask the guardrails; open the plan, or ask people, or say why not.

    Raises:
        StaleFacts: Somebody took the target meanwhile: look again.
        RetryLater: Something could not be stored.
    """
    claim = Claim(case.plan_id(signal))
    context, refusal = await weigh(night, signal, request, case, around, claim)
    if _should_be_safe(case, refusal) and not context.is_dry_run:
        case = _safe(case)
        rulings = tuple(_acting(r, case.act) for r in rulings)
        claim = Claim(case.plan_id(signal))
        context, refusal = await weigh(night, signal, request, case, around, claim)
    if refusal is not None:
        return await _say_no(night, signal, request, rulings, case, context, refusal)
    plan = _plan(night, case, signal, context, night.ports.clock.now())
    if signal.is_recurring:  # the next tick would not find this plan by its event
        await consulting.used(night, context.approval)
    try:
        stored = await open_plan(night, plan, around.head, request)
    except StaleFacts:
        if await night.ports.ledger.find(plan.id) is None:  # or only the answer was lost
            await claim.give_back(night)
        raise
    await consulting.used(night, context.approval)
    record = record_of(night, signal, rulings, request)
    return Answer(signal, rulings, stored, is_new=True, record=record)


async def weigh(
    night: Night,
    signal: Signal,
    request: Request,
    case: Case,
    around: Surroundings,
    claim: Claim | None = None,
) -> tuple[Context, Hold | Skip | None]:
    """Ask the guardrails on what is counted now.

    Args:
        claim: Reserves what the plan takes; None if it is not opened whatever they say.
    """
    plan = case.plan_id(signal)
    for tries in range(TRIES):
        await _step_aside(plan, tries)
        bare = _bare(night, signal, request, case, around)
        async with night.turns.take(counting.keys(bare)) as turn:
            context = await _counted(night, signal, case, bare, turn)
            refusal = guardrails.ask(context)
            if refusal is None and (
                claim is None or await claim.reserve(night, context, turn)
            ):
                return context, None
        if refusal is not None and not await counting.forget_stale(night, context, refusal):
            break
    if claim is not None:
        await claim.give_back(night)
    if refusal is not None:
        return context, refusal
    raise RetryLater(f"counting {plan}: others kept counting", after=timedelta(seconds=1))


def _bare(
    night: Night, signal: Signal, request: Request, case: Case, around: Surroundings
) -> Context:
    return guarding.context(
        night.settings,
        night.rules_for(signal.target),
        (case.rule, case.act, case.facts),
        signal,
        around,
        now=night.ports.clock.now(),
        is_dry_run=request.is_dry_run,
        plan_id=case.plan_id(signal),
        is_safe_variant=bool(case.variant),
    )


async def _counted(
    night: Night, signal: Signal, case: Case, bare: Context, turn: Turn
) -> Context:
    counted, approval = await asyncio.gather(
        counting.read(night, bare, turn),
        consulting.standing(night, signal, bare, case.rule, case.steps(signal)),
    )
    return replace(counted, approval=approval)


async def _step_aside(plan: str, tries: int) -> None:
    """Wait a moment after a lost race, each plan for a time of its own."""
    if tries:
        share = (int(plan[-4:], 16) * (2 * tries + 1) % 1000) / 1000
        await asyncio.sleep(min(SHORTEST_S * 2 ** min(tries, 8), LONGEST_S) * share)


def _should_be_safe(case: Case, refusal: Hold | Skip | None) -> bool:
    """Tell whether nobody answered and the rule names what to do then."""
    terms = case.rule.approval
    is_over = refusal is not None and refusal.reason is Reason.APPROVAL_EXPIRED
    verb = terms.if_expired if terms else None
    return is_over and any(step.verb is verb for step in case.act.steps)


def _safe(case: Case) -> Case:
    """Keep the one kind of step that the rule names for when nobody answered."""
    verb = case.rule.approval.if_expired if case.rule.approval else None
    steps = tuple(step for step in case.act.steps if step.verb is verb)
    return replace(case, act=Act(steps), variant=SAFE)


def _acting(ruling: Ruling, act: Act) -> Ruling:
    return replace(ruling, decision=act) if isinstance(ruling.decision, Act) else ruling


async def _say_no(
    night: Night,
    signal: Signal,
    request: Request,
    rulings: tuple[Ruling, ...],
    case: Case,
    context: Context,
    refusal: Hold | Skip,
) -> Answer:
    said = guardrails.answers(context) if context.is_dry_run else {}
    refused = tuple(
        replace(r, decision=refusal, draft=Act(case.steps(signal)), guardrails=said)
        if isinstance(r.decision, Act)
        else r
        for r in rulings
    )
    if not context.is_dry_run:
        await counting.note_refusal(night, context, refusal)
        if refusal.reason is Reason.AWAITING_APPROVAL:
            await consulting.ask(night, signal, request, case, context)
        elif isinstance(refusal, Skip):
            await consulting.void(night, context.approval)
    if signal.is_recurring:
        return Answer(signal, refused)
    given = Answer(signal, refused, record=record_of(night, signal, refused, request))
    if context.is_dry_run:
        plan = _plan(night, case, signal, context, context.now)
        return replace(given, dry=ledger.dry_run(plan, now=context.now))
    return await remember_hold(night, given, request)


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


def _trial_places(night: Night, signal: Signal) -> tuple[str, ...]:
    """Name where it is written down how this plan ends, while newer rules are on trial.

    What a person starts is no rule's doing.
    """
    if night.trial is None or signal.type is SignalType.RUNBOOK:
        return ()
    return (night.trial.place(signal.target),)


def _plan(night: Night, case: Case, signal: Signal, context: Context, now: datetime) -> Plan:
    rule = case.rule
    return Plan(
        id=case.plan_id(signal),
        rule=rule.name + case.variant,
        rule_hash=rule.hash,
        remediation=rule.remediation.name,
        mode=rule.mode,
        target=signal.target,
        signal=signal_to_json(signal),
        settings=settings_as_yaml(rule.settings),
        steps=tuple(StepRecord(step) for step in case.steps(signal)),
        created_at=now,
        deadline=signal.deadline,
        wake_at=now,
        rung=case.rung,
        until=now + rule.timeout if rule.timeout else None,
        approval=context.approval.id if context.approval else "",
        tallies=(*counting.places_of(context), *_trial_places(night, signal)),
        channels=tuple(channel.value for channel in rule.notify),
    )
