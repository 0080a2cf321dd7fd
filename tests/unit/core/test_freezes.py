"""Freeze windows on the days when clocks change, across midnight and across weeks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.core.freezes import Freeze, Span, Weekly, frozen_until

BERLIN = ZoneInfo("Europe/Berlin")
EVERY_DAY = frozenset(range(7))
SUNDAY = frozenset({6})
HOUR = timedelta(hours=1)


def weekly(start: str, hours: float, days=EVERY_DAY, zone=BERLIN, name: str = "w") -> Freeze:
    """Make a window that comes again every week."""
    when = Weekly(frozenset(days), time.fromisoformat(start), timedelta(hours=hours))
    return Freeze(name, when, zone)


def at(text: str) -> datetime:
    """Read a UTC moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def end(freeze: Freeze, moment: str) -> str | None:
    """Tell when the window that a moment lies in ends, or None."""
    found = frozen_until([freeze], at(moment))
    return found[1].strftime("%Y-%m-%dT%H:%M") if found else None


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-07-01T19:59", None),
        ("2026-07-01T20:00", "2026-07-02T04:00"),
        ("2026-07-02T03:59", "2026-07-02T04:00"),
        ("2026-07-02T04:00", None),
        ("2026-12-31T21:00", "2027-01-01T05:00"),
        ("2027-01-01T04:59", "2027-01-01T05:00"),
    ],
)
def test_a_window_across_midnight_follows_the_wall_clock_summer_and_winter(moment, ends):
    """22:00 to 06:00 in Berlin is another hour of UTC in July than in December."""
    assert ends == end(weekly("22:00", 8), moment)


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-03-28T00:59", None),
        ("2026-03-28T01:00", "2026-03-28T02:00"),
        ("2026-03-29T00:59", None),
        ("2026-03-29T01:00", None),
        ("2026-03-29T01:30", None),
        ("2026-03-30T00:00", "2026-03-30T01:00"),
    ],
)
def test_an_hour_that_the_clock_skips_is_not_there(moment, ends):
    """On 29 March 2026 Berlin goes from 01:59 to 03:00: 02:00 to 03:00 never shows."""
    assert ends == end(weekly("02:00", 1), moment)


def test_a_window_that_begins_in_the_skipped_hour_begins_when_the_clock_jumps():
    """02:30 to 03:30 is then the half hour from 03:00 on."""
    window = weekly("02:30", 1)
    assert end(window, "2026-03-29T00:59") is None
    assert end(window, "2026-03-29T01:00") == "2026-03-29T01:30"
    assert end(window, "2026-03-29T01:30") is None


def test_a_window_that_ends_in_the_skipped_hour_ends_when_the_clock_jumps():
    """01:00 to 02:30 has lost its last half hour."""
    window = weekly("01:00", 1.5)
    assert end(window, "2026-03-29T00:59") == "2026-03-29T01:00"
    assert end(window, "2026-03-29T01:00") is None


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-10-24T23:59", None),
        ("2026-10-25T00:00", "2026-10-25T02:00"),
        ("2026-10-25T00:59", "2026-10-25T02:00"),
        ("2026-10-25T01:00", "2026-10-25T02:00"),
        ("2026-10-25T01:59", "2026-10-25T02:00"),
        ("2026-10-25T02:00", None),
    ],
)
def test_an_hour_that_the_clock_shows_twice_is_frozen_both_times(moment, ends):
    """On 25 October 2026 Berlin shows 02:00 to 03:00 twice: two hours, one window."""
    assert ends == end(weekly("02:00", 1), moment)


def test_a_window_that_begins_or_ends_in_the_doubled_hour_has_no_hole():
    """02:30 to 04:00 begins with the first 02:30; 01:00 to 02:30 ends with the last."""
    late, early = weekly("02:30", 1.5), weekly("01:00", 1.5)
    assert end(late, "2026-10-25T00:29") is None
    assert end(late, "2026-10-25T01:10") == "2026-10-25T03:00"
    assert end(early, "2026-10-25T00:45") == "2026-10-25T01:30"
    assert end(early, "2026-10-25T01:30") is None
    assert end(weekly("01:00", 1), "2026-10-25T00:00") is None  # 02:00, the first time


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-11-22T16:59", None),
        ("2026-11-22T17:00", "2026-11-23T07:00"),
        ("2026-11-23T06:59", "2026-11-23T07:00"),
        ("2026-11-23T17:00", None),
    ],
)
def test_sunday_evening_reaches_into_monday(moment, ends):
    """A window belongs to the day on which it begins."""
    assert ends == end(weekly("18:00", 14, SUNDAY), moment)


def test_a_whole_week_end_is_one_window():
    """Friday 18:00 to Monday 06:00, also over a night in which clocks go back."""
    window = weekly("18:00", 60, {4})
    assert end(window, "2026-10-23T16:00") == "2026-10-26T05:00"
    assert end(window, "2026-10-26T04:59") == "2026-10-26T05:00"
    assert end(window, "2026-10-26T05:00") is None


def test_dates_are_local_dates():
    """20 December begins in Auckland half a day before it begins in UTC."""
    when = Span(datetime(2026, 12, 20), datetime(2027, 1, 4))
    window = Freeze("year end", when, ZoneInfo("Pacific/Auckland"))
    assert end(window, "2026-12-19T10:59") is None
    assert end(window, "2026-12-19T11:00") == "2027-01-03T11:00"
    assert end(window, "2027-01-03T11:00") is None


def test_windows_that_touch_are_one_wait():
    """Who is told to look again at the end must not be held again there."""
    night, morning = weekly("22:00", 8, name="night"), weekly("06:00", 2, name="morning")
    found = frozen_until([morning, night], at("2026-11-22T23:00"))
    assert found is not None
    assert ("night", at("2026-11-23T07:00")) == (found[0].name, found[1])


def test_windows_without_a_gap_are_followed_for_a_year_and_no_further():
    """A freeze of all days is a pause in disguise; it must not hang the decision."""
    found = frozen_until([weekly("00:00", 24)], at("2026-11-22T23:00"))
    assert found is not None
    assert timedelta(days=370) <= found[1] - at("2026-11-22T23:00") <= timedelta(days=372)


def test_without_freezes_nothing_is_frozen():
    """The default."""
    assert frozen_until([], at("2026-11-22T23:00")) is None
