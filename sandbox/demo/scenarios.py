"""The four scenarios: send an event, wait for the plan, read the world back.

Each says what it expects before it looks, and is verified only by what the world and
the ledger show afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.demo import events, world
from sandbox.demo.site import Json, Site, objects, power, resource, until

Tell = Callable[[str], None]


@dataclass(slots=True)
class Result:
    """One scenario as the report has it."""

    name: str
    plan: list[str] = field(default_factory=list)
    expected: dict[str, Any] = field(default_factory=dict)
    observed: dict[str, Any] = field(default_factory=dict)
    verified: bool = False
    seconds: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)


Scenario = Callable[[Site, Tell], Awaitable[Result]]


async def timed(name: str, scenario: Scenario, site: Site, tell: Tell) -> Result:
    """Run a scenario; its result is verified if the world is as expected.

    A scenario that fails on the way is a result too, so that the others are shown.
    """
    began = time.monotonic()
    try:
        result = await scenario(site, tell)
    except Exception as error:  # noqa: BLE001 - whatever it is, the report must say it
        seen = f"{type(error).__name__}: {error}"
        result = Result(name, expected={"ended": "by itself"}, observed={"ended": seen})
    result.seconds = round(time.monotonic() - began, 2)
    result.verified = result.observed == result.expected
    return result


async def spot_eviction(site: Site, tell: Tell) -> Result:
    """A GPU node gets thirty seconds; then the eviction is withdrawn."""
    event = "c1bf8322-4cbf-4fc4-9c45-b40cf3106d0e"
    numbers = (world.EVICTED, world.HELD_BY_PERSON)
    node, held = world.node_name(world.EVICTED), world.node_name(world.HELD_BY_PERSON)
    others = _pods_on(await site.world(), world.node_name(world.BYSTANDER))
    tell("Event Grid delivers a Preempt notice for two machines")
    await site.send_event(events.notice(event, numbers, now=_now()))
    tell("cordoning, evicting, waiting for budgets and pods")
    plans = await site.closed_plans(event, 2)
    drained = await site.world()
    tell("the platform withdraws the eviction: Canceled")
    await site.send_event(events.notice(event, numbers, now=_now(), status="Canceled"))
    after = await site.closed_plans(event, 3)
    restored = await site.world()
    result = Result("spot eviction of an AKS GPU node", plan=[p["id"] for p in after])
    result.expected = {
        "plans": ["done", "done", "done"],
        "left on the drained node": ["gpu-plugin", "kube-proxy"],
        "pods of another node touched": [],
        "cordoned while preempted": [node, held],
        "cordoned after Canceled": [held],
        "beat the deadline": True,
    }
    kept = _pods_on(restored, world.node_name(world.BYSTANDER))
    result.observed = {
        "plans": [p["outcome"] for p in after],
        "left on the drained node": sorted({_family(p) for p in _pods_on(drained, node)}),
        "pods of another node touched": sorted(others - kept),
        "cordoned while preempted": _cordoned(drained),
        "cordoned after Canceled": _cordoned(restored),
        "beat the deadline": all((p["margin_seconds"] or -1) > 0 for p in plans),
    }
    result.notes = {"margin_seconds": {p["id"]: p["margin_seconds"] for p in plans}}
    return result


async def idle_compute(site: Site, tell: Tell) -> Result:
    """A timer finds two machines that nobody uses among ten that run."""
    tell("the timer tick_idle fires")
    await site.fire("tick_idle")

    async def found() -> list[Json]:
        # The host's own timer may have fired a moment before: then those are its plans.
        ours = {"deallocate_idle", "stop_instance"}
        idle = [p for p in await _recent(site) if p["remediation"] in ours]
        return idle if len(idle) >= 2 and all(p["state"] == "closed" for p in idle) else []  # noqa: PLR2004 - one VM, one compute instance

    tell("two plans deallocate what is idle")
    plans = await until(found)
    seen = await site.world()
    result = Result("idle compute", plan=[p["id"] for p in plans])
    machines = {
        "dev-idle": ("deallocated", world.IDLE_VM),
        "dev-busy": ("running", world.BUSY_VM),
        "dev-no-metrics": ("running", world.SILENT_VM),
        "dev-empty-metrics": ("running", world.EMPTY_VM),
        "dev-failed-metrics": ("running", world.FAILED_VM),
        "dev-gpu-unmeasured": ("running", world.GPU_VM),
        "dev-opted-out": ("running", world.KEPT_VM),
    }
    computes = {"ci-idle": ("Stopped", world.IDLE_CI), "ci-busy": ("Running", world.BUSY_CI)}
    wanted = {name: state for name, (state, _) in {**machines, **computes}.items()}
    result.expected = {"plans": ["done", "done"], **wanted}
    result.observed = {
        "plans": [p["outcome"] for p in plans],
        **{name: power(seen, vm) for name, (_, vm) in machines.items()},
        **{name: _ml_state(seen, compute) for name, (_, compute) in computes.items()},
    }
    return result


async def failing_batch_tasks(site: Site, tell: Tell) -> Result:
    """An alert names a Batch account; the tasks that just failed run again."""
    alert = "0c8a2f6e-1111-4222-8333-444455556666"
    tell("an action group posts an alert: tasks of the account fail")
    await site.send_alert(events.failing_tasks(alert, world.BATCH, now=_now()))
    tell("saving exit information, reactivating within the budget")
    plans = await site.closed_plans(alert, 1)

    async def again() -> dict[str, int]:
        seen: Json = (await site.world())["observed"]
        found: dict[str, int] = seen.get("reactivations", {})
        return found

    counted = await until(again)
    states = _tasks(await site.world())
    result = Result("alert on failing Batch tasks", plan=[p["id"] for p in plans])
    result.expected = {
        "plans": ["done"],
        "reactivated": {"frame-2": 1, "frame-3": 1},
        "left failed": ["frame-old", "late"],
        "exit information saved first": True,
    }
    steps = plans[0]["steps"] if plans else []
    result.observed = {
        "plans": [p["outcome"] for p in plans],
        "reactivated": {k.rpartition("/")[2]: v for k, v in sorted(counted.items())},
        "left failed": sorted(name for name, failed in states.items() if failed),
        "exit information saved first": [s["verb"] for s in steps]
        == ["save_exit_info", "reactivate"] * 2
        and all(
            saved["verified_at"] < again["verified_at"]
            for saved, again in zip(steps[::2], steps[1::2], strict=True)
        ),
    }
    return result


async def degraded_hardware(site: Site, tell: Tell) -> Result:
    """A host is failing: every disk is saved, then the machine moves."""
    event = "3d0a7a54-9d0f-4c6e-8a55-0d6f0a1b2c3d"
    tell("Event Grid delivers a health annotation: degraded hardware")
    await site.send_event(events.degraded(event, world.DEGRADED_VM, now=_now()))
    tell("snapshots of three disks, then a redeploy")
    plans = await site.closed_plans(event, 1)
    seen = await site.world()
    result = Result("degraded hardware", plan=[p["id"] for p in plans])
    snapshots = [r for r in seen["resources"] if r["type"].endswith("/snapshots")]
    name = plans[0]["id"] if plans else ""
    result.expected = {
        "plans": ["done"],
        "snapshots of": sorted(disk.rpartition("/")[2] for disk in world.DISKS),
        "each incremental, tagged with source, plan and expiry": True,
        "redeploys": 1,
        "power": "running",
    }
    result.observed = {
        "plans": [p["outcome"] for p in plans],
        "snapshots of": sorted(
            s["properties"]["creationData"]["sourceResourceId"].rpartition("/")[2]
            for s in snapshots
        ),
        "each incremental, tagged with source, plan and expiry": all(
            s["properties"].get("incremental") is True
            and s["tags"].get("nightshift-plan") == name
            and s["tags"].get("nightshift-source")
            and s["tags"].get("nightshift-expires")
            for s in snapshots
        ),
        "redeploys": sum(seen["observed"].get("redeploys", {}).values()),
        "power": power(seen, world.DEGRADED_VM),
    }
    return result


SCENARIOS: tuple[tuple[str, Scenario], ...] = (
    ("spot eviction of an AKS GPU node", spot_eviction),
    ("idle compute", idle_compute),
    ("alert on failing Batch tasks", failing_batch_tasks),
    ("degraded hardware", degraded_hardware),
)


def _now() -> datetime:
    return datetime.now(UTC)


async def _recent(site: Site) -> list[Json]:
    _, said = await site.call("GET", "/api/plans?limit=200")
    found: list[Json] = said["plans"]
    return found


def _pods_on(seen: Json, node: str) -> set[str]:
    pods = objects(seen, world.CLUSTER, "Pod")
    return {p["metadata"]["name"] for p in pods if p["spec"].get("nodeName") == node}


def _family(pod: str) -> str:
    return next((f for f in ("gpu-plugin", "kube-proxy") if pod.startswith(f)), pod)


def _cordoned(seen: Json) -> list[str]:
    nodes = objects(seen, world.CLUSTER, "Node")
    return sorted(n["metadata"]["name"] for n in nodes if n["spec"].get("unschedulable"))


def _ml_state(seen: Json, compute: str) -> str:
    found = resource(seen, compute) or {}
    return str(found.get("properties", {}).get("properties", {}).get("state", "unknown"))


def _tasks(seen: Json) -> dict[str, bool]:
    """Tell of each task whether it stands there as failed."""
    return {
        task["id"]: task.get("executionInfo", {}).get("result") == "failure"
        for job in seen["batch"]["render"]["jobs"]
        for task in job["tasks"]
    }
