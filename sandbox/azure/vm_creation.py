"""Virtual machines made from disks that are there, and what goes with one that is deleted.

Only ``createOption: Attach`` is played: nobody here makes a machine from an image.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/create-or-update,
https://learn.microsoft.com/azure/virtual-machines/delete
"""

from collections.abc import Iterator

from sandbox.azure import compute_defaults, errors, power, views
from sandbox.azure.arm_generic import checked_tags
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.operations import Work, accepted

_BODY = frozenset(
    {"location", "tags", "properties", "identity", "plan", "zones", "id", "name"}
)
_SPOT_ONLY = ("evictionPolicy", "billingProfile")


def create(call: Call) -> Reply:
    """Begin to make a VM; the body of one that is there changes nothing here."""
    body = call.body()
    unknown = sorted(set(body) - _BODY)
    if unknown:
        raise ServiceError(
            400,
            "InvalidRequestContent",
            f"Could not find member '{unknown[0]}' on object of type 'VirtualMachine'.",
        )
    properties = body.get("properties") or {}
    _checked_terms(properties)
    found = call.state.world.get(call.path)
    if found is not None:
        return Reply(200, views.shown(found))
    _checked_disks(call, properties)
    vm = compute_defaults.filled(
        {
            **body,
            "id": call.path,
            "name": call.params["name"],
            "type": "Microsoft.Compute/virtualMachines",
            "tags": checked_tags(body.get("tags") or {}),
            "properties": dict(properties),
        }
    )
    power.set_state(vm, power="starting", provisioning="creating")

    def finish() -> None:
        power.set_state(vm, power="running", provisioning="succeeded")
        call.state.world.count("creations", vm["id"])

    work = Work(
        verb="createOrUpdate",
        target=call.path,
        start=lambda: call.state.world.put(vm),
        finish=finish,
        fail=lambda: power.set_state(vm, power="unknown", provisioning="failed"),
        result=lambda: views.shown(vm),
    )
    return accepted(call, work, 201, views.shown(vm))


def _checked_terms(properties: Json) -> None:
    priority = properties.get("priority", "Regular")
    if priority not in {"Regular", "Low", "Spot"}:
        raise errors.invalid("priority", priority, "Regular, Low or Spot")
    given = [key for key in _SPOT_ONLY if properties.get(key)]
    if priority == "Regular" and given:
        raise ServiceError(
            409,
            "EvictionPolicyCanBeSetOnlyOnAzureSpotVirtualMachines",
            "Eviction policy can be set only on Azure Spot Virtual Machines.",
        )
    if properties.get("osProfile"):
        raise errors.invalid("osProfile", "given", "none where the OS disk is attached")


def _checked_disks(call: Call, properties: Json) -> None:
    """Refuse disks that are not there, or that another machine has."""
    storage = properties.get("storageProfile") or {}
    if not storage.get("osDisk"):
        raise errors.missing("storageProfile.osDisk")
    held = {
        _disk_id(disk)
        for vm in call.state.world.of_type(compute_defaults.VM, "")
        for disk in disks(vm)
    }
    for disk in (storage["osDisk"], *(storage.get("dataDisks") or ())):
        if disk.get("createOption") != "Attach":
            raise errors.invalid("createOption", disk.get("createOption"), "Attach")
        if call.state.world.get(_disk_id(disk)) is None:
            raise errors.not_found(_disk_id(disk))
        if _disk_id(disk) in held:
            raise ServiceError(
                409,
                "AttachDiskWhileBeingDetached",
                f"Disk '{_disk_id(disk)}' is attached to another VM.",
            )


def disks(vm: Json) -> Iterator[Json]:
    """Go through the disks of a VM."""
    storage = vm["properties"].get("storageProfile") or {}
    if storage.get("osDisk"):
        yield storage["osDisk"]
    yield from storage.get("dataDisks") or ()


def _disk_id(disk: Json) -> str:
    return str((disk.get("managedDisk") or {}).get("id") or "").lower()


def drop_with_bound(call: Call, vm: Json) -> None:
    """Delete a VM, and the disks that are set to go with it."""
    for disk in disks(vm):
        if disk.get("deleteOption") == "Delete" and call.state.world.get(_disk_id(disk)):
            call.state.world.drop(_disk_id(disk))
    call.state.world.drop(vm["id"])
    call.state.world.count("vm_deletions", vm["id"])
