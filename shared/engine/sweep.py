"""Find open plans that nobody works on although somebody should, and wake them.

A crash does not depend on redelivery. Only messages are put: the work itself is done
by whoever takes them, under the same claims as any other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from shared.core import ledger
from shared.core.errors import InvalidTarget
from shared.engine.counting import settle
from shared.engine.night import Night

AT_ONCE = 16
UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep found.

    Attributes:
        unread: Ids of plans that this release cannot read: a newer one opened them, and
            goes on with them when it is back. They hold up nobody else.
    """

    open: int
    woken: int
    tidied: int
    unread: tuple[str, ...] = ()


async def resume(night: Night) -> Swept:
    """Look at every plan that may be open, so many at a time.

    Raises:
        RetryLater: The ledger could not be read; the next tick comes soon.
    """
    gate = asyncio.Semaphore(AT_ONCE)
    found: list[str] = []
    unread: list[str] = []

    async def one(plan_id: str) -> None:
        async with gate:
            what = await _look(night, plan_id)
            found.append(what)
            if what == UNREAD:
                unread.append(plan_id)

    pending: set[asyncio.Task[None]] = set()
    async for plan_id in night.ports.ledger.open_plans():
        pending.add(asyncio.create_task(one(plan_id)))
        if len(pending) >= AT_ONCE * 4:
            finished, pending = await asyncio.wait(
                pending, return_when=asyncio.FIRST_COMPLETED
            )
            for task in finished:
                task.result()
    await asyncio.gather(*pending)
    tidied = found.count("tidied")
    return Swept(
        open=len(found) - tidied,
        woken=found.count("woken"),
        tidied=tidied,
        unread=tuple(sorted(unread)),
    )


async def _look(night: Night, plan_id: str) -> str:
    try:
        stored = await night.ports.ledger.find(plan_id)
    except InvalidTarget:
        return UNREAD
    if stored is None or not stored.plan.is_open:
        if stored is not None:
            await settle(night, stored.plan)
        await night.ports.ledger.tidy(plan_id)
        return "tidied"
    if not ledger.is_due(stored.plan, now=night.ports.clock.now()):
        return "open"
    message = {"plan": plan_id, "seq": stored.plan.wake_seq}
    await night.ports.queue.put(message, delay=timedelta(0))
    return "woken"
