"""Deletion: of disks, network interfaces, public addresses, scale sets.

A disk that a machine holds, an interface that a machine has and an address that an
interface has are refused, as the services do.

Source: https://learn.microsoft.com/rest/api/compute/disks/delete,
https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces/delete,
https://learn.microsoft.com/rest/api/virtualnetwork/public-ip-addresses/delete
"""

from sandbox.azure.api_versions import COMPUTE, DISKS, NETWORK
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.operations import Work, accepted
from sandbox.azure.routes import Route

_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers"
_HOLDERS = ("virtualMachine", "privateEndpoint", "ipConfiguration", "natGateway")


def delete_disk(call: Call) -> Reply:
    """Begin to delete a disk; one that a machine has is refused."""
    disk = call.state.world.get(call.path)
    if disk is not None:
        properties = disk.get("properties", {})
        if disk.get("managedBy") or properties.get("diskState") in {"Attached", "Reserved"}:
            raise ServiceError(
                409,
                "OperationNotAllowed",
                f"Disk {disk['name']} is attached to VM {disk.get('managedBy')}.",
            )
    return _delete(call, disk)


def delete_network(call: Call) -> Reply:
    """Begin to delete an interface or an address; one in use is refused."""
    found = call.state.world.get(call.path)
    if found is not None:
        properties = found.get("properties", {})
        held = next((one for one in _HOLDERS if properties.get(one)), None)
        if held is not None:
            raise ServiceError(
                400, "InUseCannotBeDeleted", f"{found['name']} is used by its {held}."
            )
    return _delete(call, found)


def _delete(call: Call, found: Json | None) -> Reply:
    if found is None:
        return Reply(204)
    work = Work(
        verb="delete",
        target=found["id"],
        finish=lambda: call.state.world.drop(found["id"]),
    )
    return accepted(call, work)


def delete_scale_set(call: Call) -> Reply:
    """Begin to delete a scale set with its instances."""
    return _delete(call, call.state.world.get(call.path))


ROUTES = (
    Route("DELETE", f"{_GROUP}/Microsoft.Compute/disks/{{name}}", delete_disk, DISKS),
    Route(
        "DELETE",
        f"{_GROUP}/Microsoft.Compute/virtualMachineScaleSets/{{name}}",
        delete_scale_set,
        COMPUTE,
    ),
    Route(
        "DELETE",
        f"{_GROUP}/Microsoft.Network/networkInterfaces/{{name}}",
        delete_network,
        NETWORK,
    ),
    Route(
        "DELETE",
        f"{_GROUP}/Microsoft.Network/publicIPAddresses/{{name}}",
        delete_network,
        NETWORK,
    ),
)
