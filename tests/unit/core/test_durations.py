"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20s", 20),
        ("1h30m", 5400),
        ("7d", 604800),
        ("250ms", 0.25),
        ("1.5m", 90),
        (" 10M ", 600),
        ("0s", 0),
        ("1m1m", 120),
    ],
)
def test_a_duration_is_read(text: str, seconds: float):
    """The sum of numbers with units, whatever the case."""
    assert timedelta(seconds=seconds) == parse_duration(text)


@pytest.mark.parametrize(
    "text", ["", "20", "s", "20 s", "-5s", "1h 30m", "PT5M", "1w", "1e3s"]
)
def test_anything_else_is_refused_with_an_example(text: str):
    """Guessing a unit would act a thousand times too early or too late."""
    with pytest.raises(ValueError, match="write for example 20s, 10m, 1h30m, 7d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-3, "0s"),
        (90, "1m30s"),
        (604800, "7d"),
        (0.25, "250ms"),
        (90061, "1d1h1m1s"),
    ],
)
def test_a_duration_is_written_largest_unit_first(seconds: float, text: str):
    """A person reads it at a glance; what is over is nothing, not less than nothing."""
    assert text == format_duration(timedelta(seconds=seconds))
