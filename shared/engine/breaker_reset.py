"""Reset a breaker: look again at what failed, drop what is no longer true, then close.

An open breaker waits for one canary by itself. A person who knows better resets it, and
is shown first what is still true: closing it on what was true days ago would act on
stale facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.core.breakers import reset
from shared.core.decisions import Act, Reason
from shared.core.errors import AutomationError, InvalidTarget, RetryLater, StaleFacts
from shared.core.signals import Phase, Signal
from shared.core.tallies import Entry, Tally, event_token
from shared.core.wire import signal_from_json, write_moment
from shared.engine.night import Night
from shared.engine.pausing import Person
from shared.engine.recorded import spoken
from shared.engine.rulings import rule_on
from shared.ports import EventRecord

SOURCE = "controls"
TRIES = 10
AT_ONCE = 16
UNREAD = frozenset({Reason.UNREADABLE, Reason.NO_DATA, Reason.CONDITION_FAILED})


@dataclass(frozen=True, slots=True)
class Reset:
    """What a reset found, or would find.

    Attributes:
        still_failing: Targets that fail still, by a fresh look.
        dropped: Targets whose failure is over, or that are gone.
        is_closed: Nothing keeps the breaker open now.
    """

    key: str
    still_failing: tuple[str, ...]
    dropped: tuple[str, ...]
    is_closed: bool
    is_dry_run: bool


async def open_breakers(night: Night) -> list[dict[str, Any]]:
    """List the breakers that are open, as the HTTP route shows them."""
    return [
        {
            "breaker": tally.key,
            "tripped_at": write_moment(tally.tripped_at),
            "failed": sorted({one.target for one in tally.entries if one.is_open}),
            "threshold": tally.threshold,
            "canary": tally.canary or None,
        }
        for tally in await night.ports.tallies.tripped()
    ]


async def reset_breaker(
    night: Night, key: str, *, who: Person, request_id: str, is_dry_run: bool
) -> Reset:
    """Look again at each failure and drop what is over; close if the rest is no storm.

    What cannot be read counts as failing still.

    Raises:
        InvalidTarget: No breaker of that name is open; the message names those that are.
        RetryLater: The tally could not be written, or kept changing.
    """
    for _ in range(TRIES):
        tally = await _open(night, key)
        now = night.ports.clock.now()
        failures = [one for one in tally.entries if one.is_open]
        still = await _still_failing(night, failures)
        after = reset(tally, still, now)
        targets = {one.target for one in failures if one.token in still}
        found = Reset(
            key=tally.key,
            still_failing=tuple(sorted(targets)),
            dropped=tuple(sorted({one.target for one in failures} - targets)),
            is_closed=after.tripped_at is None,
            is_dry_run=is_dry_run,
        )
        if is_dry_run:
            return found
        try:
            await night.ports.tallies.save(after)
        except StaleFacts:
            continue
        await night.ports.ledger.record_event(_record(night, found, who, request_id))
        return found
    raise RetryLater(f"resetting {key}: it kept changing", after=timedelta(seconds=1))


async def _open(night: Night, key: str) -> Tally:
    tripped = {tally.key: tally for tally in await night.ports.tallies.tripped()}
    if key.casefold() not in tripped:
        known = ", ".join(sorted(tripped)) or "none is open"
        raise InvalidTarget(f"no breaker {key[:300]!r} is open; open breakers: {known}")
    return tripped[key.casefold()]


async def _still_failing(night: Night, failures: list[Entry]) -> frozenset[str]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def look(entry: Entry) -> str:
        async with gate:
            return entry.token if await _fails(night, entry) else ""

    found = await asyncio.gather(*(look(entry) for entry in failures))
    return frozenset(found) - {""}


async def _fails(night: Night, entry: Entry) -> bool:
    """Hear the event again, without effect, and tell whether some rule would still act."""
    try:
        signal = await _signal(night, entry)
        if signal is None:
            return False
        now = night.ports.clock.now()
        for rule in night.rules_for(signal.target).answering(signal.type):
            said, _, _ = await rule_on(night, rule, signal, known={}, now=now)
            if isinstance(said.decision, Act) or said.decision.reason in UNREAD:
                return True
    except AutomationError:
        return True
    return False


async def _signal(night: Night, entry: Entry) -> Signal | None:
    """Find what was said then; None if it has been taken back since, or is not kept."""
    records = await night.ports.ledger.find_event(entry.event)
    mine = [r for r in records if event_token(r.event_id, r.target) == entry.token]
    if any(Phase(record.phase.split("+")[0]).withdraws for record in mine):
        return None
    return signal_from_json(mine[0].signal) if mine else None


def reset_view(found: Reset) -> Mapping[str, Any]:
    """Write what a reset found as the HTTP route shows it."""
    return {
        "breaker": found.key,
        "state": "closed" if found.is_closed else "open",
        "dry_run": found.is_dry_run,
        "still_failing": list(found.still_failing),
        "dropped": list(found.dropped),
    }


def _record(night: Night, found: Reset, who: Person, request_id: str) -> EventRecord:
    """Write who reset what, and what it came to; as an event of its own."""
    by = who.name if who.is_verified else f"{who.name} (self-declared)"
    detail = (
        f"{found.key} reset by {by}: {len(found.dropped)} over, "
        f"{len(found.still_failing)} failing still"
    )
    return spoken(
        "control",
        "breaker_closed" if found.is_closed else "breaker_still_open",
        detail,
        event_id=f"reset-{request_id}",
        phase=Phase.FIRED.value,
        at=night.ports.clock.now(),
        source=SOURCE,
        view={**reset_view(found), "owner": who.name},
    )
