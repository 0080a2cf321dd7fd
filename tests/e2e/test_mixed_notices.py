"""One notice about an AKS node, a Slurm node and a VM that stands alone, acknowledged once.

An availability set's notice, from Event Grid to three systems and back to Azure: Slurm is
real, the rest is the sandbox's. Each machine is emptied in its own way; the one word that
counts for all three is said when the last is ready, and not at all if one could not be.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.demo import events, world
from sandbox.demo.site import Site, resource, until
from sandbox.options import SandboxOptions
from sandbox.slurm.lab import Lab
from sandbox.state_folder import Sandbox
from tests.slurm_labs import slurm_lab
from tests.slurm_site import RealSite

__all__ = ["slurm_lab"]

RULES = Path(__file__).resolve().parents[2] / "rules"
COMPUTE = f"{world.NODE_GROUP}/providers/Microsoft.Compute"
SET = f"{COMPUTE}/availabilitySets/mixed"
NODE, ALONE, SLURM = "aks-vm-0", "trainer-alone", "gpu001"
NAMES = (NODE, ALONE, SLURM)
FILE = "/etc/nightshift/checkpoint.sh"
ACTING = "rules:\n" + "".join(
    f"  - {{name: {name}, mode: auto, with: {{acknowledge: when_drained{more}}}}}\n"
    for name, more in (
        ("drain-before-maintenance", ", timeout: 1m"),
        ("drain-preempted-slurm-nodes", ""),
        ("checkpoint-standalone-machines", ""),
    )
)


def machine(name: str, **more: Any) -> dict[str, Any]:
    """Write a machine of the availability set."""
    inner = {
        "hardwareProfile": {"vmSize": world.SIZE},
        "osProfile": {"computerName": name},
        "availabilitySet": {"id": SET},
    }
    vm = f"{COMPUTE}/virtualMachines/{name}"
    return {"id": vm, "location": world.REGION, "properties": inner, **more}


def a_world(*, exit_code: int = 0) -> dict[str, Any]:
    """Write the three machines, and the cluster that one of them is a node of."""
    node = world.node(world.EVICTED)
    node["metadata"]["name"] = NODE
    node["spec"]["providerID"] = f"azure://{COMPUTE}/virtualMachines/{NODE}"
    group = world.NODE_GROUP.rpartition("/")[2]
    cluster = {"id": world.CLUSTER, "location": world.REGION}
    runs = {FILE: {"stdout": "saved", "exit": exit_code}}
    return {
        "settings": {"operation_seconds": 0.5},
        "resources": [
            {**cluster, "properties": {"nodeResourceGroup": group}},
            {"id": SET, "location": world.REGION, "properties": {}},
            machine(NODE),
            machine(ALONE, tags={"nightshift-checkpoint": FILE}, _runs=runs),
            machine(SLURM),
        ],
        "kubernetes": {
            world.CLUSTER: {"objects": [node, world.pod("worker", NODE, "Job", "train")]}
        },
    }


def notice(event: str) -> dict[str, Any]:
    """Write the notice that all three are redeployed in ten minutes."""
    known = events.notice(
        event, (0,), now=datetime.now(UTC), kind="Redeploy", lead=timedelta(minutes=10)
    )
    info = known["data"]["resourceInfo"]
    known["subject"] = info["id"] = (
        f"{SET}/providers/Microsoft.Maintenance/scheduledEvents/{event}"
    )
    info["properties"]["Resources"] = list(NAMES)
    return known


@pytest.fixture(scope="module")
def sandbox(slurm_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up a sandbox whose app acknowledges by itself, and knows the Slurm."""
    state = tmp_path_factory.mktemp("mixed")
    acting = state / "acting"
    acting.mkdir()
    (acting / "acting.yaml").write_text(ACTING)
    document = state / "world.json"
    document.write_text(json.dumps(a_world()))
    options = SandboxOptions(
        state=state / "sandbox",
        world=document,
        rules=(RULES, acting),
        environment={
            "NIGHTSHIFT_ACKNOWLEDGE": "control_plane",
            "NIGHTSHIFT_SLURM": f"hpc={slurm_lab.url}",
            "NIGHTSHIFT_SLURM_KEY": base64.b64encode(slurm_lab.key).decode(),
        },
    )
    yield lifecycle.up(options)
    lifecycle.down(options.state)


@pytest.fixture
async def slurm(slurm_lab: Lab) -> AsyncIterator[RealSite]:
    """Give Slurm and its people, with nothing left of the last test."""
    site = RealSite(slurm_lab)
    site.reset()
    yield site
    await site.slurm.close()


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """Give the app as Event Grid and a person see it."""
    async with Site(sandbox) as open_site:
        yield open_site


async def said(site: Site, event: str) -> list[str]:
    """Tell at which resources a notice was acknowledged."""
    kept = (await site.world())["acknowledged"]
    return [one["resource"] for one in kept if one["event"].lower() == event]


async def test_three_machines_of_three_systems_are_one_word(site: Site, slurm: RealSite):
    """A job on the Slurm node may not run again: it is waited for, and so is the word."""
    await site.azure("PUT", "/_world", a_world())
    number = slurm.submit(SLURM, requeue=False)
    event = str(uuid.uuid4())
    await site.send_event(notice(event))

    async def two_are_done() -> list[str]:
        plans = await site.plans(event)
        done = [p["remediation"] for p in plans if p["state"] == "closed"]
        return done if len(done) == 2 else []

    assert {"drain_node", "checkpoint_vm"} == set(await until(two_are_done))
    assert [] == await said(site, event)
    slurm.lab.run("scancel", str(number))
    plans = await site.closed_plans(event, 3)
    assert {"done"} == {plan["outcome"] for plan in plans}, plans

    async def word() -> list[str]:
        return await said(site, event)

    assert [SET] == await until(word)
    last = max(str(plan["closed_at"]) for plan in plans)
    _, view = await site.call("GET", f"/api/notices/{event}")
    assert view["acknowledged_at"] >= last
    [ran] = (resource(await site.world(), f"{COMPUTE}/virtualMachines/{ALONE}") or {})["_ran"]
    assert FILE in ran[0]
    assert "DRAIN" in slurm.show("node", SLURM)


async def test_a_checkpoint_that_failed_keeps_all_three(site: Site, slurm: RealSite):
    """Two are empty, and the third still works: its notice comes at its own time."""
    await site.azure("PUT", "/_world", a_world(exit_code=3))
    event = str(uuid.uuid4())
    await site.send_event(notice(event))
    plans = await site.closed_plans(event, 3)
    assert {("checkpoint_vm", "failed")} == {
        (plan["remediation"], plan["outcome"]) for plan in plans if plan["outcome"] != "done"
    }
    _, view = await site.call("GET", f"/api/notices/{event}")
    states = sorted(one["state"] for one in view["targets"])
    assert ("refused", ["ready", "ready", "refused"]) == (view["state"], states)
    assert [] == await said(site, event)
