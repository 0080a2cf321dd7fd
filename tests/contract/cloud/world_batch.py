"""Azure Batch of the small world, as its data plane tells it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.contract.cloud.worlds import BATCH_VM, LONG_AGO, RECENT, stamp


def _task(name: str, exit_code: int | None, ended: datetime = RECENT) -> dict[str, Any]:
    if exit_code is None:
        return {"id": name, "state": "running"}
    info: dict[str, Any] = {
        "exitCode": exit_code,
        "result": "failure" if exit_code else "success",
        "startTime": stamp(ended - timedelta(minutes=1)),
        "endTime": stamp(ended),
        "retryCount": 2,
        "requeueCount": 0,
    }
    if exit_code:
        info["failureInfo"] = {"category": "usererror", "code": "FailureExitCode"}
    return {"id": name, "state": "completed", "executionInfo": info}


def batch() -> dict[str, Any]:
    """Jobs and tasks of the Batch account."""
    tasks = [
        _task("failed", 7),
        _task("fine", 0),
        _task("going", None),
        _task("old", 1, LONG_AGO),
    ]
    ending = {"id": "ending", "state": "terminating", "tasks": [_task("failed", 9)]}
    busy = {"id": "busy", "state": "running", "runningTasksCount": 1}
    busy["virtualMachineInfo"] = {"scaleSetVmResourceId": BATCH_VM.upper()}
    nodes = [
        busy,
        {"id": "broken", "state": "unusable"},
        {"id": "stuck", "state": "starttaskfailed", "_refuses": True},
    ]
    pools = [
        {"id": "gpu", "nodes": nodes},
        {"id": "other", "nodes": [{"id": "broken-too", "state": "unusable"}]},
    ]
    return {"jobs": [{"id": "train", "tasks": tasks}, ending], "pools": pools}
