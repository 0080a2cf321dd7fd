"""Compute nodes of Batch pools: scheduling on and off, reboot, reimage, off and on.

Source: https://learn.microsoft.com/rest/api/batchservice/nodes
"""

from collections.abc import Iterator

from sandbox.azure import batch_resizes, clock
from sandbox.azure.batch_lookup import account_of, node_of
from sandbox.azure.batch_tasks import complete, enter
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.routes import Route

_OPTIONS = ("requeue", "terminate", "taskcompletion")
_BUSY = {
    "rebooting": ("NodeBeingRebooted", "The specified node is being rebooted"),
    "reimaging": ("NodeBeingReimaged", "The specified node is being reimaged"),
    "starting": ("NodeBeingStarted", "The specified node is being started"),
    "creating": ("NodeBeingCreated", "The specified node is being created"),
}
# Each operation: the option its body may carry, the state meanwhile and the state after.
_CHANGES = {
    "reboot": ("nodeRebootOption", "rebooting", "idle"),
    "reimage": ("nodeReimageOption", "reimaging", "idle"),
    "deallocate": ("nodeDeallocateOption", "deallocating", "deallocated"),
    "start": (None, "starting", "idle"),
}
_REFUSING = frozenset({"unusable", "starttaskfailed"})
_WORK_OPTIONS = (*_OPTIONS, "retaineddata")


def _option(call: Call, name: str, known: tuple[str, ...]) -> str:
    body = call.body("InvalidRequestBody") if call.raw else {}
    unknown = sorted(set(body) - {name})
    if unknown:
        raise ServiceError(
            400,
            "UnsupportedProperty",
            "One of the properties specified in the request body is not supported.",
            values={"PropertyName": unknown[0], "Known": name},
        )
    option = str(body.get(name, "requeue")).lower()
    if option not in known:
        raise ServiceError(
            400,
            "InvalidPropertyValue",
            "The value provided for one of the properties in the request body is invalid.",
            values={"PropertyName": name, "PropertyValue": option, "Known": ", ".join(known)},
        )
    return option


def disable_scheduling(call: Call) -> Reply:
    """Give the node no new tasks; what runs on it is requeued, ended or let finish."""
    node = node_of(call)
    option = _option(call, "nodeDisableSchedulingOption", _OPTIONS)
    _require_scheduling(node, "enabled")
    node["schedulingState"] = "disabled"
    for task in _running_on(call, node):
        if option == "requeue":
            _requeue(task)
        elif option == "terminate":
            complete(task, succeeded=False)
    settings = call.state.world.settings
    wait = settings.task_seconds if option == "taskcompletion" else settings.operation_seconds
    call.state.operations.later(wait, lambda: _emptied(node))
    return Reply(200)


def enable_scheduling(call: Call) -> Reply:
    """Give the node tasks again."""
    node = node_of(call)
    _require_scheduling(node, "disabled")
    node["schedulingState"] = "enabled"
    if node["state"] == "offline":
        _enter(node, "idle")
    return Reply(200)


def _require_scheduling(node: Json, wanted: str) -> None:
    """Refuse to disable what is disabled: the operation is not idempotent in Azure."""
    if node["schedulingState"] != wanted:
        raise ServiceError(
            409,
            "NodeAlreadyInTargetSchedulingState",
            "The specified node is already in the target scheduling state.",
        )


def _running_on(call: Call, node: Json) -> Iterator[Json]:
    for job in account_of(call)["jobs"]:
        for task in job["tasks"]:
            on_it = task.get("nodeInfo", {}).get("nodeId") == node["id"]
            if on_it and task["state"] == "running":
                yield task


def _requeue(task: Json) -> None:
    info = task["executionInfo"]
    info["requeueCount"] = info.get("requeueCount", 0) + 1
    info["lastRequeueTime"] = clock.now_iso()
    task.pop("nodeInfo", None)
    enter(task, "active")


def _emptied(node: Json) -> None:
    if node["schedulingState"] == "disabled" and node["state"] in {"idle", "running"}:
        _enter(node, "offline")


def _enter(node: Json, state: str) -> None:
    node["state"] = state
    node["stateTransitionTime"] = clock.now_iso()


def change(call: Call) -> Reply:
    """Reboot, reimage, deallocate or start a node: accepted now, true in a while."""
    verb = call.path.rpartition("/")[2].lower()
    option, meanwhile, after = _CHANGES[verb]
    node = node_of(call)
    if option is not None:
        _option(call, option, _WORK_OPTIONS)
    if node["state"] in _REFUSING and verb in {"reboot", "reimage"} and node.get("_refuses"):
        raise ServiceError(
            409,
            "NodeStateUnusable",
            "The operation is not possible: the node is unusable.",
        )
    if node["state"] in _BUSY:
        raise ServiceError(409, *_BUSY[node["state"]])
    if (node["state"] == "deallocated") != (verb == "start"):
        raise ServiceError(
            409, "OperationNotValidOnNode", "The specified operation is not valid on the node."
        )
    was = node["state"]
    broken = was in _REFUSING and verb not in node.get("_mended_by", [verb])
    _enter(node, meanwhile)

    def end() -> None:
        account = call.path.split("/")[2]
        call.state.world.count(
            f"node_{verb}s", f"{account}/{call.params['pool']}/{node['id']}"
        )
        if broken:
            _enter(node, was)
            return
        offline = after == "idle" and node["schedulingState"] == "disabled"
        _enter(node, "offline" if offline else after)
        if after == "idle":
            node["lastBootTime"] = clock.now_iso()

    call.state.operations.later(call.state.world.settings.operation_seconds, end)
    return Reply(202)


_ONE = "/pools/{pool}/nodes/{node}"

ROUTES = (
    *batch_resizes.ROUTES,
    Route("POST", _ONE + "/disablescheduling", disable_scheduling),
    Route("POST", _ONE + "/enablescheduling", enable_scheduling),
    *(Route("POST", f"{_ONE}/{verb}", change) for verb in _CHANGES),
)
