"""How notices lie in rows of the table ``Notices``. Pure.

partition: a channel    ``id|<notice>``             it was posted; kept for a day
                        ``wait|<moment>|<notice>``  it has to be sent
                        ``sent|<moment>|<notice>``  it was; says which ids to forget
partition: ``pace``     ``<channel>``               when it was written to, its rest
partition: ``used``     a hash                      what may be used once
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.moments import read_moment, write_moment
from shared.core.notice import Notice
from shared.core.notice_json import notice_of, notice_to_json
from shared.core.pacing import Pace
from shared.core.terms import Channel

Row = dict[str, Any]
PACE, USED = "pace", "used"
POSTED, WAITING, SENT = "id|", "wait|", "sent|"
AFTER = "}"
"""The character after the bar: it ends the range of row keys that begin alike."""


def posted_row(channel: Channel, notice_id: str) -> Row:
    """Write that a notice was posted."""
    return {"PartitionKey": str(channel), "RowKey": f"{POSTED}{notice_id}"}


def waiting_key(channel: Channel, notice: Notice) -> Row:
    """Name the row in which a notice waits."""
    key = f"{WAITING}{_ordered(notice.at)}|{notice.id}"
    return {"PartitionKey": str(channel), "RowKey": key}


def waiting_row(channel: Channel, notice: Notice) -> Row:
    """Write a notice that waits."""
    text = json.dumps(notice_to_json(notice), separators=(",", ":"))
    return {**waiting_key(channel, notice), "notice": text}


def notice_in(row: Mapping[str, Any]) -> Notice:
    """Read a notice that waits.

    Raises:
        InvalidTarget: This or an older release did not write it.
    """
    try:
        written = json.loads(row["notice"])
    except (KeyError, TypeError, ValueError) as exc:
        raise InvalidTarget(f"the row {row.get('RowKey')} is no notice: {exc!r}") from exc
    return notice_of(written)


def sent_row(channel: Channel, notice: Notice, at: datetime) -> Row:
    """Write that a notice was sent."""
    key = f"{SENT}{_ordered(at)}|{notice.id}"
    return {"PartitionKey": str(channel), "RowKey": key}


def sent_before(at: datetime) -> str:
    """End the range of what was sent before a moment."""
    return f"{SENT}{_ordered(at)}"


def notice_id_in(sent_key: str) -> str:
    """Name the notice of which a row says that it was sent."""
    return sent_key.rpartition("|")[2]


def _ordered(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S%f}"


def used_key(key: str) -> tuple[str, str]:
    """Name the row of something that may be used once; it may be any text."""
    return USED, hashlib.sha256(key.encode(errors="replace")).hexdigest()


def used_row(key: str, at: datetime) -> Row:
    """Write that it was used."""
    partition, row = used_key(key)
    return {"PartitionKey": partition, "RowKey": row, "at": write_moment(at)}


def pace_row(pace: Pace) -> Row:
    """Write a channel's pace."""
    return {
        "PartitionKey": PACE,
        "RowKey": str(pace.channel),
        "until": write_moment(pace.until) if pace.until else "",
        "failures": pace.failures,
        "level": pace.level,
        "sent": json.dumps([write_moment(at) for at in pace.sent]),
    }


def pace_in(row: Mapping[str, Any], etag: str) -> Pace:
    """Read a channel's pace.

    Raises:
        InvalidTarget: This or an older release did not write it.
    """
    try:
        return Pace(
            channel=Channel(row["RowKey"]),
            until=read_moment(row["until"]),
            failures=int(row["failures"]),
            level=int(row["level"]),
            sent=tuple(datetime.fromisoformat(at) for at in json.loads(row["sent"])),
            etag=etag,
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise InvalidTarget(f"the row {row.get('RowKey')} is no pace: {exc!r}") from exc
