"""A virtual machine taken apart and made anew around its disks and network cards.

Azure changes no machine from spot to regular or back: "Update of priority between 'Low'
and 'Regular', also between 'Spot' and 'Regular' are not allowed". What it allows is to
delete the machine, keep its disks and network cards, and create one of the same name
with them. What would not survive that is named, and then nobody begins.

Source: https://github.com/Azure/azure-cli/issues/11187,
https://learn.microsoft.com/azure/virtual-machines/delete (deleteOption),
https://learn.microsoft.com/rest/api/compute/virtual-machines/create-or-update
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from shared.core.spot_marks import (
    DEALLOCATE,
    NO_LIMIT,
    REGULAR,
    SPOT,
    SpotMark,
    read_mark,
    tags_after,
)

Json = Mapping[str, Any]
DETACH = "Detach"
_KEPT = frozenset({"location", "zones", "plan", "tags", "extendedLocation"})
_KEPT_PROPERTIES = frozenset(
    {
        "additionalCapabilities",
        "applicationProfile",
        "capacityReservation",
        "diagnosticsProfile",
        "extensionsTimeBudget",
        "hardwareProfile",
        "licenseType",
        "networkProfile",
        "proximityPlacementGroup",
        "scheduledEventsPolicy",
        "scheduledEventsProfile",
        "securityProfile",
        "storageProfile",
        "userData",
    }
)
_SPOT_ONLY = frozenset({"priority", "evictionPolicy", "billingProfile"})
_IN_A_GROUP = {
    "availabilitySet": "its place in an availability set",
    "virtualMachineScaleSet": "its place in a scale set",
    "host": "its dedicated host",
    "hostGroup": "its dedicated host group",
}


def would_lose(document: Json) -> tuple[str, ...]:
    """Name what a machine that is made anew would not have any more."""
    properties = document.get("properties") or {}
    identity = str((document.get("identity") or {}).get("type") or "")
    extensions = [str(one.get("name") or "?") for one in document.get("resources") or ()]
    found = [f"its extension {name}" for name in extensions]
    if "systemassigned" in identity.casefold():
        found.append("its system-assigned identity and what was granted to it")
    found += [words for key, words in _IN_A_GROUP.items() if properties.get(key)]
    for disk in _disks(document):
        if disk.get("diffDiskSettings"):
            found.append("its ephemeral OS disk")
        elif not (disk.get("managedDisk") or {}).get("id"):
            found.append("a disk that is not managed")
    if not (properties.get("storageProfile") or {}).get("osDisk"):
        found.append("its OS disk, which cannot be read")
    return tuple(found)


def blueprint(document: Json) -> dict[str, Any]:
    """Write what a machine can be made from again: its disks attached, not created."""
    properties = document.get("properties") or {}
    kept = {k: v for k, v in properties.items() if k in _KEPT_PROPERTIES | _SPOT_ONLY and v}
    storage = kept.get("storageProfile") or {}
    kept["storageProfile"] = {
        **{k: v for k, v in storage.items() if k == "diskControllerType" and v},
        "osDisk": _attached(storage.get("osDisk") or {}),
        "dataDisks": [_attached(disk) for disk in storage.get("dataDisks") or ()],
    }
    found = {k: v for k, v in document.items() if k in _KEPT and v}
    users = (document.get("identity") or {}).get("userAssignedIdentities") or {}
    if users:
        ids: dict[str, dict[str, str]] = {name: {} for name in users}
        found["identity"] = {"type": "UserAssigned", "userAssignedIdentities": ids}
    return {**found, "properties": kept}


def _attached(disk: Json) -> dict[str, Any]:
    kept = {"osType", "lun", "caching", "writeAcceleratorEnabled", "name"}
    managed = str((disk.get("managedDisk") or {}).get("id") or "")
    return {
        **{k: v for k, v in disk.items() if k in kept and v is not None},
        "createOption": "Attach",
        "deleteOption": DETACH,
        "managedDisk": {"id": managed},
    }


def _disks(document: Json) -> Iterator[Json]:
    storage = (document.get("properties") or {}).get("storageProfile") or {}
    if storage.get("osDisk"):
        yield storage["osDisk"]
    yield from storage.get("dataDisks") or ()


def detaching(document: Json) -> dict[str, Any] | None:
    """Write the change after which nothing goes with the machine; None if it is so already.

    A disk without the option stays, and so does a network card.

    Source: https://learn.microsoft.com/azure/virtual-machines/delete
    """
    properties = document.get("properties") or {}
    storage = dict(properties.get("storageProfile") or {})
    network = dict(properties.get("networkProfile") or {})
    cards = [dict(one) for one in network.get("networkInterfaces") or ()]
    bound = [*_disks(document), *(one.get("properties") or {} for one in cards)]
    if all(str(one.get("deleteOption") or DETACH) == DETACH for one in bound):
        return None
    if storage.get("osDisk"):
        storage["osDisk"] = {**storage["osDisk"], "deleteOption": DETACH}
    disks = storage.get("dataDisks") or ()
    storage["dataDisks"] = [{**disk, "deleteOption": DETACH} for disk in disks]
    for card in cards:
        card["properties"] = {**(card.get("properties") or {}), "deleteOption": DETACH}
    network["networkInterfaces"] = cards
    return {"properties": {"storageProfile": storage, "networkProfile": network}}


def priority_of(document: Json) -> str:
    """Read a VM's priority, or its scale set's model's; none means regular."""
    properties = document.get("properties") or {}
    profile = properties.get("virtualMachineProfile") or properties
    return str(profile.get("priority") or REGULAR).casefold()


def tags_of(document: Json, *, size: str, priority: str, at: datetime) -> dict[str, str]:
    """Write the tags of a machine that becomes this, with what it was if that is new."""
    properties = document.get("properties") or {}
    own = str((properties.get("hardwareProfile") or {}).get("vmSize") or "")
    price = (properties.get("billingProfile") or {}).get("maxPrice")
    was = SpotMark(
        how="",
        size=own,
        eviction=str(properties.get("evictionPolicy") or DEALLOCATE),
        max_price=float(price) if price is not None else NO_LIMIT,
        since=at,
    )
    tags = {str(k): str(v) for k, v in (document.get("tags") or {}).items()}
    is_spot = priority_of(document) != REGULAR
    return tags_after(tags, was, size=size, priority=priority, is_spot=is_spot)


def made(document: Json, *, size: str, priority: str, at: datetime) -> dict[str, Any]:
    """Write the machine to create: an eviction policy and a price only if it is spot.

    Source: https://learn.microsoft.com/azure/virtual-machines/error-codes-spot
    (EvictionPolicyCanBeSetOnlyOnAzureSpotVirtualMachines)
    """
    given = document.get("properties") or {}
    properties = {k: v for k, v in given.items() if k not in _SPOT_ONLY}
    properties["hardwareProfile"] = {"vmSize": size}
    properties["priority"] = priority.capitalize()
    if priority != REGULAR:
        properties |= _spot_terms(document)
    tags = tags_of(document, size=size, priority=priority, at=at)
    return {**document, "tags": tags, "properties": properties}


def _spot_terms(document: Json) -> dict[str, Any]:
    """Take eviction policy and price from the machine, or from its mark if it was spot."""
    given = document.get("properties") or {}
    if priority_of(document) in {SPOT, "low"}:
        return {k: given[k] for k in ("evictionPolicy", "billingProfile") if given.get(k)}
    try:
        mark = read_mark(document.get("tags") or {})
    except ValueError:
        mark = None
    eviction = mark.eviction if mark else DEALLOCATE
    price = mark.max_price if mark else NO_LIMIT
    return {"evictionPolicy": eviction, "billingProfile": {"maxPrice": price}}
