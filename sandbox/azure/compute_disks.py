"""Snapshots of managed disks: made incrementally, read, listed, tagged, deleted.

Disks themselves are read through the general part.
Source: https://learn.microsoft.com/rest/api/compute/snapshots
"""

from sandbox.azure import arm_ids, clock, errors
from sandbox.azure.api_versions import DISKS
from sandbox.azure.arm_generic import checked_tags
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.compute_defaults import DISK, SNAPSHOT
from sandbox.azure.errors import ServiceError
from sandbox.azure.operations import Work, accepted
from sandbox.azure.routes import Route

_ONE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.Compute/snapshots/{name}"
)
_OPTIONS = ("Copy", "CopyStart", "Empty", "Import", "Restore", "Upload", "FromImage")
_BODY = frozenset({"location", "tags", "sku", "properties", "extendedLocation"})


def create(call: Call) -> Reply:
    """Begin to make a snapshot, or change the one of that name and source."""
    body = call.body()
    source = _checked(call, body)
    found = call.state.world.get(call.path)
    if found is not None:
        _same_source(found, source)
        if "tags" in body:
            found["tags"] = checked_tags(body["tags"])
        return Reply(200, found)
    snapshot = _new(call, body, source)
    work = Work(
        verb="createOrUpdate",
        target=call.path,
        start=lambda: call.state.world.put(snapshot),
        finish=lambda: _made(call, snapshot),
        fail=lambda: snapshot["properties"].update(provisioningState="Failed"),
        result=lambda: snapshot,
    )
    return accepted(call, work, 202, snapshot)


def _checked(call: Call, body: Json) -> Json | None:
    """Refuse a body that the service refuses; answer the disk to copy, if it copies one."""
    unknown = sorted(set(body) - _BODY)
    if unknown:
        raise ServiceError(
            400,
            "InvalidRequestContent",
            f"Could not find member '{unknown[0]}' on object of type 'Snapshot'.",
        )
    location = body.get("location")
    if not isinstance(location, str) or not location:
        raise ServiceError(
            400, "LocationRequired", "The location property is required for this definition."
        )
    checked_tags(body.get("tags", {}))
    creation = (body.get("properties") or {}).get("creationData")
    if not isinstance(creation, dict):
        raise errors.missing("creationData")
    option = creation.get("createOption")
    if option not in _OPTIONS:
        raise errors.invalid(
            "creationData.createOption", option, f"one of {', '.join(_OPTIONS)}"
        )
    if option not in {"Copy", "CopyStart"}:
        return None
    return _source(call, creation, location, option)


def _source(call: Call, creation: Json, location: str, option: str) -> Json:
    wanted = creation.get("sourceResourceId")
    if not isinstance(wanted, str) or not wanted:
        raise errors.missing("creationData.sourceResourceId")
    parsed = arm_ids.parse(wanted)
    if parsed is None or parsed.type.lower() not in {DISK, SNAPSHOT}:
        raise errors.invalid(
            "creationData.sourceResourceId", wanted, "the id of a managed disk or a snapshot"
        )
    source = call.state.world.get(wanted)
    if source is None:
        raise errors.not_found(wanted)
    if option == "CopyStart" and not _is_whole_increment(source):
        raise ServiceError(
            409,
            "OperationNotAllowed",
            f"Snapshot '{source.get('name')}' is not an incremental snapshot that is whole.",
        )
    if option == "Copy" and _place(source.get("location", "")) != _place(location):
        raise errors.invalid(
            "location", location, f"that of the source, '{source.get('location')}'"
        )
    return source


def _is_whole_increment(source: Json) -> bool:
    """Tell whether a copy to another region may begin from it.

    Source: https://learn.microsoft.com/azure/virtual-machines/disks-copy-incremental-snapshot-across-regions
    """
    said = source.get("properties", {})
    arrived = said.get("completionPercent", 100.0)
    whole = said.get("provisioningState") == "Succeeded" and arrived == 100.0  # noqa: PLR2004
    return bool(said.get("incremental")) and whole and source["type"].lower() == SNAPSHOT


def _place(location: str) -> str:
    return location.replace(" ", "").lower()


def _same_source(found: Json, source: Json | None) -> None:
    before = str(found["properties"].get("creationData", {}).get("sourceResourceId", ""))
    if source is None or before.lower() != source["id"].lower():
        raise ServiceError(
            409,
            "PropertyChangeNotAllowed",
            "Changing property 'creationData.sourceResourceId' is not allowed.",
        )


def _new(call: Call, body: Json, source: Json | None) -> Json:
    given = body["properties"]
    origin = source["properties"] if source else {}
    size = given.get("diskSizeGB", origin.get("diskSizeGB"))
    properties: Json = {
        **given,
        "provisioningState": "Updating",
        "timeCreated": clock.now_iso(),
        "diskState": "Unattached",
        "incremental": bool(given.get("incremental", False)),
    }
    if size is not None:
        properties.update(diskSizeGB=size, diskSizeBytes=size * 1024**3)
    for key in ("osType", "hyperVGeneration", "encryption"):
        if key in origin:
            properties.setdefault(key, origin[key])
    return {
        "id": call.path,
        "name": call.params["name"],
        "type": "Microsoft.Compute/snapshots",
        "location": body["location"],
        "tags": dict(body.get("tags", {})),
        "sku": body.get("sku", {"name": "Standard_LRS", "tier": "Standard"}),
        "properties": properties,
    }


def _made(call: Call, snapshot: Json) -> None:
    """End the making; what is copied across regions arrives later than it is provisioned."""
    said = snapshot["properties"]
    said.update(provisioningState="Succeeded", completionPercent=100.0)
    if said["creationData"].get("createOption") == "CopyStart":
        said["completionPercent"] = 40.0
        call.state.operations.later(0.3, lambda: said.update(completionPercent=100.0))
    call.state.world.count("snapshots", snapshot["id"])


def delete(call: Call) -> Reply:
    """Begin to delete a snapshot; one that is not there is deleted already."""
    snapshot = call.state.world.get(call.path)
    if snapshot is None:
        return Reply(204)
    work = Work(
        verb="delete",
        target=snapshot["id"],
        finish=lambda: call.state.world.drop(snapshot["id"]),
    )
    return accepted(call, work)


ROUTES = (
    Route("PUT", _ONE, create, DISKS),
    Route("DELETE", _ONE, delete, DISKS),
)
