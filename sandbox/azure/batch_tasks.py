"""Reactivating a task, and what becomes of it: it queues, runs and completes again.

Source: https://learn.microsoft.com/rest/api/batchservice/tasks/reactivate-task and
https://learn.microsoft.com/rest/api/batchservice/batch-status-and-error-codes
"""

from sandbox.azure import clock
from sandbox.azure.batch_lookup import job_of, require_etag, task_of, touched
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError

JOB_REFUSALS = {
    "completed": ("JobCompleted", "The specified job is already in a completed state."),
    "terminating": ("JobBeingTerminated", "The specified job is being terminated."),
    "deleting": (
        "JobBeingDeleted",
        "The specified job has been marked for deletion and is being garbage collected.",
    ),
}
_NODE = "tvm-sandbox-1"


def reactivate(call: Call) -> Reply:
    """Let a failed task run again; what it left behind is gone from then on."""
    job, task = job_of(call), task_of(call)
    if job["state"] in JOB_REFUSALS:
        raise ServiceError(409, *JOB_REFUSALS[job["state"]])
    if task["state"] != "completed":
        raise ServiceError(
            409,
            "TaskNotCompleted",
            "The specified task is not in a completed state, and the requested operation can "
            "be performed only on completed tasks.",
        )
    if task["executionInfo"].get("result") == "success":
        raise ServiceError(
            409,
            "TaskSucceeded",
            "The specified task has already completed successfully, and the requested "
            "operation cannot be performed on successful tasks.",
        )
    require_etag(call, task)
    account = call.path.split("/")[2]
    call.state.world.count("reactivations", f"{account}/{job['id']}/{task['id']}")
    task["executionInfo"] = {"retryCount": 0, "requeueCount": 0}
    task.pop("nodeInfo", None)
    enter(task, "active")
    _run_later(call, job, task)
    return Reply(204, None, {"ETag": task["eTag"]})


def enter(item: Json, state: str) -> None:
    """Put a task into another state, keeping the one before it as the service does."""
    now = clock.now_iso()
    item["previousState"] = item["state"]
    item["previousStateTransitionTime"] = item["stateTransitionTime"]
    item["state"] = state
    item["stateTransitionTime"] = now
    touched(item, now)


def _run_later(call: Call, job: Json, task: Json) -> None:
    """Run the task after half of ``task_seconds`` and complete it after the other half."""
    half = call.state.world.settings.task_seconds / 2

    def start() -> None:
        if task["state"] != "active" or job["state"] != "active":
            return
        enter(task, "running")
        task["executionInfo"]["startTime"] = clock.now_iso()
        task["nodeInfo"] = {"poolId": job["poolInfo"].get("poolId"), "nodeId": _NODE}
        call.state.operations.later(half, end)

    def end() -> None:
        if task["state"] == "running":
            complete(task, succeeded=task.get("_after_reactivation", "success") == "success")

    call.state.operations.later(half, start)


def complete(task: Json, *, succeeded: bool) -> None:
    """Complete a task, with the exit information of a success or of a failure."""
    enter(task, "completed")
    task["executionInfo"].update(
        endTime=clock.now_iso(),
        exitCode=0 if succeeded else 1,
        result="success" if succeeded else "failure",
    )
    if not succeeded:
        task["executionInfo"]["failureInfo"] = {
            "category": "usererror",
            "code": "FailureExitCode",
            "message": "The task exited with an exit code representing a failure",
        }
