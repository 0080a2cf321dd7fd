"""Small worlds for the contract tests, built fresh for each."""

from typing import Any

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/training"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
SCALE_SET = f"{COMPUTE}/virtualMachineScaleSets/gpupool"
CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/train-aks"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/lab"
BATCH_ACCOUNT = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/renders"
FAST = {"operation_seconds": 0.05, "retry_after_seconds": 0.02, "task_seconds": 0.05}


def vm_id(name: str) -> str:
    return f"{COMPUTE}/virtualMachines/{name}"


def vm(name: str, **properties: Any) -> dict[str, Any]:
    disk = {"managedDisk": {"id": f"{COMPUTE}/disks/{name}-os"}, "name": f"{name}-os"}
    return {
        "id": vm_id(name),
        "location": "westeurope",
        "tags": {"workload": "training"},
        "properties": {
            "vmId": f"id-of-{name}",
            "hardwareProfile": {"vmSize": "Standard_NC24ads_A100_v4"},
            "storageProfile": {"osDisk": disk, "dataDisks": []},
            **properties,
        },
    }


def disk(name: str, size: int = 128, location: str = "westeurope") -> dict[str, Any]:
    return {
        "id": f"{COMPUTE}/disks/{name}",
        "location": location,
        "sku": {"name": "Premium_LRS"},
        "properties": {"diskSizeGB": size, "osType": "Linux"},
    }


def scale_set(instances: int) -> list[dict[str, Any]]:
    owner = {
        "id": SCALE_SET,
        "location": "westeurope",
        "sku": {"name": "Standard_NC24ads_A100_v4", "capacity": instances},
        "properties": {"orchestrationMode": "Uniform"},
    }
    members = [
        {
            "id": f"{SCALE_SET}/virtualMachines/{number}",
            "name": f"gpupool_{number}",
            "instanceId": str(number),
            "location": "westeurope",
            "properties": {"vmId": f"instance-{number}"},
        }
        for number in range(instances)
    ]
    return [owner, *members]


def world(*resources: dict[str, Any], **rest: Any) -> dict[str, Any]:
    settings = {**FAST, **rest.pop("settings", {})}
    return {"settings": settings, "resources": list(resources), **rest}
