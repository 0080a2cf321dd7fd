"""A small site to play the night on: one AKS cluster, some VMs, Azure ML, Batch.

Everything here is made up; only its shape is Azure's.
"""

from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from sandbox.demo import batch_pools, ml_lab

Json = dict[str, Any]

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-0000000000de"
REGION = "westeurope"
_ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
GROUP = f"{_ROOT}/rg-lab"
NODE_GROUP = f"{_ROOT}/MC_rg-lab_train_westeurope"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"

CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/train"
SCALE_SET_NAME = "aks-gpuspot-31415926-vmss"
SCALE_SET = (
    f"{NODE_GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{SCALE_SET_NAME}"
)
EVICTED, HELD_BY_PERSON, BYSTANDER = 29, 30, 31
GPU_SIZE = "Standard_NC24ads_A100_v4"
SIZE = "Standard_D8s_v5"

IDLE_VM = f"{COMPUTE}/virtualMachines/dev-idle"
BUSY_VM = f"{COMPUTE}/virtualMachines/dev-busy"
SILENT_VM = f"{COMPUTE}/virtualMachines/dev-no-metrics"
FAILED_VM = f"{COMPUTE}/virtualMachines/dev-failed-metrics"
EMPTY_VM = f"{COMPUTE}/virtualMachines/dev-empty-metrics"
GPU_VM = f"{COMPUTE}/virtualMachines/dev-gpu-unmeasured"
KEPT_VM = f"{COMPUTE}/virtualMachines/dev-opted-out"
DEGRADED_VM = f"{COMPUTE}/virtualMachines/trainer-1"
DISKS = tuple(f"{COMPUTE}/disks/trainer-1-{role}" for role in ("os", "data-0", "data-1"))

SPOT_VM = f"{COMPUTE}/virtualMachines/trainer-spot"
DEAR_VM = f"{COMPUTE}/virtualMachines/trainer-dear"
DEAR_DISK = f"{COMPUTE}/disks/trainer-dear-os"
DECLARED_VM = f"{COMPUTE}/virtualMachines/trainer-declared"
DECLARED_FILE = "/etc/nightshift/checkpoint.sh"
SHARED = f"{COMPUTE}/virtualMachineScaleSets/notebooks"
SHARED_INSTANCE = f"{SHARED}/virtualMachines/1"
SCIENCE = f"{COMPUTE}/virtualMachineScaleSets/science"
LOST_INSTANCE = f"{SCIENCE}/virtualMachines/7"
STOPPED_INSTANCE = f"{SCIENCE}/virtualMachines/5"

WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/research"
IDLE_CI = f"{WORKSPACE}/computes/ci-idle"
BUSY_CI = f"{WORKSPACE}/computes/ci-busy"

BATCH = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/render"


BATCH_SET = (
    f"{_ROOT}/azurebatch-31415926/providers/Microsoft.Compute/virtualMachineScaleSets/b-gpu"
)
BATCH_VM = f"{BATCH_SET}/virtualMachines/3"


def instance_id(number: int) -> str:
    """Name an instance of the scale set as ARM does: by its decimal number."""
    return f"{SCALE_SET}/virtualMachines/{number}"


def node_name(number: int) -> str:
    """Name an instance's node as AKS does: six digits of base 36."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while number:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
    return f"{SCALE_SET_NAME}{text:0>6}"


def build(now: datetime) -> Json:
    """Write the whole world; failures of Batch tasks are dated from ``now``."""
    return {
        "settings": {"operation_seconds": 0.5, "task_seconds": 0.5},
        "resources": [
            *_aks(),
            *_vms(),
            *_evicted(),
            *_machine_learning(),
            *ml_lab.resources(WORKSPACE, REGION, now),
            _batch_account(),
        ],
        "metrics": _metrics(),
        "batch": {"render": _batch(now)},
        "kubernetes": {CLUSTER: {"objects": _objects()}},
    }


def _aks() -> list[Json]:
    group = NODE_GROUP.rpartition("/")[2]
    return [
        {"id": CLUSTER, "location": REGION, "properties": {"nodeResourceGroup": group}},
        {
            "id": SCALE_SET,
            "location": REGION,
            "tags": {"workload": "training", "aks-managed-poolName": "gpuspot"},
            "sku": {"name": GPU_SIZE, "capacity": 3},
            "properties": {"orchestrationMode": "Uniform"},
        },
        *(
            {"id": instance_id(n), "location": REGION, "sku": {"name": GPU_SIZE}}
            for n in (EVICTED, HELD_BY_PERSON, BYSTANDER)
        ),
    ]


def _vm(vm: str, size: str = SIZE, disks: tuple[str, ...] = (), **tags: str) -> Json:
    storage: Json = {"dataDisks": []}
    if disks:
        storage["osDisk"] = {"name": "os", "managedDisk": {"id": disks[0]}}
        storage["dataDisks"] = [
            {"lun": i, "managedDisk": {"id": disk}} for i, disk in enumerate(disks[1:])
        ]
    return {
        "id": vm,
        "location": REGION,
        "tags": tags,
        "properties": {"hardwareProfile": {"vmSize": size}, "storageProfile": storage},
    }


def _vms() -> list[Json]:
    return [
        *(_vm(vm) for vm in (IDLE_VM, BUSY_VM, SILENT_VM, EMPTY_VM, FAILED_VM)),
        _vm(GPU_VM, size=GPU_SIZE),
        _vm(KEPT_VM, nightshift="off"),
        _vm(DEGRADED_VM, disks=DISKS),
        *(
            {"id": disk, "location": REGION, "properties": {"diskSizeGB": 128}}
            for disk in DISKS
        ),
    ]


def _evicted() -> list[Json]:
    """A spot machine that was evicted, and a spot pool that lost one for good."""
    machine = _vm(SPOT_VM, size=GPU_SIZE)
    off = {"instanceView": {"statuses": [{"code": "PowerState/deallocated"}]}}
    machine["properties"] |= {"priority": "Spot", "evictionPolicy": "Deallocate", **off}
    dear = _vm(DEAR_VM, disks=(DEAR_DISK,))
    dear["properties"] |= {"priority": "Spot", "evictionPolicy": "Deallocate", **deepcopy(off)}
    dear["properties"]["billingProfile"] = {"maxPrice": 0.25}
    dear["properties"]["storageProfile"]["osDisk"]["deleteOption"] = "Delete"
    profile = {"priority": "Spot", "evictionPolicy": "Delete"}
    declared = _vm(DECLARED_VM)
    declared["tags"] = {"nightshift-checkpoint": DECLARED_FILE}
    return [
        {
            "id": SHARED,
            "location": REGION,
            "tags": {"nightshift-pool": "shared"},
            "sku": {"name": SIZE, "capacity": 1},
        },
        {
            "id": SHARED_INSTANCE,
            "location": REGION,
            "tags": {"team": "vision"},
            "sku": {"name": SIZE},
            "_sessions": [2, 0],
            "_runs": {"/run/nightshift/notice": {}},
        },
        {**declared, "_runs": {DECLARED_FILE: {"stdout": "saved; token=abc"}}},
        machine,
        dear,
        {"id": DEAR_DISK, "location": REGION, "properties": {"diskSizeGB": 128}},
        {
            "id": SCIENCE,
            "location": REGION,
            "sku": {"name": SIZE, "capacity": 2},
            "properties": {
                "orchestrationMode": "Uniform",
                "virtualMachineProfile": profile,
            },
        },
        {"id": f"{SCIENCE}/virtualMachines/3", "location": REGION, "sku": {"name": SIZE}},
        {
            "id": STOPPED_INSTANCE,
            "location": REGION,
            "sku": {"name": SIZE},
            "properties": dict(off),
        },
        {"id": BATCH_SET, "location": REGION, "sku": {"name": SIZE, "capacity": 1}},
        {"id": BATCH_VM, "location": REGION, "sku": {"name": SIZE}},
    ]


def _machine_learning() -> list[Json]:
    inner = {"vmSize": "STANDARD_DS3_V2", "state": "Running", **ml_lab.LOOKED_AFTER}
    return [
        {"id": WORKSPACE, "location": REGION, "properties": {}},
        *(
            {
                "id": compute,
                "location": REGION,
                "properties": {"computeType": "ComputeInstance", "properties": dict(inner)},
            }
            for compute in (IDLE_CI, BUSY_CI)
        ),
    ]


def _batch_account() -> Json:
    own = {"poolAllocationMode": "UserSubscription"}
    return {"id": BATCH, "location": REGION, "properties": own}


def _metrics() -> list[Json]:
    found: list[Json] = []
    for vm, cpu, network in ((IDLE_VM, 0.6, 900), (GPU_VM, 0.6, 900), (KEPT_VM, 0.6, 900)):
        found += _vm_metrics(vm, {"constant": cpu}, {"constant": network})
    found += _vm_metrics(BUSY_VM, {"constant": 71.0}, {"constant": 80_000_000})
    found += _vm_metrics(DEGRADED_VM, {"constant": 93.0}, {"constant": 80_000_000})
    found += _vm_metrics(EMPTY_VM, {"series": "empty"}, {"series": "empty"})
    found += _vm_metrics(FAILED_VM, {"series": "error"}, {"series": "error"})
    for compute, name, value in (
        (IDLE_CI, "CpuUtilizationPercentage", 1.0),
        (BUSY_CI, "CpuUtilizationPercentage", 64.0),
        (IDLE_CI, "DiskAvailMegabytes", 40_000.0),
    ):
        found.append(
            {
                "resourceId": WORKSPACE,
                "namespace": "Microsoft.MachineLearningServices/workspaces",
                "name": name,
                "dimension": {"ComputeName": compute.rpartition("/")[2]},
                "constant": value,
            }
        )
    return found


def _vm_metrics(vm: str, cpu: Json, network: Json) -> list[Json]:
    space = "Microsoft.Compute/virtualMachines"
    shown = (
        ("Percentage CPU", cpu),
        ("Network In Total", network),
        ("Network Out Total", network),
    )
    return [{"resourceId": vm, "namespace": space, "name": n, **v} for n, v in shown]


def _batch(now: datetime) -> Json:
    def ended(minutes: float, code: int) -> Json:
        at = (now - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
        failure = {"failureInfo": {"category": "UserError", "code": "FailureExitCode"}}
        return {
            "startTime": at,
            "endTime": at,
            "exitCode": code,
            "result": "failure" if code else "success",
            "retryCount": 0,
            "requeueCount": 0,
            **(failure if code else {}),
        }

    def task(name: str, minutes: float, code: int) -> Json:
        return {
            "id": name,
            "state": "completed",
            "commandLine": "render",
            "executionInfo": ended(minutes, code),
            "_after_reactivation": "success",
        }

    return {
        "jobs": [
            {
                "id": "frames",
                "state": "active",
                "tasks": [
                    task("frame-1", 2, 0),
                    task("frame-2", 2, 1),
                    task("frame-3", 1, 137),
                    task("frame-old", 600, 1),
                ],
            },
            {"id": "closed", "state": "completed", "tasks": [task("late", 1, 1)]},
            *batch_pools.jobs(),
        ],
        "pools": batch_pools.pools(now, BATCH_VM),
    }


def _objects() -> list[Json]:
    nodes = [node(n) for n in (EVICTED, HELD_BY_PERSON, BYSTANDER)]
    nodes[1]["spec"]["unschedulable"] = True
    evicted, bystander = node_name(EVICTED), node_name(BYSTANDER)
    return [
        *nodes,
        _owner("apps/v1", "DaemonSet", "gpu-plugin", "kube-system"),
        _owner("apps/v1", "ReplicaSet", "trainer", "default"),
        _owner("apps/v1", "ReplicaSet", "api", "default"),
        *(pod(f"trainer-{i}", evicted, "ReplicaSet", "trainer") for i in range(4)),
        pod("api-0", evicted, "ReplicaSet", "api"),
        pod("api-1", evicted, "ReplicaSet", "api"),
        pod("gpu-plugin-a", evicted, "DaemonSet", "gpu-plugin", namespace="kube-system"),
        _mirror("kube-proxy", evicted),
        pod("trainer-elsewhere", bystander, "ReplicaSet", "trainer"),
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "api", "namespace": "default"},
            "spec": {"selector": {"matchLabels": {"app": "api"}}, "minAvailable": 1},
        },
    ]


def node(number: int) -> Json:
    """Write a node of the scale set, ready, found only by its providerID."""
    conditions = [{"type": "Ready", "status": "True"}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node_name(number), "labels": {"agentpool": "gpuspot"}},
        "spec": {"providerID": "azure://" + instance_id(number)},
        "status": {"conditions": conditions},
    }


def _owner(version: str, kind: str, name: str, namespace: str) -> Json:
    labels = {"app": name}
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}},
        },
    }


def pod(
    name: str,
    node: str,
    kind: str,
    owner: str,
    *,
    namespace: str = "default",
    exits_after: str = "1s",
) -> Json:
    """Write a running pod of a controller; its own grace is two minutes."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": owner},
            "annotations": {"sandbox.nightshift/exits-after": exits_after},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": kind,
                    "name": owner,
                    "uid": f"uid-{owner}",
                    "controller": True,
                }
            ],
        },
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 120,
            "containers": [{"name": "main", "image": "registry.example/work:1"}],
        },
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def _mirror(name: str, node: str) -> Json:
    mirror = pod(f"{name}-{node}", node, "Node", node, namespace="kube-system")
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "0123"}
    mirror["metadata"]["ownerReferences"] = []
    return mirror
