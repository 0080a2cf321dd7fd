"""The ways in: an event's signals, a wake message, a person's runbook.

Each returns only after everything that must not be lost is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from shared.core.acknowledging import ACKNOWLEDGE
from shared.core.decisions import Hold, Reason, Skip
from shared.core.errors import AutomationError, LeaseHeld
from shared.core.hooks import EXIT_CODE, hook_phase
from shared.core.plans import Plan
from shared.core.resource_ids import same_resource
from shared.core.signals import INVOLUNTARY, Phase, Signal, Unanswered
from shared.core.smoke_tests import looks_like_one
from shared.core.wire import signal_from_json, signal_to_json
from shared.engine import acknowledging, counting
from shared.engine.answer import decide_and_open
from shared.engine.carry_out import Worker, carry_out, take
from shared.engine.night import Night
from shared.engine.recorded import store
from shared.engine.request import Answer, Request, request_of
from shared.engine.rulings import Ruling
from shared.engine.surveying import SURVEY, carry_out_survey
from shared.engine.turns import Gate, Place
from shared.engine.withdraw import withdraw
from shared.ports import EventRecord


async def hear(
    night: Night, signals: Sequence[Signal | Unanswered], *, budget: timedelta
) -> list[Answer]:
    """Answer the signals of one event, and carry out at once what cannot wait.

    Args:
        budget: How long the caller may work on plans itself; zero leaves them to the
            queue.

    Raises:
        RetryLater: Something could not be stored; the sender must send again.
    """

    async def one(signal: Signal | Unanswered) -> list[Answer]:
        async with night.gate.enter() as place:
            return await _hear_one(night, signal, budget, place)

    heard = await asyncio.gather(*(one(signal) for signal in signals), return_exceptions=True)
    for outcome in heard:
        if isinstance(outcome, BaseException):
            raise outcome
    return [a for outcome in heard if isinstance(outcome, list) for a in outcome]


async def _hear_one(
    night: Night, signal: Signal | Unanswered, budget: timedelta, place: Place
) -> list[Answer]:
    if isinstance(signal, Unanswered):
        await night.ports.ledger.record_event(_unanswered(night, signal))
        return []
    if EXIT_CODE in signal.attributes:
        await night.ports.ledger.record_event(_of_hook(night, signal))
        return []
    if looks_like_one(signal.event_id) and (given := await _as_test(night, signal)):
        return [given]
    is_urgent = budget > timedelta(0) and (signal.is_involuntary or signal.phase.ends)
    owner = night.ports.clock.token() if is_urgent else ""
    try:
        return await _respond(night, signal, Request(owner=owner), budget, place)
    except AutomationError:
        raise
    except Exception as error:  # noqa: BLE001 - a defect is recorded, see _put_aside
        return [await _put_aside(night, signal, error)]


async def _as_test(night: Night, signal: Signal) -> Answer | None:
    """Answer a smoke test; None if the event bears no ticket of ours that counts.

    Raises:
        RetryLater: Tickets cannot be read, or the answer cannot be stored.
    """
    from shared.engine import smoke  # noqa: PLC0415 - no eviction waits for it

    ticket = await smoke.ticket_for(night, signal)
    return await smoke.answer_test(night, signal, ticket) if ticket else None


async def _put_aside(night: Night, signal: Signal, error: Exception) -> Answer:
    """Leave a signal that a defect of ours stopped to the queue, and acknowledge it.

    Raised, it would come again for a day, and Event Grid holds back everything else for
    a receiver that keeps failing: one poison event must never hold up the next eviction.
    The queue tries again, and what fails there every time is kept with the poison.
    """
    message = {"signal": signal_to_json(signal), "attempt": 1}
    await night.ports.queue.put(message, delay=timedelta(0))
    detail = f"a defect, left to the queue: {type(error).__name__}: {error}"
    return Answer(signal, (Ruling("", "", Hold(Reason.UNREADABLE, detail=detail)),))


async def _respond(
    night: Night, signal: Signal, request: Request, budget: timedelta, place: Place
) -> list[Answer]:
    if signal.phase.ends and not signal.is_test:
        answers = list(await withdraw(night, signal, request))
        for given in answers:
            await _act(night, given, request, budget, place)
        return answers
    given = await decide_and_open(night, signal, request)
    ended = await asyncio.gather(
        _note_after(night, given, place),
        _act(night, given, request, budget, place),
        return_exceptions=True,
    )
    for error in ended:
        if error is not None:
            raise error
    return [given]


async def _note_after(night: Night, given: Answer, place: Place) -> None:
    """Store the answer once the first effect is there: what is not yet begun comes first."""
    await place.stepped_back()
    await _note(night, given)


async def _note(night: Night, given: Answer) -> None:
    """Store the answer, and see whether the event was taken back while it was given.

    Here the plan is stored before the records are read; whoever withdraws stores its
    record before it looks for plans. So of two that come together one sees the other.
    """
    await store(night, given)
    if not given.is_new:
        return
    if given.stored is not None and given.signal.is_involuntary:
        await counting.note_begun(night, given.stored.plan)
    for record in await night.ports.ledger.find_event(given.signal.event_id):
        phase = Phase(record.phase.split("+")[0])
        if phase.ends and same_resource(record.target, given.signal.target):
            message = {"signal": dict(record.signal), "attempt": 1}
            await night.ports.queue.put(message, delay=timedelta(0))
            return


async def _act(
    night: Night, given: Answer, request: Request, budget: timedelta, place: Place
) -> None:
    """Carry out a plan that this very invocation opened and holds.

    After its first effect it lets all go first who have none yet.
    """
    try:
        if given.is_new and given.stored is not None and request.owner:
            now = night.ports.clock.now()
            worker = Worker(
                night, request.owner, given.stored, now, after_first=place.step_back
            )
            await carry_out(worker, budget=budget)
    except LeaseHeld:
        return
    finally:
        await place.step_back()


def _of_hook(night: Night, signal: Signal) -> EventRecord:
    """Write down how a hook ended; no rule is asked, for its notice was heard before."""
    return EventRecord(
        event_id=signal.event_id,
        phase=hook_phase(signal.phase.value),
        target=signal.target,
        recorded_at=night.ports.clock.now(),
        signal=signal_to_json(signal),
        decisions=(),
    )


def _unanswered(night: Night, event: Unanswered) -> EventRecord:
    decision = Skip(Reason.NO_RULE, event.why)
    return EventRecord(
        event_id=event.event_id,
        phase=Phase.FIRED.value,
        target="",
        recorded_at=night.ports.clock.now(),
        signal={"event_id": event.event_id, "source": event.source},
        decisions=(Ruling("", "", decision).to_json(),),
    )


async def wake(night: Night, message: Mapping[str, Any]) -> Plan | Answer | None:
    """Go on with what a message of the queue ``plans`` names.

    Returns:
        The plan as it was left, the answer to a reminded signal, or None if the message
        was overtaken.
    """
    if "signal" in message:
        signal = signal_from_json(message["signal"])
        request = request_of(message, owner=night.ports.clock.token())
        budget = night.settings.plan_budget
        async with Gate(1).enter() as place:  # the queue hands out only so many at once
            given = await _respond(night, signal, request, budget, place)
        return given[0]
    if SURVEY in message:
        await carry_out_survey(night, message)
        return None
    if ACKNOWLEDGE in message:
        await acknowledging.acknowledge(night, message)
        return None
    name, seq = str(message["plan"]), int(message["seq"])
    try:
        worker = await take(night, name, seq=seq, owner=night.ports.clock.token())
        if worker is None:
            return None
        if worker.plan.signal.get("type") in INVOLUNTARY:  # whoever opened it may have died
            await counting.note_begun(night, worker.plan)
        return await carry_out(worker, budget=night.settings.plan_budget)
    except LeaseHeld as held:
        await night.ports.queue.put({"plan": name, "seq": seq}, delay=held.after)
        return None
