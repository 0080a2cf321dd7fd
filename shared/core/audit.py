"""The ledger's transitions as records that can be sent out, again if need be. Pure.

A record's id and its slot follow from what it tells of, never from when it is made. So
a record that is sent twice is recognised, and what has been sent of a plan stays true
while the plan goes on: a slot is a place in a set, not a count, since a withdrawal and
a step's end may come in either order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.core.audit_fields import field
from shared.core.audit_tables import EventType, Table
from shared.core.plans import Plan, StepRecord
from shared.core.wire import read_moment

OPENED, WITHDRAWN, CLOSED = 0, 1, 2
_STEPS_FROM = 3
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One transition.

    Attributes:
        slot: Its place among the records of its plan or event, from 0; never another's.
        row: Columns of its table, JSON values.
        event_type: The CloudEvent it is published as, or None if it is not.
    """

    id: str
    slot: int
    table: Table
    at: datetime
    subject: str
    row: Mapping[str, Any]
    event_type: EventType | None = None

    @property
    def size(self) -> int:
        """Bytes of its row as the clients write it."""
        return len(json.dumps(self.row))


def plan_records(plan: Plan) -> tuple[AuditRecord, ...]:
    """Return what has happened to a plan so far, in the order in which it happened."""
    records = [*_of_plan(plan)]
    for index, record in enumerate(plan.steps):
        records += _of_step(plan, index, record)
    order = sorted(records, key=lambda one: (one.at, _rank(one.slot)))
    return tuple(order)


def _rank(slot: int) -> tuple[int, int]:
    """At one moment: opened, the steps in order, withdrawn, closed."""
    place = {OPENED: 0, WITHDRAWN: 2, CLOSED: 3}
    return place.get(slot, 1), slot


def _of_plan(plan: Plan) -> Iterator[AuditRecord]:
    yield _plan_record(plan, "opened", OPENED, plan.created_at, EventType.PLAN_OPENED)
    if plan.withdrawn is not None:
        at = plan.withdrawn_at or plan.closed_at or plan.created_at
        yield _plan_record(plan, "withdrawn", WITHDRAWN, at, None)
    if plan.closed_at is not None:
        yield _plan_record(plan, "closed", CLOSED, plan.closed_at, EventType.PLAN_CLOSED)


def _of_step(plan: Plan, index: int, record: StepRecord) -> Iterator[AuditRecord]:
    slot = _STEPS_FROM + 2 * index
    if record.started_at is not None:
        yield _step_record(plan, index, "began", slot, record.started_at, None)
    if record.outcome is not None and record.finished_at is not None:
        kind, at = EventType.STEP_FINISHED, record.finished_at
        yield _step_record(plan, index, "finished", slot + 1, at, kind)


def _plan_record(
    plan: Plan, transition: str, slot: int, at: datetime, kind: EventType | None
) -> AuditRecord:
    signal = plan.signal
    row: Row = {
        **_of_both(plan),
        "Transition": transition,
        "RuleHash": plan.rule_hash,
        "Mode": plan.mode.value,
        "EventSource": signal.get("source") or "",
        "Phase": signal.get("phase") or "",
        "Deadline": plan.deadline,
        "NoticeSeconds": _seconds(_observed(plan), plan.deadline),
        "StepCount": len(plan.steps),
        "Undoes": plan.undoes,
        "Rung": plan.rung,
        "Approval": plan.approval,
        "Channels": list(plan.channels),
    }
    if slot != OPENED:
        row["Reason"] = plan.withdrawn.value if plan.withdrawn else ""
    if slot == CLOSED:
        begun = [r.started_at for r in plan.steps if r.started_at]
        row |= {
            "Outcome": plan.outcome.value if plan.outcome else "",
            "MarginSeconds": _as_seconds(plan.margin),
            "LeadSeconds": _seconds(_observed(plan), min(begun, default=None)),
            "DurationSeconds": _seconds(plan.created_at, at),
            "Waits": plan.wake_seq,
        }
    return _record(f"{plan.id}-{transition}", slot, Table.PLANS, at, row, kind)


def _step_record(
    plan: Plan, index: int, transition: str, slot: int, at: datetime, kind: EventType | None
) -> AuditRecord:
    record = plan.steps[index]
    row: Row = {
        **_of_both(plan),
        "Transition": transition,
        "StepIndex": index,
        "Verb": record.step.verb.value,
        "StepTarget": record.step.target,
        "StartedAt": record.started_at,
    }
    if kind is not None:
        row |= {
            "Outcome": record.outcome.value if record.outcome else "",
            "Reason": record.reason,
            "Detail": dict(record.detail),
            "Attempts": record.attempts,
            "FinishedAt": record.finished_at,
            "VerifiedAt": record.verified_at,
            "DurationSeconds": _seconds(record.started_at, record.finished_at),
            "MarginSeconds": _seconds(record.finished_at, plan.deadline),
        }
    name = f"{plan.step_key(index)}-{transition}"
    return _record(name, slot, Table.STEPS, at, row, kind)


def _of_both(plan: Plan) -> Row:
    return {
        "Rule": plan.rule,
        "Remediation": plan.remediation,
        "Target": plan.target,
        "SubscriptionId": _subscription(plan.target),
        "SignalType": plan.signal.get("type") or "",
        "EventId": plan.signal.get("event_id") or "",
        "PlanId": plan.id,
    }


def decision_records(
    *,
    event_id: str,
    phase: str,
    target: str,
    recorded_at: datetime,
    signal: Mapping[str, Any],
    decisions: Sequence[Mapping[str, Any]],
) -> tuple[AuditRecord, ...]:
    """Return one record for each rule's answer to one phase of an event about a target."""
    own = "\x1f".join((event_id.casefold(), phase, target.rstrip("/").casefold()))
    name = hashlib.sha256(own.encode(errors="replace")).hexdigest()[:24]
    about = {
        "Target": target,
        "SubscriptionId": _subscription(target),
        "SignalType": signal.get("type") or "",
        "EventId": event_id,
        "EventSource": signal.get("source") or "",
        "Phase": phase,
    }
    return tuple(
        _record(
            f"decision-{name}-{index}",
            index,
            Table.DECISIONS,
            recorded_at,
            {**about, **_decided(decision)},
            EventType.DECISION_MADE,
        )
        for index, decision in enumerate(decisions)
    )


def _decided(decision: Mapping[str, Any]) -> Row:
    steps = decision.get("steps") or decision.get("would") or ()
    return {
        "Rule": decision.get("rule") or "",
        "Remediation": decision.get("remediation") or "",
        "PlanId": decision.get("plan") or "",
        "Decision": decision.get("kind") or "",
        "Reason": decision.get("reason") or "",
        "Until": decision.get("until"),
        "Detail": {
            name: decision[name] for name in ("detail", "guardrails") if decision.get(name)
        },
        "Steps": [{"verb": s.get("verb"), "target": s.get("target")} for s in steps],
    }


def _record(
    name: str, slot: int, table: Table, at: datetime, row: Row, kind: EventType | None
) -> AuditRecord:
    every = {"TimeGenerated": at, "OccurredAt": at, "RecordId": name, **row}
    plain = {key: field(value) for key, value in every.items()}
    return AuditRecord(name, slot, table, at, str(plain["Target"]), plain, kind)


def batches(
    records: Sequence[AuditRecord], *, most_bytes: int, most: int
) -> Iterator[tuple[AuditRecord, ...]]:
    """Cut records into batches; one that is too large by itself goes alone."""
    batch: list[AuditRecord] = []
    total = 0
    for record in records:
        size = record.size
        if batch and (total + size > most_bytes or len(batch) >= most):
            yield tuple(batch)
            batch, total = [], 0
        batch.append(record)
        total += size
    if batch:
        yield tuple(batch)


def _observed(plan: Plan) -> datetime | None:
    return read_moment(plan.signal.get("observed_at"))


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return _as_seconds(end - start) if start is not None and end is not None else None


def _as_seconds(span: timedelta | None) -> float | None:
    return round(span.total_seconds(), 3) if span is not None else None


def _subscription(target: str) -> str:
    parts = target.split("/")
    is_arm = len(parts) > 2 and parts[1].casefold() == "subscriptions"  # noqa: PLR2004 - /subscriptions/{id}
    return parts[2].casefold() if is_arm else ""
