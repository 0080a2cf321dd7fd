"""Machines saved at one moment and old restore points removed, from a tick to the world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from sandbox.demo.site import Json, Site, resource, until
from sandbox.state_folder import Sandbox
from shared.core.restore_points import TAG_POINTS, collection_id
from shared.core.snapshots import TAG_OF
from tests.sandboxed import a_sandbox

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
COMPUTE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers/Microsoft.Compute"
DATABASE, SCRATCH = (f"{COMPUTE}/virtualMachines/{name}" for name in ("db-1", "scratch"))
HELD = f"{COMPUTE}/restorePointCollections/nightshift-0123456789abcdef"
OLD = f"{HELD}/restorePoints/nightshift-20251101-until-20251108"
LAST = f"{HELD}/restorePoints/nightshift-20251102-until-20251109"
THEIRS = f"{HELD}/restorePoints/by-hand"
RULES = """
rules:
  - name: save
    on: vm.restore_points_found
    when: signal.finding == "restore_point_due" && signal.schedule != ""
    remediate: save_machine
    mode: auto
  - name: expire
    on: vm.restore_points_found
    when: signal.finding == "restore_points_expired"
    remediate: expire_restore_points
    mode: auto
"""


def _machine(name: str, **tags: str) -> Json:
    disks = [{"managedDisk": {"id": f"{COMPUTE}/disks/{n}"}, "lun": n} for n in range(2)]
    storage = {"osDisk": {"managedDisk": {"id": f"{COMPUTE}/disks/os"}}, "dataDisks": disks}
    hardware = {"vmSize": "Standard_D4s_v5"}
    properties = {"hardwareProfile": hardware, "storageProfile": storage}
    return {"id": name, "location": "westeurope", "tags": tags, "properties": properties}


def _point(name: str, taken: str) -> Json:
    return {"id": name, "properties": {"timeCreated": taken, "provisioningState": "Succeeded"}}


def world() -> Json:
    """Two machines, one of them tagged, and a collection of a machine that is gone."""
    resources: list[dict[str, Any]] = [
        _machine(DATABASE, **{TAG_POINTS: "daily"}),
        _machine(SCRATCH),
        {
            "id": HELD,
            "location": "westeurope",
            "tags": {TAG_OF: "0123456789abcdef"},
            "properties": {"source": {"id": f"{COMPUTE}/virtualMachines/gone"}},
        },
        _point(OLD, "2025-11-01T01:00:00Z"),
        _point(LAST, "2025-11-02T01:00:00Z"),
        _point(THEIRS, "2025-10-01T01:00:00Z"),
    ]
    return {"resources": resources, "settings": {"operation_seconds": 0.1}}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up a sandbox whose rules save machines."""
    folder = tmp_path_factory.mktemp("restore-points")
    with a_sandbox(folder, RULES, world(), NIGHTSHIFT_SUBSCRIPTIONS=SUBSCRIPTION) as running:
        yield running


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """Give the app as a person sees it."""
    async with Site(sandbox) as open_site:
        yield open_site


async def test_a_tick_saves_the_tagged_machine_and_removes_what_is_past_its_date(site: Site):
    """All its disks in one point; of the old ones the newest stays, and what is not ours."""
    await site.fire("tick_survey")

    async def is_over() -> bool:
        _, plans = await site.call("GET", "/api/plans")
        return len(plans["plans"]) == 2 and all(p["state"] == "closed" for p in plans["plans"])

    assert await until(is_over)
    _, plans = await site.call("GET", "/api/plans")
    assert {"done"} == {plan["outcome"] for plan in plans["plans"]}
    seen = await site.world()
    made = [
        one
        for one in seen["resources"]
        if one["id"].startswith(f"{collection_id(DATABASE)}/restorePoints/")
    ]
    [point] = made
    storage = point["properties"]["sourceMetadata"]["storageProfile"]
    assert 2 == len(storage["dataDisks"])
    assert None is resource(seen, collection_id(SCRATCH))
    assert None is resource(seen, OLD)
    assert all(resource(seen, kept) is not None for kept in (LAST, THEIRS))
