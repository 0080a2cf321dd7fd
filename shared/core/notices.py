"""Notices: what people are told, in the few facts that a message shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.core.terms import Channel


class NoticeKind(StrEnum):
    """What a message is about."""

    OPENED = "opened"
    CLOSED = "closed"
    ASKED = "asked"
    DECIDED = "decided"
    EXPIRED = "expired"
    TOLD = "told"
    TRIPPED = "tripped"
    RULES_REFUSED = "rules_refused"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell.

    Attributes:
        id: Derived from what it is about, so that telling it again is one message.
        title: One line.
        facts: Names and values, in the order in which they are shown.
        approval_id: The question it asks, for the link; else empty.
        is_good: True for good news, False for bad, None for neither.
    """

    id: str
    kind: NoticeKind
    at: datetime
    title: str
    facts: tuple[tuple[str, str], ...]
    channels: tuple[Channel, ...]
    rule: str = ""
    target: str = ""
    plan_id: str = ""
    event_id: str = ""
    approval_id: str = ""
    expires_at: datetime | None = None
    is_good: bool | None = None
