"""From metric series to how busy a machine was. Pure; nothing is rounded up to idle.

A point without a value is no point, a metric without points is None, and the newest
points, which the platform may not have finished, can only make a machine busier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.machines import moment
from shared.core.facts import Utilisation

GRAIN = timedelta(minutes=5)
SETTLES_IN = timedelta(minutes=3)
"""Platform metrics are as a rule there within three minutes.

Source: https://learn.microsoft.com/azure/azure-monitor/essentials/data-platform-metrics
"""
PERCENT = 100.0
Points = Mapping[datetime, float]


@dataclass(frozen=True, slots=True)
class Asked:
    """The time asked for: a window whose points should all be there, and what came since.

    Attributes:
        start: Of the window.
        settled: End of the window: what should have arrived by now.
        now: End of what is asked for.
    """

    start: datetime
    settled: datetime
    now: datetime

    @classmethod
    def of(cls, window: timedelta, now: datetime) -> Asked:
        """Lay a window so that its last point has had time to arrive."""
        late = (now - SETTLES_IN).astimezone(UTC)
        settled = datetime.fromtimestamp(
            late.timestamp() // GRAIN.total_seconds() * GRAIN.total_seconds(), UTC
        )
        return cls(settled - GRAIN * _points_in(window), settled, now)

    @property
    def expected(self) -> int:
        """Points the window should have."""
        return _points_in(self.settled - self.start)

    @property
    def window(self) -> timedelta:
        """Length of the window: whole points, no shorter than was asked."""
        return self.settled - self.start

    def seconds_of(self, point: datetime) -> float:
        """Length of one point's interval, shorter if it is still going on."""
        return max(min(GRAIN, self.now - point).total_seconds(), 1.0)


def _points_in(window: timedelta) -> int:
    return max(-(-window // GRAIN), 1)


@dataclass(frozen=True, slots=True)
class Series:
    """The points of one machine by metric; a metric that failed is not in it."""

    by_metric: Mapping[str, tuple[Points, ...]]

    def highest(self, metric: str) -> Points:
        """Merge a metric's series (of several devices, say) into the highest of each time."""
        return self._merged(metric, max)

    def sum(self, metric: str) -> Points:
        """Merge a metric's series into the sum of each time."""
        return self._merged(metric, lambda one, other: one + other)

    def _merged(self, metric: str, how: Callable[[float, float], float]) -> Points:
        merged: dict[datetime, float] = {}
        for points in self.by_metric.get(metric.casefold(), ()):
            for at, value in points.items():
                merged[at] = how(merged[at], value) if at in merged else value
        return merged


def points_of(data: Iterable[Mapping[str, Any]], *aggregations: str) -> Points:
    """Read a time series; of several aggregations that have a value, the highest counts."""
    points: dict[datetime, float] = {}
    for point in data:
        known = [
            float(value)
            for name in aggregations
            if isinstance(value := point.get(name), int | float)
        ]
        at = moment(point.get("timeStamp"))
        if known and at is not None:
            points[at] = max(known)
    return points


def utilisation(
    asked: Asked,
    *,
    cpu: Points,
    gpu: Points,
    network_in: Points,
    network_out: Points,
    bytes_per_unit: float = 1.0,
) -> Utilisation:
    """Sum up a machine's series.

    Args:
        cpu: Percent.
        gpu: Percent.
        network_in: Totals of each interval; a time without both directions is no point.
        bytes_per_unit: What a unit of the network totals is in bytes.
    """
    network = {
        at: (network_in[at] + network_out[at]) * bytes_per_unit / asked.seconds_of(at)
        for at in network_in.keys() & network_out.keys()
    }
    counts = [_counted(asked, one) for one in (cpu, gpu, network) if one]
    return Utilisation(
        window=asked.window,
        cpu=_highest(cpu, PERCENT),
        gpu=_highest(gpu, PERCENT),
        network=_highest(network, 1.0),
        samples=min(counts, default=0),
        expected_samples=asked.expected,
    )


def _counted(asked: Asked, points: Points) -> int:
    return sum(1 for at in points if asked.start <= at < asked.settled)


def _highest(points: Points, unit: float) -> float | None:
    return max(points.values()) / unit if points else None
