"""What the ports do, told to whoever watches: each wrapped by one that does the same.

The ledger's transitions are the telemetry, as they are the audit: a step that began or
ended, a plan that closed, a decision that was recorded. So the engine names nothing
twice, and where nobody watches nothing is wrapped and nothing costs anything. A wrapper
changes no answer and no error, and tells only after its port has done its work.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.core.audit import AuditRecord
from shared.core.notices import Notice
from shared.core.plans import Plan, StepRecord
from shared.core.terms import Channel
from shared.core.wire import read_moment
from shared.engine.night import Ports
from shared.ports import (
    AuditSink,
    Clock,
    EventRecord,
    Head,
    Ledger,
    Messenger,
    PlanPage,
    StoredPlan,
    TargetView,
    Undelivered,
)
from shared.ports.telemetry import Telemetry, Told, Value

WAITING = "waiting"
ACT = "act"
DECISIONS = frozenset({ACT, "hold", "skip"})
MOST_REMEMBERED = 2000


def told(ports: Ports, telemetry: Telemetry) -> Ports:
    """Return ports that do the same and tell of it; the same ones where nobody watches."""
    if not telemetry.is_on:
        return ports
    return replace(
        ports,
        ledger=TellingLedger(ports.ledger, telemetry, ports.clock),
        sinks=tuple(TellingSink(one, telemetry, ports.clock) for one in ports.sinks),
        messengers=tuple(TellingMessenger(one, telemetry) for one in ports.messengers),
    )


@dataclass
class TellingLedger:
    """Implements ``shared.ports.Ledger`` by another one, and tells of its transitions.

    Attributes:
        _began: When this process began the attempt at a step.
        _looked: When it looked at a target, which is how a decision begins.
    """

    ledger: Ledger
    telemetry: Telemetry
    clock: Clock
    _began: dict[str, datetime] = field(default_factory=dict)
    _looked: dict[str, datetime] = field(default_factory=dict)

    async def look(self, target: str, plan_ids: Sequence[str]) -> TargetView:
        """Read a target; a decision begins with it."""
        self._note_now(self._looked, target.casefold())
        return await self.ledger.look(target, plan_ids)

    async def find(self, plan_id: str) -> StoredPlan | None:
        """Return a plan."""
        return await self.ledger.find(plan_id)

    async def open(self, plan: Plan, head: Head) -> StoredPlan:
        """Store a new plan; the first step may have begun with it."""
        stored = await self.ledger.open(plan, head)
        fresh = replace(plan, steps=tuple(StepRecord(one.step) for one in plan.steps))
        self._transition(fresh, plan)
        return stored

    async def save(self, stored: StoredPlan, plan: Plan) -> StoredPlan:
        """Replace a plan; what it has that it had not before is told."""
        saved = await self.ledger.save(stored, plan)
        self._transition(stored.plan, plan)
        return saved

    def open_plans(self) -> AsyncIterator[str]:
        """Yield ids of the plans that may be open."""
        return self.ledger.open_plans()

    async def tidy(self, plan_id: str) -> None:
        """Drop the open-plans entry of a plan that is closed."""
        await self.ledger.tidy(plan_id)

    async def list_plans(self, *, state: str, limit: int, after: str) -> PlanPage:
        """Return plans."""
        return await self.ledger.list_plans(state=state, limit=limit, after=after)

    async def record_event(self, record: EventRecord) -> bool:
        """Store a record; its decisions are told once, however often it comes."""
        began = self._looked.pop(record.target.casefold(), record.recorded_at)
        is_new = await self.ledger.record_event(record)
        if is_new:
            self._decided(record, began)
        return is_new

    async def find_event(self, event_id: str) -> tuple[EventRecord, ...]:
        """Return every record of an event."""
        return await self.ledger.find_event(event_id)

    async def spend(self, key: str, token: str, limit: int) -> bool:
        """Take one from a budget."""
        return await self.ledger.spend(key, token, limit)

    async def spent(self, keys: Iterable[str]) -> Mapping[str, int]:
        """Return how much of each budget is spent."""
        return await self.ledger.spent(keys)

    def _note_now(self, moments: dict[str, datetime], what: str) -> None:
        moments[what] = self.clock.now()
        while len(moments) > MOST_REMEMBERED:
            moments.pop(next(iter(moments)))

    def _decided(self, record: EventRecord, began: datetime) -> None:
        for decision in record.decisions:
            rule, kind, reason = (
                str(decision.get(key) or "") for key in ("rule", "kind", "reason")
            )
            times = _times(decision)
            if times:
                self.telemetry.count(
                    "nightshift.decisions", times, rule=rule, kind=kind, reason=reason
                )
            span = Told(
                "decision",
                about=record.event_id,
                began=min(began, record.recorded_at),
                ended=record.recorded_at,
                attributes={
                    "rule": rule,
                    "kind": kind,
                    "reason": reason,
                    "signal": str(record.signal.get("type") or ""),
                    "phase": record.phase,
                    "target": record.target,
                    "plan": str(decision.get("plan") or ""),
                },
            )
            self.telemetry.told(span)

    def _transition(self, before: Plan, after: Plan) -> None:
        for index, (old, new) in enumerate(zip(before.steps, after.steps, strict=False)):
            if old.outcome is None and new.outcome is not None:
                self._attempted(after, index, str(new.outcome))
                self.telemetry.count(
                    "nightshift.effects",
                    verb=str(new.step.verb),
                    outcome=str(new.outcome),
                    reason=str(new.reason),
                )
            elif new.attempts > old.attempts:
                self._note_now(self._began, after.step_key(index))
                self._led(before, after)
        gave_back = before.lease is not None and after.lease is None and after.is_open
        if gave_back and after.current is not None:
            self._attempted(after, after.current, WAITING)
        if before.is_open and not after.is_open:
            self._closed(after)

    def _led(self, before: Plan, after: Plan) -> None:
        """Measure how long the first step of all took to begin."""
        observed = read_moment(after.signal.get("observed_at"))
        is_first = not any(one.started_at for one in before.steps)
        begun = [one.started_at for one in after.steps if one.started_at]
        if is_first and begun and observed is not None and not after.undoes:
            span = (min(begun) - observed).total_seconds()
            self.telemetry.measure("nightshift.lead_time", span, **_labels(after))

    def _attempted(self, plan: Plan, index: int, outcome: str) -> None:
        """Tell of one attempt at a step, if it was begun at all."""
        record = plan.steps[index]
        ended = record.finished_at or self.clock.now()
        began = self._began.pop(plan.step_key(index), record.started_at or ended)
        span = Told(
            "step",
            about=_event_id(plan),
            within=plan.id,
            began=min(began, ended),
            ended=ended,
            attributes={
                **_attributes(plan),
                "verb": str(record.step.verb),
                "step_target": record.step.target,
                "index": index,
                "attempt": record.attempts,
                "outcome": outcome,
                "reason": str(record.reason),
                "is_verified": record.verified_at is not None,
            },
            is_failed=outcome in {"failed", "unknown"},
        )
        self.telemetry.told(span)

    def _closed(self, plan: Plan) -> None:
        outcome, margin = str(plan.outcome or ""), plan.margin
        attributes = {**_attributes(plan), "outcome": outcome, "steps": len(plan.steps)}
        if margin is not None:
            left_s = margin.total_seconds()
            attributes["margin_s"] = left_s
            self.telemetry.measure(
                "nightshift.deadline.margin", left_s, outcome=outcome, **_labels(plan)
            )
        span = Told(
            "plan",
            about=_event_id(plan),
            own=plan.id,
            began=plan.created_at,
            ended=plan.closed_at or plan.created_at,
            attributes=attributes,
            is_failed=outcome in {"failed", "unknown", "partial"},
        )
        self.telemetry.told(span)


def _times(decision: Mapping[str, Any]) -> int:
    """Tell how many decisions a record's line stands for; a pause, say, is none.

    A tick's line stands for as many as it counted, save those that acted: each of them
    has a record of its own.
    """
    if decision.get("kind") not in DECISIONS:
        return 0
    if "count" not in decision:
        return 1
    return 0 if decision.get("kind") == ACT else int(decision["count"])


def _event_id(plan: Plan) -> str:
    return str(plan.signal.get("event_id") or plan.id)


def _labels(plan: Plan) -> dict[str, str]:
    return {"signal": str(plan.signal.get("type") or ""), "remediation": plan.remediation}


def _attributes(plan: Plan) -> dict[str, Value]:
    return {
        "plan": plan.id,
        "rule": plan.rule,
        "remediation": plan.remediation,
        "target": plan.target,
        "undoes": plan.undoes,
    }


@dataclass(frozen=True)
class TellingSink:
    """Implements ``shared.ports.AuditSink`` by another one; each batch is a span."""

    sink: AuditSink
    telemetry: Telemetry
    clock: Clock

    @property
    def name(self) -> str:
        """Its name."""
        return self.sink.name

    def takes(self, record: AuditRecord) -> bool:
        """Tell whether it wants a record."""
        return self.sink.takes(record)

    async def send(self, records: Sequence[AuditRecord]) -> tuple[Undelivered, ...]:
        """Send records; a batch is about many events, so it has a trace of its own."""
        now = self.clock.now()
        about = f"export-{self.name}-{now.isoformat()}"
        known: dict[str, Any] = {"sink": self.name, "records": len(records)}
        with self.telemetry.span("export", about=about, attributes=known) as span:
            missed = await self.sink.send(records)
            left = sum(len(part.records) for part in missed)
            span.note(missed=left, outcome="missed" if left else "sent")
        return missed


@dataclass(frozen=True)
class TellingMessenger:
    """Implements ``shared.ports.Messenger`` by another one; each message is a span."""

    messenger: Messenger
    telemetry: Telemetry

    @property
    def channel(self) -> Channel:
        """Which one."""
        return self.messenger.channel

    async def send(self, notices: Sequence[Notice]) -> None:
        """Send notices; a digest of several is told with the first one's event."""
        about = next((one.event_id for one in notices if one.event_id), "")
        known: dict[str, Any] = {
            "channel": str(self.channel),
            "notices": len(notices),
            "kind": str(notices[0].kind) if notices else "",
        }
        about = about or f"notice-{notices[0].id if notices else ''}"
        with self.telemetry.span("notice", about=about, attributes=known):
            await self.messenger.send(notices)
