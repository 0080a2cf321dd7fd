"""Signed links: an address that shows one question until a moment, and cannot be made up.

The signature covers the question's id, which is itself a hash of the plan's id and of
the plan as shown; the moment; and the name of the key. Two keys can be live, so that
one is replaced without breaking the links of the other: the first signs, both verify.

Source: https://www.rfc-editor.org/rfc/rfc2104 (HMAC)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from shared.core.approvals import Refusal, Refused

LEAST_BYTES = 32  # of a key: as many as the hash gives
MOST_KEYS = 2
OUTLIVES = timedelta(days=1)
"""How long a link shows what became of its question after the question has expired."""
_DOMAIN = "nightshift-approval-link-1"
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_EXPIRY = re.compile(r"[0-9]{1,12}")
_BROKEN = "the link is incomplete or was changed on its way: open it as it was sent"


@dataclass(frozen=True, slots=True)
class LinkKey:
    """One key; ``secret`` is never shown and never logged."""

    id: str
    secret: bytes = field(repr=False)


def read_keys(text: str) -> tuple[LinkKey, ...]:
    """Read ``id:base64`` with a comma between two; the first signs.

    Raises:
        ValueError: It is anything else. The message repeats nothing of the text.
    """
    keys = tuple(_read_key(part.strip()) for part in text.split(","))
    if len(keys) > MOST_KEYS:
        raise ValueError(f"it has {len(keys)} keys, at most {MOST_KEYS} are live at once")
    if len({key.id for key in keys}) < len(keys):
        raise ValueError("two keys have the same id")
    return keys


def _read_key(text: str) -> LinkKey:
    name, colon, secret = text.partition(":")
    if not colon or not _KEY_ID.fullmatch(name):
        raise ValueError(
            "a key is written id:base64, its id 1 to 32 letters, digits, hyphens or "
            "underscores"
        )
    try:
        raw = base64.b64decode(secret, validate=True)
    except ValueError:  # binascii.Error, or not ASCII
        raise ValueError(f"the key {name} is not base64") from None
    if len(raw) < LEAST_BYTES:
        raise ValueError(f"the key {name} has {len(raw)} bytes, it needs {LEAST_BYTES}")
    return LinkKey(name, raw)


def sign(keys: Sequence[LinkKey], approval_id: str, expires_at: datetime) -> str:
    """Return the query string of a link that is good until ``expires_at``.

    Raises:
        ValueError: There is no key to sign with.
    """
    if not keys:
        raise ValueError("signing a link: there is no key")
    expiry = str(int(expires_at.timestamp()))
    mac = _mac(keys[0], approval_id, expiry)
    return urlencode({"exp": expiry, "kid": keys[0].id, "sig": mac})


def address(url: str, keys: Sequence[LinkKey], approval_id: str, expires_at: datetime) -> str:
    """Return the address of a question's page, for a message; empty if none is known.

    Without a key it is not signed: it then opens only for somebody who is signed in.

    Args:
        url: Where the app is, as in ``https://nightshift.example``; may be empty.
        expires_at: When the question expires; the link outlives it by a day.
    """
    if not url:
        return ""
    page = f"{url.rstrip('/')}/api/approvals/{approval_id}"
    return f"{page}?{sign(keys, approval_id, expires_at + OUTLIVES)}" if keys else page


def check(
    keys: Sequence[LinkKey], approval_id: str, query: Mapping[str, str], now: datetime
) -> datetime:
    """Return until when a link is good; needs nothing stored, so that a forgery costs none.

    Raises:
        Refused: It was not signed by a live key, for this question, or its time is over.
    """
    expiry, name, given = (query.get(part, "") for part in ("exp", "kid", "sig"))
    if not _EXPIRY.fullmatch(expiry) or not name or not given:
        raise Refused(Refusal.TAMPERED, _BROKEN)
    key = next((key for key in keys if key.id == name), None)
    if key is None:
        raise Refused(
            Refusal.UNKNOWN_KEY, "the key that signed this link is no longer used: ask anew"
        )
    right = _mac(key, approval_id, expiry)
    if not hmac.compare_digest(right.encode(), given.encode(errors="replace")):
        raise Refused(Refusal.TAMPERED, _BROKEN)
    until = datetime.fromtimestamp(int(expiry), UTC)
    if now >= until:
        raise Refused(Refusal.LINK_EXPIRED, f"this link ended at {until:%Y-%m-%d %H:%M} UTC")
    return until


def _mac(key: LinkKey, approval_id: str, expiry: str) -> str:
    text = f"{_DOMAIN}\n{key.id}\n{approval_id}\n{expiry}"
    raw = hmac.new(key.secret, text.encode(errors="replace"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
