"""Starting, stopping and moving machines: the state changes behind VM operations.

The same for VMs and for the instances of scale sets, whose resources carry their
state in the same place: ``properties.instanceView.statuses``.
"""

import copy
from dataclasses import dataclass

from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.compute_defaults import power_status, provisioning_status
from sandbox.azure.errors import ServiceError
from sandbox.azure.operations import Work, accepted


@dataclass(frozen=True, slots=True)
class PowerVerb:
    """One power operation: the states it goes through and what it asks beforehand."""

    name: str
    during: str | None
    after: str | None
    counted: str
    needs_running: bool = False


VERBS = {
    "start": PowerVerb("start", "starting", "running", "starts"),
    "deallocate": PowerVerb("deallocate", "deallocating", "deallocated", "deallocations"),
    "poweroff": PowerVerb("powerOff", "stopping", "stopped", "power_offs"),
    "restart": PowerVerb("restart", None, "running", "restarts", needs_running=True),
    "redeploy": PowerVerb("redeploy", None, "running", "redeploys", needs_running=True),
    "reapply": PowerVerb("reapply", None, None, "reapplies"),
    "performmaintenance": PowerVerb(
        "performMaintenance", None, "running", "maintenances", needs_running=True
    ),
    "reimage": PowerVerb("reimage", None, "running", "reimages"),
}


def state_of(machine: Json) -> str:
    """Read the power state: ``running``, ``deallocated`` and so on."""
    for status in machine["properties"]["instanceView"]["statuses"]:
        kind, _, state = status["code"].partition("/")
        if kind.lower() == "powerstate":
            return str(state).lower()
    return "unknown"


def set_state(machine: Json, *, power: str | None, provisioning: str) -> None:
    """Write both states, the provisioning state with the time it was reached."""
    statuses = [provisioning_status(provisioning)]
    statuses.append(power_status(power or state_of(machine)))
    machine["properties"]["instanceView"]["statuses"] = statuses
    machine["properties"]["provisioningState"] = provisioning.capitalize()


def run(call: Call, machine: Json, verb: PowerVerb) -> Reply:
    """Accept a power operation; the machine changes now, and again when it ends."""
    return accepted(call, work(call, machine, verb))


def work(call: Call, machine: Json, verb: PowerVerb) -> Work:
    """Describe a power operation on one machine.

    Raises:
        ServiceError: 409, the machine does not run and the operation needs it to.
    """
    state = state_of(machine)
    if verb.needs_running and state != "running":
        raise ServiceError(
            409,
            "OperationNotAllowed",
            f"Operation '{verb.name}' is not allowed on VM '{machine['name']}' since the VM "
            f"is not running: its power state is '{state}'. Start the VM first.",
        )
    before = copy.deepcopy(machine["properties"]["instanceView"]["statuses"])

    def finish() -> None:
        set_state(machine, power=verb.after, provisioning="succeeded")
        call.state.world.count(verb.counted, machine["id"])

    def fail() -> None:
        machine["properties"]["instanceView"]["statuses"] = before
        set_state(machine, power=None, provisioning="failed")

    return Work(
        verb=verb.name,
        target=machine["id"],
        start=lambda: set_state(machine, power=verb.during, provisioning="updating"),
        finish=finish,
        fail=fail,
    )
