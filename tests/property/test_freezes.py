"""Freezes against brute force: every minute of the days around each change of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.freezes import Freeze, Span, Weekly, frozen_until, window_end

MINUTE = timedelta(minutes=1)
# Changes of an hour in both directions, of half an hour, on a Sunday and on other days,
# at midnight, and none at all.
CHANGES = {
    "Europe/Berlin": [datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1)],
    "America/New_York": [datetime(2026, 3, 8, 7), datetime(2026, 11, 1, 6)],
    "Australia/Lord_Howe": [datetime(2026, 4, 4, 15), datetime(2026, 10, 3, 15, 30)],
    "Africa/Cairo": [datetime(2026, 4, 23, 22), datetime(2026, 10, 29, 21)],
    "Asia/Kolkata": [datetime(2026, 6, 1)],
}
ZONES = [(name, change) for name, changes in CHANGES.items() for change in changes]
TIMES = st.times().map(lambda t: time(t.hour, t.minute))
DAYS = st.frozensets(st.integers(0, 6), min_size=1)
LENGTHS = st.one_of(st.integers(1, 24 * 60), st.integers(1, 4 * 24 * 60)).map(
    lambda minutes: minutes * MINUTE
)
WEEKLY = st.builds(Weekly, DAYS, TIMES, LENGTHS)


@cache
def clock(zone: str, change: datetime) -> dict[datetime, datetime]:
    """What the wall clock shows in each minute of six days around a change."""
    first = change.replace(tzinfo=UTC) - timedelta(days=3)
    minutes = (first + n * MINUTE for n in range(6 * 24 * 60))
    return {m: m.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for m in minutes}


def by_hand(when: Weekly | Span, shown: dict[datetime, datetime]) -> set[datetime]:
    """Find the frozen minutes with the definition alone.

    Of each window: every minute from the first in which the clock shows a time within
    it to the last.
    """
    frozen: set[datetime] = set()
    for starts, ends in spans(when, shown):
        inside = [m for m, local in shown.items() if starts <= local < ends]
        if inside:
            low, high = min(inside), max(inside)
            frozen |= {low + n * MINUTE for n in range(int((high - low) / MINUTE) + 1)}
    return frozen


def spans(when: Weekly | Span, shown: dict[datetime, datetime]):
    """Every window that touches the days in question, by the wall clock."""
    if isinstance(when, Span):
        return [(when.starts, when.ends)]
    first = min(shown.values()).date()
    days = [first + timedelta(days=n) for n in range(-8, 9)]
    starts = [datetime.combine(d, when.starts) for d in days if d.weekday() in when.days]
    return [(start, start + when.length) for start in starts]


@settings(max_examples=60)
@given(place=st.sampled_from(ZONES), when=WEEKLY)
def test_a_weekly_window_agrees_with_counting_minutes(place, when: Weekly):
    """The only definition a person can check: what the clock on the wall shows."""
    zone, change = place
    shown = clock(zone, change)
    freeze = Freeze("w", when, ZoneInfo(zone))
    expected = by_hand(when, shown)
    inner = sorted(shown)[24 * 60 : -24 * 60]
    found = {m for m in inner[::7] if window_end(freeze, m) is not None}
    assert {m for m in inner[::7] if m in expected} == found


@settings(max_examples=60)
@given(place=st.sampled_from(ZONES), at=st.integers(-2000, 2000), length=LENGTHS)
def test_a_window_between_two_dates_agrees_with_counting_minutes(place, at: int, length):
    """Also when it begins or ends within the hour that is missing or doubled."""
    zone, change = place
    shown = clock(zone, change)
    begins = change.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    starts = begins + at * MINUTE // 10
    span = Span(starts.replace(second=0), starts.replace(second=0) + length)
    freeze = Freeze("d", span, ZoneInfo(zone))
    expected = by_hand(span, shown)
    inner = sorted(shown)[12 * 60 : -12 * 60]
    found = {m for m in inner if window_end(freeze, m) is not None}
    assert {m for m in inner if m in expected} == found


@settings(max_examples=60)
@given(
    place=st.sampled_from(ZONES),
    windows=st.lists(WEEKLY, min_size=1, max_size=3),
    minute=st.integers(0, 6 * 24 * 60 - 1),
)
def test_who_waits_until_the_end_finds_the_way_free(place, windows, minute: int):
    """A Hold until a moment at which it is held again would be a lie."""
    zone, change = place
    freezes = [Freeze(str(i), w, ZoneInfo(zone)) for i, w in enumerate(windows)]
    now = change.replace(tzinfo=UTC) + (minute - 3 * 24 * 60) * MINUTE
    found = frozen_until(freezes, now)
    if found is None:
        assert not any(window_end(one, now) for one in freezes)
        return
    assert window_end(found[0], now) is not None
    assert now < found[1]
    assert frozen_until(freezes, found[1] - timedelta(microseconds=1)) is not None
    if found[1] < now + timedelta(days=370):
        assert frozen_until(freezes, found[1]) is None
