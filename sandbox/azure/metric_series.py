"""Samples of a world's metric, gathered into intervals as Azure Monitor gathers them.

Pure arithmetic: no clock, no HTTP. A series in the world holds samples at moments, or
one value for every minute; an interval without samples has a time and no value.

Source: https://learn.microsoft.com/azure/azure-monitor/metrics/metrics-aggregation-explained
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.azure import clock

Json = dict[str, Any]
MINUTE = timedelta(minutes=1)
AGGREGATIONS = ("average", "count", "maximum", "minimum", "total")


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when, in which steps; ``step`` None means one interval of it all."""

    start: datetime
    end: datetime
    step: timedelta | None

    def intervals(self) -> Iterator[tuple[datetime, datetime]]:
        """Go through the intervals, oldest first."""
        step = self.step or (self.end - self.start)
        at = self.start
        while at < self.end:
            yield at, min(at + step, self.end)
            at += step


def samples(series: Json, window: Window, now: datetime) -> list[tuple[datetime, float]]:
    """List the samples of one series inside a window; a null in the world is none."""
    if "constant" in series:
        value = float(series["constant"])
        minutes = int((window.end - window.start) / MINUTE)
        return [(window.start + MINUTE * number, value) for number in range(minutes)]
    found = []
    for moment, value in series.get("points", []):
        if value is None:
            continue
        at = clock.parse(moment) if isinstance(moment, str) else now - MINUTE * moment
        if window.start <= at < window.end:
            found.append((at, float(value)))
    return sorted(found)


def gathered(
    found: list[tuple[datetime, float]], window: Window, aggregations: tuple[str, ...]
) -> list[Json]:
    """Aggregate samples into one point an interval."""
    points = []
    ordered = iter(found)
    following = next(ordered, None)
    for start, end in window.intervals():
        values = []
        while following is not None and following[0] < end:
            values.append(following[1])
            following = next(ordered, None)
        points.append({"timeStamp": clock.iso(start), **_aggregated(values, aggregations)})
    return points


def _aggregated(values: list[float], aggregations: tuple[str, ...]) -> dict[str, float]:
    if not values:
        return {}
    every = {
        "average": sum(values) / len(values),
        "count": float(len(values)),
        "maximum": max(values),
        "minimum": min(values),
        "total": sum(values),
    }
    return {name: every[name] for name in aggregations}
