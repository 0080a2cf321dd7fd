"""The idle tick: who is not being used? Read in bulk, decided one by one.

One paged list gives every machine with its power state, one metrics call covers fifty
running machines. Only what a rule would act on reaches the ledger; the rest is counted
in the tick's own record, with the reason.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from shared.core.decisions import Reason
from shared.core.errors import AutomationError
from shared.core.facts import FactsKind, MachineFacts
from shared.core.money import seen
from shared.core.signals import Signal, SignalType
from shared.engine.idle_instances import know_busy_instances
from shared.engine.night import Night
from shared.engine.observe import measure
from shared.engine.request import Request
from shared.engine.rulings import FactsByKind, facts_key
from shared.engine.saving import note_look
from shared.engine.schedules import Clock
from shared.engine.ticks import BATCH, Tally, ask_each, record_tick
from shared.rules.book import Rule


async def look_for_idle(night: Night) -> Tally:
    """Ask the rules on ``compute.idle`` about every machine in scope, once.

    The same list serves the rules that go by working hours. A subscription or workspace
    that cannot be read hides no other: it is named in the tick's record.
    """
    tally = Tally()
    rules = night.answering(SignalType.COMPUTE_IDLE)
    now = night.ports.clock.now()
    clock = Clock.of(night, now)
    if not (rules or clock.rules):
        return tally
    for name, source in _sources(night):
        try:
            await _look_at(night, rules, source, tally, clock)
        except AutomationError as error:
            tally.unread.append(f"{name}: {error}")
    clock.tally.unread.extend(tally.unread)
    await clock.end()
    if not rules:
        return clock.tally
    await record_tick(night, tick_id(now), SignalType.COMPUTE_IDLE, now, tally)
    is_whole = not (tally.unread or tally.unknown)
    await note_look(night, tally.priced, tally.idle, now, is_whole=is_whole)
    tally.plans.extend(clock.tally.plans)
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
    tally: Tally,
    clock: Clock,
) -> None:
    portion: list[MachineFacts] = []
    async for machine in source:
        await clock.look_at(machine)
        if not rules:
            continue
        tally.looked_at += 1
        if machine.power != "running":
            tally.by_reason[Reason.ALREADY_STOPPED if machine.power else Reason.NO_DATA] += 1
            _price(night, machine, tally)
            continue
        portion.append(machine)
        if len(portion) >= BATCH:
            await _decide(night, rules, portion, clock.now, tally)
            portion = []
    if portion:
        await _decide(night, rules, portion, clock.now, tally)


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
    asked = [(_signal(m, now), Request(facts=known[m.resource.id])) for m in machines]
    by_id = {machine.resource.id: machine for machine in machines}
    for given, reason in await ask_each(night, asked, tally):
        if any(ruling.draft is not None for ruling in given.rulings):
            target = given.signal.target
            tally.idle[target.casefold()] = reason
            _price(night, by_id[target], tally)


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
