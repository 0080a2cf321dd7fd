"""Restore points of virtual machines, in their collections.

Source: https://learn.microsoft.com/rest/api/compute/restore-point-collections,
https://learn.microsoft.com/rest/api/compute/restore-points
"""

from sandbox.azure import arm_ids, clock, errors
from sandbox.azure.api_versions import COMPUTE
from sandbox.azure.arm_generic import checked_tags, existing
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.compute_defaults import VM
from sandbox.azure.errors import ServiceError
from sandbox.azure.operations import Work, accepted
from sandbox.azure.routes import Route

_ONE = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute"
    "/restorePointCollections/{collection}"
)
_POINT = f"{_ONE}/restorePoints/{{name}}"
_TYPE = "Microsoft.Compute/restorePointCollections"


def read(call: Call) -> Reply:
    """Read a collection, with its points if it is asked for with them."""
    found = existing(call, call.path)
    expand = call.query.get("$expand")
    if expand is None:
        return Reply(200, found)
    if expand != "restorePoints":
        raise errors.invalid("$expand", expand, "restorePoints")
    points = list(call.state.world.of_type(f"{_TYPE}/restorePoints", found["id"]))
    return Reply(
        200, {**found, "properties": {**found["properties"], "restorePoints": points}}
    )


def put(call: Call) -> Reply:
    """Make a collection for one machine; its machine never changes."""
    body = call.body()
    properties = body.get("properties") or {}
    source = str((properties.get("source") or {}).get("id") or "")
    parsed = arm_ids.parse(source) if source else None
    if parsed is None or parsed.type.lower() != VM:
        raise errors.invalid("properties.source.id", source, "the id of a virtual machine")
    machine = call.state.world.get(source)
    if machine is None:
        raise errors.not_found(source)
    if body.get("location") != machine.get("location"):
        raise errors.invalid("location", body.get("location"), f"'{machine.get('location')}'")
    found = call.state.world.get(call.path)
    if found is not None:
        if found["properties"]["source"]["id"].lower() != source.lower():
            raise ServiceError(
                409,
                "PropertyChangeNotAllowed",
                "Changing property 'source.id' is not allowed.",
            )
        return Reply(200, found)
    collection: Json = {
        "id": call.path,
        "name": call.params["collection"],
        "type": _TYPE,
        "location": machine["location"],
        "tags": dict(checked_tags(body.get("tags", {}))),
        "properties": {
            "source": {"id": source, "location": machine["location"]},
            "provisioningState": "Succeeded",
        },
    }
    call.state.world.put(collection)
    return Reply(201, collection)


def create(call: Call) -> Reply:
    """Begin a restore point of all disks of the collection's machine."""
    collection = existing(call, call.path.rpartition("/restorePoints/")[0])
    if call.state.world.get(call.path) is not None:
        raise ServiceError(
            409,
            "OperationNotAllowed",
            f"Restore point '{call.params['name']}' exists already and cannot be changed.",
        )
    source = collection["properties"]["source"]["id"]
    machine = existing(call, source)
    storage = machine.get("properties", {}).get("storageProfile", {})
    point: Json = {
        "id": call.path,
        "name": call.params["name"],
        "type": f"{_TYPE}/restorePoints",
        "properties": {
            **(call.body().get("properties") or {}),
            "provisioningState": "Creating",
            "consistencyMode": "ApplicationConsistent",
            "timeCreated": clock.now_iso(),
            "sourceMetadata": {"storageProfile": storage, "location": machine["location"]},
        },
    }
    said = point["properties"]
    work = Work(
        verb="create",
        target=call.path,
        start=lambda: call.state.world.put(point),
        finish=lambda: said.update(provisioningState="Succeeded"),
        fail=lambda: said.update(provisioningState="Failed"),
        result=lambda: point,
    )
    return accepted(call, work, 201, point)


def delete(call: Call) -> Reply:
    """Begin to delete a restore point."""
    found = call.state.world.get(call.path)
    if found is None:
        return Reply(204)
    work = Work(
        verb="delete",
        target=found["id"],
        finish=lambda: call.state.world.drop(found["id"]),
    )
    return accepted(call, work)


ROUTES = (
    Route("GET", _ONE, read, COMPUTE),
    Route("PUT", _ONE, put, COMPUTE),
    Route("PUT", _POINT, create, COMPUTE),
    Route("DELETE", _POINT, delete, COMPUTE),
)
