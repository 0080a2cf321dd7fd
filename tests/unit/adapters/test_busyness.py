"""How busy a machine was: missing data must never look like an idle machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.busyness import GRAIN, Asked, Points, Series, points_of, utilisation

NOW = datetime(2030, 1, 1, 12, 1, 30, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)


def point(at: datetime, **values: float | None) -> dict[str, object]:
    """Write a point as the metrics API does: what has no value is not there, or null."""
    return {"timeStamp": at.isoformat(), **values}


def every(value: float, asked: Asked) -> Points:
    return {asked.start + GRAIN * number: value for number in range(asked.expected)}


def test_a_window_ends_where_its_points_should_have_arrived() -> None:
    """At 12:01:30 the point of 11:55 may still be on its way: it is not missed yet."""
    asked = Asked.of(HALF_HOUR, NOW)
    assert datetime(2030, 1, 1, 11, 55, tzinfo=UTC) == asked.settled
    assert datetime(2030, 1, 1, 11, 25, tzinfo=UTC) == asked.start
    assert (6, HALF_HOUR) == (asked.expected, asked.window)


def test_a_window_is_never_shorter_than_asked() -> None:
    """A rule compares it with its idle time."""
    assert timedelta(minutes=10) == Asked.of(timedelta(minutes=7), NOW).window
    assert GRAIN == Asked.of(timedelta(seconds=1), NOW).window


def test_quiet_in_the_window_and_busy_since_is_busy() -> None:
    """Somebody has just begun to work: stopping the machine now would be the worst."""
    asked = Asked.of(HALF_HOUR, NOW)
    quiet, nothing = every(1.0, asked), every(0.0, asked)
    just_now = {**quiet, asked.settled: 95.0}
    use = utilisation(asked, cpu=just_now, gpu={}, network_in=nothing, network_out=nothing)
    assert (0.95, 6, 6) == (use.cpu, use.samples, use.expected_samples)


def test_a_rate_is_of_the_seconds_that_have_passed() -> None:
    """A point that is still going on holds the traffic of less than five minutes."""
    asked = Asked.of(HALF_HOUR, NOW)
    at = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
    use = utilisation(asked, cpu={}, gpu={}, network_in={at: 900.0}, network_out={at: 0.0})
    assert 10.0 == use.network


def test_the_metric_with_fewest_points_is_the_one_that_counts() -> None:
    """Six points of CPU do not make up for one of network."""
    asked = Asked.of(HALF_HOUR, NOW)
    cpu, once = every(1.0, asked), {asked.start: 1.0}
    use = utilisation(asked, cpu=cpu, gpu={}, network_in=once, network_out=cpu)
    assert (1, 6) == (use.samples, use.expected_samples)


def test_no_points_is_none_and_not_zero() -> None:
    """Zero would be idle; None is not known."""
    asked = Asked.of(HALF_HOUR, NOW)
    use = utilisation(asked, cpu={}, gpu={}, network_in=every(0.0, asked), network_out={})
    assert (None, None, None, 0) == (use.cpu, use.gpu, use.network, use.samples)


def test_a_point_without_a_value_is_no_point() -> None:
    """Azure answers every interval, with nothing in those that have no data."""
    data = [point(NOW), point(NOW + GRAIN, average=3.0, maximum=9.0)]
    assert {NOW + GRAIN: 3.0} == points_of(data, "average")
    assert {NOW + GRAIN: 9.0} == points_of(data, "average", "maximum")


def test_several_devices_make_the_highest_or_the_sum() -> None:
    """One GPU of eight at work is a machine at work; traffic adds up."""
    series = Series({"m": ({NOW: 1.0}, {NOW: 80.0, NOW + GRAIN: 2.0})})
    assert {NOW: 80.0, NOW + GRAIN: 2.0} == series.highest("M")
    assert {NOW: 81.0, NOW + GRAIN: 2.0} == series.sum("m")


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=6, max_size=6),
    st.sets(st.integers(0, 5)),
)
def test_losing_data_never_makes_a_machine_look_better_covered(
    values: list[float | None], lost: set[int]
) -> None:
    """The law of the idle rule: fewer points can only lower the coverage."""
    asked = Asked.of(HALF_HOUR, NOW)
    data = [point(asked.start + GRAIN * at, average=value) for at, value in enumerate(values)]
    kept = [one for at, one in enumerate(data) if at not in lost]
    full, less = (
        utilisation(asked, cpu=points_of(d, "average"), gpu={}, network_in={}, network_out={})
        for d in (data, kept)
    )
    assert less.samples <= full.samples
    assert full.cpu is not None or less.cpu is None
    assert full.cpu == pytest.approx(
        max((v for v in values if v is not None), default=0) / 100
    ) or (full.cpu is None)
