"""Freezes as a rule file says them: the model, and the window it means.

Three forms: from one date to another, some days of the week between two times, or from
a day and time of the week to another. A date alone at the end means that whole day.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from shared.core.freezes import DAY, WEEK, Freeze, Span, Weekly
from shared.core.wall_clock import CLOCK, DAYS, since_midnight, zone_named

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d))?")
_FORMS = (
    "write in both two dates (2026-12-19), two times (22:00), or two days of the week "
    "with times (fri 18:00)"
)
_LONGEST = WEEK * DAY


class FreezeModel(BaseModel):
    """A window of the calendar in which nothing voluntary is begun."""

    model_config = ConfigDict(extra="forbid", title="freeze")

    name: str = Field(min_length=1, max_length=64, description="What people call it.")
    days: list[str] | None = Field(
        default=None,
        min_length=1,
        description="On which days it begins; all of them if from and to are times alone.",
        json_schema_extra={"items": {"enum": list(DAYS)}},
    )
    from_: str = Field(
        alias="from",
        description="A date (2026-12-19), a date and time (2026-12-19 18:00), a time"
        " (22:00), or a day and time of the week (fri 18:00).",
        examples=["2026-12-19", "22:00", "fri 18:00"],
    )
    to: str = Field(
        description="In the same form. A date alone means that whole day; a time that is"
        " not later means the next day.",
        examples=["2027-01-03", "06:00", "mon 06:00"],
    )
    zone: str = Field(
        description="Whose clock: an IANA time zone, or UTC.",
        examples=["Europe/Berlin", "UTC"],
    )
    _when: Span | Weekly = PrivateAttr()
    _zone: ZoneInfo = PrivateAttr()

    @model_validator(mode="after")
    def _means_a_window(self) -> FreezeModel:
        self._zone = zone_named(self.zone)
        self._when = _window(self.days, self.from_.strip(), self.to.strip())
        return self

    def freeze(self, source: str) -> Freeze:
        """Return the window; ``source`` says where it stands."""
        days = f"{', '.join(self.days)} " if self.days else ""
        text = f"{days}{self.from_} to {self.to} {self.zone}"
        return Freeze(self.name, self._when, self._zone, text, source)


def _window(days: list[str] | None, start: str, end: str) -> Span | Weekly:
    if _DATE.fullmatch(start) and _DATE.fullmatch(end):
        return _span(days, start, end)
    first, last = _weekday(start), _weekday(end)
    if first is not None and last is not None:
        return _weekly(days, first, last)
    if not CLOCK.fullmatch(start) or start == "24:00" or not CLOCK.fullmatch(end):
        raise ValueError(f"from {start[:40]!r} to {end[:40]!r} is no window: {_FORMS}")
    begins, ends = since_midnight(start), since_midnight(end)
    if begins == ends:
        raise ValueError("from and to are the same: write 00:00 to 24:00 for a whole day")
    length = ends - begins if ends > begins else ends - begins + DAY
    return Weekly(_days(days), _time(begins), length)


def _span(days: list[str] | None, start: str, end: str) -> Span:
    if days is not None:
        raise ValueError("days does not go with dates: leave days out")
    begins, ends = _moment(start), _moment(end)
    if ":" not in end:
        ends += DAY
    if ends <= begins:
        raise ValueError(f"to {end!r} is before from {start!r}: write the later one in to")
    return Span(begins, ends)


def _moment(text: str) -> datetime:
    try:
        day, _, clock = text.replace("T", " ").partition(" ")
        parsed = time.fromisoformat(clock) if clock else time()
        return datetime.combine(date.fromisoformat(day), parsed)
    except ValueError:
        raise ValueError(f"{text!r} is no date: write for example 2026-12-19") from None


def _weekday(text: str) -> tuple[int, timedelta] | None:
    day, _, clock = text.partition(" ")
    if day not in DAYS or not CLOCK.fullmatch(clock):
        return None
    return DAYS.index(day), since_midnight(clock)


def _weekly(
    days: list[str] | None, first: tuple[int, timedelta], last: tuple[int, timedelta]
) -> Weekly:
    if days is not None:
        raise ValueError("days does not go with days in from and to: leave days out")
    begins, ends = (day * DAY + clock for day, clock in (first, last))
    if begins == ends:
        raise ValueError("from and to are the same: to touch nothing, set a pause")
    length = (ends - begins) % _LONGEST
    day, clock = divmod(begins, DAY)
    return Weekly(frozenset({day % WEEK}), _time(clock), length or _LONGEST)


def _days(days: list[str] | None) -> frozenset[int]:
    for day in days or ():
        if day not in DAYS:
            raise ValueError(f"day {day[:20]!r} is not known: write {', '.join(DAYS)}")
    return frozenset(DAYS.index(day) for day in days or DAYS)


def _time(passed: timedelta) -> time:
    hours, minutes = divmod(int(passed / timedelta(minutes=1)), 60)
    return time(hours, minutes)
