"""Acknowledge a maintenance notice, once, when every machine that it names is ready.

It is about the event and not about one target, so it is no step of a plan: when a plan
of the notice closes, a message stored before the close makes somebody look at all of
them. Of several that look at one moment, one says it. Whoever asks over HTTP sees the
same answer; with ``NIGHTSHIFT_ACKNOWLEDGE=forwarder`` that is all, and the forwarder in
one of the machines says it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared.core.acknowledging import (
    ACKNOWLEDGE,
    ACKNOWLEDGED,
    Readiness,
    Standing,
    is_asked_for,
    plans_named,
    readiness,
)
from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.errors import Forbidden, GiveUp, RetryLater, StaleFacts
from shared.core.plans import Plan
from shared.core.wire import write_moment
from shared.engine.night import Night
from shared.engine.rulings import Ruling
from shared.ports import EventRecord

CONTROL_PLANE = "control_plane"
SOON = timedelta(seconds=1)
LONGEST = timedelta(seconds=30)
SURE_LOOKS = 4
"""The plan that asked may take a moment to close; then only what has no plan is awaited."""
MOST_LOOKS = 200
AT_ONCE = 16


async def readiness_of(night: Night, event_id: str) -> Readiness | None:
    """Look at everything a notice led to; None if nothing was heard of it."""
    records = await night.ports.ledger.find_event(event_id)
    names = sorted({name for one in plans_named(records).values() for name in one})
    plans: dict[str, Plan] = {}
    for at in range(0, len(names), AT_ONCE):
        part = names[at : at + AT_ONCE]
        found = await asyncio.gather(*(night.ports.ledger.find(name) for name in part))
        plans |= {one.plan.id: one.plan for one in found if one is not None}
    return readiness(event_id, records, plans)


def readiness_view(event_id: str, found: Readiness | None, *, by: str) -> dict[str, Any]:
    """Write it for who asks.

    Args:
        by: Who acknowledges: ``forwarder``, or ``control_plane``; then nobody else may.
    """
    if found is None:
        found = Readiness(event_id, "", Standing.UNKNOWN, ())
    return {
        "event_id": event_id,
        "event_type": found.event_type,
        "state": found.state.value,
        "reason": found.reason,
        "by": by,
        "targets": [
            {
                "target": one.target,
                "plan": one.plan or None,
                "state": one.state.value,
                "outcome": one.outcome or None,
                "reason": one.reason,
            }
            for one in found.machines
        ],
        "acknowledged_at": write_moment(found.acknowledged_at),
    }


async def before_closing(night: Night, plan: Plan) -> None:
    """Have the notice looked at, if this plan closes and its rule would acknowledge.

    Each message has a name of its own: the one that says it may be handled again after a
    crash, and no other says it a second time.
    """
    if night.settings.acknowledge != CONTROL_PLANE or not is_asked_for(plan):
        return
    message = {
        ACKNOWLEDGE: str(plan.signal.get("event_id") or ""),
        "token": night.ports.clock.token(),
        "attempt": 1,
    }
    await night.ports.queue.put(message, delay=SOON)


async def acknowledge(night: Night, message: Mapping[str, Any]) -> None:
    """Go on with what such a message asks for."""
    if night.settings.acknowledge != CONTROL_PLANE or night.settings.dry_run:
        return
    found = await readiness_of(night, str(message[ACKNOWLEDGE]))
    if found is None or found.acknowledged_at is not None:
        return
    if found.state is Standing.READY:
        await _say(night, found, message)
    elif found.state is Standing.WAITING and _is_worth_waiting(found, message):
        await _later(night, found, message, SOON * (2 * int(message["attempt"])))


def _is_worth_waiting(found: Readiness, message: Mapping[str, Any]) -> bool:
    """Tell whether to look again: a plan that is open will ask by itself when it closes."""
    waits = [one for one in found.machines if one.state is Standing.WAITING]
    has_unheard = not waits or any(not one.plan for one in waits)
    return int(message["attempt"]) < SURE_LOOKS or has_unheard


async def _later(
    night: Night, found: Readiness, message: Mapping[str, Any], after: timedelta
) -> bool:
    """Have it looked at again; False if it would come too late or was tried too often."""
    after = min(after, LONGEST)
    attempt = int(message["attempt"]) + 1
    is_late = found.deadline is not None and night.ports.clock.now() + after >= found.deadline
    if is_late or attempt > MOST_LOOKS:
        return False
    await night.ports.queue.put({**message, "attempt": attempt}, delay=after)
    return True


async def _say(night: Night, found: Readiness, message: Mapping[str, Any]) -> None:
    """Say it, if nobody else does, and record it; a service that is away is asked again."""
    token = str(message["token"])
    if not await night.ports.ledger.spend(f"{ACKNOWLEDGE}|{found.event_id}", token, 1):
        return
    try:
        await night.ports.maintenance.acknowledge(found.owner, found.event_id)
    except RetryLater as later:
        if await _later(night, found, message, later.after):
            return
        await _record(night, found, Skip(Reason.ATTEMPTS_EXHAUSTED, str(later)))
    except (GiveUp, StaleFacts) as error:
        why = Reason.FORBIDDEN if isinstance(error, Forbidden) else Reason.REJECTED
        await _record(night, found, Skip(why, str(error)))
    else:
        await _record(night, found, Act(()))


async def _record(night: Night, found: Readiness, decision: Decision) -> None:
    record = EventRecord(
        event_id=found.event_id,
        phase=ACKNOWLEDGED,
        target=found.owner,
        recorded_at=night.ports.clock.now(),
        signal={**found.signal, "target": found.owner},
        decisions=(Ruling("", ACKNOWLEDGE, decision).to_json(),),
    )
    await night.ports.ledger.record_event(record)
