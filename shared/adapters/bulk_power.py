"""Many machines deallocated by one call, where the platform offers it.

Whoever asks within a moment for a machine of one subscription and region shares a call, and
gets the answer for its own machine. The platform's own retries end before a plan gives up
on the machine, so that nothing is stopped that somebody started after it. Whatever bulk
calls refuse, as a whole or for one machine, is asked for by a call of its own, whose error
is the one that counts.

Source: https://learn.microsoft.com/rest/api/computeschedule/scheduled-actions/virtual-machines-execute-deallocate,
https://learn.microsoft.com/rest/api/computeschedule/ (what the batch calls are for)
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.core.errors import AutomationError, GiveUp

if TYPE_CHECKING:
    from shared.adapters.arm import ArmReader

API_VERSION = "2025-05-01"
GATHER_S = 0.25
"""How long the first one waits for others; a lease is longer by far."""
AT_MOST = 100
"""Machines in one call: a number of ours, for Azure publishes none."""
NOT_OFFERED_S = 3600.0
"""How long a subscription that refused, or knows no such provider, is not asked again."""
RETRIES = {"retryCount": 2, "retryWindowInMinutes": 10}
_REFUSED = frozenset({"failed", "cancelled", "blocked"})
_NONE = frozenset({"", "null", "none"})
_log = logging.getLogger("nightshift.compute")
Single = Callable[[str], Awaitable[None]]
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """One machine that somebody waits for."""

    vm: str
    answer: asyncio.Future[str]


@dataclass(slots=True)
class BulkDeallocation:
    """Gathers what is asked for; one for a process.

    Attributes:
        single: Deallocates one machine by a call of its own.
        waiting: Who waits, by subscription and region.
        refused: When a place refused bulk calls, by the loop's clock.
    """

    arm: ArmReader
    single: Single
    waiting: dict[Place, list[Asked]] = field(default_factory=dict)
    refused: dict[Place, float] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def deallocate(self, vm: str, subscription: str, location: str) -> str:
        """Ask for one machine's deallocation, together with others if there are any.

        Returns:
            The platform's name of the operation, or empty for a call of its own.
        """
        place = (subscription.casefold(), location.casefold())
        loop = asyncio.get_running_loop()
        refused_at = self.refused.get(place)
        if not location or (refused_at and loop.time() < refused_at + NOT_OFFERED_S):
            await self.single(vm)
            return ""
        asked = Asked(vm, loop.create_future())
        self.waiting.setdefault(place, []).append(asked)
        if len(self.waiting[place]) == 1:
            task = loop.create_task(self._gather(place))
            self.tasks.add(task)  # the loop itself keeps no task alive
            task.add_done_callback(self.tasks.discard)
        return await asked.answer

    async def _gather(self, place: Place) -> None:
        await asyncio.sleep(GATHER_S)
        wanted = [one for one in self.waiting.pop(place) if not one.answer.done()]
        portions = [wanted[at : at + AT_MOST] for at in range(0, len(wanted), AT_MOST)]
        await asyncio.gather(*(self._send(place, portion) for portion in portions))

    async def _send(self, place: Place, wanted: Sequence[Asked]) -> None:
        """Send one call; who it does not take is asked for alone."""
        taken: Mapping[str, str] = {}
        if len(wanted) > 1:
            try:
                taken = taken_of(await self._call(place, [one.vm for one in wanted]))
            except AutomationError as error:
                _log.info("bulk=deallocate machines=%d refused=%r", len(wanted), str(error))
                if isinstance(error, GiveUp):
                    self.refused[place] = asyncio.get_running_loop().time()
        await asyncio.gather(*(self._settle(one, taken) for one in wanted))

    async def _settle(self, asked: Asked, taken: Mapping[str, str]) -> None:
        operation = taken.get(asked.vm.casefold())
        try:
            if operation is None:
                await self.single(asked.vm)
        except BaseException as error:
            if not asked.answer.done():
                asked.answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            if not asked.answer.done():
                asked.answer.set_result(operation or "")

    async def _call(self, place: Place, vms: Sequence[str]) -> Mapping[str, Any]:
        subscription, location = place
        path = (
            f"/subscriptions/{subscription}/providers/Microsoft.ComputeSchedule"
            f"/locations/{location}/virtualMachinesExecuteDeallocate"
        )
        body = {
            "executionParameters": {"retryPolicy": RETRIES},
            "resources": {"ids": list(vms)},
            "correlationid": str(uuid.uuid4()),
        }
        return await self.arm.post(path, api_version=API_VERSION, body=body)


def taken_of(said: Mapping[str, Any]) -> Mapping[str, str]:
    """Map each machine that was taken to its operation; what cannot be read was not."""
    found: dict[str, str] = {}
    for one in said.get("results") or ():
        operation = one.get("operation") or {}
        vm = str(one.get("resourceId") or operation.get("resourceId") or "").casefold()
        name = str(operation.get("operationId") or "")
        has_error = str(one.get("errorCode") or "").casefold() not in _NONE
        is_refused = str(operation.get("state") or "").casefold() in _REFUSED
        if vm and name and not has_error and not is_refused:
            found[vm] = name
    return found
