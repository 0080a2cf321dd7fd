"""What a Batch job, task, pool and node have from the start in a world.

Checks only what the service itself guarantees (an id, a known state); everything else
of a world's Batch account is given back as it was written.
"""

from typing import Any

from sandbox.azure import clock

Json = dict[str, Any]

JOB_STATES = (
    "active",
    "disabling",
    "disabled",
    "enabling",
    "terminating",
    "completed",
    "deleting",
)
TASK_STATES = ("active", "preparing", "running", "completed")


def filled(account: Json) -> Json:
    """Check an account's jobs and pools and fill in states and times.

    Raises:
        ValueError: naming the place in the account and what may stand there.
    """
    for index, job in enumerate(account.setdefault("jobs", [])):
        _job(job, f"jobs[{index}]")
    for index, pool in enumerate(account.setdefault("pools", [])):
        _pool(pool, f"pools[{index}]")
    return account


def _job(job: Json, where: str) -> None:
    _identified(job, where)
    _state(job, where, JOB_STATES, "active")
    _times(job)
    job.setdefault("poolInfo", {"poolId": "pool"})
    for index, task in enumerate(job.setdefault("tasks", [])):
        place = f"{where}.tasks[{index}]"
        _identified(task, place)
        _state(task, place, TASK_STATES, "active")
        _times(task)
        task.setdefault("commandLine", "/bin/true")
        info = task.setdefault("executionInfo", {})
        info.setdefault("retryCount", 0)
        info.setdefault("requeueCount", 0)
        if task["state"] == "completed":
            info.setdefault("result", "failure" if info.get("exitCode") else "success")
            info.setdefault("endTime", clock.now_iso())
        if task.get("_after_reactivation", "success") not in {"success", "failure"}:
            raise ValueError(f"{place}._after_reactivation: neither 'success' nor 'failure'")


def _pool(pool: Json, where: str) -> None:
    _identified(pool, where)
    _times(pool)
    pool.setdefault("state", "active")
    pool.setdefault("allocationState", "steady")
    pool.setdefault("enableAutoScale", False)
    nodes = [one for one in pool.get("nodes", []) if isinstance(one, dict)]
    dedicated = sum(1 for one in nodes if one.get("isDedicated", True))
    pool.setdefault("targetDedicatedNodes", dedicated)
    pool.setdefault("targetLowPriorityNodes", len(nodes) - dedicated)
    for index, node in enumerate(pool.setdefault("nodes", [])):
        _identified(node, f"{where}.nodes[{index}]")
        node.setdefault("state", "idle")
        node.setdefault("schedulingState", "enabled")
        node.setdefault("stateTransitionTime", clock.now_iso())
        node.setdefault("lastBootTime", clock.now_iso())
        node.setdefault("allocationTime", clock.now_iso())


def _identified(item: object, where: str) -> None:
    if not (isinstance(item, dict) and isinstance(item.get("id"), str)):
        raise ValueError(  # noqa: TRY004 - a wrong document, not a wrong call
            f"{where}.id: missing; every job, task, pool and node has one"
        )


def _state(item: Json, where: str, states: tuple[str, ...], default: str) -> None:
    if item.setdefault("state", default) not in states:
        raise ValueError(f"{where}.state: {item['state']!r} is not one of {', '.join(states)}")


def _times(item: Json) -> None:
    now = clock.now_iso()
    for key in ("creationTime", "lastModified", "stateTransitionTime"):
        item.setdefault(key, now)
    item.setdefault("eTag", "0x1")
