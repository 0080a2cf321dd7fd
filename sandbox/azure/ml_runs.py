"""The run history of Azure ML, and the address by which a workspace leads to it.

The resource manager tells a job's status; why it ended only the run history tells:
``error``, ``cancelationReason``, ``warnings``. Clients find it by the workspace's
``discoveryUrl``, which is asked without a token.

Source: azure-ai-ml 1.35.2, ``_restclient/runhistory`` (path, version, model of a run) and
``JobOperations._get_workspace_url`` (discovery)
"""

from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError

_HISTORY = "/history/v1.0"


def answer(call: Call) -> Reply:
    """Answer with one run, as the run history keeps it."""
    where, _, name = call.path[len(_HISTORY) :].rpartition("/runs/")
    if call.method != "GET" or not call.path.lower().startswith(_HISTORY) or not where:
        raise ServiceError(
            404,
            "NotFound",
            f"The run history serves GET {_HISTORY}/{{workspace}}/runs/{{id}}.",
        )
    job = call.state.world.get(f"{where}/jobs/{name}")
    if job is None:
        raise ServiceError(404, "UserError", f"Run {name} was not found")
    properties = job["properties"]
    run: Json = {
        "runId": job["name"],
        "rootRunId": job["name"],
        "status": properties.get("status"),
        "displayName": properties.get("displayName"),
        "target": str(properties.get("computeId") or "").rpartition("/")[2] or None,
        "tags": properties.get("tags") or {},
        "properties": properties.get("properties") or {},
        **job.get("_run", {}),
    }
    return Reply(200, run)


def discover(call: Call) -> Reply:
    """Tell where a workspace's services are."""
    return Reply(200, {"api": call.state.url, "history": call.state.url})
