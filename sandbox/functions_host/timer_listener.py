"""Fire one timer function when its schedule says, on one instance at a time.

Never overlaps with itself: the next moment is computed after a run has ended.
A tick missed while no process ran is made up for once, with ``past_due``.

Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from azure.core.exceptions import AzureError

from sandbox.functions_host.app_settings import resolve
from sandbox.functions_host.arguments import timer_argument
from sandbox.functions_host.errors import AppRefused
from sandbox.functions_host.invoker import Attempt, Invoker
from sandbox.functions_host.loading import LoadedFunction
from sandbox.functions_host.ncrontab import Schedule, parse_schedule
from sandbox.functions_host.time_span import parse_time_span
from sandbox.functions_host.timer_state import LEASE_S, TimerState

LOG = logging.getLogger(__name__)
_LOOK_AGAIN_S = 1.0
_LONGEST_NAP_S = 30.0
_MONITORED = timedelta(minutes=1)
_FOREVER = -1


class TimerListener:
    """One timer trigger at work."""

    def __init__(
        self,
        function: LoadedFunction,
        settings: Mapping[str, str],
        state: TimerState,
        invoker: Invoker,
    ) -> None:
        self._function, self._state, self._invoker = function, state, invoker
        self._schedule = _schedule(function, settings)
        self._monitored = _is_monitored(function, self._schedule)
        self._held = False

    async def run(self) -> None:
        """Wait for the lease, then fire for as long as it is held; until cancelled."""
        while True:
            try:
                await self._run_leased()
            except AzureError as exc:
                LOG.warning("timer %s: %s", self._function.name, type(exc).__name__)
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _run_leased(self) -> None:
        self._held = await self._state.acquire()
        if not self._held:
            return
        renewal = asyncio.create_task(self._renew())
        try:
            await self._tick_while_held()
        finally:
            renewal.cancel()
            await asyncio.gather(renewal, return_exceptions=True)
            await self._state.release()

    async def _renew(self) -> None:
        while self._held:
            await asyncio.sleep(LEASE_S / 3)
            try:
                self._held = await self._state.renew()
            except AzureError:
                # Storage is out of reach, so the lease cannot be shown to be ours.
                self._held = False

    async def _tick_while_held(self) -> None:
        status = await self._state.read() if self._monitored else {}
        missed = "Next" in status and datetime.fromisoformat(status["Next"]) < _now()
        if missed or self._function.trigger.get("runOnStartup"):
            await self._fire(_now(), status, past_due=missed)
        while self._held:
            due = self._schedule.next_after(_now())
            if due is None:
                return
            status = await self._note(status.get("Last"), due)
            await self._rest_until(due)
            if self._held:
                await self._fire(due, status, past_due=False)
                status = {**status, "Last": due.isoformat()}

    async def _rest_until(self, due: datetime) -> None:
        """Sleep in naps, so that a lost lease or a changed clock is seen in between."""
        left = (due - _now()).total_seconds()
        while self._held and left > 0:
            await asyncio.sleep(min(left, _LONGEST_NAP_S))
            left = (due - _now()).total_seconds()

    async def _fire(self, due: datetime, status: dict[str, str], *, past_due: bool) -> None:
        policy = self._function.retry or {}
        most = int(policy.get("max_retry_count", 0))
        count = 0
        while True:
            argument = timer_argument(past_due=past_due, status=status)
            attempt = Attempt(count, most)
            if (await self._invoker.invoke(self._function, argument, attempt)).succeeded:
                break
            if most != _FOREVER and count >= most:
                break
            await asyncio.sleep(_delay(policy, count).total_seconds())
            count += 1
        following = self._schedule.next_after(max(due, _now()))
        if following is not None:
            await self._note(due.isoformat(), following)

    async def _note(self, last: str | None, following: datetime) -> dict[str, str]:
        status = {"Next": following.isoformat(), "LastUpdated": _now().isoformat()}
        if last is not None:
            status["Last"] = last
        if self._monitored:
            await self._state.write(status)
        return status


def _now() -> datetime:
    return datetime.now(UTC)


def _schedule(function: LoadedFunction, settings: Mapping[str, str]) -> Schedule:
    try:
        return parse_schedule(resolve(str(function.trigger["schedule"]), settings))
    except ValueError as exc:
        raise AppRefused(f"function {function.name}: {exc}") from exc


def _is_monitored(function: LoadedFunction, schedule: Schedule) -> bool:
    """Tell whether the status is kept: by default for intervals of a minute or more."""
    first = schedule.next_after(_now())
    second = first and schedule.next_after(first)
    often = first is not None and second is not None and second - first < _MONITORED
    return bool(function.trigger.get("useMonitor", True)) and not often


def _delay(policy: Mapping[str, str], count: int) -> timedelta:
    """Say how long a retry policy waits before the next try.

    Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages#retry-policies
    """
    if policy.get("strategy") == "exponential_backoff":
        shortest = parse_time_span(policy["minimum_interval"])
        factor: int = 2**count
        return min(shortest * factor, parse_time_span(policy["maximum_interval"]))
    return parse_time_span(policy.get("delay_interval", "00:00:00"))
