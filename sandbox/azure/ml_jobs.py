"""Azure ML jobs: read, list, submit, cancel. A submitted job queues, runs and ends.

A job of the world may carry ``_run``, what only the run history tells of it (``ml_runs``).
A compute may say with ``_jobs_end`` how jobs end that are submitted to it: a status, or
``Queued`` for jobs that stay where they are.

Source: https://learn.microsoft.com/rest/api/azureml/jobs
"""

import re
from collections.abc import Callable

from sandbox.azure import clock, errors
from sandbox.azure.api_versions import MACHINE_LEARNING
from sandbox.azure.arm_generic import existing
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.paging import page
from sandbox.azure.routes import Route

KIND = "microsoft.machinelearningservices/workspaces/jobs"
_WORKSPACE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)
_ONE = _WORKSPACE + "/jobs/{name}"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}")
_NEEDED = {
    "Command": ("command", "environmentId"),
    "Pipeline": (),
    "Sweep": ("objective", "samplingAlgorithm", "searchSpace", "trial"),
    "AutoML": ("taskDetails",),
    "Spark": ("codeId", "entry"),
}
_READ_ONLY = frozenset({"status", "services", "parameters"})
_MUTABLE = frozenset({"tags", "displayName", "description", "isArchived", "properties"})
ENDED = frozenset({"Completed", "Failed", "Canceled"})


def shown(job: Json) -> Json:
    """Show a job as the service does: what the run history keeps is not part of it."""
    return {key: value for key, value in job.items() if not key.startswith("_")}


def read(call: Call) -> Reply:
    """Read one job."""
    return Reply(200, shown(existing(call, call.path)))


def listed(call: Call) -> Reply:
    """List the jobs of a workspace, newest first, by type, tag and whether archived."""
    owner = call.path.rpartition("/")[0]
    existing(call, owner)
    every = reversed(list(call.state.world.of_type(KIND, owner)))
    return page(call, [shown(one) for one in every if _is_asked_for(call, one)], token="$skip")  # noqa: S106 - a query parameter's name


def _is_asked_for(call: Call, job: Json) -> bool:
    properties = job["properties"]
    tag, _, value = call.query.get("tag", "").partition("=")
    tags = properties.get("tags") or {}
    wanted = call.query.get("jobtype")
    view = call.query.get("listviewtype", "ActiveOnly")
    is_archived = bool(properties.get("isArchived"))
    return (
        (not tag or (tag in tags and value in {"", tags[tag]}))
        and (not wanted or wanted.lower() == str(properties.get("jobType")).lower())
        and (view == "All" or is_archived is (view == "ArchivedOnly"))
    )


def submit(call: Call) -> Reply:
    """Submit a job, or change what may be changed of one that is there.

    Submitting is by name: the same name again with the same content changes nothing, and
    with another content is refused.
    """
    owner = call.path.rpartition("/")[0].rpartition("/")[0]
    workspace = existing(call, owner)
    properties = _checked(call)
    there = call.state.world.get(call.path)
    if there is not None:
        return _updated(there, properties)
    started = clock.now_iso()
    job: Json = {
        "id": call.path,
        "name": call.params["name"],
        "type": "Microsoft.MachineLearningServices/workspaces/jobs",
        "properties": {**properties, "status": "NotStarted"},
        "systemData": {"createdAt": started, "createdByType": "Application"},
        "_run": {"createdUtc": started},
    }
    job["properties"].setdefault("displayName", job["name"])
    job["properties"].setdefault("experimentName", "Default")
    call.state.world.put(job)
    call.state.world.count("job_submissions", job["id"])
    _run_later(call, job, _end_of(call, properties, workspace))
    return Reply(201, shown(job))


def _checked(call: Call) -> Json:
    name = call.params["name"]
    if not _NAME.fullmatch(name):
        raise errors.invalid(
            "id", name, "letters, digits, dashes and underscores, at most 255", "UserError"
        )
    properties = call.body().get("properties")
    if not isinstance(properties, dict):
        raise errors.missing("properties", "UserError")
    kind = properties.get("jobType")
    if kind not in _NEEDED:
        raise errors.invalid(
            "properties.jobType", kind, f"one of {', '.join(_NEEDED)}", "UserError"
        )
    for key in _NEEDED[kind]:
        if not properties.get(key):
            raise errors.missing(f"properties.{key}", "UserError")
    compute = properties.get("computeId")
    if compute and call.state.world.get(compute) is None:
        raise ServiceError(
            400, "UserError", f"The specified compute target '{compute}' was not found."
        )
    return {
        key: value
        for key, value in properties.items()
        if key not in _READ_ONLY and value is not None
    }


def _updated(job: Json, given: Json) -> Reply:
    held = job["properties"]
    for key, value in given.items():
        if key not in _MUTABLE and held.get(key) != value:
            raise ServiceError(
                400,
                "UserError",
                f"The property '{key}' of job '{job['name']}' is immutable: submit a job of "
                "another name.",
            )
    held.update({key: given[key] for key in _MUTABLE & given.keys()})
    return Reply(200, shown(job))


def _end_of(call: Call, properties: Json, workspace: Json) -> str:
    compute = call.state.world.get(str(properties.get("computeId") or "")) or workspace
    return str(compute.get("_jobs_end", "Completed"))


def _run_later(call: Call, job: Json, ends: str) -> None:
    """Queue at once, run after half of ``task_seconds``, end after the other half."""
    half = call.state.world.settings.task_seconds / 2
    job["properties"]["status"] = "Queued"
    if ends == "Queued":
        return

    def step(before: str, status: str, then: Callable[[], None] | None = None) -> None:
        if job["properties"]["status"] != before:
            return
        move(job, status)
        if then is not None:
            then()

    def end() -> None:
        call.state.operations.later(half, lambda: step("Running", ends))

    call.state.operations.later(half, lambda: step("Queued", "Running", end))


def move(job: Json, status: str) -> None:
    """Put a job into another state, and write down when it began and ended."""
    job["properties"]["status"] = status
    run = job.setdefault("_run", {})
    if status == "Running":
        run["startTimeUtc"] = clock.now_iso()
    if status in ENDED:
        run["endTimeUtc"] = clock.now_iso()


def cancel(call: Call) -> Reply:
    """Cancel a job; one that ended stays as it ended."""
    job = existing(call, call.path.rpartition("/")[0])
    if job["properties"].get("status") not in ENDED:
        move(job, "Canceled")
    return Reply(200)


ROUTES = (
    Route("GET", _WORKSPACE + "/jobs", listed, MACHINE_LEARNING),
    Route("GET", _ONE, read, MACHINE_LEARNING),
    Route("PUT", _ONE, submit, MACHINE_LEARNING),
    Route("POST", _ONE + "/cancel", cancel, MACHINE_LEARNING),
)
