"""Words that people write for what a clock on the wall shows: days, times, zones."""

from __future__ import annotations

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|24:00")
SHOWN = 60


def zone_named(name: str) -> ZoneInfo:
    """Return the rules of a time zone.

    Raises:
        ValueError: There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError(
            f"zone {name[:SHOWN]!r} is not known: write for example Europe/Berlin or UTC"
        ) from None


def since_midnight(text: str) -> timedelta:
    """Read a time that ``CLOCK`` matches; 24:00 is the midnight that ends the day."""
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))
