"""The small world as the stand-in loads it: ARM JSON, metrics, what is in the clusters."""

from __future__ import annotations

from typing import Any

from tests.contract.cloud.world_batch import batch
from tests.contract.cloud.world_clusters import an_extension, clusters, manifests
from tests.contract.cloud.world_learning import answers, endpoint, spot_jobs, workspace
from tests.contract.cloud.world_machines import locks, machines, old_snapshots
from tests.contract.cloud.worlds import ACCOUNT, CLUSTER, DEV, NOTICES, REGION, TAGS, WORKSPACE


def resources() -> list[dict[str, Any]]:
    """Every ARM resource of the world."""
    return [
        *machines(),
        *locks(),
        *old_snapshots(),
        *clusters(),
        an_extension(),
        *workspace(),
        *endpoint(),
        *spot_jobs(),
        {
            "id": ACCOUNT,
            "location": REGION,
            "tags": TAGS,
            "properties": {"poolAllocationMode": "UserSubscription"},
        },
        *({"id": one, "properties": {"EventStatus": "Scheduled"}} for one in NOTICES),
    ]


def metrics() -> list[dict[str, Any]]:
    """What the machines report: the VM is quiet, one compute instance is busy."""
    vm = {"resourceId": DEV, "namespace": "Microsoft.Compute/virtualMachines"}
    ml = {
        "resourceId": WORKSPACE,
        "namespace": "Microsoft.MachineLearningServices/workspaces",
        "dimension": {"ComputeName": "ci-busy"},
    }
    return [
        {**vm, "name": "Percentage CPU", "constant": 2},
        {**vm, "name": "Network In Total", "constant": 600},
        {**vm, "name": "Network Out Total", "constant": 1200},
        {**ml, "name": "CpuUtilizationPercentage", "constant": 40},
        {**ml, "name": "GpuUtilizationPercentage", "constant": 90},
        {**ml, "name": "DiskAvailMegabytes", "constant": 30_000},
    ]


def document() -> dict[str, Any]:
    """The world as the stand-in loads it."""
    return {
        "settings": {
            "operation_seconds": 0.1,
            "retry_after_seconds": 0.02,
            "task_seconds": 30,
            "page_size": 1,
        },
        "resources": resources(),
        "metrics": [*metrics(), *answers()],
        "batch": {"renders": batch()},
        "kubernetes": {CLUSTER: {"objects": manifests()}},
    }
