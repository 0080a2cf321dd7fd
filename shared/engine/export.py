"""Tell the outside what the ledger did: every transition to every sink, at least once.

The ledger is the truth and the outbox says what of it may be untold. A pointer goes
only when its plan is closed and each sink has taken every record of it, so a sink that
is away for hours delays records and loses none. A record is told twice if this dies
between the telling and the noting; it then has the same id.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from shared.core.audit import AuditRecord, decision_records, plan_records
from shared.core.errors import GiveUp, StaleFacts
from shared.core.plans import Plan
from shared.engine.deliver import Delivery, deliver
from shared.engine.night import Night
from shared.ports import AuditSink, EventRecord, Pointer

T = TypeVar("T")
BUDGET = timedelta(seconds=20)
TOGETHER = 100
AT_ONCE = 16
CLAIM = timedelta(minutes=2)
YOUNG = timedelta(minutes=5)
"""A pointer this young may be of something that is just being written."""
REFUSED_AGAIN = timedelta(hours=1)
DOUBTS = 5
"""After so many rounds of refused records and none taken, the trouble is the sink's."""
UNASKED = timedelta(days=2)
"""With no sink configured a pointer is kept so long, should one be configured soon."""


@dataclass
class Exported:
    """What one tick did.

    Attributes:
        sent: Records taken, by sink.
        failed: Why a sink was given up for this tick.
        refused: Ids of single records that a sink would not take, with its words, by sink.
        orphaned: Pointers dropped whose plan or record is not there.
        unreadable: Pointers kept whose plan or record this release cannot read.
        purged: Pointers dropped because no sink is configured.
        lag: Age of the oldest record that some sink has yet to take; zero if none.
    """

    pointers: int = 0
    sent: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    refused: dict[str, dict[str, str]] = field(default_factory=dict)
    dropped: int = 0
    orphaned: int = 0
    unreadable: int = 0
    purged: int = 0
    lag: timedelta = timedelta(0)
    is_complete: bool = True


@dataclass
class _Work:
    """One pointer and what it leads to.

    Attributes:
        is_final: Nothing can be added to the records any more.
    """

    pointer: Pointer
    records: tuple[AuditRecord, ...]
    is_final: bool

    def untold(self, sink: AuditSink) -> list[AuditRecord]:
        mask = self.pointer.exported.get(sink.name, 0)
        return [r for r in self.records if sink.takes(r) and not mask >> r.slot & 1]

    def due(self, sink: AuditSink, now: datetime) -> list[AuditRecord]:
        later = self.pointer.later.get(sink.name)
        return [] if later is not None and now < later else self.untold(sink)


@dataclass
class _Tick:
    night: Night
    started: datetime
    resting: frozenset[str]
    told: Exported
    doubts: Counter[str] = field(default_factory=Counter)

    @property
    def now(self) -> datetime:
        return self.night.ports.clock.now()

    def usable(self) -> list[AuditSink]:
        gone = self.resting | self.told.failed.keys()
        return [sink for sink in self.night.ports.sinks if sink.name not in gone]


async def export(night: Night) -> Exported:
    """Send what is untold, oldest first, for as long as a tick may take.

    Raises:
        RetryLater: The outbox could not be read or written; the next tick comes soon.
    """
    now = night.ports.clock.now()
    backlog = await night.ports.outbox.backlog()
    told = Exported(pointers=len(backlog.pointers), is_complete=backlog.is_complete)
    resting = frozenset(sink for sink, until in backlog.rest.items() if now < until)
    tick = _Tick(night, now, resting, told)
    free = [p for p in backlog.pointers if p.claimed_until is None or p.claimed_until <= now]
    for at in range(0, len(free), TOGETHER):
        is_over = tick.now >= now + BUDGET
        if is_over or (at and night.ports.sinks and not tick.usable()):
            told.is_complete = False
            break
        await _some(tick, free[at : at + TOGETHER])
    return told


async def _some(tick: _Tick, pointers: Sequence[Pointer]) -> None:
    found = await _side_by_side([_load(tick, pointer) for pointer in pointers])
    works = [work for work in found if work is not None]
    if not tick.night.ports.sinks:
        await _side_by_side([_purge(tick, work) for work in works])
        return
    claimed = await _side_by_side([_claim(tick, work) for work in works])
    taken = [work for work in claimed if work is not None]
    deliveries = await asyncio.gather(*(_tell(tick, sink, taken) for sink in tick.usable()))
    by_sink = {delivery.sink: delivery for delivery in deliveries}
    await _side_by_side([_note(tick, work, by_sink) for work in taken])
    untold = [
        record.at
        for work in works
        for sink in tick.night.ports.sinks
        for record in work.untold(sink)
    ]
    tick.told.lag = max([tick.told.lag, *(tick.now - at for at in untold)])


async def _load(tick: _Tick, pointer: Pointer) -> _Work | None:
    try:
        content = await tick.night.ports.outbox.content(pointer)
    except GiveUp:  # written by a newer release, perhaps: kept until it can be read
        tick.told.unreadable += 1
        return None
    if content is None:
        if tick.now >= pointer.at + YOUNG and await _drop(tick, pointer):
            tick.told.orphaned += 1
        return None
    if isinstance(content, Plan):
        return _Work(pointer, plan_records(content), not content.is_open)
    return _Work(pointer, _decisions(content), is_final=True)


def _decisions(record: EventRecord) -> tuple[AuditRecord, ...]:
    return decision_records(
        event_id=record.event_id,
        phase=record.phase,
        target=record.target,
        recorded_at=record.recorded_at,
        signal=record.signal,
        decisions=record.decisions,
    )


async def _purge(tick: _Tick, work: _Work) -> None:
    is_old = tick.now >= work.pointer.at + UNASKED
    if work.is_final and is_old and await _drop(tick, work.pointer):
        tick.told.purged += 1


async def _claim(tick: _Tick, work: _Work) -> _Work | None:
    """Take a pointer that has something to send; drop one that has nothing left."""
    if work.is_final and not any(work.untold(s) for s in tick.night.ports.sinks):
        if await _drop(tick, work.pointer):
            tick.told.dropped += 1
        return None
    if not any(work.due(sink, tick.now) for sink in tick.usable()):
        return None
    mine = replace(work.pointer, claimed_until=tick.now + CLAIM)
    try:
        work.pointer = await tick.night.ports.outbox.save(mine)
    except StaleFacts:
        return None
    return work


async def _tell(tick: _Tick, sink: AuditSink, works: Sequence[_Work]) -> Delivery:
    records = [record for work in works for record in work.due(sink, tick.now)]
    delivery = await deliver(sink, records)
    told = tick.told
    told.sent[sink.name] = told.sent.get(sink.name, 0) + len(delivery.taken)
    told.refused.setdefault(sink.name, {}).update(delivery.refused | delivery.doubtful)
    if delivery.error is not None:
        told.failed[sink.name] = f"{type(delivery.error).__name__}: {delivery.error}"
    elif delivery.doubtful:
        tick.doubts[sink.name] += 1
        if tick.doubts[sink.name] >= DOUBTS and not told.sent[sink.name]:
            told.failed[sink.name] = next(iter(delivery.doubtful.values()))
    if delivery.rest is not None:
        await tick.night.ports.outbox.rest(sink.name, tick.now + delivery.rest)
    return delivery


async def _note(tick: _Tick, work: _Work, by_sink: dict[str, Delivery]) -> None:
    """Write down what each sink took; drop the pointer when that was the last of it."""
    exported, later = dict(work.pointer.exported), dict(work.pointer.later)
    for name, delivery in by_sink.items():
        for record in work.records:
            if record.id in delivery.taken:
                exported[name] = exported.get(name, 0) | 1 << record.slot
        if any(record.id in delivery.refused for record in work.records):
            later[name] = tick.now + REFUSED_AGAIN
        else:
            later.pop(name, None)
    work.pointer = replace(work.pointer, exported=exported, later=later, claimed_until=None)
    if work.is_final and not any(work.untold(s) for s in tick.night.ports.sinks):
        if await _drop(tick, work.pointer):
            tick.told.dropped += 1
        return
    with contextlib.suppress(StaleFacts):  # touched meanwhile: told again, by the same ids
        await tick.night.ports.outbox.save(work.pointer)


async def _side_by_side(jobs: Sequence[Awaitable[T]]) -> list[T]:
    """Do storage's work so many at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(job: Awaitable[T]) -> T:
        async with gate:
            return await job

    return list(await asyncio.gather(*(one(job) for job in jobs)))


async def _drop(tick: _Tick, pointer: Pointer) -> bool:
    try:
        await tick.night.ports.outbox.drop(pointer)
    except StaleFacts:
        return False
    return True
