"""VMs that do not answer, from the notice to the world: restart, redeploy, a person."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.demo.site import Json, Site, until
from sandbox.state_folder import Sandbox
from tests.sandboxed import a_sandbox

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
VMS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers/Microsoft.Compute"
HUNG, BROKEN, FINE = (f"{VMS}/virtualMachines/{name}" for name in ("hung", "broken", "fine"))
PANIC = "Kernel panic - not syncing: VFS: Unable to mount root fs"
RULES = """
rules:
  - name: revive
    on: [vm.availability_changed, alert.metric, alert.log]
    remediate:
      - revive_vm: {how: restart, settle: 0s, verify: facts.is_well, timeout: 8s}
      - revive_vm: {how: redeploy, verify: facts.is_well, timeout: 20s}
      - ask_a_person: {}
    notify: teams
    mode: auto
"""


def machine(vm: str, **more: str) -> Json:
    """Describe a VM that Azure last touched a day ago."""
    moment = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    statuses = [
        {"code": "ProvisioningState/succeeded", "level": "Info", "time": moment},
        {"code": "PowerState/running", "level": "Info"},
    ]
    properties = {
        "hardwareProfile": {"vmSize": "Standard_D8s_v5"},
        "instanceView": {"statuses": statuses},
    }
    return {"id": vm, "location": "westeurope", "properties": properties, **more}


def world() -> Json:
    """One that a restart helps, one that only another host helps, one that is well."""
    resources: list[dict[str, Any]] = [
        machine(HUNG, _unwell="restart", _console=PANIC),
        machine(BROKEN, _unwell="redeploy"),
        machine(FINE),
    ]
    return {"resources": resources, "settings": {"operation_seconds": 0.1}}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up a sandbox whose one rule revives."""
    folder = tmp_path_factory.mktemp("unresponsive")
    with a_sandbox(folder, RULES, world(), NIGHTSHIFT_SUBSCRIPTIONS=SUBSCRIPTION) as running:
        yield running


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """Give the app as a person sees it."""
    async with Site(sandbox) as open_site:
        yield open_site


def lost(vm: str) -> Json:
    """Write what resource health sends when a VM becomes unavailable."""
    now = datetime.now(UTC).isoformat()
    properties = {
        "targetResourceId": vm,
        "targetResourceType": "Microsoft.Compute/virtualMachines",
        "occurredTime": now,
        "previousAvailabilityState": "Available",
        "availabilityState": "Unavailable",
    }
    return {
        "id": f"lost-{vm.rpartition('/')[2]}",
        "source": f"/subscriptions/{SUBSCRIPTION}",
        "subject": "",
        "type": ("Microsoft.ResourceNotifications.HealthResources.AvailabilityStatusChanged"),
        "specversion": "1.0",
        "time": now,
        "data": {
            "resourceInfo": {
                "id": f"{vm}/providers/Microsoft.ResourceHealth/availabilityStatuses/current",
                "name": "current",
                "type": "Microsoft.ResourceHealth/availabilityStatuses",
                "properties": properties,
            },
            "apiVersion": "2023-12-01",
        },
    }


async def test_a_hung_machine_is_restarted_and_one_on_a_bad_host_is_moved(site: Site) -> None:
    """Read back from the world; the healthy one, of which the same was said, is let be."""
    for vm in (HUNG, BROKEN, FINE):
        await site.send_event(lost(vm))
    hung = await site.closed_plans("lost-hung", 1)
    assert ["done"] == [plan["outcome"] for plan in hung]
    verbs = ["boot_diagnostics", "restart", "verify"]
    assert verbs == [step["verb"] for step in hung[0]["steps"]]

    async def is_moved() -> bool:
        plans = await site.plans("lost-broken")
        return len(plans) == 2 and all(one["state"] == "closed" for one in plans)

    assert await until(is_moved)
    seen = (await site.world())["observed"]
    assert {HUNG: 1, BROKEN: 1} == seen["restarts"]
    assert {BROKEN: 1} == seen["redeploys"]
    fine = await site.event("lost-fine")
    assert fine is not None
    assert [] == fine["plans"]
    assert "is_well" in json.dumps(fine)
