"""Acknowledging a maintenance notice from outside the VM: kept in the world.

The path takes the notice's resource, the body form several notices at once. Nothing
happens to the resource: when the platform then acts is not for this stand-in to say.

Source: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
"""

from sandbox.azure import clock, errors
from sandbox.azure.api_versions import MAINTENANCE_EVENTS
from sandbox.azure.arm_generic import existing
from sandbox.azure.call import Call, Reply
from sandbox.azure.routes import Route

_SCOPE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.Compute/{kind}/{name}"
)
_KINDS = frozenset({"virtualmachines", "virtualmachinescalesets", "availabilitysets"})
_EVENTS = _SCOPE + "/providers/Microsoft.Maintenance/scheduledevents"


def acknowledge(call: Call) -> Reply:
    """Acknowledge the notice that the path names."""
    return _acknowledged(call, [call.params["event"]])


def acknowledge_list(call: Call) -> Reply:
    """Acknowledge the notices that the body lists."""
    events = call.body().get("value")
    if events is None:
        raise errors.missing("value")
    if not isinstance(events, list) or not all(isinstance(one, str) for one in events):
        raise errors.invalid("value", events, "a list of event ids")
    return _acknowledged(call, events)


def _acknowledged(call: Call, events: list[str]) -> Reply:
    kind = call.params["kind"]
    if kind.lower() not in _KINDS:
        raise errors.ServiceError(
            400,
            "InvalidResourceType",
            f"Scheduled events of '{kind}' cannot be acknowledged: only those of "
            "virtualMachines, virtualMachineScaleSets and availabilitySets.",
        )
    path = call.path[: call.path.lower().rindex("/providers/microsoft.maintenance")]
    resource = existing(call, path)
    for event in events:
        call.state.world.acknowledged.append(
            {"resource": resource["id"], "event": event, "time": clock.now_iso()}
        )
    return Reply(200, {"value": "Successfully Approved"})


ROUTES = (
    Route("POST", _EVENTS, acknowledge_list, MAINTENANCE_EVENTS),
    Route("POST", _EVENTS + "/{event}/acknowledge", acknowledge, MAINTENANCE_EVENTS),
)
