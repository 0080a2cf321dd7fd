"""More scenarios, for tests rather than for show: what becomes of other interruptions.

Each sends an event, waits for its plan and reads the world back, as the demo's do.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.demo import batch_pools, events, world
from sandbox.demo.scenarios import Result, Scenario, Tell
from sandbox.demo.site import Json, Site, power, resource

TERMS = ("priority", "evictionPolicy", "billingProfile")
NO_ROOM = {"code": "AllocationFailed", "message": "Allocation failed: no capacity."}


async def evicted_machine(site: Site, tell: Tell) -> Result:
    """A spot machine was evicted; there is none of its size any more, but of another."""
    event = "7f0c6b1e-2a54-4c1b-9a6c-0d6f0a1b2c41"
    vm = world.SPOT_VM.rpartition("/")[2]
    fault = {"pattern": f"POST .*/{vm}/start", "operation": NO_ROOM, "count": 1}
    await site.azure("POST", "/_faults", fault)
    tell("Event Grid delivers a health annotation: the machine was preempted")
    await site.send_event(events.preempted(event, world.SPOT_VM, now=_now()))
    plans = await site.closed_plans(event, 1)
    seen = await site.world()
    result = Result("an evicted machine comes back", plan=[p["id"] for p in plans])
    result.expected = {
        "plans": ["done"],
        "power": "running",
        "size": "Standard_NC40ads_H100_v5",
        "priority": "Spot",
        "starts": 1,
        "tried before": ["start"],
    }
    properties = (resource(seen, world.SPOT_VM) or {"properties": {}})["properties"]
    steps: list[Json] = plans[0]["steps"] if plans else []
    result.observed = {
        "plans": [p["outcome"] for p in plans],
        "power": power(seen, world.SPOT_VM),
        "size": properties.get("hardwareProfile", {}).get("vmSize"),
        "priority": properties.get("priority"),
        "starts": seen["observed"].get("starts", {}).get(world.SPOT_VM, 0),
        "tried before": [one["how"] for s in steps for one in s["detail"].get("tried", [])],
    }
    return result


async def machine_on_demand(site: Site, tell: Tell) -> Result:
    """Spot has no capacity: made anew on demand around its disk; later spot again."""
    event = "7f0c6b1e-2a54-4c1b-9a6c-0d6f0a1b2c48"
    vm = world.DEAR_VM.rpartition("/")[2]
    fault = {"pattern": f"POST .*/{vm}/start", "operation": NO_ROOM, "count": 2}
    await site.azure("POST", "/_faults", fault)
    tell("Event Grid delivers a health annotation: the machine was preempted")
    await site.send_event(events.preempted(event, world.DEAR_VM, now=_now()))
    plans = await site.closed_plans(event, 1)
    paid = resource(await site.world(), world.DEAR_VM) or {"properties": {}}
    tell("spot has capacity again, and a person asks for the return")
    asked = {"target": world.DEAR_VM, "with": {"even_if_busy": True}}
    _, begun = await site.call("POST", "/api/runbooks/return_to_spot", asked)
    after = await site.closed_plans(str(begun.get("event_id")), 1)
    seen = await site.world()
    back = resource(seen, world.DEAR_VM) or {"properties": {}}
    disk = resource(seen, world.DEAR_DISK)
    result = Result("on demand, and back to spot", plan=[p["id"] for p in (*plans, *after)])
    result.expected = {
        "plans": ["done", "done"],
        "on demand": ["Regular", None, None, True],
        "spot again": ["Spot", "Deallocate", {"maxPrice": 0.25}, False],
        "size": world.SIZE,
        "power": "running",
        "disk is there": True,
        "made anew": 2,
    }
    result.observed = {
        "plans": [p["outcome"] for p in (*plans, *after)],
        "on demand": _terms(paid),
        "spot again": _terms(back),
        "size": back["properties"].get("hardwareProfile", {}).get("vmSize"),
        "power": power(seen, world.DEAR_VM),
        "disk is there": disk is not None,
        "made anew": seen["observed"].get("creations", {}).get(world.DEAR_VM, 0),
    }
    return result


def _terms(machine: Json) -> list[Any]:
    """Read what a machine costs, and whether it bears the mark of what it was."""
    terms = (machine["properties"].get(k) for k in TERMS)
    return [*terms, "nightshift-was-spot" in (machine.get("tags") or {})]


async def lost_instance(site: Site, tell: Tell) -> Result:
    """A spot pool lost a machine for good, and gets another."""
    event = "7f0c6b1e-2a54-4c1b-9a6c-0d6f0a1b2c42"
    tell("Event Grid delivers a health annotation: an instance was preempted")
    await site.send_event(events.preempted(event, world.LOST_INSTANCE, now=_now()))
    plans = await site.closed_plans(event, 1)
    seen = await site.world()
    result = Result("a spot pool is refilled", plan=[p["id"] for p in plans])
    result.expected = {"plans": ["done"], "capacity": 3, "machines": 3, "marked": True}
    scale_set = resource(seen, world.SCIENCE) or {"sku": {}, "tags": {}}
    under = f"{world.SCIENCE}/virtualMachines/".casefold()
    result.observed = {
        "plans": [p["outcome"] for p in plans],
        "capacity": scale_set["sku"].get("capacity"),
        "machines": sum(r["id"].casefold().startswith(under) for r in seen["resources"]),
        "marked": scale_set["tags"].get("nightshift-grown-by") == f"{plans[0]['id']}-0"
        if plans
        else False,
    }
    return result


async def stopped_instance(site: Site, tell: Tell) -> Result:
    """An instance of a spot pool was evicted and is only deallocated."""
    event = "7f0c6b1e-2a54-4c1b-9a6c-0d6f0a1b2c43"
    tell("Event Grid delivers a health annotation: an instance was preempted")
    await site.send_event(events.preempted(event, world.STOPPED_INSTANCE, now=_now()))
    plans = await site.closed_plans(event, 1)
    seen = await site.world()
    result = Result("an evicted instance comes back", plan=[p["id"] for p in plans])
    result.expected = {"plans": [("restart_evicted_vm", "done")], "power": "running"}
    result.observed = {
        "plans": [(p["remediation"], p["outcome"]) for p in plans],
        "power": power(seen, world.STOPPED_INSTANCE),
    }
    return result


async def preempted_batch_node(site: Site, tell: Tell) -> Result:
    """The machine of a Batch node is to be taken; then the notice is withdrawn."""
    event = "7f0c6b1e-2a54-4c1b-9a6c-0d6f0a1b2c44"
    tell("Event Grid delivers a Preempt notice for the machine of a Batch node")
    about: dict[str, Any] = {"scale_set": world.BATCH_SET}
    await site.send_event(events.notice(event, (3,), now=_now(), **about))
    plans = await site.closed_plans(event, 1)
    released = await site.world()
    tell("the platform withdraws it: Canceled")
    await site.send_event(events.notice(event, (3,), now=_now(), status="Canceled", **about))
    after = await site.closed_plans(event, 2)
    result = Result("a Batch node is released and returns", plan=[p["id"] for p in after])
    result.expected = {
        "plans": [("release_batch_node", "done")] * 2,
        "scheduling": ["disabled", "enabled"],
        "task": "active",
        "beat the deadline": True,
    }
    result.observed = {
        "plans": [(p["remediation"], p["outcome"]) for p in after],
        "scheduling": [
            _node(seen, batch_pools.POOL, batch_pools.BUSY).get("schedulingState")
            for seen in (released, await site.world())
        ],
        "task": _task_state(released, "on-spot"),
        "beat the deadline": all((p["margin_seconds"] or -1) > 0 for p in plans),
    }
    return result


async def unusable_batch_nodes(site: Site, tell: Tell) -> Result:
    """Two nodes take no tasks: one is mended by reimaging, one must be replaced."""
    alert = "7f0c6b1e-2a54-4c1b-9a6c-0d6f0a1b2c45"
    tell("an action group posts an alert: nodes of the account are unusable")
    sent = events.failing_tasks(alert, world.BATCH, now=_now(), metric="UnusableNodeCount")
    await site.send_alert(sent)
    plans = await site.closed_plans(alert, 3)
    seen = await site.world()
    counted = seen["observed"]
    result = Result("unusable Batch nodes are mended", plan=[p["id"] for p in plans])
    result.expected = {
        "plans": ["done", "failed", "failed"],
        "rebooted": [batch_pools.DEAD, batch_pools.STUBBORN],
        "reimaged": [batch_pools.DEAD, batch_pools.STUBBORN],
        "removed": [batch_pools.DEAD],
        "states": ["idle", "idle"],
        "target": 2,
    }
    pool = _pool(seen, batch_pools.SICK)
    result.observed = {
        "plans": sorted(p["outcome"] for p in plans),
        "rebooted": _names(counted.get("node_reboots", {})),
        "reimaged": _names(counted.get("node_reimages", {})),
        "removed": _names(counted.get("node_removals", {})),
        "states": [node["state"] for node in pool["nodes"]],
        "target": pool["targetDedicatedNodes"],
    }
    return result


async def declared_checkpoint(site: Site, tell: Tell) -> Result:
    """A standalone machine is to be redeployed; its owner declared what to run first."""
    event = "7f0c6b1e-2a54-4c1b-9a6c-0d6f0a1b2c46"
    tell("Event Grid delivers a Redeploy notice for a machine of no pool")
    lead = timedelta(minutes=10)
    sent = events.machine_notice(event, world.DECLARED_VM, now=_now(), lead=lead)
    await site.send_event(sent)
    plans = await site.closed_plans(event, 1)
    seen = await site.world()
    ran: list[list[str]] = (resource(seen, world.DECLARED_VM) or {}).get("_ran", [])
    result = Result("a declared checkpoint is run", plan=[p["id"] for p in plans])
    result.expected = {
        "plans": [("checkpoint_vm", "done")],
        "ran": [[world.DECLARED_FILE, "vm.redeploy"]],
        "exit code": 0,
    }
    result.observed = {
        "plans": [(p["remediation"], p["outcome"]) for p in plans],
        "ran": [script[0].split()[2:4] for script in ran],
        "exit code": plans[0]["steps"][0]["detail"].get("exit_code") if plans else None,
    }
    return result


async def shared_instance(site: Site, tell: Tell) -> Result:
    """A machine on which people work is to be redeployed; then that is withdrawn."""
    event = "7f0c6b1e-2a54-4c1b-9a6c-0d6f0a1b2c47"
    tell("Event Grid delivers a Redeploy notice for an instance of a shared pool")
    about: dict[str, Any] = {
        "kind": "Redeploy",
        "lead": timedelta(minutes=10),
        "scale_set": world.SHARED,
    }
    await site.send_event(events.notice(event, (1,), now=_now(), **about))
    plans = await site.closed_plans(event, 1)
    emptied = resource(await site.world(), world.SHARED_INSTANCE) or {}
    tell("the platform withdraws it: Canceled")
    await site.send_event(events.notice(event, (1,), now=_now(), status="Canceled", **about))
    after = await site.closed_plans(event, 2)
    back = resource(await site.world(), world.SHARED_INSTANCE) or {}
    tag = "nightshift-out-of-rotation"
    first = min(plans, key=lambda p: str(p["created_at"]), default={"id": ""})
    result = Result("a shared instance is emptied and returns", plan=[p["id"] for p in after])
    result.expected = {
        "plans": [("free_pool_instance", "done")] * 2,
        "out of rotation": {"team": "vision", tag: first["id"]},
        "protected": [True, False],
        "commands": 3,
        "back": {"team": "vision"},
    }
    result.observed = {
        "plans": [(p["remediation"], p["outcome"]) for p in after],
        "out of rotation": emptied.get("tags"),
        "protected": [
            bool(one["properties"].get("protectionPolicy", {}).get("protectFromScaleIn"))
            for one in (emptied, back)
        ],
        "commands": len(emptied.get("_ran", [])),
        "back": back.get("tags"),
    }
    return result


def _pool(seen: Json, name: str) -> Json:
    found: Json = next(p for p in seen["batch"]["render"]["pools"] if p["id"] == name)
    return found


def _node(seen: Json, pool: str, name: str) -> Json:
    found: Json = next((n for n in _pool(seen, pool)["nodes"] if n["id"] == name), {})
    return found


def _task_state(seen: Json, name: str) -> str:
    jobs = seen["batch"]["render"]["jobs"]
    return next(str(t["state"]) for job in jobs for t in job["tasks"] if t["id"] == name)


def _names(counted: Json) -> list[str]:
    return sorted(target.rpartition("/")[2] for target in counted)


INTERRUPTIONS: tuple[tuple[str, Scenario], ...] = (
    ("an evicted machine comes back", evicted_machine),
    ("on demand, and back to spot", machine_on_demand),
    ("a spot pool is refilled", lost_instance),
    ("an evicted instance comes back", stopped_instance),
    ("a Batch node is released and returns", preempted_batch_node),
    ("unusable Batch nodes are mended", unusable_batch_nodes),
    ("a declared checkpoint is run", declared_checkpoint),
    ("a shared instance is emptied and returns", shared_instance),
)


def _now() -> datetime:
    return datetime.now(UTC)
