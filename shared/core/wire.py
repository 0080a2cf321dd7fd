"""How signals, steps and plans are written as JSON, and read back the same.

The stored form and the form people read (DESIGN: a plan reads as ...) are two
functions over one value. Names once released only grow: a reader fills in those that an
older release did not write, and keeps those of a newer one for whoever comes after it
(docs/decisions/0026).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.plans import Lease, Mode, Plan, PlanOutcome, StepOutcome, StepRecord
from shared.core.signals import Phase, Signal, SignalType
from shared.core.steps import Step, Verb

Json = dict[str, Any]
_OF_PLANS = frozenset(one.name for one in fields(Plan))
_OF_RECORDS = frozenset(one.name for one in fields(StepRecord)) | {"verb", "target", "args"}


def unknown_in(document: Mapping[str, Any], known: Collection[str]) -> Json:
    """Return what is in a document and unknown to this release."""
    return {key: value for key, value in document.items() if key not in known}


def write_moment(moment: datetime | None) -> str | None:
    """Write an aware moment as ISO 8601 in UTC with microseconds and ``Z``."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_moment(text: str | None) -> datetime | None:
    """Read what ``write_moment`` wrote."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def signal_to_json(signal: Signal) -> Json:
    """Write a signal whole."""
    return {
        "type": signal.type.value,
        "event_id": signal.event_id,
        "source": signal.source,
        "target": signal.target,
        "phase": signal.phase.value,
        "observed_at": write_moment(signal.observed_at),
        "deadline": write_moment(signal.deadline),
        "attributes": dict(signal.attributes),
        "is_test": signal.is_test,
        "is_recurring": signal.is_recurring,
    }


def signal_from_json(document: Mapping[str, Any]) -> Signal:
    """Read a signal back.

    Raises:
        KeyError, ValueError: It was not written by ``signal_to_json``.
    """
    return Signal(
        type=SignalType(document["type"]),
        event_id=document["event_id"],
        source=document["source"],
        target=document["target"],
        phase=Phase(document["phase"]),
        observed_at=_moment(document["observed_at"]),
        deadline=read_moment(document.get("deadline")),
        attributes=document.get("attributes", {}),
        is_test=bool(document.get("is_test")),
        is_recurring=bool(document.get("is_recurring")),
    )


def step_to_json(step: Step) -> Json:
    """Write what a step is to do."""
    return {"verb": step.verb.value, "target": step.target, "args": dict(step.args)}


def decision_to_json(decision: Decision) -> Json:
    """Write a decision with its kind, reason and steps."""
    match decision:
        case Act(steps):
            return {"kind": "act", "reason": "", "steps": [step_to_json(s) for s in steps]}
        case Hold(reason, until, detail):
            return {
                "kind": "hold",
                "reason": reason.value,
                "detail": detail,
                "until": write_moment(until),
            }
        case Skip(reason, detail):
            return {"kind": "skip", "reason": reason.value, "detail": detail}


def _record_to_json(record: StepRecord) -> Json:
    return {
        **record.unknown,
        **step_to_json(record.step),
        "outcome": record.outcome.value if record.outcome else None,
        "reason": record.reason,
        "detail": dict(record.detail),
        "attempts": record.attempts,
        "started_at": write_moment(record.started_at),
        "finished_at": write_moment(record.finished_at),
        "verified_at": write_moment(record.verified_at),
        "progress": dict(record.progress),
    }


def _record_from_json(document: Mapping[str, Any]) -> StepRecord:
    outcome = document.get("outcome")
    return StepRecord(
        step=Step(Verb(document["verb"]), document["target"], document.get("args", {})),
        outcome=StepOutcome(outcome) if outcome else None,
        reason=document.get("reason", ""),
        detail=document.get("detail", {}),
        attempts=int(document.get("attempts", 0)),
        started_at=read_moment(document.get("started_at")),
        finished_at=read_moment(document.get("finished_at")),
        verified_at=read_moment(document.get("verified_at")),
        progress=document.get("progress", {}),
        unknown=unknown_in(document, _OF_RECORDS),
    )


def plan_to_json(plan: Plan) -> Json:
    """Write a plan whole, as the ledger stores it."""
    lease = plan.lease
    return {
        **plan.unknown,
        "id": plan.id,
        "rule": plan.rule,
        "rule_hash": plan.rule_hash,
        "remediation": plan.remediation,
        "mode": plan.mode.value,
        "target": plan.target,
        "signal": dict(plan.signal),
        "settings": dict(plan.settings),
        "steps": [_record_to_json(r) for r in plan.steps],
        "created_at": write_moment(plan.created_at),
        "deadline": write_moment(plan.deadline),
        "undoes": plan.undoes,
        "withdrawn": plan.withdrawn.value if plan.withdrawn else None,
        "withdrawn_at": write_moment(plan.withdrawn_at),
        "lease": {"owner": lease.owner, "until": write_moment(lease.until)} if lease else None,
        "wake_at": write_moment(plan.wake_at),
        "wake_seq": plan.wake_seq,
        "rung": plan.rung,
        "until": write_moment(plan.until),
        "approval": plan.approval,
        "tallies": list(plan.tallies),
        "channels": list(plan.channels),
        "closed_at": write_moment(plan.closed_at),
        "outcome": plan.outcome.value if plan.outcome else None,
    }


def plan_from_json(document: Mapping[str, Any]) -> Plan:
    """Read a plan back.

    Raises:
        KeyError, ValueError: It was not written by ``plan_to_json``.
    """
    lease, withdrawn = document.get("lease"), document.get("withdrawn")
    outcome = document.get("outcome")
    return Plan(
        id=document["id"],
        rule=document["rule"],
        rule_hash=document.get("rule_hash", ""),
        remediation=document["remediation"],
        mode=Mode(document["mode"]),
        target=document["target"],
        signal=document["signal"],
        settings=document.get("settings", {}),
        steps=tuple(_record_from_json(r) for r in document["steps"]),
        created_at=_moment(document["created_at"]),
        deadline=read_moment(document.get("deadline")),
        undoes=document.get("undoes", ""),
        withdrawn=Reason(withdrawn) if withdrawn else None,
        withdrawn_at=read_moment(document.get("withdrawn_at")),
        lease=Lease(lease["owner"], _moment(lease["until"])) if lease else None,
        wake_at=read_moment(document.get("wake_at")),
        wake_seq=int(document.get("wake_seq", 0)),
        rung=int(document.get("rung", 0)),
        until=read_moment(document.get("until")),
        approval=document.get("approval", ""),
        tallies=tuple(document.get("tallies", ())),
        channels=tuple(document.get("channels", ())),
        closed_at=read_moment(document.get("closed_at")),
        outcome=PlanOutcome(outcome) if outcome else None,
        unknown=unknown_in(document, _OF_PLANS),
    )


def plan_view(plan: Plan) -> Json:
    """Write a plan as the HTTP routes show it."""
    margin = plan.margin
    return {
        "id": plan.id,
        "rule": plan.rule,
        "rule_hash": plan.rule_hash,
        "remediation": plan.remediation,
        "mode": plan.mode.value,
        "signal": {
            key: plan.signal.get(key) for key in ("type", "event_id", "source", "target")
        },
        "decision": {
            "kind": "act",
            "reason": plan.withdrawn.value if plan.withdrawn else "",
        },
        "state": "open" if plan.is_open else "closed",
        "outcome": plan.outcome.value if plan.outcome else None,
        "deadline": write_moment(plan.deadline),
        "margin_seconds": round(margin.total_seconds(), 3) if margin is not None else None,
        "steps": [_step_view(i, r) for i, r in enumerate(plan.steps)],
        "undoes": plan.undoes or None,
        "rung": plan.rung,
        "approval": plan.approval or None,
        "created_at": write_moment(plan.created_at),
        "closed_at": write_moment(plan.closed_at),
    }


def _step_view(index: int, record: StepRecord) -> Json:
    return {
        "index": index,
        "verb": record.step.verb.value,
        "target": record.step.target,
        "outcome": record.outcome.value if record.outcome else None,
        "reason": record.reason,
        "detail": dict(record.detail),
        "attempts": record.attempts,
        "started_at": write_moment(record.started_at),
        "finished_at": write_moment(record.finished_at),
        "verified_at": write_moment(record.verified_at),
    }
