"""Many machines deallocated by one call: each with its own result and its own operation.

Source: https://learn.microsoft.com/rest/api/computeschedule/scheduled-actions/virtual-machines-execute-deallocate
"""

from sandbox.azure import clock, errors, power
from sandbox.azure.api_versions import COMPUTE_SCHEDULE
from sandbox.azure.arm_generic import existing, refuse_if_locked
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.routes import Route

_PATH = (
    "/subscriptions/{subscription}/providers/Microsoft.ComputeSchedule"
    "/locations/{location}/virtualMachinesExecuteDeallocate"
)


def deallocate(call: Call) -> Reply:
    """Begin to deallocate the machines that the body names; what fails is said for each."""
    body = call.body()
    for name in ("executionParameters", "resources", "correlationid"):
        if name not in body:
            raise errors.missing(name)
    ids = body["resources"].get("ids") if isinstance(body["resources"], dict) else None
    if not isinstance(ids, list) or not ids or not all(isinstance(one, str) for one in ids):
        raise errors.invalid("resources.ids", ids, "a list of ids of virtual machines")
    reply: Json = {
        "description": "Deallocate Resource request",
        "type": "VirtualMachines",
        "location": call.params["location"],
        "results": [_result(call, one, body) for one in ids],
    }
    return Reply(200, reply)


def _result(call: Call, vm: str, body: Json) -> Json:
    try:
        machine = existing(call, vm)
        if machine["location"].lower() != call.params["location"].lower():
            raise errors.invalid("location", call.params["location"], machine["location"])
        refuse_if_locked(call, vm)
        work = power.work(call, machine, power.VERBS["deallocate"])
        operation = call.state.operations.begin(call, work)
    except ServiceError as refusal:
        return {"resourceId": vm, "errorCode": refusal.code, "errorDetails": refusal.message}
    return {
        "resourceId": vm,
        "errorCode": None,
        "errorDetails": None,
        "operation": {
            "operationId": operation.id,
            "resourceId": vm,
            "opType": "Deallocate",
            "subscriptionId": call.params["subscription"],
            "deadline": clock.now_iso(),
            "deadlineType": "InitiateAt",
            "state": "PendingScheduling",
            "timezone": "UTC",
            "retryPolicy": body["executionParameters"].get("retryPolicy"),
        },
    }


ROUTES = (Route("POST", _PATH, deallocate, COMPUTE_SCHEDULE),)
