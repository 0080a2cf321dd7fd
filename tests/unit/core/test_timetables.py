"""Working hours: what a wall clock wants of a machine, on days with 23 and 25 hours too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.timetables import Wanted, read_timetable, standing, timetable

BERLIN = "mon-fri 08:00-19:00 Europe/Berlin"
MINUTE = timedelta(minutes=1)


def at(text: str, line: str = BERLIN) -> tuple[str, str, str]:
    """Say what is wanted at a moment of UTC, since when and until when."""
    table = read_timetable(line, "UTC")
    assert table is not None
    said = standing(table, datetime.fromisoformat(text).replace(tzinfo=UTC))
    return said.last.wanted, f"{said.last.at:%a %d %H:%M}", f"{said.next.at:%a %d %H:%M}"


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-07-01T06:00", ("on", "Wed 01 06:00", "Wed 01 17:00")),
        ("2026-07-01T05:59", ("off", "Tue 30 17:00", "Wed 01 06:00")),
        ("2026-07-01T17:00", ("off", "Wed 01 17:00", "Thu 02 06:00")),
        ("2026-01-07T07:00", ("on", "Wed 07 07:00", "Wed 07 18:00")),
        ("2026-03-27T18:00", ("off", "Fri 27 18:00", "Mon 30 06:00")),
        ("2026-10-23T17:00", ("off", "Fri 23 17:00", "Mon 26 07:00")),
    ],
)
def test_hours_are_the_wall_clock_s(when: str, expected: tuple[str, str, str]):
    """Eight o'clock is another moment in summer; the weekend of a shift lies between."""
    assert expected == at(when)


@pytest.mark.parametrize(
    ("line", "when", "expected"),
    [
        # 02:00 to 03:00 is not there on 29 March 2026 and comes twice on 25 October.
        ("sun 02:30-05:00", "2026-03-29T01:00", ("on", "Sun 29 01:00", "Sun 29 03:00")),
        ("sun 02:10-02:40", "2026-03-29T12:00", ("off", "Sun 22 01:40", "Sun 05 00:10")),
        ("sun 02:30-05:00", "2026-10-25T01:00", ("on", "Sun 25 00:30", "Sun 25 04:00")),
        ("sun 01:00-02:30", "2026-10-25T01:00", ("on", "Sat 24 23:00", "Sun 25 01:30")),
        ("sun -02:30", "2026-10-25T01:30", ("off", "Sun 25 01:30", "Sun 01 01:30")),
    ],
)
def test_what_is_skipped_or_shown_twice(line: str, when: str, expected: tuple[str, str, str]):
    """A machine is never stopped before its owner's clock says so for the last time."""
    assert expected == at(when, f"{line} Europe/Berlin")


@pytest.mark.parametrize(
    ("line", "when", "expected"),
    [
        ("fri 22:00-06:00", "2026-07-04T05:00", ("on", "Fri 03 22:00", "Sat 04 06:00")),
        ("mon-fri 00:00-24:00", "2026-07-01T12:00", ("on", "Mon 29 00:00", "Sat 04 00:00")),
        ("mon-sun -19:00", "2026-07-01T12:00", ("off", "Tue 30 19:00", "Wed 01 19:00")),
        ("mon,wed 08:00-", "2026-07-01T12:00", ("on", "Wed 01 08:00", "Mon 06 08:00")),
        ("sat-mon 08:00-12:00", "2026-06-29T13:00", ("off", "Mon 29 12:00", "Sat 04 08:00")),
    ],
)
def test_nights_whole_days_and_half_timetables(
    line: str, when: str, expected: tuple[str, str, str]
):
    """Days that touch are one stretch; without a time, nothing is started, or stopped."""
    assert expected == at(when, line)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "'' is no timetable"),
        ("weekdays 08:00-19:00", "day 'weekdays' is not known"),
        ("mon-fri 8-19", "'8' is no time of day"),
        ("mon-fri 25:00-26:00", "'25:00' is no time of day"),
        ("mon-fri 08:00-08:00", "on and off are the same"),
        ("mon-fri 24:00-08:00", "on 24:00 is no time of day"),
        ("mon-sun 00:00-24:00", "it is on for ever"),
        ("mon-fri -", "it says neither when to start nor when to stop"),
        ("mon-fri 08:00-19:00 Europe/Paradise", "zone 'Europe/Paradise' is not known"),
        ("mon-fri 08:00-19:00 ../../etc/passwd", "is not known"),
        ("mon-fri 08:00-19:00 UTC and more", "is no timetable"),
        ("x" * 5000, "is no timetable"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_what_to_write(line: str, said: str):
    """A tag is written by anybody: it is refused in one short sentence, never guessed at."""
    with pytest.raises(ValueError, match="write") as refusal:
        read_timetable(line, "UTC")
    assert said in str(refusal.value)
    assert len(str(refusal.value)) < 200


def test_none_says_that_a_machine_has_no_hours():
    """So that one machine can be left out of a rule that has hours for all."""
    assert None is read_timetable(" None ", "UTC")


TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
DAYS = st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))


@given(days=DAYS, on=TIMES, off=TIMES, zone=ZONES, now=MOMENTS)
def test_a_boundary_stands_still_until_the_next_one(days, on, off, zone, now):
    """It names the incident: were it to move within a day, a person's word would be lost."""
    if on == off:
        return
    table = timetable(sorted(days), on, off, zone)
    said = standing(table, now)
    assert said.last.at <= now < said.next.at
    assert said.last.wanted != said.next.wanted
    for moment in (said.last.at, said.next.at - MINUTE / 60):
        assert said == standing(table, moment)
    later = standing(table, said.next.at)
    assert (said.next, {Wanted.ON, Wanted.OFF}) == (
        later.last,
        {said.last.wanted, later.last.wanted},
    )
