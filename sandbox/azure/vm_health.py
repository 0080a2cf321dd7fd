"""Machines that do not answer: resource health, the console's log, what brings them back.

A VM of the world with ``"_unwell": "restart"`` is unavailable, and its agent not ready,
until it was restarted (or ``redeploy``; ``nothing`` helps at all). ``"_console"`` is what
its serial console wrote; without it its boot diagnostics are off.

Source: https://learn.microsoft.com/rest/api/resourcehealth/availability-statuses/get-by-resource,
https://learn.microsoft.com/rest/api/compute/virtual-machines/retrieve-boot-diagnostics-data
"""

from sandbox.azure import clock
from sandbox.azure.api_versions import COMPUTE, RESOURCE_HEALTH
from sandbox.azure.arm_generic import existing
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.power import state_of
from sandbox.azure.routes import Route

_ONE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.Compute/virtualMachines/{name}"
)
_HEALTH = "/providers/Microsoft.ResourceHealth/availabilityStatuses/current"
_COUNTED = {"restart": "restarts", "redeploy": "redeploys"}
CONSOLE = "/console"


def is_unwell(call: Call, vm: Json) -> bool:
    """Tell whether nobody has done yet what helps."""
    helps = vm.get("_unwell")
    done = call.state.world.observed.get(_COUNTED.get(helps or "", ""), {})
    return bool(helps) and not done.get(vm["id"], 0)


def availability(call: Call) -> Reply:
    """Say whether a VM is available."""
    vm = existing(call, call.path[: -len(_HEALTH)])
    is_lost = is_unwell(call, vm) or state_of(vm) != "running"
    properties = {
        "availabilityState": "Unavailable" if is_lost else "Available",
        "title": "Unavailable" if is_lost else "Available",
        "occuredTime": clock.now_iso(),
        "reportedTime": clock.now_iso(),
    }
    return Reply(
        200,
        {
            "id": call.path,
            "name": "current",
            "type": "Microsoft.ResourceHealth/AvailabilityStatuses",
            "location": vm["location"],
            "properties": properties,
        },
    )


def agent(call: Call, vm: Json) -> Json:
    """Write what the platform last heard of a VM's agent."""
    said = "Not Ready" if is_unwell(call, vm) else "Ready"
    status = {
        "code": "ProvisioningState/succeeded",
        "level": "Info",
        "displayStatus": said,
        "time": clock.now_iso(),
    }
    return {"vmAgentVersion": "2.11.1.4", "statuses": [status]}


def console(call: Call) -> Reply:
    """Give out where the console's log is, good for a while."""
    vm = existing(call, call.path.rpartition("/")[0])
    if "_console" not in vm:
        raise ServiceError(
            400,
            "BadRequest",
            f"Boot diagnostics is not enabled on the virtual machine '{vm['name']}'.",
        )
    where = f"{call.state.url}{CONSOLE}{vm['id']}"
    return Reply(
        200,
        {
            "serialConsoleLogBlobUri": f"{where}?sig=secret",
            "consoleScreenshotBlobUri": f"{where}.bmp?sig=secret",
        },
    )


def log(call: Call) -> Reply:
    """Give out a console's log to whoever has its address."""
    vm = call.state.world.get(call.path[len(CONSOLE) :])
    if vm is None or call.query.get("sig") != "secret":
        raise ServiceError(403, "AuthenticationFailed", "The signature is not valid.")
    return Reply(200, vm.get("_console", ""))


ROUTES = (
    Route("GET", _ONE + _HEALTH, availability, RESOURCE_HEALTH),
    Route("POST", _ONE + "/retrieveBootDiagnosticsData", console, COMPUTE),
)
