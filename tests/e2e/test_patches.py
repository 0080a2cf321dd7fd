"""Updates, from a person's runbook to the machine: assessed, installed, read back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import pytest

from sandbox import lifecycle
from sandbox.demo.site import Json, Site, resource, until
from sandbox.options import SandboxOptions
from sandbox.state_folder import Sandbox

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers"
VM, LOCKED, OFF = (
    f"{GROUP}/Microsoft.Compute/virtualMachines/{name}" for name in ("vm", "locked", "off")
)
ARC = f"{GROUP}/Microsoft.HybridCompute/machines/rack-1"


def world() -> Json:
    """Make two machines that run, one of them locked, one that is off, an Arc server."""

    def a_vm(vm: str, power: str) -> Json:
        properties: Json = {
            "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
            "storageProfile": {"osDisk": {"osType": "Linux"}},
            "instanceView": {"statuses": [{"code": f"PowerState/{power}"}]},
        }
        return {"id": vm, "location": "westeurope", "properties": properties}

    arc = {"status": "Connected", "osType": "windows"}
    resources = [
        a_vm(VM, "running"),
        a_vm(LOCKED, "running"),
        a_vm(OFF, "deallocated"),
        {"id": ARC, "location": "westeurope", "properties": arc},
        {
            "id": f"{LOCKED}/providers/Microsoft.Authorization/locks/month-end",
            "properties": {"level": "ReadOnly"},
        },
    ]
    return {"resources": resources, "settings": {"operation_seconds": 0.3}}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up a sandbox in which nobody acts but the person who asks."""
    state = tmp_path_factory.mktemp("patches")
    (state / "world.json").write_text(json.dumps(world()))
    options = SandboxOptions(
        state=state / "sandbox",
        world=state / "world.json",
        environment={"NIGHTSHIFT_SUBSCRIPTIONS": SUBSCRIPTION},
    )
    yield lifecycle.up(options)
    lifecycle.down(options.state)


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """Give the app as a person sees it."""
    async with Site(sandbox) as open_site:
        yield open_site


async def ask(site: Site, runbook: str, target: str, **given: str) -> Json:
    """Start a runbook."""
    body = {"target": target, "reason": "the monthly updates", "with": given}
    _, said = await site.call("POST", f"/api/runbooks/{runbook}", body)
    return dict(said)


async def closed(site: Site, said: Json) -> Json:
    """Wait until a runbook's plan is closed."""
    found: Json = {}

    async def is_closed() -> bool:
        _, plan = await site.call("GET", f"/api/plans/{said['id']}")
        found.update(plan)
        return bool(plan["state"] == "closed")

    assert await until(is_closed)
    return found


@pytest.mark.parametrize("machine", [VM, ARC], ids=["vm", "arc"])
async def test_a_machine_is_assessed_then_patched_once(site: Site, machine: str):
    """Its last record says what was installed, and that nothing urgent is missing."""
    plan = await closed(site, await ask(site, "install_patches", machine))
    steps = [(one["verb"], one["outcome"]) for one in plan["steps"]]
    assert [("assess_patches", "done"), ("install_patches", "done")] == steps
    seen = await site.world()
    assert 1 == seen["observed"]["installations"][machine]
    row = resource(seen, f"{machine}/patchAssessmentResults/latest")
    assert row is not None
    assert 0 == row["properties"]["availablePatchCountByClassification"]["Security"]
    again = await ask(site, "install_patches", machine)
    assert "up_to_date" in json.dumps(again)
    assert 1 == (await site.world())["observed"]["installations"][machine]


@pytest.mark.parametrize(
    ("target", "reason"), [(OFF, "already_stopped"), (LOCKED, "protected")]
)
async def test_what_is_off_or_locked_is_left_alone(site: Site, target: str, reason: str):
    """Told by its name, and no call is made."""
    said = await ask(site, "install_patches", target)
    assert reason in json.dumps(said)
    seen = await site.world()
    assert None is resource(seen, f"{target}/patchAssessmentResults/latest")


async def test_a_window_that_is_closed_or_unreadable_begins_nothing(site: Site):
    """A wrong window is refused with what to write."""
    said = await ask(site, "install_patches", VM, window="whenever")
    assert "mon-fri 08:00-19:00" in json.dumps(said)
