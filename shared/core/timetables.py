"""Working hours of a machine: what a clock on the wall says it should be, and since when.

Written as ``mon-fri 08:00-19:00 Europe/Berlin``, in a rule or in a tag. Without the first
time nothing is started, without the second nothing is stopped. Where clocks go back, a
machine is on from the first time its beginning is shown to the last time its end is; an
hour that is skipped is skipped. Pure.

Source: https://peps.python.org/pep-0495/ (ambiguous and missing local times)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Protocol

from shared.core.freezes import DAY, WEEK, first_shown, last_shown
from shared.core.wall_clock import CLOCK, DAYS, SHOWN, since_midnight, zone_named

NEVER = "none"
_FORM = "write for example mon-fri 08:00-19:00 Europe/Berlin, or none"
_TEXT = re.compile(r"(?P<days>[a-z,-]+) +(?P<on>[0-9:]*)-(?P<off>[0-9:]*)(?: +(?P<zone>\S+))?")
_SEEN = WEEK + 2
"""Days on either side that are looked at: some boundary lies in any week."""


class Wanted(StrEnum):
    """What a machine should be."""

    ON = "on"
    OFF = "off"

    def is_so(self, power: str | None) -> bool:
        """Tell whether a machine is that already, or on its way."""
        return power in _SO[self]


_SO = {
    Wanted.ON: frozenset({"running", "starting"}),
    Wanted.OFF: frozenset({"deallocated", "deallocating"}),
}


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a machine is wanted.

    Attributes:
        days: On which days of the week it begins, 0 for Monday; with an ``off`` alone,
            on which it ends.
        on: How long after midnight it begins by the wall clock; None to start nothing.
        off: The same of its end, the next day if that is not later; None to stop nothing.
    """

    days: frozenset[int]
    on: timedelta | None
    off: timedelta | None
    zone: tzinfo


@dataclass(frozen=True, slots=True, order=True)
class Boundary:
    """A moment at which a machine begins to be wanted, or stops to be."""

    at: datetime
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts now, since which boundary, and until which."""

    last: Boundary
    next: Boundary


def timetable(days: Sequence[str], on: str, off: str, zone: str) -> Timetable:
    """Make a timetable of what a rule or a tag says.

    Raises:
        ValueError: It cannot be followed; the message says what to write.
    """
    for text in (on, off):
        if text and not CLOCK.fullmatch(text):
            raise ValueError(f"{text[:SHOWN]!r} is no time of day: write 08:00, or 24:00")
    if on == "24:00":
        raise ValueError("on 24:00 is no time of day: write 00:00 and the next day")
    made = Timetable(
        days=_days(days),
        on=since_midnight(on) if on else None,
        off=since_midnight(off) if off else None,
        zone=zone_named(zone),
    )
    if made.on is None and made.off is None:
        raise ValueError(f"it says neither when to start nor when to stop: {_FORM}")
    if made.on == made.off:
        raise ValueError("on and off are the same: write 00:00 and 24:00 for a whole day")
    if (made.on, made.off, len(made.days)) == (timedelta(0), DAY, WEEK):
        raise ValueError(f"it is on for ever: {_FORM}")
    return made


def read_timetable(text: str, zone: str) -> Timetable | None:
    """Read a timetable that was written in one line; None for one that says ``none``.

    Args:
        zone: Whose clock, if the line names none.

    Raises:
        ValueError: It cannot be read.
    """
    line = text.strip()
    if line.casefold() == NEVER:
        return None
    match = _TEXT.fullmatch(line)
    if match is None:
        raise ValueError(f"{line[:SHOWN]!r} is no timetable: {_FORM}")
    named = match["days"].split(",")
    return timetable(named, match["on"], match["off"], match["zone"] or zone)


class Hours(Protocol):
    """What a rule says about working hours; settings of a remediation."""

    @property
    def days(self) -> tuple[str, ...]:
        """On which days."""
        ...

    @property
    def on(self) -> str:
        """When to start, or empty."""
        ...

    @property
    def off(self) -> str:
        """When to stop, or empty."""
        ...

    @property
    def time_zone(self) -> str:
        """Whose clock."""
        ...

    @property
    def tag(self) -> str:
        """Which tag of a machine counts instead."""
        ...


def timetable_of(hours: Hours, tags: Mapping[str, str]) -> Timetable | None:
    """Return the hours of a machine: its tag's, else the rule's; None if it has none.

    Raises:
        ValueError: The tag cannot be read; then nothing else counts either.
    """
    wanted = hours.tag.casefold()
    own = next((text for name, text in tags.items() if name.casefold() == wanted), "")
    if own.strip():
        return read_timetable(own, hours.time_zone)
    if not (hours.on or hours.off):
        return None
    return timetable(hours.days, hours.on, hours.off, hours.time_zone)


def standing(table: Timetable, now: datetime) -> Standing:
    """Tell what a timetable wants at a moment.

    Args:
        now: Aware UTC.
    """
    boundaries = sorted(_boundaries(table, now))
    last = max(one for one in boundaries if one.at <= now)
    return Standing(last, next(one for one in boundaries if one.at > now))


def _boundaries(table: Timetable, now: datetime) -> Iterator[Boundary]:
    dates = _dates(table, now)
    if table.on is not None and table.off is not None:
        length = _length(table.on, table.off)
        for start, end in _joined(_windows(dates, table.on, length, table.zone)):
            yield Boundary(start, Wanted.ON)
            yield Boundary(end, Wanted.OFF)
    elif table.on is not None:
        for day in dates:
            yield Boundary(first_shown(day + table.on, table.zone), Wanted.ON)
    elif table.off is not None:
        for day in dates:
            yield Boundary(last_shown(day + table.off, table.zone), Wanted.OFF)


def _dates(table: Timetable, now: datetime) -> list[datetime]:
    """List the midnights of the days that may matter, by the wall clock."""
    today = now.astimezone(table.zone).replace(
        tzinfo=None, hour=0, minute=0, second=0, microsecond=0
    )
    near = (today + ahead * DAY for ahead in range(-_SEEN, _SEEN + 1))
    return [day for day in near if day.weekday() in table.days]


def _windows(
    dates: Iterable[datetime], on: timedelta, length: timedelta, zone: tzinfo
) -> Iterator[tuple[datetime, datetime]]:
    for day in dates:
        start, end = first_shown(day + on, zone), last_shown(day + on + length, zone)
        if start < end:  # one that lies in a skipped hour is not there
            yield start, end


def _joined(
    windows: Iterable[tuple[datetime, datetime]],
) -> Iterator[tuple[datetime, datetime]]:
    """Join windows that touch or overlap: nothing is stopped to be started at once."""
    open_since, open_until = None, None
    for start, end in windows:
        if open_since is None or open_until is None or start > open_until:
            if open_since is not None and open_until is not None:
                yield open_since, open_until
            open_since, open_until = start, end
        else:
            open_until = max(open_until, end)
    if open_since is not None and open_until is not None:
        yield open_since, open_until


def _length(on: timedelta, off: timedelta) -> timedelta:
    return off - on if off > on else off - on + DAY


def _days(named: Sequence[str]) -> frozenset[int]:
    found: set[int] = set()
    for text in named:
        first, dash, last = text.partition("-")
        for day in (first, last) if dash else (first,):
            if day not in DAYS:
                raise ValueError(f"day {day[:SHOWN]!r} is not known: write {', '.join(DAYS)}")
        begin, end = DAYS.index(first), DAYS.index(last if dash else first)
        found |= {(begin + ahead) % WEEK for ahead in range((end - begin) % WEEK + 1)}
    if not found:
        raise ValueError("it names no day: write for example mon-fri")
    return frozenset(found)
