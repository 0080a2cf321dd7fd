"""How moments, margins and targets are said to people: short, on one line, bounded.

Whatever comes from outside (names, events, a person's reason) passes ``line`` before it is
shown anywhere: no control characters, no line breaks, no text that reorders its line.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

from shared.core.resource_ids import ResourceId

_IN_SECONDS = timedelta(minutes=2)
_IN_MINUTES = timedelta(hours=2)
_IN_HOURS = timedelta(days=2)
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def line(text: str, limit: int) -> str:
    """Write a text on one line of at most ``limit`` characters, an ellipsis for the rest."""
    seen = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in text[: 4 * limit])
    clean = " ".join(seen.split())
    return clean if len(clean) <= limit else f"{clean[: limit - 1].rstrip()}…"


def place(target: str) -> tuple[str, str]:
    """Say a target's name and its resource group; an instance with its scale set."""
    try:
        parsed = ResourceId.parse(target)
    except ValueError:
        return target or "nothing in particular", ""
    return "/".join(parsed.names) or parsed.name, parsed.resource_group


def moment(at: datetime) -> str:
    """Say a moment to the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def span(time: timedelta) -> str:
    """Say how long, as exactly as it matters; a negative time counts as its length."""
    time = abs(time)
    seconds = time.total_seconds()
    if time < _IN_SECONDS:
        return f"{seconds:.1f} s"
    if time < _IN_MINUTES:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if time < _IN_HOURS else f"{time.days} days"


def margin(left: timedelta | None) -> str:
    """Say whether a deadline was met and by how much; empty where there was none."""
    if left is None:
        return ""
    if left < timedelta(0):
        return f"too late by {span(left)}"
    return f"{span(left)} before the deadline"
