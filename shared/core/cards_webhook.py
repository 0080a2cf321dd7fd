"""Messages for a program: plain JSON, and the signature that proves where it comes from.

A program wants what a person would be shown, and ids to ask with. A digest brings its first
hundred notices whole. The signature covers the moment and the body, so that neither can be
changed and an old message can be told from a new one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.core.digests import digest, message_id
from shared.core.moments import write_moment
from shared.core.notice import Link, Notice, page_of

Json = dict[str, Any]
SHOWN = 100
SIGNATURE = "Nightshift-Signature"
DIGEST = "digest"


def webhook_message(notices: Sequence[Notice], link: Link) -> Json:
    """Write a message of one notice, or the digest of several.

    ``id`` is the same for the same notices: a message that comes twice is known by it.
    """
    if len(notices) == 1:
        return {**_one(notices[0], link), "id": message_id(notices)}
    summary = digest(notices, shown=SHOWN)
    counts = [
        {"kind": str(one.kind), "rule": one.rule, "count": one.count, "bad": one.bad}
        for one in summary.tallied
    ]
    return {
        "id": message_id(notices),
        "kind": DIGEST,
        "title": summary.title,
        "counts": counts,
        "notices": [_one(one, link) for one in summary.shown],
        "more": summary.more,
        "see": summary.see,
    }


def _one(notice: Notice, link: Link) -> Json:
    return {
        "id": notice.id,
        "kind": str(notice.kind),
        "at": write_moment(notice.at),
        "title": notice.title,
        "facts": dict(notice.facts),
        "rule": notice.rule,
        "target": notice.target,
        "plan_id": notice.plan_id,
        "event_id": notice.event_id,
        "is_good": notice.is_good,
        "approval": _approval(notice, link),
    }


def _approval(notice: Notice, link: Link) -> Json | None:
    if not notice.approval_id:
        return None
    return {
        "id": notice.approval_id,
        "url": page_of(notice, link) or None,
        "expires_at": write_moment(notice.expires_at) if notice.expires_at else None,
    }


def signature(key: str, body: bytes, at: datetime) -> str:
    """Sign a body: ``t=SECONDS,v1=HEX``, an HMAC-SHA256 over ``SECONDS.BODY``."""
    seconds = f"{int(at.timestamp())}"
    mac = hmac.new(key.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"
