"""How the outbox lies in table rows. Pure.

    partition: first digit of the plan's or event's hash    rows: pointers
    partition: ``rest``                                     rows: sinks that want a rest

A plan's pointer is called by the plan's id, an event's by partition and row of its
record, so that nothing else is needed to find what is pointed at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.wire import read_moment, write_moment
from shared.ports import Pointer

Row = dict[str, Any]
REST = "rest"
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PARTITIONS = (*"0123456789abcdef", REST)


def plan_pointer(plan_id: str) -> str:
    """Name a plan's pointer."""
    return plan_id


def event_pointer(event_row: Mapping[str, Any]) -> str:
    """Name the pointer of an event's record."""
    return f"{event_row['PartitionKey']}|{event_row['RowKey']}"


def event_key(pointer_key: str) -> tuple[str, str]:
    """Return partition and row of the event's record that a pointer names."""
    partition, _, row = pointer_key.partition("|")
    return partition, row


def pointer_key(key: str) -> tuple[str, str]:
    """Return partition and row of a pointer."""
    return key[:1], key


def touched_row(key: str, at: datetime) -> Row:
    """Write what makes a pointer, or makes it young again and keeps its progress."""
    partition, row = pointer_key(key)
    return {"PartitionKey": partition, "RowKey": row, "at": write_moment(at)}


def pointer_row(pointer: Pointer) -> Row:
    """Write a pointer whole."""
    masks = {sink: f"{mask:x}" for sink, mask in pointer.exported.items()}
    later = {sink: write_moment(at) for sink, at in pointer.later.items()}
    return {
        **touched_row(pointer.key, pointer.at),
        "exported": json.dumps(masks),
        "later": json.dumps(later),
        "claimed_until": write_moment(pointer.claimed_until) or "",
    }


def pointer_of(row: Mapping[str, Any], etag: str) -> Pointer:
    """Read a pointer.

    Raises:
        InvalidTarget: The row was not written by this or an older release.
    """
    try:
        masks = json.loads(row.get("exported") or "{}")
        later = json.loads(row.get("later") or "{}")
        return Pointer(
            key=row["RowKey"],
            at=datetime.fromisoformat(row["at"]),
            etag=etag,
            exported={sink: int(mask, 16) for sink, mask in masks.items()},
            later={sink: datetime.fromisoformat(text) for sink, text in later.items()},
            claimed_until=read_moment(row.get("claimed_until")),
        )
    except (KeyError, ValueError, TypeError) as exc:
        raise InvalidTarget(f"the row {row.get('RowKey')} is no pointer: {exc!r}") from exc


def mended(row: Mapping[str, Any], etag: str) -> Pointer:
    """Read a pointer; one that cannot be read has no progress, so all of it is told again.

    The same records by the same ids, which is better than holding up every other.
    """
    try:
        return pointer_of(row, etag)
    except InvalidTarget:
        return Pointer(str(row["RowKey"]), _LONG_AGO, etag)


def rest_row(sink: str, until: datetime) -> Row:
    """Write that a sink asked for patience."""
    return {"PartitionKey": REST, "RowKey": sink, "at": write_moment(until)}
