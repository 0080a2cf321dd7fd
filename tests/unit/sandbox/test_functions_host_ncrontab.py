"""When a schedule is next due."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.functions_host.ncrontab import parse_schedule

START = datetime(2026, 1, 30, 23, 59, 58, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * * *", datetime(2026, 1, 30, 23, 59, 59, tzinfo=UTC)),
        ("0 */5 * * * *", datetime(2026, 1, 31, 0, 0, 0, tzinfo=UTC)),
        ("*/5 * * * *", datetime(2026, 1, 31, 0, 0, 0, tzinfo=UTC)),
        ("0 30 9 * * Mon-Fri", datetime(2026, 2, 2, 9, 30, 0, tzinfo=UTC)),
        ("0 0 8,20 * feb *", datetime(2026, 2, 1, 8, 0, 0, tzinfo=UTC)),
        ("0 0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("30 10-20/5 6 * * *", datetime(2026, 1, 31, 6, 10, 30, tzinfo=UTC)),
        ("50/3 * * * * *", datetime(2026, 1, 30, 23, 59, 59, tzinfo=UTC)),
        ("0 0 0 1 1 Sunday", datetime(2034, 1, 1, tzinfo=UTC)),
        ("00:00:10", START + timedelta(seconds=10)),
        ("1.00:00:00", START + timedelta(days=1)),
    ],
)
def test_a_schedule_is_next_due_when_its_fields_say(text, expected):
    """Six fields, five, names, steps, and TimeSpans, across month ends and leap years."""
    assert expected == parse_schedule(text).next_after(START)


def test_day_and_weekday_must_both_match():
    """NCRONTAB joins them by *and*; Unix cron, by *or*, would fire every Friday."""
    friday_13th = parse_schedule("0 0 0 13 * Fri").next_after(START)
    assert datetime(2026, 2, 13, tzinfo=UTC) == friday_13th


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("* * *", "fields"),
        ("60 * * * * *", "second"),
        ("* * 24 * * *", "hour"),
        ("* * * 0 * *", "day"),
        ("* * * * 13 *", "month"),
        ("* * * * * 7", "day of week"),
        ("* * * * * Noday", "day of week"),
        ("*/0 * * * * *", "step"),
        ("1,,2 * * * * *", "second"),
        ("0 0 0 31 2 *", "never"),
        ("00:00:00", "above"),
        ("25:00:00", "TimeSpan"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_and_says_why(text, word):
    """A timer that silently never fires is the worst outcome of a typing error."""
    with pytest.raises(ValueError, match=word):
        parse_schedule(text)


def _values(low: int, high: int) -> st.SearchStrategy[set[int]]:
    return st.sets(st.integers(low, high), min_size=1, max_size=6)


def _text(values: set[int], whole: int) -> str:
    return "*" if len(values) == whole else ",".join(map(str, sorted(values)))


@given(
    seconds=_values(0, 59),
    minutes=_values(0, 59),
    hours=_values(0, 23),
    weekdays=_values(0, 6),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
)
def test_the_next_moment_is_the_one_brute_force_finds(
    seconds, minutes, hours, weekdays, start
):
    """Walking every second gives the same answer as the search."""
    fields = [_text(seconds, 60), _text(minutes, 60), _text(hours, 24), "*", "*"]
    schedule = parse_schedule(" ".join([*fields, _text(weekdays, 7)]))
    start = start.replace(tzinfo=UTC)
    found = schedule.next_after(start)

    def matches(moment: datetime) -> bool:
        return (
            moment.second in seconds
            and moment.minute in minutes
            and moment.hour in hours
            and moment.isoweekday() % 7 in weekdays
        )

    assert found is not None
    assert found > start
    assert matches(found)
    # Walk back from the answer only as far as is affordable: nothing earlier may match.
    walk = min(int((found - start).total_seconds()), 5_000)
    earlier = (found - timedelta(seconds=n) for n in range(1, walk + 1))
    assert not [m for m in earlier if m > start and matches(m)]
    # And hour by hour over the rest of the way, where a whole hour could be missed.
    hours_between = int((found - start).total_seconds()) // 3600
    for n in range(1, hours_between):
        hour = found - timedelta(hours=n)
        assert not matches(hour) or hour <= start


@given(
    days=_values(1, 28),
    months=_values(1, 12),
    weekdays=_values(0, 6),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
)
def test_the_next_day_is_the_one_brute_force_finds(days, months, weekdays, start):
    """Walking day by day gives the same answer, at midnight, in any mix of day fields."""
    fields = [_text(days, 31), _text(months, 12), _text(weekdays, 7)]
    start = start.replace(tzinfo=UTC)
    found = parse_schedule(" ".join(["0 0 0", *fields])).next_after(start)
    day = start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while not (day.day in days and day.month in months and day.isoweekday() % 7 in weekdays):
        day += timedelta(days=1)
    assert day == found
