"""A night in mid-storm: what it is made of, and how far each of its plans has got.

Every plan is about a machine or node of its own and is called after how far it is. The
processes are real, and die by SIGKILL.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from sandbox import lifecycle
from sandbox.demo import events
from sandbox.demo import world as site_of
from sandbox.demo.site import NotAccepted, Site, until
from sandbox.options import SandboxOptions
from sandbox.state_folder import Sandbox

Json = dict[str, Any]
RULES = Path(__file__).parent / "rules"
SETTINGS = {"NIGHTSHIFT_LEASE": "1m"}
"""Long enough that a dead worker's lease still holds while the event is withdrawn."""
WAITING, WITHDRAWN = 29, 30
MACHINES = ("dead", "asked", "ladder", "canary-1", "canary-2")
LEAD = timedelta(minutes=15)
SLOW_S = 25
PAUSED = "resource:" + f"{site_of.COMPUTE}/virtualMachines/elsewhere"


def machine(name: str) -> str:
    """Name a machine of the night."""
    return f"{site_of.COMPUTE}/virtualMachines/{name}"


def build() -> Json:
    """Write the world at nightfall: two nodes of a cluster, and machines with one disk."""
    nodes = [site_of.node(number) for number in (WAITING, WITHDRAWN)]
    return {
        "settings": {"operation_seconds": 0.3},
        "resources": [
            {
                "id": site_of.CLUSTER,
                "location": site_of.REGION,
                "properties": {"nodeResourceGroup": site_of.NODE_GROUP.rpartition("/")[2]},
            },
            {
                "id": site_of.SCALE_SET,
                "location": site_of.REGION,
                "tags": {"aks-managed-poolName": "gpuspot"},
                "sku": {"name": site_of.GPU_SIZE, "capacity": 2},
                "properties": {"orchestrationMode": "Uniform"},
            },
            *({"id": _instance(n), "location": site_of.REGION} for n in (WAITING, WITHDRAWN)),
            *(part for name in MACHINES for part in _machine(name)),
        ],
        "kubernetes": {
            site_of.CLUSTER: {"objects": [*nodes, *_workload(), _budget()]},
        },
    }


def _instance(number: int) -> str:
    return site_of.instance_id(number)


def _machine(name: str) -> list[Json]:
    disk = f"{site_of.COMPUTE}/disks/{name}-os"
    return [
        {
            "id": machine(name),
            "location": site_of.REGION,
            "tags": {"healed": "no"},
            "properties": {
                "hardwareProfile": {"vmSize": site_of.SIZE},
                "storageProfile": {"osDisk": {"name": "os", "managedDisk": {"id": disk}}},
            },
        },
        {"id": disk, "location": site_of.REGION, "properties": {"diskSizeGB": 64}},
    ]


def _workload() -> list[Json]:
    labels = {"app": "trainer"}
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "trainer", "namespace": "default", "uid": "uid-trainer"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}},
        },
    }
    pods = (
        site_of.pod(f"trainer-{n}", site_of.node_name(n), "ReplicaSet", "trainer")
        for n in (WAITING, WITHDRAWN)
    )
    return [owner, *pods]


def _budget() -> Json:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "trainer", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "trainer"}}, "minAvailable": 2},
    }


def without_budget(world: Json) -> Json:
    """Give the pods leave to go: what a drain in the world of the recording waits for."""
    for cluster in world["kubernetes"].values():
        cluster["objects"] = [
            one for one in cluster["objects"] if one["kind"] != "PodDisruptionBudget"
        ]
    return world


def options(state: Path, world: Path | None = None) -> SandboxOptions:
    """Say what the sandbox of this night is made of."""
    return SandboxOptions(state, world=world, rules=(RULES,), environment=SETTINGS)


@dataclass
class Night:
    """A sandbox whose Functions host dies and comes back."""

    sandbox: Sandbox
    site: Site

    async def degraded(self, name: str) -> None:
        """Tell of a machine's failing host; its event is called as it is."""
        now = datetime.now(UTC)
        await self.site.send_event(events.degraded(name, machine(name), now=now))

    async def notice(self, name: str, number: int, status: str = "Scheduled") -> None:
        """Tell of a node's machine that is to be redeployed."""
        now = datetime.now(UTC)
        kinds = {"status": status, "kind": "Redeploy", "lead": LEAD}
        await self.site.send_event(events.notice(name, (number,), now=now, **kinds))

    async def die(self) -> None:
        """Kill the host as a crash would."""
        await asyncio.to_thread(lifecycle.kill_functions_host, self.sandbox)

    async def come_back(self) -> None:
        """Start the host again."""
        await asyncio.to_thread(lifecycle.restart_functions_host, self.sandbox)

    async def plan(self, event: str, at: Callable[[Json], bool]) -> Json:
        """Wait until some plan of an event is as wanted."""

        async def look() -> Json | None:
            return next((one for one in await self.site.plans(event) if at(one)), None)

        found: Json | None = await until(look)
        assert found, (event, await self.site.event(event))
        return found

    async def reason(self, event: str, reason: str) -> None:
        """Wait until an event was answered for a reason."""

        async def look() -> bool:
            told = await self.site.event(event)
            said = [
                d["reason"]
                for r in (told or {"records": []})["records"]
                for d in r["decisions"]
            ]
            return reason in said

        assert await until(look), await self.site.event(event)


def is_at(step: int) -> Callable[[Json], bool]:
    """Tell whether work on a step has begun and not ended."""

    def look(plan: Json) -> bool:
        one = plan["steps"][step] if len(plan["steps"]) > step else None
        return one is not None and one["started_at"] is not None and one["outcome"] is None

    return look


async def play(night: Night) -> datetime:
    """Play until the middle; return when the last process died."""
    await night.degraded("canary-1")
    await night.site.closed_plans("canary-1", 1)
    await night.degraded("canary-2")
    await night.reason("canary-2", "canary")
    await night.degraded("asked")
    await night.reason("asked", "awaiting_approval")
    body = {"scope": PAUSED, "reason": "at work on it", "expires_in": "6h", "owner": "ada"}
    status, said = await night.site.call("POST", "/api/pauses", body)
    assert status == 201, said
    await night.degraded("ladder")
    await night.plan("ladder", lambda plan: plan["rung"] == 1 and is_at(2)(plan), 90)
    await night.notice("waiting", WAITING)
    await night.plan("waiting", is_at(1))
    await _die_at_work(night)
    await night.come_back()
    await night.notice("withdrawn", WITHDRAWN, "Canceled")
    await night.die()
    return datetime.now(UTC)


async def _die_at_work(night: Night) -> None:
    """Let two workers wait for a slow answer, and die with their leases."""
    slow = {"delay": SLOW_S, "count": 1}
    await night.site.azure("POST", "/_faults", {"pattern": "PUT .*/snapshots/", **slow})
    name = f"trainer-{WITHDRAWN}"
    fault = {"pattern": f"POST .*/pods/{name}/eviction", **slow}
    await night.site.azure("POST", "/_faults", fault)
    await night.degraded("dead")
    await night.plan("dead", is_at(0))
    sending = asyncio.create_task(_lost(night.notice("withdrawn", WITHDRAWN)))
    await night.plan("withdrawn", is_at(1))
    await night.die()
    await sending


async def _lost(sending: Awaitable[None]) -> None:
    """Send what gets no answer, because who was to give it dies."""
    with contextlib.suppress(NotAccepted, aiohttp.ClientError):
        await sending
