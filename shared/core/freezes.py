"""Maintenance freezes: windows of a calendar in which nothing voluntary is begun.

A window is what a wall clock in its zone shows. Where clocks go back, it lasts from the
first time its beginning is shown to the last time its end is; where they go forward,
what is skipped is not there: a window that lies wholly in the skipped hour is empty on
that day. Pure: the zone's rules come in as a ``tzinfo``.

Source: https://peps.python.org/pep-0495/ (ambiguous and missing local times)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

DAY = timedelta(days=1)
WEEK = 7
FOR_EVER = timedelta(days=370)
"""Windows without a gap are followed no further."""
_TICK = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of wall-clock time, naive: from ``starts`` up to and without ``ends``."""

    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Weekly:
    """A stretch that comes again every week.

    Attributes:
        days: On which days it begins, 0 for Monday.
        starts: At what time of those days.
        length: How long it is by the wall clock, at most a week.
    """

    days: frozenset[int]
    starts: time
    length: timedelta


@dataclass(frozen=True, slots=True)
class Freeze:
    """One window.

    Attributes:
        text: What the rule file says, for the record and for the rule's hash.
        source: ``file:line`` where it stands.
    """

    name: str
    when: Span | Weekly
    zone: tzinfo
    text: str = ""
    source: str = ""


def frozen_until(freezes: Iterable[Freeze], now: datetime) -> tuple[Freeze, datetime] | None:
    """Return a freeze that a moment lies in, and when the way is free again.

    Windows that touch or overlap are followed one into the next, so that who waits
    until then is not held again at once.

    Args:
        now: Aware UTC.
    """
    known = tuple(freezes)
    first = _longest(known, now)
    if first is None:
        return None
    end = first[1]
    while end < now + FOR_EVER and (following := _longest(known, end)) is not None:
        end = following[1]
    return first[0], end


def _longest(freezes: tuple[Freeze, ...], now: datetime) -> tuple[Freeze, datetime] | None:
    ends = [(one, end) for one in freezes if (end := window_end(one, now)) is not None]
    return max(ends, key=lambda pair: pair[1], default=None)


def window_end(freeze: Freeze, now: datetime) -> datetime | None:
    """Return when the window that ``now`` lies in ends, or None if it lies in none."""
    ends = [end for start, end in _moments(freeze, now) if start <= now < end]
    return max(ends, default=None)


def _moments(freeze: Freeze, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the windows that may contain a moment, as UTC."""
    for span in _spans(freeze.when, now.astimezone(freeze.zone).replace(tzinfo=None)):
        yield first_shown(span.starts, freeze.zone), last_shown(span.ends, freeze.zone)


def _spans(when: Span | Weekly, local: datetime) -> Iterator[Span]:
    if isinstance(when, Span):
        yield when
        return
    today = datetime.combine(local.date(), when.starts)
    # Clocks shift by hours, never by days: one day on either side is enough to look at.
    for back in range(-1, WEEK + 2):
        starts = today - back * DAY
        if starts.weekday() in when.days:
            yield Span(starts, starts + when.length)


def first_shown(local: datetime, zone: tzinfo) -> datetime:
    """Return the first moment at which the clock shows ``local`` or later."""
    early, late = _both(local, zone)
    return early if early <= late else _jump(late, early, zone)


def last_shown(local: datetime, zone: tzinfo) -> datetime:
    """Return the moment after the last at which the clock shows less than ``local``."""
    early, late = _both(local - _TICK, zone)
    return late + _TICK if early <= late else _jump(late, early, zone)


def _both(local: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Read a local time both ways: the same twice, unless the clock shows it 2 or 0 times.

    Shown twice, the first comes first; skipped, they come the other way round.
    """
    aware = local.replace(tzinfo=zone)
    return aware.replace(fold=0).astimezone(UTC), aware.replace(fold=1).astimezone(UTC)


def _jump(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """Find the moment between two at which the clock jumps forward; whole seconds."""
    low, high = before.replace(microsecond=0), after.replace(microsecond=0) + _SECOND
    offset = low.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high
