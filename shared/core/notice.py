"""A notice: one thing to tell people, whatever channel will show it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.core.terms import Channel

Link = Callable[[str, datetime], str]
"""Gives the address at which a question is answered: of its id and of when it expires."""


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

    @property
    def is_urgent(self) -> bool:
        """Tell whether it waits for a person to do something."""
        return self in {NoticeKind.ASKED, NoticeKind.TOLD, NoticeKind.TRIPPED}


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell.

    Attributes:
        id: Derived from what it is about, so that telling it again is one message.
        title: One line.
        facts: Names and values, in the order in which they are shown.
        approval_id: The question it asks, for the link; else empty.
        is_good: True for good news, False for bad, None for neither.
        is_chat_enough: The question may be answered in the chat itself: one person's word
            is enough, and nothing is taken away.
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
    is_chat_enough: bool = False


def notice_id(kind: NoticeKind, *about: str) -> str:
    """Name a notice after what it is about: 32 hexadecimal digits."""
    return hashlib.sha256("\x1f".join((kind, *about)).encode(errors="replace")).hexdigest()[
        :32
    ]


def page_of(notice: Notice, link: Link) -> str:
    """Give the address at which a notice's question is answered; empty if it asks nothing."""
    if notice.kind is not NoticeKind.ASKED:
        return ""
    return link(notice.approval_id, notice.expires_at or notice.at)
