"""Pools of the demo's Batch account: a busy node on a machine of ours, and broken ones."""

from datetime import datetime, timedelta
from typing import Any

Json = dict[str, Any]
POOL, BUSY, STUBBORN, DEAD = "gpu", "tvm-busy", "tvm-stubborn", "tvm-dead"
SICK = "sick"


def pools(now: datetime, vm: str) -> list[Json]:
    """Write the pools; the broken nodes have been so for an hour.

    Args:
        vm: ARM id of the machine that the busy node is.
    """
    long_ago = (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    busy = {
        "id": BUSY,
        "state": "running",
        "runningTasksCount": 1,
        "virtualMachineInfo": {"scaleSetVmResourceId": vm},
    }
    stubborn = {"id": STUBBORN, "state": "unusable", "_mended_by": ["reimage"]}
    dead = {"id": DEAD, "state": "starttaskfailed", "_mended_by": []}
    broken = [{**one, "stateTransitionTime": long_ago} for one in (stubborn, dead)]
    return [{"id": POOL, "nodes": [busy]}, {"id": SICK, "nodes": broken}]


def jobs() -> list[Json]:
    """Write a job of which one task runs on the busy node."""
    where = {"nodeId": BUSY, "poolId": POOL}
    task = {"id": "on-spot", "state": "running", "nodeInfo": where}
    return [{"id": "pooled", "tasks": [task]}]
