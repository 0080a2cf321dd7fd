"""Cleanup from the survey's tick to the world: what goes, what stays, and what is said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from sandbox.demo.site import Json, Site, resource, until
from sandbox.state_folder import Sandbox
from shared.core.leftovers import MARK_TAG
from tests.sandboxed import a_sandbox

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
OLD, LOCKED = (f"{GROUP}/providers/Microsoft.Compute/disks/{name}" for name in ("old", "kept"))
NIC = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/again"
ADDRESS = f"{GROUP}/providers/Microsoft.Network/publicIPAddresses/new"
POOL = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/aks-gpu-1-vmss"
DUE = {MARK_TAG: "2026-01-01T00:00:00Z", "team": "vision"}
RULES = """
rules:
  - name: clean-up
    on: [resource.left_over, resource.expired]
    remediate: remove_leftover
    mode: auto
"""


def world() -> Json:
    """Two disks that are due, one locked; an interface in use again; an unused address."""
    disk = {"location": "westeurope", "tags": DUE}
    loose = {"diskSizeGB": 64, "diskState": "Unattached"}
    lock = {"level": "CanNotDelete", "notes": "ask Ada"}
    resources: list[dict[str, Any]] = [
        {"id": OLD, **disk, "properties": dict(loose)},
        {"id": LOCKED, **disk, "properties": dict(loose)},
        {"id": f"{LOCKED}/providers/Microsoft.Authorization/locks/keep", "properties": lock},
        {
            "id": NIC,
            "location": "westeurope",
            "tags": DUE,
            "properties": {"virtualMachine": {"id": f"{GROUP}/x"}},
        },
        {"id": ADDRESS, "location": "westeurope", "properties": {}},
        {
            "id": POOL,
            "location": "westeurope",
            "tags": {"aks-managed-poolName": "gpu"},
            "sku": {"name": "Standard_D4s_v5", "capacity": 0},
            "properties": {},
        },
    ]
    return {"resources": resources, "settings": {"operation_seconds": 0.1}}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up a sandbox whose one rule cleans up."""
    folder = tmp_path_factory.mktemp("cleanup")
    with a_sandbox(folder, RULES, world(), NIGHTSHIFT_SUBSCRIPTIONS=SUBSCRIPTION) as running:
        yield running


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """Give the app as a person sees it."""
    async with Site(sandbox) as open_site:
        yield open_site


async def test_a_tick_cleans_up_what_is_due_and_nothing_else(site: Site):
    """Read back from the world, and from the report that people read."""
    await site.fire("tick_survey")

    async def is_over() -> bool:
        _, plans = await site.call("GET", "/api/plans")
        return len(plans["plans"]) == 3 and all(p["state"] == "closed" for p in plans["plans"])

    assert await until(is_over)
    seen = await site.world()
    assert None is resource(seen, OLD)
    saved = [r for r in seen["resources"] if r["type"].endswith("/snapshots")]
    assert ["old"] == [one["tags"]["nightshift-source"] for one in saved]
    assert resource(seen, LOCKED) is not None
    again, address = resource(seen, NIC), resource(seen, ADDRESS)
    assert again is not None
    assert address is not None
    assert {"team": "vision"} == again["tags"]
    assert MARK_TAG not in address.get("tags", {})
    assert resource(seen, POOL) is not None


async def test_the_report_names_each_finding_and_what_became_of_it(site: Site):
    """A lock, and a channel that nobody configured, are told by their names."""
    await site.fire("tick_survey")

    async def is_there() -> bool:
        _, said = await site.call("GET", "/api/reports?survey=unattached_disks")
        return bool(said["reports"])

    assert await until(is_there)
    _, said = await site.call("GET", "/api/reports?survey=unattached_disks")
    [report] = said["reports"]
    decisions = {one["target"]: one["decision"] for one in report["findings"]}
    assert {OLD: "acted", LOCKED: "protected"} == decisions
    assert report["is_whole"]
    status, problem = await site.call("GET", "/api/reports?survey=unattached_disk")
    assert (404, True) == (status, "unattached_disks" in problem["surveys"])
