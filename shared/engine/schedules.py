"""Working hours: which machines of the tick's list a boundary wants something of.

A signal is named by its rule and its boundary. So each boundary is acted on once: the next
tick finds the plan, open or closed, and what a person did after it stands. A machine that
is as its hours want it reaches neither the rules nor the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.core.decisions import Reason
from shared.core.facts import MachineFacts
from shared.core.resource_ids import VM
from shared.core.signals import Signal, SignalType
from shared.core.timetables import Standing, Timetable, Wanted, standing, timetable_of
from shared.core.wire import write_moment
from shared.engine.guarding import subject
from shared.engine.night import Night
from shared.engine.request import Request
from shared.engine.rulings import FactsByKind, facts_key
from shared.engine.ticks import BATCH, Tally, ask_each, record_tick
from shared.rules.book import Rule

Asked = tuple[Signal, Request]


@dataclass(slots=True)
class Clock:
    """What the hours want at one moment, gathered while the tick's list is read.

    Attributes:
        rules: Those that name hours, or a tag that does.
        known: What a timetable wants, worked out once for all machines that share it.
    """

    night: Night
    now: datetime
    rules: tuple[Rule, ...] = ()
    tally: Tally = field(default_factory=Tally)
    waiting: list[Asked] = field(default_factory=list)
    known: dict[Timetable, Standing] = field(default_factory=dict)

    @classmethod
    def of(cls, night: Night, now: datetime) -> Clock:
        """Begin to look, for every rule that answers to the clock."""
        rules = night.answering(SignalType.COMPUTE_SCHEDULE)
        return cls(night, now, tuple(rule for rule in rules if _has_hours(rule)))

    async def look_at(self, machine: MachineFacts) -> None:
        """Look at one machine; ask about those that were gathered when they are many."""
        if not self.rules or machine.resource.type != VM:
            return
        self.tally.looked_at += 1
        self.waiting.extend(self._asked(machine))
        if len(self.waiting) >= BATCH:
            await self.ask()

    async def ask(self) -> None:
        """Ask about those that were gathered."""
        asked, self.waiting = self.waiting, []
        await ask_each(self.night, asked, self.tally)

    async def end(self) -> None:
        """Ask about the last ones and store the tick's record."""
        if self.rules:
            await self.ask()
            tick = f"tick-schedule-{self.now:%Y%m%dT%H%M}"
            await record_tick(
                self.night, tick, SignalType.COMPUTE_SCHEDULE, self.now, self.tally
            )

    def _asked(self, machine: MachineFacts) -> Iterator[Asked]:
        """Name the rules whose hours want something of it, each with a signal of its own."""
        for rule in self._counting(machine):
            signal = Signal(
                type=SignalType.COMPUTE_SCHEDULE,
                event_id=f"schedule-{rule.name}-unread",
                source="tick",
                target=machine.resource.id,
                observed_at=self.now,
                is_recurring=True,
            )
            version = rule.version_for(subject(rule, signal, machine))
            try:
                table = timetable_of(version.settings, machine.resource.tags)
            except ValueError:
                yield signal, _request(rule, version, machine)  # it tells what is wrong
                continue
            if table is None:
                continue
            stands = self._standing(table)
            if stands.last.wanted.is_so(machine.power):
                is_off = stands.last.wanted is Wanted.OFF
                reason = Reason.ALREADY_STOPPED if is_off else Reason.ALREADY_RUNNING
                self.tally.by_reason[reason] += 1
                continue
            yield _at(signal, rule, stands), _request(rule, version, machine)

    def _counting(self, machine: MachineFacts) -> Iterator[Rule]:
        """Name the rules in force for a machine: a new form may be on trial elsewhere."""
        in_force = self.night.rules_for(machine.resource.id).rules
        return (rule for rule in self.rules if self.night.trial is None or rule in in_force)

    def _standing(self, table: Timetable) -> Standing:
        if table not in self.known:
            self.known[table] = standing(table, self.now)
        return self.known[table]


def _has_hours(rule: Rule) -> bool:
    return all(hasattr(rule.settings, name) for name in ("days", "on", "off", "time_zone"))


def _at(signal: Signal, rule: Rule, stands: Standing) -> Signal:
    last = stands.last
    return replace(
        signal,
        event_id=f"schedule-{rule.name}-{last.wanted}-{last.at:%Y%m%dT%H%M%S}",
        attributes={
            "wanted": last.wanted.value,
            "boundary": write_moment(last.at),
            "until": write_moment(stands.next.at),
        },
    )


def _request(rule: Rule, version: Rule, machine: MachineFacts) -> Request:
    facts: FactsByKind = {facts_key(one): machine for one in (rule, version)}
    return Request(rule=rule.name, facts=facts)
