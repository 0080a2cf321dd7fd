"""How the ledger's values lie in table rows: keys, columns, long documents. Pure.

A document is JSON text over as many properties as it needs, because a string property
holds 64 KiB and a row 1 MiB, both counted in UTF-16. A few columns repeat what a person
asks for in Storage Explorer; only the document is ever read back.

Source: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.plans import Plan, target_hash
from shared.core.wire import plan_from_json, plan_to_json, read_moment, write_moment
from shared.ports import EventRecord, Head, StoredPlan

Row = dict[str, Any]
HEAD = "head"
BUDGET = "budget"
CHUNK = 30_000
ROW_LIMIT = 514_000
"""UTF-16 units of one document: 1,004 KiB of the row's 1,024; the rest is for columns."""
COLUMN = 200
ACTED_LIMIT = 50
_LAST_BMP = "\uffff"
_PLAN_ID = re.compile(r"[0-9a-f]{12}-[0-9a-f]{24}")
_PLAIN = re.compile(r"[a-z_]{1,40}")
_END_OF_TIME = 10**17
"""Microseconds since 1970 until the year 5138: inverts a moment for newest-first keys."""


def is_plan_id(text: str) -> bool:
    """Tell whether a text has the form of a plan's id; nothing else is ever asked for."""
    return _PLAN_ID.fullmatch(text) is not None


def plan_key(plan_id: str) -> tuple[str, str]:
    """Return partition and row of a plan; its target's head has the same partition."""
    return plan_id[:12], f"plan:{plan_id}"


def document(value: Mapping[str, Any] | Sequence[Any], what: str) -> Row:
    """Spread a JSON value over properties ``doc0``, ``doc1``...

    Raises:
        InvalidTarget: It does not fit in one row.
    """
    text = _text(value)
    beyond = sum(char > _LAST_BMP for char in text) if max(text) > _LAST_BMP else 0
    if len(text) + beyond > ROW_LIMIT:
        size, limit = (round(n * 2 / 1024) for n in (len(text) + beyond, ROW_LIMIT))
        raise InvalidTarget(f"{what} takes {size} KiB and a row of the ledger {limit} KiB")
    step = CHUNK // 2 if beyond else CHUNK  # such a character is two units, all may be
    parts = (text[at : at + step] for at in range(0, len(text), step))
    return {f"doc{i}": part for i, part in enumerate(parts)}


def _text(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """Write compact JSON; escape everything only where a lone surrogate makes it needed."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def document_of(row: Mapping[str, Any]) -> Any:
    """Put a document together again."""
    parts: list[str] = []
    while (name := f"doc{len(parts)}") in row:
        parts.append(row[name])
    return json.loads("".join(parts))


def plan_row(plan: Plan) -> Row:
    """Write a plan."""
    partition, row = plan_key(plan.id)
    return {
        "PartitionKey": partition,
        "RowKey": row,
        "state": "open" if plan.is_open else "closed",
        "rule": plan.rule[:COLUMN],
        "remediation": plan.remediation[:COLUMN],
        "outcome": plan.outcome.value if plan.outcome else "",
        "created_at": write_moment(plan.created_at),
        **document(plan_to_json(plan), f"plan {plan.id}"),
    }


def plan_of(row: Mapping[str, Any], etag: str) -> StoredPlan:
    """Read a plan.

    Raises:
        InvalidTarget: The row was not written by this or an older release.
    """
    try:
        return StoredPlan(plan_from_json(document_of(row)), etag)
    except (KeyError, ValueError, TypeError) as exc:
        raise InvalidTarget(f"the row {row.get('RowKey')} is not a plan: {exc!r}") from exc


def head_row(plan: Plan, head: Head) -> Row:
    """Write a target's head as it is once ``plan`` has taken the target."""
    acted = {**head.acted, plan.rule: plan.created_at}
    newest = sorted(acted.items(), key=lambda item: item[1], reverse=True)[:ACTED_LIMIT]
    return {
        "PartitionKey": target_hash(plan.target),
        "RowKey": HEAD,
        "target": plan.target[:COLUMN],
        "in_flight": plan.id,
        **document({rule: write_moment(at) for rule, at in newest}, "a target's head"),
    }


def free_row(plan: Plan) -> Row:
    """Write what gives a target back, to be merged into its head."""
    return {"PartitionKey": target_hash(plan.target), "RowKey": HEAD, "in_flight": ""}


def head_of(row: Mapping[str, Any], etag: str) -> Head:
    """Read a target's head."""
    written = document_of(row) if "doc0" in row else {}
    acted = {rule: at for rule, text in written.items() if (at := read_moment(text))}
    return Head(in_flight=row.get("in_flight", ""), acted=acted, etag=etag)


def open_key(plan_id: str) -> tuple[str, str]:
    """Return partition and row of the entry that says a plan may be open."""
    return plan_id[:1], plan_id


def open_row(plan_id: str, at: datetime) -> Row:
    """Write that a plan may be open since a moment."""
    partition, row = open_key(plan_id)
    return {"PartitionKey": partition, "RowKey": row, "at": write_moment(at)}


def closed_row(plan: Plan, closed_at: datetime) -> Row:
    """Write where a closed plan is found by day, newest first within the day."""
    left = _END_OF_TIME - round(closed_at.timestamp() * 1_000_000)
    return {
        "PartitionKey": f"{closed_at:%Y%m%d}",
        "RowKey": f"{left:018d}-{plan.id}",
        "plan": plan.id,
    }


def event_partition(event_id: str) -> str:
    """Name an event's partition; ids of events may hold anything, keys may not."""
    return hashlib.sha256(event_id.casefold().encode(errors="replace")).hexdigest()[:24]


def event_row(record: EventRecord) -> Row:
    """Write what became of one phase of an event about one target."""
    phase = record.phase
    if not _PLAIN.fullmatch(phase):
        phase = hashlib.sha256(phase.encode(errors="replace")).hexdigest()[:24]
    written = {
        "event_id": record.event_id,
        "phase": record.phase,
        "target": record.target,
        "recorded_at": write_moment(record.recorded_at),
        "signal": dict(record.signal),
        "decisions": [dict(decision) for decision in record.decisions],
    }
    return {
        "PartitionKey": event_partition(record.event_id),
        "RowKey": f"{phase}|{target_hash(record.target)}",
        **document(written, f"the record of event {record.event_id[:COLUMN]}"),
    }


def event_of(row: Mapping[str, Any]) -> EventRecord:
    """Read an event's record.

    Raises:
        InvalidTarget: The row was not written by this or an older release.
    """
    try:
        written = document_of(row)
        return EventRecord(
            event_id=written["event_id"],
            phase=written["phase"],
            target=written["target"],
            recorded_at=datetime.fromisoformat(written["recorded_at"]),
            signal=written["signal"],
            decisions=tuple(written["decisions"]),
        )
    except (KeyError, ValueError, TypeError) as exc:
        raise InvalidTarget(f"the row {row.get('RowKey')} is no record: {exc!r}") from exc


def budget_partition(key: str) -> str:
    """Name a budget's partition; a key may hold anything."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()[:24]


def budget_row(key: str, tokens: Sequence[str]) -> Row:
    """Write who has spent from a budget, first to last."""
    return {
        "PartitionKey": budget_partition(key),
        "RowKey": BUDGET,
        "key": key[:COLUMN].encode(errors="replace").decode(),
        **document(list(tokens), "a budget"),
    }


def tokens_of(row: Mapping[str, Any]) -> list[str]:
    """Read who has spent from a budget."""
    return [str(token) for token in document_of(row)]
