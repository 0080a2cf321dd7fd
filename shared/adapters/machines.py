"""Virtual machines as the compute API writes them, turned into facts. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from shared.adapters.resources import flexible_scale_set, over_pool
from shared.core.facts import (
    MachineFacts,
    ManagedDisk,
    Resource,
    has_gpu,
    resource_from_arm,
)
from shared.core.resource_ids import SCALE_SET_VM, ResourceId
from shared.ports import SnapshotState

Json = Mapping[str, Any]
_POWER = "powerstate"
_PROVISIONING = "provisioningstate"


def machine_fact(document: Json, vm: str, states: Json | None = None) -> MachineFacts:
    """Read a VM or a scale set's instance; utilisation is not known here.

    Args:
        states: The instance view, if it came separately.
    """
    rid = ResourceId.parse(vm)
    found = resource_from_arm(document, rid.text)
    pool = rid.parent if rid.type == SCALE_SET_VM else flexible_scale_set(document)
    resource: Resource = over_pool(found, None, pool) if pool else found
    view = states if states is not None else instance_view(document)
    power, since, changed = power_of(view)
    return MachineFacts(
        resource=resource,
        power=power or None,
        has_gpu=has_gpu(resource.size),
        utilisation=None,
        started_at=since if power == "running" else None,
        changed_at=changed,
    )


def power_of(view: Json) -> tuple[str, datetime | None, datetime | None]:
    """Return the power state of an instance view, since when, and when it was last changed.

    The text of a state is one for all machines.
    """
    power, since = status(view, _POWER)
    _, changed = status(view, _PROVISIONING)
    return sys.intern(power), since, changed


def instance_view(document: Json) -> Json:
    """Return the instance view inside a VM, or an empty one."""
    properties = document.get("properties") or {}
    return properties.get("instanceView") or {}


def status(view: Json, kind: str) -> tuple[str, datetime | None]:
    """Return the value and time of one status (``PowerState/running``), lower case.

    Azure gives ProvisioningState a time; PowerState often comes without one.

    Source: https://learn.microsoft.com/azure/virtual-machines/states-billing
    """
    for one in view.get("statuses") or ():
        name, _, value = str(one.get("code") or "").partition("/")
        if name.casefold() == kind:
            return value.partition("/")[0].casefold(), moment(one.get("time"))
    return "", None


def provisioning(document: Json) -> tuple[str, datetime | None]:
    """Return the provisioning state and since when."""
    state, since = status(instance_view(document), _PROVISIONING)
    properties = document.get("properties") or {}
    return state or str(properties.get("provisioningState") or "").casefold(), since


def managed_disks(document: Json, location: str) -> tuple[ManagedDisk, ...]:
    """List a VM's managed disks, the OS disk first; others cannot be snapshotted."""
    return tuple(
        ManagedDisk(id=str(managed["id"]), location=location, role=role)
        for role, disk in _disks(document)
        if (managed := disk.get("managedDisk") or {}).get("id")
    )


def _disks(document: Json) -> Iterator[tuple[str, Json]]:
    storage = (document.get("properties") or {}).get("storageProfile") or {}
    if storage.get("osDisk"):
        yield "os", storage["osDisk"]
    for disk in storage.get("dataDisks") or ():
        yield "data", disk


def snapshot_state(document: Json, snapshot_id: str) -> SnapshotState:
    """Read a snapshot: ready when provisioned and, if it is copied, copied to the end.

    Source: https://learn.microsoft.com/rest/api/compute/snapshots/get
    """
    properties = document.get("properties") or {}
    state = str(properties.get("provisioningState") or "").casefold()
    copied = properties.get("completionPercent")
    creation = properties.get("creationData") or {}
    return SnapshotState(
        id=snapshot_id,
        is_ready=state == "succeeded" and (copied is None or float(copied) >= 100),  # noqa: PLR2004  (percent)
        has_failed=state in {"failed", "canceled"},
        source=str(creation.get("sourceResourceId") or ""),
        tags={str(k): str(v) for k, v in (document.get("tags") or {}).items()},
    )


def moment(value: object) -> datetime | None:
    """Read a time of a status; None if it is missing or cannot be read."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
