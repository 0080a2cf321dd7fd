"""Working hours from the tick to the world: who is stopped, who is started, who is left."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.demo.site import Json, Site, power, resource, until
from sandbox.state_folder import Sandbox
from tests.sandboxed import a_sandbox

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
VMS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers/Microsoft.Compute"
LATE, TWIN, WORKING, ODD, EARLY, AWAY = (
    f"{VMS}/virtualMachines/{name}"
    for name in ("late", "twin", "working", "odd", "early", "away")
)
CROWD = [f"{VMS}/virtualMachines/crowd-{number}" for number in range(12)]
HOUR = timedelta(hours=1)
RULES = """
rules:
  - name: hours
    on: compute.schedule
    remediate: follow_schedule
    mode: auto
    guard: {limits: [{scope: subscription, count: 100, within: 1h}]}
"""


def hours(begin: timedelta, end: timedelta) -> str:
    """Write hours that begin and end so long from now, by the clock of UTC."""
    now = datetime.now(UTC)
    return f"mon-sun {now + begin:%H:%M}-{now + end:%H:%M} UTC"


def machine(vm: str, state: str, *, tag: str, changed: timedelta) -> Json:
    """Describe a VM that Azure last touched so long ago."""
    moment = (datetime.now(UTC) - changed).isoformat()
    statuses = [
        {"code": "ProvisioningState/succeeded", "level": "Info", "time": moment},
        {"code": f"PowerState/{state}", "level": "Info"},
    ]
    return {
        "id": vm,
        "location": "westeurope",
        "tags": {"nightshift-hours": tag},
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_D8s_v5"},
            "instanceView": {"statuses": statuses},
        },
    }


def world() -> Json:
    """Hours that ended an hour ago, hours that began an hour ago, a tag nobody can read."""
    over, begun = hours(-8 * HOUR, -HOUR), hours(-HOUR, 6 * HOUR)
    resources: list[dict[str, Any]] = [
        machine(LATE, "running", tag=over, changed=8 * HOUR),
        machine(TWIN, "running", tag=over, changed=8 * HOUR),
        machine(WORKING, "running", tag=over, changed=HOUR / 4),
        machine(ODD, "running", tag="office hours", changed=8 * HOUR),
        machine(EARLY, "deallocated", tag=begun, changed=8 * HOUR),
        machine(AWAY, "deallocated", tag=begun, changed=HOUR / 4),
        *(machine(vm, "running", tag=over, changed=8 * HOUR) for vm in CROWD),
    ]
    return {"resources": resources, "settings": {"operation_seconds": 0.1}}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up a sandbox whose one rule goes by the tags."""
    folder = tmp_path_factory.mktemp("hours")
    with a_sandbox(folder, RULES, world(), NIGHTSHIFT_SUBSCRIPTIONS=SUBSCRIPTION) as running:
        yield running


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """Give the app as a person sees it."""
    async with Site(sandbox) as open_site:
        yield open_site


async def closed(site: Site, count: int) -> list[Json]:
    """Wait until so many plans are closed and none is open."""

    async def are_over() -> list[Json]:
        _, said = await site.call("GET", "/api/plans")
        plans: list[Json] = (said or {"plans": []})["plans"]
        done = [one for one in plans if one["state"] == "closed"]
        return plans if len(done) == len(plans) >= count else []

    return list(await until(are_over))


async def test_the_tick_follows_the_hours_and_a_person_s_word_holds(site: Site):
    """Read back from the world; then somebody starts one again, and it stays on."""
    await site.fire("tick_idle")
    plans = await closed(site, 3 + len(CROWD))
    assert {"done"} == {plan["outcome"] for plan in plans}
    seen = await site.world()
    assert {
        LATE: "deallocated",
        TWIN: "deallocated",
        WORKING: "running",
        ODD: "running",
        EARLY: "running",
        AWAY: "deallocated",
    } == {vm: power(seen, vm) for vm in (LATE, TWIN, WORKING, ODD, EARLY, AWAY)}

    stopped = {LATE, TWIN, *CROWD}
    assert dict.fromkeys(stopped, 1) == seen["observed"]["deallocations"]
    calls = await site.azure("GET", "/_calls")
    asked = [one["path"] for one in calls if "eallocate" in one["path"]]
    assert len(asked) < len(stopped), "some that were due at one moment share a call"

    late = resource(seen, LATE)
    assert late is not None
    view = late["properties"]["instanceView"]
    assert view["statuses"][0]["time"] > datetime.now(UTC).strftime("%Y-%m-%d")
    view["statuses"][1]["code"] = "PowerState/running"
    await site.azure("PUT", "/_world", seen)
    await site.fire("tick_idle")
    assert len(plans) == len(await closed(site, len(plans)))
    assert "running" == power(await site.world(), LATE)
