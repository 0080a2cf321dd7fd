"""Disks saved on a schedule and old snapshots removed, from a tick to the world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.demo.site import Json, Site, resource, until
from sandbox.state_folder import Sandbox
from shared.core.leftovers import MARK_TAG
from shared.core.snapshot_copies import TAG_COPY_TO
from shared.core.snapshots import TAG_EXPIRES, TAG_SCHEDULE, scheduled_name
from tests.sandboxed import a_sandbox

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
MACHINE = f"{COMPUTE}/virtualMachines/trainer"
DATA, SCRATCH, PRIVATE = (f"{COMPUTE}/disks/{n}" for n in ("data", "scratch", "private"))
OLD, LAST, ORPHAN, FIRST, HOME = (
    f"{COMPUTE}/snapshots/{name}" for name in ("old", "last", "orphan", "first", "home")
)
RULES = """
rules:
  - name: save-disks
    on: disk.snapshot_due
    when: signal.schedule != ""
    remediate: snapshot_disk
    mode: auto
  - name: copy
    on: disk.snapshot_not_copied
    when: signal.copy_to != ""
    remediate: copy_snapshot
    with:
      allowed: [westeurope, northeurope]
    mode: auto
  - name: clean-up
    on: resource.left_over
    remediate: remove_leftover
    mode: auto
"""


def _snapshot(name: str, of: str, taken: str, **tags: str) -> Json:
    return {
        "id": name,
        "location": "westeurope",
        "tags": tags,
        "properties": {
            "timeCreated": taken,
            "provisioningState": "Succeeded",
            "incremental": True,
            "creationData": {"createOption": "Copy", "sourceResourceId": of},
        },
    }


def world() -> Json:
    """A machine whose disk is to be saved, one whose is not, and three old snapshots."""
    due = {TAG_EXPIRES: "2026-01-01T00:00:00Z", MARK_TAG: "2026-02-01T00:00:00Z"}
    kept = {TAG_EXPIRES: "2050-01-01T00:00:00Z"}
    disk = {"diskSizeGB": 64, "diskState": "Attached"}
    resources: list[dict[str, Any]] = [
        {
            "id": MACHINE,
            "location": "westeurope",
            "tags": {TAG_SCHEDULE: "daily"},
            "properties": {"hardwareProfile": {"vmSize": "Standard_D4s_v5"}},
        },
        {
            "id": DATA,
            "location": "westeurope",
            "managedBy": MACHINE,
            "tags": {TAG_COPY_TO: "northeurope"},
            "properties": disk,
        },
        {
            "id": PRIVATE,
            "location": "westeurope",
            "tags": {TAG_COPY_TO: "eastus"},
            "properties": dict(disk),
        },
        {"id": SCRATCH, "location": "westeurope", "properties": dict(disk)},
        _snapshot(OLD, SCRATCH, "2025-11-01T00:00:00Z", **due),
        _snapshot(LAST, SCRATCH, "2025-12-01T00:00:00Z", **due),
        _snapshot(FIRST, DATA, "2026-01-01T00:00:00Z", **kept),
        _snapshot(HOME, PRIVATE, "2026-01-01T00:00:00Z", **kept),
        _snapshot(ORPHAN, f"{COMPUTE}/disks/gone", "2025-12-01T00:00:00Z", **due),
    ]
    return {"resources": resources, "settings": {"operation_seconds": 0.1}}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up a sandbox whose rules save disks and clean up."""
    folder = tmp_path_factory.mktemp("snapshots")
    with a_sandbox(folder, RULES, world(), NIGHTSHIFT_SUBSCRIPTIONS=SUBSCRIPTION) as running:
        yield running


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """Give the app as a person sees it."""
    async with Site(sandbox) as open_site:
        yield open_site


async def test_a_tick_saves_what_is_to_be_saved_and_removes_what_may_go(site: Site):
    """By its machine's tag; the newest whole one of a disk stays, past its date or not."""
    began = datetime.now(UTC)
    await site.fire("tick_survey")

    async def is_over() -> bool:
        _, plans = await site.call("GET", "/api/plans")
        return len(plans["plans"]) == 5 and all(p["state"] == "closed" for p in plans["plans"])

    assert await until(is_over)
    seen = await site.world()
    names = {scheduled_name(DATA, day) for day in (began, datetime.now(UTC))}
    saved = [
        one
        for one in seen["resources"]
        if one["type"].endswith("/snapshots") and one["name"] in names
    ]
    assert [True] == [one["properties"]["incremental"] for one in saved]
    assert ["data"] == [one["tags"]["nightshift-source"] for one in saved]
    assert None is resource(seen, OLD)
    for kept in (LAST, ORPHAN):
        found = resource(seen, kept)
        assert found is not None
        assert MARK_TAG not in found["tags"]
    copies = [one for one in seen["resources"] if one["name"].endswith("-northeurope")]
    assert [("northeurope", 100.0)] == [
        (one["location"], one["properties"]["completionPercent"]) for one in copies
    ]
    abroad = [one for one in seen["resources"] if one.get("location") == "eastus"]
    assert [] == abroad


async def test_the_report_says_why_a_disk_was_not_copied(site: Site):
    """A region that nobody allowed has a reason of its own."""
    await site.fire("tick_survey")

    async def is_there() -> bool:
        _, said = await site.call("GET", "/api/reports?survey=snapshot_copies")
        return bool(said["reports"])

    assert await until(is_there)
    _, said = await site.call("GET", "/api/reports?survey=snapshot_copies")
    decisions = {one["target"]: one["decision"] for one in said["reports"][0]["findings"]}
    assert "region_not_allowed" == decisions[HOME]


async def test_the_same_day_again_takes_no_second_one(site: Site):
    """A person who asks by hand finds the schedule's snapshot."""
    body = {"target": DATA, "reason": "before the upgrade"}
    await site.call("POST", "/api/runbooks/snapshot_disk", body)

    async def is_over() -> bool:
        _, plans = await site.call("GET", "/api/plans")
        return all(plan["state"] == "closed" for plan in plans["plans"])

    assert await until(is_over)
    seen = await site.world()
    names = {scheduled_name(DATA, datetime.now(UTC) - timedelta(days=n)) for n in (0, 1)}
    made = [
        one
        for one in seen["resources"]
        if one["type"].endswith("/snapshots") and one["name"] in names
    ]
    assert 1 == len(made)
