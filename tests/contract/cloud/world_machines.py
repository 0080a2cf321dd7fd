"""Machines, scale sets, disks and locks of the small world, as ARM JSON."""

from __future__ import annotations

from typing import Any

from tests.contract.cloud.worlds import (
    ARC_SERVER,
    COMPUTE,
    DATA_DISK,
    DEV,
    FAILS,
    GPU_SIZE,
    HELD,
    INSTANCE,
    LOCKED_DISK,
    LONG_AGO,
    LOOSE_DISK,
    NAMESAKE,
    OFF,
    OPEN_DISK,
    OS_DISK,
    REGION,
    SAVES,
    SCALE_SET,
    SILENT,
    SIZE,
    SPOT_DISK,
    SPOT_INSTANCE,
    SPOT_SET,
    SPOT_VM,
    TAGS,
    VAULT,
    stamp,
)


def _vm(vm: str, size: str, power: str, disks: dict[str, str]) -> dict[str, Any]:
    storage = {
        "osDisk": {"name": "os", "managedDisk": {"id": disks["os"]}} if disks else None,
        "dataDisks": [{"lun": 0, "managedDisk": {"id": disks["data"]}}] if disks else [],
    }
    return {
        "id": vm,
        "location": REGION,
        "tags": TAGS,
        "properties": {
            "hardwareProfile": {"vmSize": size},
            "storageProfile": {k: v for k, v in storage.items() if v},
            "instanceView": {"statuses": [{"code": f"PowerState/{power}"}]},
        },
    }


def _with_files(vm: dict[str, Any]) -> dict[str, Any]:
    saves, fails = {"stdout": "saved step 41"}, {"stdout": "disk full", "exit": 3}
    return {**vm, "_runs": {SAVES: saves, FAILS: fails}}


def _spot(vm: dict[str, Any]) -> dict[str, Any]:
    """Make it a spot machine whose disk would be deleted with it, as the portal does."""
    vm["properties"] |= {"priority": "Spot", "evictionPolicy": "Deallocate"}
    vm["properties"] |= {"billingProfile": {"maxPrice": 0.5}}
    disk = {"osType": "Linux", "deleteOption": "Delete", "managedDisk": {"id": SPOT_DISK}}
    vm["properties"]["storageProfile"] = {"osDisk": disk, "dataDisks": []}
    return vm


def _instance(vm: str) -> dict[str, Any]:
    return {
        "id": vm,
        "location": REGION,
        "tags": {"Workload": "inference"},
        "sku": {"name": GPU_SIZE},
        "zones": ["2"],
        "properties": {"timeCreated": stamp(LONG_AGO)},
    }


def _lock(scope: str, name: str, level: str) -> dict[str, Any]:
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/locks/{name}",
        "properties": {"level": level, "notes": "ask Ada"},
    }


def machines() -> list[dict[str, Any]]:
    """Machines, scale sets and disks, attached and loose."""
    disks = {"os": OS_DISK, "data": DATA_DISK}
    return [
        {**_with_files(_vm(DEV, SIZE, "running", disks)), **SILENT},
        _vm(OFF, GPU_SIZE, "deallocated", {}),
        _spot(_vm(SPOT_VM, SIZE, "deallocated", {})),
        {
            "id": SPOT_SET,
            "location": REGION,
            "tags": TAGS,
            "sku": {"name": SIZE, "capacity": 1},
            "properties": {"virtualMachineProfile": {"priority": "Spot"}},
        },
        {**_spot(_vm(SPOT_INSTANCE, SIZE, "deallocated", {})), "sku": {"name": SIZE}},
        *(
            {
                "id": disk,
                "location": REGION,
                "managedBy": SPOT_VM if disk == SPOT_DISK else DEV,
                "properties": {"diskSizeGB": 64, "diskState": "Attached"},
            }
            for disk in (*disks.values(), SPOT_DISK)
        ),
        {
            "id": SCALE_SET,
            "location": REGION,
            "tags": {**TAGS, "team": "vision"},
            "sku": {"name": GPU_SIZE, "capacity": 2},
            "properties": {"orchestrationMode": "Uniform"},
        },
        _instance(INSTANCE),
        _instance(NAMESAKE),
        _instance(HELD),
        *(
            {"id": disk, "location": REGION, "properties": {"diskSizeGB": 8}}
            for disk in (LOCKED_DISK, OPEN_DISK)
        ),
        {
            "id": LOOSE_DISK,
            "location": REGION,
            "tags": dict(TAGS),
            "properties": {"diskSizeGB": 64, "diskState": "Unattached"},
        },
        {
            "id": ARC_SERVER,
            "location": REGION,
            "properties": {"status": "Connected", "osType": "linux"},
        },
    ]


def locks() -> list[dict[str, Any]]:
    """Locks at every height of one subscription."""
    return [
        _lock(LOCKED_DISK, "month-end", "ReadOnly"),
        _lock(LOCKED_DISK, "keep", "CanNotDelete"),
        _lock(VAULT, "vault", "CanNotDelete"),
        _lock(VAULT.partition("/resourceGroups")[0], "all", "CanNotDelete"),
    ]


def old_snapshots() -> list[dict[str, Any]]:
    """Two snapshots of the OS disk that are past their date."""
    return [
        {
            "id": f"{COMPUTE}/snapshots/{name}",
            "location": REGION,
            "tags": {"nightshift-expires": "2026-01-01T00:00:00Z"},
            "properties": {
                "timeCreated": taken,
                "provisioningState": "Succeeded",
                "incremental": True,
                "creationData": {"createOption": "Copy", "sourceResourceId": OS_DISK},
            },
        }
        for name, taken in (
            ("old-1", "2025-11-01T00:00:00Z"),
            ("old-2", "2025-12-01T00:00:00Z"),
        )
    ]
