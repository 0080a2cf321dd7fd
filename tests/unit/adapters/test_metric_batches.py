"""A grain is spelled as the service knows it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.adapters.metric_batches import _interval


@pytest.mark.parametrize(
    ("grain", "spelled"),
    [
        (timedelta(minutes=1), "PT1M"),
        (timedelta(minutes=30), "PT30M"),
        (timedelta(hours=1), "PT1H"),
        (timedelta(hours=6), "PT6H"),
        (timedelta(days=1), "P1D"),
    ],
)
def test_an_hour_is_an_hour_and_not_sixty_minutes(grain: timedelta, spelled: str) -> None:
    """PT60M is refused by the service, and the metric would be missing without a word."""
    assert spelled == _interval(grain)
