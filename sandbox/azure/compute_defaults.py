"""What a compute resource has from the start, so that a world need not spell it out."""

from typing import Any

from sandbox.azure import clock

Json = dict[str, Any]

VM = "microsoft.compute/virtualmachines"
SCALE_SET = "microsoft.compute/virtualmachinescalesets"
INSTANCE = "microsoft.compute/virtualmachinescalesets/virtualmachines"
DISK = "microsoft.compute/disks"
SNAPSHOT = "microsoft.compute/snapshots"

_POWER_WORDS = {
    "starting": "VM starting",
    "running": "VM running",
    "stopping": "VM stopping",
    "stopped": "VM stopped",
    "deallocating": "VM deallocating",
    "deallocated": "VM deallocated",
}
_PROVISIONED = (VM, SCALE_SET, INSTANCE, DISK, SNAPSHOT)


def power_status(state: str) -> Json:
    """Write a power state as an instance view carries it."""
    return {
        "code": f"PowerState/{state}",
        "level": "Info",
        "displayStatus": _POWER_WORDS.get(state, f"VM {state}"),
    }


def provisioning_status(state: str) -> Json:
    """Write a provisioning state, with the time it was reached."""
    return {
        "code": f"ProvisioningState/{state}",
        "level": "Info",
        "displayStatus": f"Provisioning {state}",
        "time": clock.now_iso(),
    }


def filled(resource: Json) -> Json:
    """Give a compute resource its state: running and provisioned, unless the world says."""
    kind = resource["type"].lower()
    if kind not in _PROVISIONED:
        return resource
    properties = resource["properties"]
    properties.setdefault("provisioningState", "Succeeded")
    if kind in {VM, SCALE_SET, INSTANCE}:
        resource.setdefault("etag", '"1"')
    if kind in {VM, INSTANCE}:
        statuses = properties.setdefault("instanceView", {}).setdefault("statuses", [])
        _complete(statuses)
    return resource


def _complete(statuses: list[Json]) -> None:
    codes = [str(one.get("code", "")).lower() for one in statuses]
    if not any(code.startswith("provisioningstate/") for code in codes):
        statuses.insert(0, provisioning_status("succeeded"))
    if not any(code.startswith("powerstate/") for code in codes):
        statuses.append(power_status("running"))
