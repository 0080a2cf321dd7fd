"""Many machines deallocated by one call: each with its own result, whatever is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.adapters.bulk_power import taken_of
from shared.core.errors import Forbidden, InvalidTarget
from tests.contract.azure_standin.running import Standin
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually

BULK = "virtualMachinesExecuteDeallocate"
ALONE = "/deallocate"


def standin_of(cloud: Cloud) -> Standin:
    """Return the stand-in behind the real adapters."""
    assert cloud.standin is not None
    return cloud.standin


def calls(cloud: Cloud) -> tuple[int, int]:
    """Count bulk calls, and calls for one machine."""
    standin = standin_of(cloud)
    return len(standin.calls(containing=BULK)), len(standin.calls(containing=ALONE))


async def both(cloud: Cloud, *more: str, location: str = w.REGION) -> list[Any]:
    """Deallocate two machines, and perhaps more, at one moment."""
    asked = (cloud.compute.deallocate(vm, location=location) for vm in (w.DEV, w.OFF, *more))
    return await asyncio.gather(*asked, return_exceptions=True)


async def is_off(cloud: Cloud, vm: str) -> bool:
    """Wait until a machine is deallocated."""
    seen = await eventually(
        lambda: cloud.compute.machine(vm), lambda m: m is None or m.power == "deallocated"
    )
    return seen is not None and seen.power == "deallocated"


async def test_machines_asked_for_at_one_moment_are_deallocated_each(cloud: Cloud) -> None:
    """One that is missing is its own trouble: whoever asked for it learns it, nobody else."""
    said = await both(cloud, w.MISSING)
    assert isinstance(said[2], InvalidTarget)
    assert await is_off(cloud, w.DEV)
    assert await is_off(cloud, w.OFF)


async def test_two_machines_cost_one_call_and_each_has_its_operation(azure: Cloud) -> None:
    """So that the nightly stop of a thousand machines is ten calls and not a thousand."""
    first, second = await both(azure)
    assert (1, 0) == calls(azure)
    assert first
    assert second
    assert first != second


async def test_one_machine_alone_takes_the_call_that_is_made_for_one(azure: Cloud) -> None:
    """Its errors are clearer, and it needs no other provider."""
    assert "" == await azure.compute.deallocate(w.DEV, location=w.REGION)
    assert (0, 1) == calls(azure)


@pytest.mark.parametrize("status", [403, 404, 409, 429, 503])
async def test_where_bulk_calls_are_refused_each_machine_has_its_own(
    azure: Cloud, status: int
) -> None:
    """A provider nobody registered, a right that is missing: they stop all the same."""
    standin_of(azure).fault(pattern=f"POST .*/{BULK}", status=status, count=1)
    assert ["", ""] == await both(azure)
    assert await is_off(azure, w.DEV)
    assert (1, 2) == calls(azure)


async def test_a_place_that_refused_for_good_is_not_asked_again_soon(azure: Cloud) -> None:
    """An unregistered provider must not cost a refusal before every deallocation."""
    standin_of(azure).fault(pattern=f"POST .*/{BULK}", status=403, count=1)
    await both(azure)
    await both(azure)
    assert (1, 4) == calls(azure)


async def test_what_is_refused_for_one_machine_is_asked_for_alone(azure: Cloud) -> None:
    """Its own call says why, in words the engine knows; the others are under way."""
    standin_of(azure).fault(pattern=r"POST .*/dev-1/deallocate", status=403)
    first, second = await both(azure, location="northeurope")  # neither is there
    assert isinstance(first, Forbidden)
    assert "" == second


def test_what_cannot_be_read_of_an_answer_was_not_taken() -> None:
    """A result without a machine or an operation, or one that failed, proves nothing."""
    done = {"operationId": "o-1", "resourceId": w.DEV, "state": "PendingScheduling"}
    odd: list[dict[str, Any]] = [
        {},
        {"resourceId": w.OFF, "errorCode": "Conflict", "operation": done},
        {"resourceId": w.OFF, "operation": {"state": "Failed", "operationId": "o-2"}},
        {"resourceId": w.OFF, "operation": {"state": "Executing"}},
    ]
    right = {"resourceId": w.DEV, "errorCode": "null", "operation": done}
    assert {w.DEV.casefold(): "o-1"} == taken_of({"results": [*odd, right]})
    assert {} == taken_of({})
