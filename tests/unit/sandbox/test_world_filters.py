"""The small languages over a world: Batch's filters and the metrics' arithmetic."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.azure import batch_filters, metric_filters, metric_series
from sandbox.azure.errors import ServiceError
from sandbox.azure.metric_series import Window

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TASKS = [
    {"id": "a1", "state": "completed", "executionInfo": {"result": "failure", "exitCode": 3}},
    {"id": "a2", "state": "completed", "executionInfo": {"result": "success", "exitCode": 0}},
    {
        "id": "b1",
        "state": "running",
        "executionInfo": {"endTime": "2026-11-22T10:00:00Z"},
    },
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["a1", "a2", "b1"]),
        ("state eq 'completed' and executionInfo/result eq 'failure'", ["a1"]),
        ("id eq 'a1' or id eq 'b1'", ["a1", "b1"]),
        ("id eq 'b1' or id eq 'a2' and state eq 'running'", ["b1"]),
        ("startswith(id, 'a')", ["a1", "a2"]),
        ("executionInfo/exitCode gt 0", ["a1"]),
        ("state ne 'completed'", ["b1"]),
        ("executionInfo/endTime le DateTime'2026-11-22T10:00:00Z'", ["b1"]),
    ],
)
def test_a_filter_finds_what_it_says(text: str, found: list[str]) -> None:
    """*And* binds closer than *or*; a property that is absent matches no comparison."""
    passes = batch_filters.read(text, "tasks")
    assert found == [task["id"] for task in TASKS if passes(task)]


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_refusal(text: str) -> None:
    """A filter never fails in another way, and is never silently ignored."""
    refusal: ServiceError | None = None
    passes = None
    try:
        passes = batch_filters.read(text, "tasks")
    except ServiceError as error:
        refusal = error
    if passes is not None:
        assert isinstance(passes(TASKS[0]), bool)
    else:
        assert refusal is not None
        assert (400, text) == (refusal.status, refusal.values["QueryParameterValue"])


def test_what_a_world_keeps_to_itself_is_never_shown() -> None:
    """``_after_reactivation`` is the test's secret, not the service's property."""
    item: dict[str, Any] = {"id": "t", "state": "active", "_after_reactivation": "failure"}
    assert {"id": "t", "state": "active"} == batch_filters.selected(item, None)
    assert {"id": "t"} == batch_filters.selected(item, "id,_after_reactivation")


@given(
    st.lists(st.tuples(st.integers(1, 60), st.floats(0, 100)), max_size=30),
    st.sampled_from([1, 5, 15, 30, None]),
)
def test_every_sample_is_counted_in_exactly_one_interval(
    points: list[tuple[int, float]], minutes: int | None
) -> None:
    """Whatever the granularity, nothing is lost and nothing counted twice."""
    step = timedelta(minutes=minutes) if minutes else None
    window = Window(NOW - timedelta(minutes=60), NOW, step)
    series = {"points": [list(point) for point in points]}
    found = metric_series.samples(series, window, NOW)
    gathered = metric_series.gathered(found, window, ("count", "total"))
    assert len(points) == sum(one.get("count", 0) for one in gathered)
    expected = sum(value for _, value in points)
    assert expected == pytest.approx(sum(one.get("total", 0) for one in gathered))


def test_an_interval_without_samples_has_a_time_and_no_value() -> None:
    """No data is not zero."""
    window = Window(NOW - timedelta(minutes=2), NOW, timedelta(minutes=1))
    (first, second) = metric_series.gathered(
        [(NOW - timedelta(minutes=1), 4.0)], window, ("average",)
    )
    assert {"timeStamp": "2026-11-22T11:58:00.000Z"} == first
    assert 4.0 == second["average"]


@pytest.mark.parametrize(
    ("text", "dimension", "passes"),
    [
        ("", {"GpuId": "0"}, True),
        ("GpuId eq '*'", {"GpuId": "0"}, True),
        ("GpuId eq '*'", {}, False),
        ("gpuid eq '0' or gpuid eq '1'", {"GpuId": "1"}, True),
        ("GpuId eq '0' and Host eq 'h'", {"GpuId": "0", "Host": "x"}, False),
    ],
)
def test_a_dimension_filter_passes_what_it_names(
    text: str, dimension: dict[str, str], passes: bool
) -> None:
    """*Or* within a dimension, *and* between them, the star for any value."""
    assert passes is metric_filters.passes(dimension, metric_filters.read(text))


def test_or_between_two_dimensions_is_refused() -> None:
    """The service cannot do it, so neither may the stand-in."""
    with pytest.raises(ServiceError, match="within one dimension"):
        metric_filters.read("A eq '1' or B eq '2'")
