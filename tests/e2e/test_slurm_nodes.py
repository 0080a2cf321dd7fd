"""A preempt notice for a machine that is a Slurm node, from Event Grid to a real slurmctld.

The Functions host, its storage and Azure are the sandbox's; Slurm is real. What became of
node and job is read back from slurmctld with ``scontrol``, and from the job's own file.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.demo.site import Site, until
from sandbox.options import SandboxOptions
from sandbox.slurm.configuration import NODES
from sandbox.slurm.lab import Lab
from sandbox.state_folder import Sandbox
from tests.slurm_labs import slurm_lab
from tests.slurm_site import RealSite, saving

__all__ = ["slurm_lab"]

RULES = Path(__file__).resolve().parents[2] / "rules"
NOTICE = json.loads((RULES / "examples/fixtures/preempt-slurm.json").read_text())
GROUP = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/rg-hpc"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/"
ACTING = """
rules:
  - name: drain-preempted-slurm-nodes
    mode: auto
  - name: drain-preempted-nodes
    mode: auto
"""
LEAD = timedelta(seconds=30)


def machine(name: str) -> dict[str, Any]:
    """Write a spot machine as Azure has it."""
    return {
        "id": f"{VM}{name}",
        "name": name,
        "type": "Microsoft.Compute/virtualMachines",
        "location": "westeurope",
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_ND96isr_H100_v5"},
            "osProfile": {"computerName": name},
            "priority": "Spot",
        },
    }


def notice(event: str, *names: str, status: str = "Scheduled") -> dict[str, Any]:
    """Write the notice of an eviction in thirty seconds."""
    now = datetime.now(UTC)
    document = copy.deepcopy(NOTICE)
    document["id"] = str(uuid.uuid4())
    document["eventTime"] = now.isoformat()
    info = document["data"]["resourceInfo"]
    info["name"] = event
    info["id"] = info["id"].rpartition("/")[0] + f"/{event}"
    info["properties"] |= {
        "EventId": event,
        "EventStatus": status,
        "NotBefore": format_datetime(now + LEAD, usegmt=True) if status == "Scheduled" else "",
        "Resources": list(names),
    }
    return document


@pytest.fixture(scope="module")
def sandbox(slurm_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up a sandbox whose app knows the Slurm, and whose rules act."""
    state = tmp_path_factory.mktemp("slurm-sandbox")
    acting = state / "acting"
    acting.mkdir()
    (acting / "acting.yaml").write_text(ACTING)
    world = state / "world.json"
    machines = [machine(name) for name in (*NODES, "web-1")]
    world.write_text(json.dumps({"resources": machines}))
    options = SandboxOptions(
        state=state / "sandbox",
        world=world,
        rules=(RULES, acting),
        environment={
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


async def becomes(look: Callable[[], bool]) -> bool:
    """Look until it is so."""

    async def once() -> bool:
        return look()

    return bool(await until(once))


async def test_a_preempted_slurm_node_is_emptied_and_put_back_when_withdrawn(slurm, site):
    """The job saved and runs elsewhere before the platform comes; then all is as it was."""
    number = slurm.submit(
        "gpu001", script=saving(tells=True), comment="nightshift-checkpoint=USR1"
    )
    event = str(uuid.uuid4())
    await site.send_event(notice(event, "gpu001"))
    [plan] = await site.closed_plans(event, 1)
    steps = {step["verb"]: step for step in plan["steps"]}
    assert "done" == plan["outcome"], plan
    assert ["slurm_drain", "slurm_checkpoint", "slurm_requeue"] == list(steps)
    assert plan["margin_seconds"] > 0
    assert all(step["verified_at"] for step in plan["steps"])
    assert [f"{number}.0"] == steps["slurm_checkpoint"]["detail"]["signalled"]
    assert [] == steps["slurm_checkpoint"]["detail"]["unheard"]
    assert [f"{number}.0"] == steps["slurm_requeue"]["detail"]["requeued"]

    shown = slurm.show("node", "gpu001")
    assert "DRAIN" in shown
    assert f"Reason=nightshift: vm.preempt {event}" in shown
    assert f"nightshift={plan['id']}" in shown
    assert ["saved"] == slurm.signals_of(number)
    assert await becomes(lambda: "JobState=RUNNING" in slurm.show("job", str(number)))
    job = slurm.show("job", str(number))
    assert "Restarts=1" in job
    assert "NodeList=gpu001" not in job

    await site.send_event(notice(event, "gpu001", status="Canceled"))
    [undo] = [p for p in await site.closed_plans(event, 2) if p["id"] != plan["id"]]
    assert ("done", ["slurm_resume"]) == (
        undo["outcome"],
        [step["verb"] for step in undo["steps"]],
    )
    shown = slurm.show("node", "gpu001")
    assert "State=IDLE" in shown
    assert "DRAIN" not in shown
    assert "nightshift=" not in shown


async def test_an_operators_drain_is_left_to_the_operator(slurm, site):
    """Reason, comment and drain are theirs, before and after the notice is withdrawn."""
    slurm.submit("gpu001")
    slurm.operator("gpu001", "bad DIMM")
    event = str(uuid.uuid4())
    await site.send_event(notice(event, "gpu001"))
    [plan] = await site.closed_plans(event, 1)
    assert ("already", "drained_by_others") == (
        plan["steps"][0]["outcome"],
        plan["steps"][0]["reason"],
    )
    await site.send_event(notice(event, "gpu001", status="Canceled"))

    async def heard() -> bool:
        _, seen = await site.call("GET", f"/api/events/{event}")
        return "nothing_to_undo" in json.dumps(seen)

    assert await until(heard)
    shown = slurm.show("node", "gpu001")
    assert "Reason=bad DIMM [root@" in shown
    assert "DRAIN" in shown
    assert "nightshift" not in shown


async def test_an_operator_who_resumes_the_node_ends_the_plan(slurm, site):
    """While checkpoints are waited for: the job stays, and so does the node."""
    number = slurm.submit("gpu002", script=saving(), comment="nightshift-checkpoint")
    event = str(uuid.uuid4())
    await site.send_event(notice(event, "gpu002"))
    assert await becomes(lambda: "DRAIN" in slurm.show("node", "gpu002"))
    slurm.operator_resumes("gpu002")
    [plan] = await site.closed_plans(event, 1)
    assert "resumed_by_hand" in [step["reason"] for step in plan["steps"]]
    assert "DRAIN" not in slurm.show("node", "gpu002")
    assert "JobState=RUNNING" in slurm.show("job", str(number))
    assert "Restarts=0" in slurm.show("job", str(number))


async def test_machines_that_are_no_nodes_do_not_hold_up_those_that_are(slurm, site):
    """One notice names a node, a machine of no cluster and one that does not exist."""
    event = str(uuid.uuid4())
    await site.send_event(notice(event, "gpu003", "web-1", "gone-7"))
    [plan] = await site.closed_plans(event, 1)
    assert f"{VM}gpu003".casefold() == plan["signal"]["target"].casefold()
    assert "done" == plan["outcome"]
    assert "DRAIN" in slurm.show("node", "gpu003")
    _, seen = await site.call("GET", f"/api/events/{event}")
    said = {
        record["target"].rpartition("/")[2]: {d["reason"] for d in record["decisions"]}
        for record in seen["records"]
    }
    assert "not_a_slurm_node" in said["web-1"]
    assert "target_gone" in said["gone-7"]
    await site.send_event(notice(event, "gpu003", "web-1", "gone-7", status="Canceled"))
    assert await becomes(lambda: "DRAIN" not in slurm.show("node", "gpu003"))


async def test_a_job_on_two_machines_saves_once_and_is_requeued_once(slurm, site):
    """One notice takes both: the job is one, however many nodes it has."""
    number = slurm.submit(
        "gpu001,gpu002",
        nodes=2,
        script=saving(tells=True),
        comment="nightshift-checkpoint=USR1",
    )
    event = str(uuid.uuid4())
    await site.send_event(notice(event, "gpu001", "gpu002"))
    plans = await site.closed_plans(event, 2)
    assert ["done", "done"] == [plan["outcome"] for plan in plans], plans
    assert ["saved"] == slurm.signals_of(number)
    sent = [step["detail"].get("signalled") for p in plans for step in p["steps"][1:2]]
    assert [[], [f"{number}.0"]] == sorted(sent)
    job = slurm.show("job", str(number))
    assert "Restarts=1" in job
    assert "JobState=PENDING" in job, "one node is left, and it wants two"
    await site.send_event(notice(event, "gpu001", "gpu002", status="Canceled"))
    assert await becomes(lambda: "JobState=RUNNING" in slurm.show("job", str(number)))


async def test_two_notices_seconds_apart_for_one_job_are_one_signal_and_one_requeue(
    slurm, site
):
    """Two plans, each about its node; the job is told once, and put back once."""
    number = slurm.submit(
        "gpu001,gpu002", nodes=2, script=saving(), comment="nightshift-checkpoint=USR1"
    )
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    await site.send_event(notice(first, "gpu001"))
    assert await becomes(lambda: slurm.signals_of(number) == ["saved"])
    await asyncio.sleep(2)
    await site.send_event(notice(second, "gpu002"))
    plans = [*await site.closed_plans(first, 1), *await site.closed_plans(second, 1)]

    assert ["done", "done"] == [plan["outcome"] for plan in plans], plans
    assert ["saved"] == slurm.signals_of(number)
    assert "Restarts=1" in slurm.show("job", str(number))
    details = {s["verb"]: s["detail"] for s in plans[1]["steps"]}
    assert [f"{number}.0"] == details["slurm_checkpoint"]["signalled_by_others"]
    moved = [s["detail"].get("requeued") or [] for p in plans for s in p["steps"][2:]]
    assert [[], [f"{number}.0"]] == sorted(moved)
    for event, name in ((first, "gpu001"), (second, "gpu002")):
        await site.send_event(notice(event, name, status="Canceled"))
    assert await becomes(lambda: "JobState=RUNNING" in slurm.show("job", str(number)))


async def test_when_the_event_is_over_a_node_that_answers_takes_jobs_again(slurm, site):
    """The platform was here and is gone; nothing else would put the node back."""
    event = str(uuid.uuid4())
    await site.send_event(notice(event, "gpu002"))
    await site.closed_plans(event, 1)
    assert "DRAIN" in slurm.show("node", "gpu002")
    await site.send_event(notice(event, "gpu002", status="Completed"))
    assert await becomes(lambda: "State=IDLE" in slurm.show("node", "gpu002"))
    assert "nightshift=" not in slurm.show("node", "gpu002")
