"""Moments and spans as Azure writes them, read to aware UTC and written as ISO 8601.

One source writes RFC 1123, another seven-digit fractions, a third ``PM``; a weekday is
never believed (vendor samples carry wrong ones), and year 1 is .NET for "not set".

Source: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
(NotBefore is RFC 1123),
https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-payload-samples.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)? ?(Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_RFC_1123 = re.compile(
    r"(?:[a-z]{3,9}, ?)?(\d{1,2}) ([a-z]{3}) (\d{4}) (\d\d):(\d\d):(\d\d)"
    r" (GMT|UTC|Z|[+-]\d\d:?\d\d)",
    re.ASCII | re.IGNORECASE,
)
_AMERICAN = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d\d):(\d\d)(?: ?([AP]M))?",
    re.ASCII | re.IGNORECASE,
)
_SPAN = re.compile(
    r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII | re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NOON = 12
_SHOWN = 40  # characters of a wrong text that an error repeats
_WRONG = (
    "{!r} is not a moment: write for example 2026-11-22T03:04:05Z or "
    "Sun, 22 Nov 2026 03:04:05 GMT"
)


def read_moment(text: str) -> datetime | None:
    """Read a moment to aware UTC; None for a blank text and for year 1.

    Fractions beyond microseconds are cut, a moment without an offset is UTC.

    Raises:
        ValueError: It has none of the known forms, or no such moment exists.
    """
    clean = text.strip()
    if not clean:
        return None
    try:
        moment = _iso(clean) or _rfc_1123(clean) or _american(clean)
        if moment is not None:
            return None if moment.year == 1 else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(_WRONG.format(clean[:_SHOWN]))


def write_moment(moment: datetime) -> str:
    """Write an aware moment as ISO 8601 in UTC with a ``Z``."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_span(text: str) -> timedelta:
    """Read an ISO 8601 duration in days and smaller (``PT5M``, ``P1DT6H``).

    Raises:
        ValueError: It is not one.
    """
    match = _SPAN.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"{text[:_SHOWN]!r} is not a duration: write for example PT5M or P1D")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _iso(text: str) -> datetime | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    return datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int((fraction or "").ljust(6, "0")[:6]),
        tzinfo=_zone(zone),
    )


def _rfc_1123(text: str) -> datetime | None:
    match = _RFC_1123.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute, second, zone = match.groups()
    number = _MONTHS.index(month.lower()) + 1
    clock = (int(hour), int(minute), int(second))
    return datetime(int(year), number, int(day), *clock, tzinfo=_zone(zone))


def _american(text: str) -> datetime | None:
    """Read month/day/year, as log search alerts of the first version write it."""
    match = _AMERICAN.fullmatch(text)
    if match is None:
        return None
    month, day, year, hour, minute, second, half = match.groups()
    hours = int(hour)
    if half:
        if not 1 <= hours <= _NOON:
            raise ValueError
        hours = hours % _NOON + (_NOON if half.upper() == "PM" else 0)
    clock = (hours, int(minute), int(second))
    return datetime(int(year), int(month), int(day), *clock, tzinfo=UTC)


def _zone(text: str | None) -> timezone:
    if text is None or text.upper() in {"Z", "GMT", "UTC"}:
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text.startswith("-") else offset)
