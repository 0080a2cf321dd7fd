"""What an effect is given, and the few ways in which it can end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from shared.core.errors import LeaseHeld, NotYet
from shared.core.facts import Resource
from shared.core.ledger import StepResult
from shared.core.plans import Plan, StepOutcome, StepRecord
from shared.core.wire import read_moment
from shared.engine.night import Ports

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE = 16
LOOK_AGAIN = timedelta(seconds=5)
LEASE_MARGIN = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt at one step.

    Attributes:
        remember: Saves progress in the ledger before an effect that leaves no other trace.
        settings: Of the plan's remediation; None if this version has none of that name.
    """

    ports: Ports
    plan: Plan
    index: int
    remember: Callable[[Mapping[str, Any]], Awaitable[None]]
    settings: Any = None

    @property
    def record(self) -> StepRecord:
        """The step's record as this attempt began."""
        return self.plan.steps[self.index]

    @property
    def target(self) -> str:
        """ARM id of what the verb works on."""
        return self.record.step.target

    @property
    def args(self) -> Mapping[str, Any]:
        """What was decided with the plan."""
        return self.record.step.args

    @property
    def progress(self) -> Mapping[str, Any]:
        """What the last attempt left to remember."""
        return self.record.progress

    @property
    def key(self) -> str:
        """The step's name, and of anything it creates."""
        return self.plan.step_key(self.index)

    @property
    def deadline(self) -> datetime | None:
        """When the step stops being useful."""
        return self.plan.deadline

    def now(self) -> datetime:
        """Return the present moment."""
        return self.ports.clock.now()

    def since(self, name: str) -> datetime | None:
        """Return a moment that an earlier attempt remembered."""
        return read_moment(self.progress.get(name))

    def running_for(self) -> timedelta:
        """Return how long ago the first attempt began."""
        started = self.record.started_at
        return self.now() - started if started else timedelta(0)

    def soon(self) -> timedelta:
        """Return when to look again: at first at once, then every five seconds."""
        return min(timedelta(seconds=2 ** min(self.record.attempts - 1, 3)), LOOK_AGAIN)

    def must_be_ours(self) -> None:
        """Stop before an effect if the lease is about to run out.

        Raises:
            LeaseHeld: Another worker may begin any moment.
        """
        lease = self.plan.lease
        if lease is not None and self.now() >= lease.until - LEASE_MARGIN:
            raise LeaseHeld(f"the lease on {self.plan.id} ran out", after=timedelta(0))


Effect = Callable[[Work], Awaitable[StepResult]]


def done(**detail: Any) -> StepResult:
    """The effect is there: a fresh read of the target just showed it."""
    return StepResult(StepOutcome.DONE, detail=detail, is_verified=True)


def saved(ports: Ports, resource: Resource, machines: int = 1) -> dict[str, Any]:
    """Say what machines that are no longer paid for cost an hour by the list.

    Nothing where the list has no price: a guess is no figure.
    """
    table = ports.prices.table()
    hourly = table.hourly(resource.size, resource.location)
    if hourly is None:
        return {}
    return {"saves_per_hour": round(hourly * machines, 4), "currency": table.currency}


def already(reason: str = "", **detail: Any) -> StepResult:
    """There was nothing to do: a fresh read of the target just showed it."""
    return StepResult(StepOutcome.ALREADY, reason=reason, detail=detail, is_verified=True)


def failed(reason: str, **detail: Any) -> StepResult:
    """It did not happen."""
    return StepResult(StepOutcome.FAILED, reason=reason, detail=detail)


def refused(reason: str, **detail: Any) -> StepResult:
    """It was not tried."""
    return StepResult(StepOutcome.REFUSED, reason=reason, detail=detail)


def unknown(reason: str, **detail: Any) -> StepResult:
    """It may have happened; nothing that can be read shows which."""
    return StepResult(StepOutcome.UNKNOWN, reason=reason, detail=detail)


def not_yet(doing: str, after: timedelta, **progress: Any) -> NotYet:
    """Say that it goes on; raise what this returns."""
    return NotYet(doing, after=after, progress=progress)


async def each(items: Iterable[T], act: Callable[[T], Awaitable[R]]) -> list[R]:
    """Do something for each item, so many at a time, and keep their order.

    If one raises, those that have not begun do not begin, those under way end first, and
    then the first error is raised: no effect is left running behind the caller's back.
    """
    gate = asyncio.Semaphore(AT_ONCE)
    errors: list[BaseException] = []

    async def one(item: T) -> R:
        async with gate:
            if errors:
                raise errors[0]
            try:
                return await act(item)
            except BaseException as error:
                errors.append(error)
                raise

    results = await asyncio.gather(*(one(item) for item in items), return_exceptions=True)
    if errors:
        raise errors[0]
    return [result for result in results if not isinstance(result, BaseException)]
