"""Say when an NCRONTAB schedule or a TimeSpan interval is next due, in UTC.

Hand-written rather than taken from a library: the cron packages of PyPI join
day and day-of-week by *or*, take Sunday as 7 and put the seconds last, where
NCRONTAB joins them by *and*, ends at 6 and puts the seconds first. A property
test holds it against brute force.

Source: https://github.com/atifaziz/NCrontab
Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol

from sandbox.functions_host.time_span import parse_time_span

_MONTHS = (
    "january february march april may june july august september october november december"
)
_DAYS = "sunday monday tuesday wednesday thursday friday saturday"
_FIELD_COUNT = 6
# 29 February meets a given weekday at least once in 40 years, also around 2100.
_HORIZON_DAYS = 40 * 366


class Schedule(Protocol):
    """Anything that knows its next moment."""

    def next_after(self, moment: datetime) -> datetime | None:
        """Give the first moment later than this one, or None when there is none."""
        ...


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def parse(self, text: str) -> frozenset[int]:
        """Read one field: numbers, names, ``*``, ranges, steps and lists of them."""
        values: set[int] = set()
        for item in text.split(","):
            values |= self._item(item)
        return frozenset(values)

    def _item(self, item: str) -> set[int]:
        body, slash, step_text = item.partition("/")
        if slash and (not step_text.isdecimal() or int(step_text) == 0):
            raise ValueError(f"{self.name}: step {step_text!r} must be a number above 0")
        if body == "*":
            first, last = self.low, self.high
        elif "-" in body:
            start, _, end = body.partition("-")
            first, last = sorted((self._value(start), self._value(end)))
        else:
            first = self._value(body)
            last = self.high if slash else first
        return set(range(first, last + 1, int(step_text) if slash else 1))

    def _value(self, text: str) -> int:
        if text.isdecimal() and self.low <= int(text) <= self.high:
            return int(text)
        if text and text.isalpha():
            for number, name in enumerate(self.names, self.low):
                if name.startswith(text.lower()):
                    return number
        known = f" or one of {', '.join(self.names)}" if self.names else ""
        raise ValueError(f"{self.name}: {text!r} must be {self.low} to {self.high}{known}")


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, tuple(_MONTHS.split())),
    _Field("day of week", 0, 6, tuple(_DAYS.split())),
)


@dataclass(frozen=True)
class Crontab:
    """A parsed NCRONTAB expression; day and day of week must both match."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_after(self, moment: datetime) -> datetime | None:
        """Give the first whole second later than this moment that matches."""
        start = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        for ahead in range(_HORIZON_DAYS):
            date = start.date() + timedelta(days=ahead)
            if not self._has_day(datetime.combine(date, time(), UTC)):
                continue
            found = self._first_time(start.time() if ahead == 0 else time())
            if found is not None:
                return datetime.combine(date, found, UTC)
        return None

    def _has_day(self, day: datetime) -> bool:
        sunday_is_0 = day.isoweekday() % 7
        return (
            day.month in self.months and day.day in self.days and sunday_is_0 in self.weekdays
        )

    def _first_time(self, earliest: time) -> time | None:
        floor = (earliest.hour, earliest.minute, earliest.second)
        for hour in sorted(self.hours):
            if hour < floor[0]:
                continue
            for minute in sorted(self.minutes):
                if (hour, minute) < floor[:2]:
                    continue
                for second in sorted(self.seconds):
                    if (hour, minute, second) >= floor:
                        return time(hour, minute, second)
        return None


@dataclass(frozen=True)
class Interval:
    """A TimeSpan schedule: again and again after the same length of time."""

    length: timedelta

    def next_after(self, moment: datetime) -> datetime | None:
        """Give the moment one length later."""
        return moment + self.length


def parse_schedule(text: str) -> Schedule:
    """Read a timer's schedule: six NCRONTAB fields, five (seconds 0), or a TimeSpan.

    Raises:
        ValueError: the text is none of these, or names a moment that never comes.
    """
    fields = text.split()
    if len(fields) == 1 and ":" in text:
        length = parse_time_span(text)
        if not length:
            raise ValueError(f"schedule {text!r}: an interval must be above 00:00:00")
        return Interval(length)
    if len(fields) == _FIELD_COUNT - 1:
        fields = ["0", *fields]
    if len(fields) != _FIELD_COUNT:
        raise ValueError(
            f"schedule {text!r} has {len(fields)} fields: write six,"
            " {second} {minute} {hour} {day} {month} {day-of-week}, or a TimeSpan"
        )
    try:
        crontab = Crontab(*(f.parse(t) for f, t in zip(_FIELDS, fields, strict=True)))
    except ValueError as exc:
        raise ValueError(f"schedule {text!r}: {exc}") from exc
    if crontab.next_after(datetime(2000, 1, 1, tzinfo=UTC)) is None:
        raise ValueError(f"schedule {text!r} never comes: no month has such a day")
    return crontab
