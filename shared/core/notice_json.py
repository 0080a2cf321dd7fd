"""A notice as JSON, for the row in which it waits; what is read back is what was written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.core.errors import InvalidTarget
from shared.core.moments import read_moment, write_moment
from shared.core.notice import Notice, NoticeKind
from shared.core.terms import Channel


def notice_to_json(notice: Notice) -> dict[str, Any]:
    """Write a notice."""
    return {
        "id": notice.id,
        "kind": str(notice.kind),
        "at": write_moment(notice.at),
        "title": notice.title,
        "facts": [list(fact) for fact in notice.facts],
        "channels": [str(channel) for channel in notice.channels],
        "rule": notice.rule,
        "target": notice.target,
        "plan_id": notice.plan_id,
        "event_id": notice.event_id,
        "approval_id": notice.approval_id,
        "expires_at": write_moment(notice.expires_at) if notice.expires_at else None,
        "is_good": notice.is_good,
        "is_chat_enough": notice.is_chat_enough,
    }


def notice_of(written: Mapping[str, Any]) -> Notice:
    """Read a notice.

    Raises:
        InvalidTarget: This or an older release did not write it.
    """
    try:
        return Notice(
            id=str(written["id"]),
            kind=NoticeKind(written["kind"]),
            at=datetime.fromisoformat(written["at"]),
            title=str(written["title"]),
            facts=tuple((str(name), str(value)) for name, value in written["facts"]),
            channels=tuple(Channel(name) for name in written["channels"]),
            rule=str(written["rule"]),
            target=str(written["target"]),
            plan_id=str(written["plan_id"]),
            event_id=str(written["event_id"]),
            approval_id=str(written["approval_id"]),
            expires_at=read_moment(written["expires_at"] or ""),
            is_good=written["is_good"],
            is_chat_enough=bool(written["is_chat_enough"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as exc:
        raise InvalidTarget(f"a stored notice cannot be read: {exc!r}") from exc
