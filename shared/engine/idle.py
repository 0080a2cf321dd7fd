"""The idle tick: who is not being used? Read in bulk, decided one by one.

One paged list gives every machine with its power state, one metrics call covers fifty
running machines. Only what a rule would act on reaches the ledger; the rest is counted
in the tick's own record, with the reason.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from shared.core.decisions import Reason
from shared.core.errors import AutomationError
from shared.core.facts import FactsKind, MachineFacts
from shared.core.money import Seen, seen
from shared.core.signals import Phase, Signal, SignalType
from shared.engine.answer import answer
from shared.engine.idle_instances import know_busy_instances
from shared.engine.night import Night
from shared.engine.observe import measure
from shared.engine.request import Answer, Request
from shared.engine.rulings import FactsByKind, facts_key, reason_of
from shared.engine.saving import note_look
from shared.ports import EventRecord
from shared.rules.book import Rule

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


async def look_for_idle(night: Night) -> Tally:
    """Ask the rules on ``compute.idle`` about every machine in scope, once.

    A subscription or workspace that cannot be read hides no other: it is named in the
    tick's record.
    """
    tally = Tally()
    rules = night.answering(SignalType.COMPUTE_IDLE)
    if not rules:
        return tally
    now = night.ports.clock.now()
    for name, source in _sources(night):
        try:
            await _look_at(night, rules, source, now, tally)
        except AutomationError as error:
            tally.unread.append(f"{name}: {error}")
    await _record(night, now, tally)
    is_whole = not (tally.unread or tally.unknown)
    await note_look(night, tally.priced, tally.idle, now, is_whole=is_whole)
    return tally


def _sources(night: Night) -> list[tuple[str, AsyncIterator[MachineFacts]]]:
    ports = night.ports
    return [
        *((name, ports.compute.machines(name)) for name in night.settings.subscriptions),
        *(
            (name, ports.machine_learning.instances(name))
            for name in night.settings.workspaces
        ),
    ]


async def _look_at(
    night: Night,
    rules: tuple[Rule, ...],
    source: AsyncIterator[MachineFacts],
    now: datetime,
    tally: Tally,
) -> None:
    portion: list[MachineFacts] = []
    async for machine in source:
        tally.looked_at += 1
        if machine.power != "running":
            tally.by_reason[Reason.ALREADY_STOPPED if machine.power else Reason.NO_DATA] += 1
            _price(night, machine, tally)
            continue
        portion.append(machine)
        if len(portion) >= BATCH:
            await _decide(night, rules, portion, now, tally)
            portion = []
    if portion:
        await _decide(night, rules, portion, now, tally)


async def _decide(
    night: Night,
    rules: tuple[Rule, ...],
    machines: list[MachineFacts],
    now: datetime,
    tally: Tally,
) -> None:
    """Measure for each rule's own window, then answer for each machine."""
    known: dict[str, FactsByKind] = {m.resource.id: {} for m in machines}
    in_bulk = [one for one in rules if one.remediation.facts is FactsKind.MACHINE]
    for key, rule in {facts_key(rule): rule for rule in in_bulk}.items():
        tag = rule.remediation.only_tagged
        meant = [m for m in machines if not tag or tag in map(str.casefold, m.resource.tags)]
        for machine in machines:
            known[machine.resource.id][key] = machine
        for measured in await measure(meant, rule.settings, night.ports):
            known[measured.resource.id][key] = measured
    await know_busy_instances(night, rules, machines, known)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(machine: MachineFacts) -> None:
        async with gate:
            signal = _signal(machine, now)
            request = Request(facts=known[machine.resource.id])
            try:
                given = await answer(night, signal, request)
            except AutomationError as error:  # one machine's trouble is no other's
                tally.unread.append(f"{machine.resource.id}: {error}")
                return
        reason = _count(given, tally)
        if any(ruling.draft is not None for ruling in given.rulings):
            tally.idle[machine.resource.id.casefold()] = reason
            _price(night, machine, tally)

    await asyncio.gather(*(one(machine) for machine in machines))


def tick_id(now: datetime) -> str:
    """Name a tick by its minute, so that two timers that overlap are one tick."""
    return f"tick-idle-{now:%Y%m%dT%H%M}"


def _signal(machine: MachineFacts, now: datetime) -> Signal:
    return Signal(
        type=SignalType.COMPUTE_IDLE,
        event_id=tick_id(now),
        source="tick",
        target=machine.resource.id,
        observed_at=now,
        attributes={"resource_type": machine.resource.type},
        is_recurring=True,
    )


def _price(night: Night, machine: MachineFacts, tally: Tally) -> None:
    """Keep what the month's account asks of a machine that is off, or idles."""
    tag = night.settings.team_tag.casefold()
    priced = seen(machine, night.ports.prices.table(), tag)
    if priced is None:
        tally.unknown += 1
    else:
        tally.priced.append(priced)


def _count(given: Answer, tally: Tally) -> str:
    if given.is_new and given.stored is not None:
        tally.plans.append(given.stored.plan.id)
    reason = reason_of(given.rulings)
    tally.by_reason[reason] += 1
    if len(tally.named[reason]) < NAMED_AT_MOST:
        tally.named[reason].append(given.signal.target)
    return reason


async def _record(night: Night, now: datetime, tally: Tally) -> None:
    record = EventRecord(
        event_id=tick_id(now),
        phase=Phase.FIRED.value,
        target="",
        recorded_at=now,
        signal={
            "type": SignalType.COMPUTE_IDLE.value,
            "source": "tick",
            "event_id": tick_id(now),
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
