"""Jobs of Batch: their tasks counted, and the job closed.

Source: https://learn.microsoft.com/rest/api/batchservice/jobs/get-job-task-counts,
https://learn.microsoft.com/rest/api/batchservice/jobs/terminate-job
"""

from sandbox.azure.batch_lookup import job_of, require_etag
from sandbox.azure.batch_tasks import JOB_REFUSALS, complete, enter
from sandbox.azure.call import Call, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.routes import Route

_RUNNING = ("preparing", "running")


def counts(call: Call) -> Reply:
    """Count a job's tasks by state, and those that ended by their result."""
    tasks = job_of(call)["tasks"]
    ended = [one for one in tasks if one["state"] == "completed"]
    failed = sum(one["executionInfo"].get("result") == "failure" for one in ended)
    numbers = {
        "active": sum(one["state"] == "active" for one in tasks),
        "running": sum(one["state"] in _RUNNING for one in tasks),
        "completed": len(ended),
        "succeeded": len(ended) - failed,
        "failed": failed,
    }
    return Reply(200, {"taskCounts": numbers, "taskSlotCounts": dict(numbers)})


def terminate(call: Call) -> Reply:
    """Close a job: what runs is ended, what waits stays waiting, for ever."""
    job = job_of(call)
    body = call.body("InvalidRequestBody") if call.raw else {}
    unknown = sorted(set(body) - {"terminateReason"})
    if unknown:
        raise ServiceError(
            400,
            "InvalidPropertyValue",
            "The value provided for one of the properties in the request body is invalid.",
            values={"PropertyName": unknown[0], "Known": "terminateReason"},
        )
    if job["state"] in JOB_REFUSALS:
        raise ServiceError(409, *JOB_REFUSALS[job["state"]])
    require_etag(call, job)
    enter(job, "terminating")
    reason = body.get("terminateReason", "UserTerminate")
    job.setdefault("executionInfo", {})["terminateReason"] = reason

    def end() -> None:
        for task in job["tasks"]:
            if task["state"] in _RUNNING:
                complete(task, succeeded=False)
        enter(job, "completed")
        account = call.path.split("/")[2]
        call.state.world.count("closed_jobs", f"{account}/{job['id']}")

    call.state.operations.later(call.state.world.settings.operation_seconds, end)
    return Reply(202)


ROUTES = (
    Route("GET", "/jobs/{job}/taskcounts", counts),
    Route("POST", "/jobs/{job}/terminate", terminate),
)
