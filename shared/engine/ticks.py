"""What one tick over many machines saw, and how it asks the rules about each of them."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from shared.core.errors import AutomationError
from shared.core.money import Seen
from shared.core.signals import Phase, Signal, SignalType
from shared.engine.answer import answer
from shared.engine.night import Night
from shared.engine.request import Answer, Request
from shared.engine.rulings import reason_of
from shared.ports import EventRecord

BATCH = 200
AT_ONCE = 16
NAMED_AT_MOST = 100


@dataclass(slots=True)
class Tally:
    """What one tick saw: how many by reason, and some of them by name.

    Attributes:
        unknown: Machines whose power state is not known.
        priced: Machines that are off, and idle ones that run, for the month's account.
        idle: Folded id of each idle machine that runs on, to the reason why.
    """

    looked_at: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    named: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    plans: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    unknown: int = 0
    priced: list[Seen] = field(default_factory=list)
    idle: dict[str, str] = field(default_factory=dict)

    def count(self, given: Answer) -> str:
        """Count what became of one machine; return the reason."""
        if given.is_new and given.stored is not None:
            self.plans.append(given.stored.plan.id)
        reason = reason_of(given.rulings)
        self.by_reason[reason] += 1
        if len(self.named[reason]) < NAMED_AT_MOST:
            self.named[reason].append(given.signal.target)
        return reason


async def ask_each(
    night: Night, asked: Iterable[tuple[Signal, Request]], tally: Tally
) -> list[tuple[Answer, str]]:
    """Ask the rules about each, some at once; return the answers with their reasons."""
    gate = asyncio.Semaphore(AT_ONCE)
    heard: list[tuple[Answer, str]] = []

    async def one(signal: Signal, request: Request) -> None:
        async with gate:
            try:
                given = await answer(night, signal, request)
            except AutomationError as error:  # one machine's trouble is no other's
                tally.unread.append(f"{signal.target}: {error}")
                return
        heard.append((given, tally.count(given)))

    await asyncio.gather(*(one(signal, request) for signal, request in asked))
    return heard


async def record_tick(
    night: Night, tick: str, kind: SignalType, now: datetime, tally: Tally
) -> None:
    """Store the tick's own record: how many, and why."""
    record = EventRecord(
        event_id=tick,
        phase=Phase.FIRED.value,
        target="",
        recorded_at=now,
        signal={
            "type": kind.value,
            "source": "tick",
            "event_id": tick,
            "looked_at": tally.looked_at,
            "unread": tally.unread,
        },
        decisions=tuple(
            {
                "kind": "act" if reason == "acted" else "skip",
                "reason": "" if reason == "acted" else reason,
                "count": count,
                "targets": tally.named[reason],
            }
            for reason, count in sorted(tally.by_reason.items())
        ),
    )
    await night.ports.ledger.record_event(record)
