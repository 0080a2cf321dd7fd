"""Many machines in one call, by raw requests: what is taken, and what is refused for whom."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.azure_standin.running import Standin
from tests.contract.azure_standin.worlds import SUBSCRIPTION, vm, vm_id, world

PATH = (
    f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ComputeSchedule/locations/westeurope"
    "/virtualMachinesExecuteDeallocate"
)
LOCKED = f"{vm_id('b')}/providers/Microsoft.Authorization/locks/keep"


def body(*ids: str) -> dict[str, Any]:
    """Write a request as the client library does."""
    return {"executionParameters": {}, "resources": {"ids": list(ids)}, "correlationid": "c-1"}


def test_each_machine_has_its_own_result(azure_standin: Standin) -> None:
    """One that is missing and one that is locked are refused; the third is under way."""
    lock = {"id": LOCKED, "properties": {"level": "ReadOnly"}}
    azure_standin.put_world(world(vm("a"), vm("b"), lock))
    asked = body(vm_id("a"), vm_id("b"), vm_id("c"))
    status, said, _ = azure_standin.arm("POST", f"{PATH}?api-version=2025-05-01", asked)
    results = said["results"]
    codes = [one["errorCode"] for one in results]
    assert (200, [None, "ScopeLocked", "ResourceNotFound"]) == (status, codes)
    assert ("Deallocate", True) == (
        results[0]["operation"]["opType"],
        bool(results[0]["operation"]["operationId"]),
    )


@pytest.mark.parametrize(
    ("version", "asked", "code"),
    [
        ("2019-01-01", body("x"), "NoRegisteredProviderFound"),
        ("2025-05-01", {"resources": {"ids": ["x"]}}, "InvalidParameter"),
        ("2025-05-01", body(), "InvalidParameter"),
        ("2025-05-01", {**body(), "resources": {"ids": "x"}}, "InvalidParameter"),
    ],
)
def test_a_request_that_is_not_whole_is_refused(
    azure_standin: Standin, version: str, asked: dict[str, Any], code: str
) -> None:
    """A double that answered anyway would let a wrong call ship."""
    azure_standin.put_world(world(vm("a")))
    status, said, _ = azure_standin.arm("POST", f"{PATH}?api-version={version}", asked)
    assert (400, code) == (status, said["error"]["code"])
