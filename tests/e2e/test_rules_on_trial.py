"""New rules in some resource groups first, by the deployed app: tried, failed, taken back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob.aio import BlobServiceClient

from sandbox import lifecycle
from sandbox.demo import events, world
from sandbox.demo.site import Site, until
from sandbox.options import SandboxOptions
from sandbox.state_folder import Sandbox
from shared.core.rollouts import is_tried

CONTAINER = "night-rules"
PERCENT = 50
POLL_S = 10
RULE = """rules:
  - name: move-carefully
    on: vm.degraded
    remediate: snapshot_and_redeploy
    priority: 10
    mode: {}
"""


def machine(group: str, number: int) -> str:
    """Name a machine."""
    return f"{group}/providers/Microsoft.Compute/virtualMachines/vm-{number}"


_NAMED = f"/subscriptions/{world.SUBSCRIPTION}/resourceGroups/"
_GROUPS = [f"{_NAMED}rg-{number}" for number in range(20)]
TRIED = next(group for group in _GROUPS if is_tried(machine(group, 0), PERCENT))
OTHER = next(group for group in _GROUPS if not is_tried(machine(group, 0), PERCENT))


def machines(group: str) -> list[dict[str, Any]]:
    """Write four machines of a group, each with a disk."""
    found: list[dict[str, Any]] = []
    for number in range(4):
        disk = f"{group}/providers/Microsoft.Compute/disks/os-{number}"
        storage = {"osDisk": {"name": "os", "managedDisk": {"id": disk}}}
        hardware = {"vmSize": world.SIZE}
        inner = {"hardwareProfile": hardware, "storageProfile": storage}
        found += [
            {"id": machine(group, number), "location": world.REGION, "properties": inner},
            {"id": disk, "location": world.REGION, "properties": {"diskSizeGB": 64}},
        ]
    return found


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory):
    """A sandbox that tries new rules in half of the resource groups."""
    state = tmp_path_factory.mktemp("trial")
    document = state / "world.json"
    resources = [*machines(TRIED), *machines(OTHER)]
    document.write_text(json.dumps({"resources": resources}), encoding="utf-8")
    environment = {
        "NIGHTSHIFT_RULES_CONTAINER": CONTAINER,
        "NIGHTSHIFT_RULES_POLL": f"{POLL_S}s",
        "NIGHTSHIFT_RULES_CANARY": str(PERCENT),
    }
    yield lifecycle.up(SandboxOptions(state=state, world=document, environment=environment))
    lifecycle.down(state)


@pytest.fixture
async def site(night: Sandbox) -> AsyncIterator[Site]:
    """The app, with a first version of the rules in its container: it counts everywhere."""
    connection = night.storage_connection_string
    async with Site(night) as open_site:
        async with BlobServiceClient.from_connection_string(connection) as blobs:
            await blobs.create_container(CONTAINER)
        await upload(open_site, "observe")
        await rolled(open_site, lambda said: bool(said["stable"]))
        yield open_site


async def upload(site: Site, mode: str) -> None:
    """Put a version of the rule into the container."""
    connection = site.sandbox.storage_connection_string
    async with BlobServiceClient.from_connection_string(connection) as blobs:
        files = blobs.get_container_client(CONTAINER)
        await files.upload_blob("careful.yaml", RULE.format(mode), overwrite=True)


async def rolled(site: Site, wanted: Any) -> dict[str, Any]:
    """Wait for as long as two looks take until the rollout is as wanted."""

    async def look() -> dict[str, Any] | None:
        _, said = await site.call("GET", "/api/rules")
        rollout = said["rollout"]
        return rollout if rollout is not None and wanted(rollout) else None

    found = await until(look)
    assert found, (await site.call("GET", "/api/rules"))[1]
    return dict(found)


async def answered(site: Site, event_id: str, vm: str) -> str:
    """Tell of a machine's failing host; say by which word the careful rule answers."""
    await site.send_event(events.degraded(event_id, vm, now=datetime.now(UTC)))
    told = await until(lambda: site.event(event_id))
    said = [one for record in told["records"] for one in record["decisions"]]
    [careful] = [one for one in said if one["rule"] == "move-carefully"]
    return str(careful["reason"] or careful["kind"])


async def test_rules_whose_plans_fail_are_taken_back_without_a_person(site: Site):
    """Half of the groups act by the new rules, till two plans fail; a crash ends no trial."""
    assert await answered(site, "before", machine(TRIED, 0)) == "observe_only"
    await upload(site, "auto")
    trial = (await rolled(site, lambda said: said["rules_on_trial"]))["trial"]
    lifecycle.kill_functions_host(site.sandbox)
    lifecycle.restart_functions_host(site.sandbox)
    async with Site(site.sandbox) as later:
        await fails_and_is_taken_back(later, trial)


async def fails_and_is_taken_back(site: Site, trial: str) -> None:
    """The rest of the night, before a process that knows only what is stored."""
    assert await answered(site, "good", machine(TRIED, 0)) == "act"
    assert await answered(site, "elsewhere", machine(OTHER, 0)) == "observe_only"
    [plan] = await site.closed_plans("good", 1)
    assert plan["outcome"] == "done"

    refusal = {"error": {"code": "AuthorizationFailed", "message": "no permission"}}
    fault = {"pattern": "PUT .*/snapshots/", "status": 403, "body": refusal, "count": 99}
    await site.azure("POST", "/_faults", fault)
    for number in (1, 2):
        assert await answered(site, f"bad-{number}", machine(TRIED, number)) == "act"
        await site.closed_plans(f"bad-{number}", 1)
    await site.azure("DELETE", "/_faults")

    back = await rolled(site, lambda said: not said["trial"])
    [rejected] = back["rejected"]
    assert (rejected["version"], back["rules_on_trial"]) == (trial, [])
    assert rejected["why"] == "2 of 3 plans failed, elsewhere 0 of 0 plans failed"
    assert await answered(site, "after", machine(TRIED, 3)) == "observe_only"
    assert (await site.call("GET", "/api/health"))[1]["status"] == "degraded"
    told = await until(lambda: site.event(f"rules-{trial}"))
    kinds = {record["signal"]["type"] for record in told["records"]}
    assert kinds == {"rules.trial", "rules.fell_back"}
    log = Path(site.sandbox.log_files["functions"]).read_text(encoding="utf-8")
    assert "trial=none" in log
