"""How deallocations are gathered into calls: how many, of whom, and who is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from shared.adapters.arm import ArmReader
from shared.adapters.bulk_power import BulkDeallocation

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"


@dataclass
class Arm:
    """A resource manager that takes every machine, and keeps what it was sent."""

    sent: list[tuple[str, list[str]]] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)

    async def post(
        self, path: str, *, api_version: str, body: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Take all."""
        ids = body["resources"]["ids"]
        self.sent.append((path.split("/")[6], ids))
        took = [{"resourceId": vm, "operation": {"operationId": f"o-{vm}"}} for vm in ids]
        return {"results": took}

    async def single(self, vm: str) -> None:
        """Take one."""
        self.alone.append(vm)


def bulk(arm: Arm) -> BulkDeallocation:
    """Gather for that resource manager."""
    return BulkDeallocation(cast("ArmReader", arm), arm.single)


async def test_two_hundred_and_fifty_machines_are_three_calls():
    """No call names more than a hundred, none is forgotten, each gets its own operation."""
    arm = Arm()
    gather = bulk(arm)
    vms = [f"vm-{number}" for number in range(250)]
    said = await asyncio.gather(
        *(gather.deallocate(vm, SUBSCRIPTION, "westeurope") for vm in vms)
    )
    assert [100, 100, 50] == [len(ids) for _, ids in arm.sent]
    assert ([f"o-{vm}" for vm in vms], []) == (said, arm.alone)


async def test_each_region_has_a_call_of_its_own():
    """The path names the region; a machine whose region nobody knows is asked for alone."""
    arm = Arm()
    gather = bulk(arm)
    places = ["westeurope", "northeurope", "WestEurope", "northeurope", ""]
    await asyncio.gather(
        *(gather.deallocate(f"vm-{i}", SUBSCRIPTION, place) for i, place in enumerate(places))
    )
    assert {"westeurope": ["vm-0", "vm-2"], "northeurope": ["vm-1", "vm-3"]} == dict(arm.sent)
    assert ["vm-4"] == arm.alone


async def test_who_gave_up_waiting_is_not_deallocated():
    """A worker that lost its lease meanwhile must have no effect any more."""
    arm = Arm()
    gather = bulk(arm)
    tasks = [
        asyncio.create_task(gather.deallocate(f"vm-{number}", SUBSCRIPTION, "westeurope"))
        for number in range(3)
    ]
    await asyncio.sleep(0)
    tasks[0].cancel()  # the first one, whom the others wait with
    assert ["o-vm-1", "o-vm-2"] == list(await asyncio.gather(*tasks[1:]))
    assert [("westeurope", ["vm-1", "vm-2"])] == arm.sent
