"""A storm, event by event: arrivals, cores that come by and by, buckets, senders that retry.

A discrete-event simulation. Each event takes a core of its deployment for as long as the
real engine was measured to take, reads of the resource manager from its subscription's
bucket, and requests, rows and messages from its deployment's storage account. What it takes
of storage it takes before its first effect: more than is true, most comes after. What waits
waits in line; where Event Grid gives up, it sends again later. Retries cost what a first try
costs. Nothing random: the same storm has the same end.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import scale_limits as limits
from bench.figures import percentile
from bench.scale_model import Bound, Split, app_wide

STORM_S = 60.0
IN_TIME_S = 20.0
"""An eviction gives 30 s; a pod wants some of them."""


@dataclass(slots=True)
class Bucket:
    """Tokens that come back at a rate; who finds none waits in line for the next."""

    name: str
    rate: float
    burst: float
    empty_until: float = -math.inf
    taken: float = 0.0

    def take(self, now: float, count: float) -> float:
        """Take tokens; return the moment at which they are there."""
        self.taken += count
        earliest = now - self.burst / self.rate
        self.empty_until = max(self.empty_until, earliest) + count / self.rate
        return max(now, self.empty_until)


@dataclass(slots=True)
class Cores:
    """One deployment's instances: some always there, one more each second when it is needed.

    Of those that are free the last used one works, so that the rest need not be there.
    """

    at_most: int
    idle: list[int] = field(default_factory=list)
    busy: list[tuple[float, int]] = field(default_factory=list)
    there: int = 0
    used_s: float = 0.0

    def __post_init__(self) -> None:
        """Have the instances that wait."""
        self.there = min(limits.ALWAYS_READY, self.at_most)
        self.idle = list(range(self.there))

    def _settle(self, now: float) -> None:
        while self.busy and self.busy[0][0] <= now:
            self.idle.append(heapq.heappop(self.busy)[1])

    def _next_new(self) -> float:
        """Say when one more instance can be there."""
        number = self.there - limits.ALWAYS_READY + 1
        return (
            number / limits.NEW_INSTANCES_A_SECOND if self.there < self.at_most else math.inf
        )

    def next_free(self, now: float) -> float:
        """Say when an instance has a core for an event that came now."""
        self._settle(now)
        if self.idle:
            return now
        done = self.busy[0][0] if self.busy else math.inf
        return max(now, min(done, self._next_new()))

    def work(self, now: float, seconds: float) -> float:
        """Work on an event; return when it is done."""
        began = self.next_free(now)
        if self.idle:
            number = self.idle.pop()
        elif self._next_new() <= began:
            number, self.there = self.there, self.there + 1
        else:
            number = heapq.heappop(self.busy)[1]
        heapq.heappush(self.busy, (began + seconds, number))
        self.used_s += seconds
        return began + seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a storm went.

    Attributes:
        instances: How many the busiest deployment had at last.
        used: Each kind of place with the share of it that was used, fullest first.
    """

    events: int
    p50: float
    p99: float
    last: float
    in_time: float
    sent_again: int
    instances: int
    used: tuple[tuple[str, float], ...]


@dataclass(slots=True)
class _Deployment:
    cores: Cores
    buckets: list[tuple[Bucket, float]]


def _deployment(bounds: Sequence[Bound]) -> _Deployment:
    own = [one for one in bounds if app_wide(one) and one.limit is not limits.CORES]
    at_most = min(limits.INSTANCES_AT_MOST, int(limits.CORES.rate / limits.CORES_AN_INSTANCE))
    return _Deployment(
        Cores(at_most),
        [(Bucket(one.limit.name, one.limit.rate, one.limit.rate), one.takes) for one in own],
    )


def storm(
    bounds: Sequence[Bound], rate: float, split: Split, *, seconds: float = STORM_S
) -> Outcome:
    """Let events come at a rate for so long, and see when each has its first effect."""
    cpu = next(one.takes for one in bounds if one.limit is limits.CORES)
    reads = [one for one in bounds if one.limit is limits.ARM_READS]
    apps = [_deployment(bounds) for _ in range(split.deployments)]
    pairs = [
        Bucket(limits.ARM_READS.name, limits.ARM_READS.rate, limits.ARM_READS.burst)
        for _ in range(split.pairs)
    ]
    count = int(rate * seconds)
    coming = [(at / rate, at, 0) for at in range(count)]  # sorted: a heap already
    took, again = [0.0] * count, 0
    while coming:
        now, event, tries = heapq.heappop(coming)
        app = apps[event % len(apps)]
        waits = app.cores.next_free(now) - now
        if waits > limits.EVENT_GRID_WAITS_S and tries < len(limits.EVENT_GRID_RETRIES_S):
            again += 1
            later = limits.EVENT_GRID_WAITS_S + limits.EVENT_GRID_RETRIES_S[tries]
            heapq.heappush(coming, (now + later, event, tries + 1))
            continue
        done = app.cores.work(now, cpu)
        ready = [bucket.take(now, takes) for bucket, takes in app.buckets]
        pair = pairs[event % len(pairs)]
        ready += [pair.take(now, one.takes) for one in reads]
        took[event] = max(done, *ready) - event / rate
    return Outcome(
        count,
        percentile(took, 0.5),
        percentile(took, 0.99),
        max(took),
        sum(one <= IN_TIME_S for one in took) / count,
        again,
        max(app.cores.there for app in apps),
        _used(apps, pairs, seconds),
    )


def _used(
    apps: list[_Deployment], pairs: list[Bucket], seconds: float
) -> tuple[tuple[str, float], ...]:
    """Say what share of what was there during the storm was asked for, by kind of place."""
    shares: dict[str, float] = {}
    there = sum(max(0.0, seconds - at) for at in _instances_at(apps[0].cores.at_most))
    for app in apps:
        full = app.cores.used_s / there
        shares[limits.CORES.name] = max(full, shares.get(limits.CORES.name, 0.0))
        for bucket, _ in app.buckets:
            _note(shares, bucket, seconds)
    for pair in pairs:
        _note(shares, pair, seconds)
    return tuple(sorted(shares.items(), key=lambda one: -one[1]))


def _note(shares: dict[str, float], bucket: Bucket, seconds: float) -> None:
    full = bucket.taken / (bucket.burst + bucket.rate * seconds)
    shares[bucket.name] = max(full, shares.get(bucket.name, 0.0))


def _instances_at(at_most: int) -> list[float]:
    ready = min(limits.ALWAYS_READY, at_most)
    return [0.0] * ready + [
        n / limits.NEW_INSTANCES_A_SECOND for n in range(1, at_most - ready + 1)
    ]


def rounded(value: float) -> str:
    """Write seconds: three figures under a second, else whole or tenths."""
    if value < 1:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 100 else f"{math.ceil(value):,}"  # noqa: PLR2004 - width
