"""One small world, told twice: to the fakes as values, to the stand-in as ARM JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.workloads import Workload

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
REGION = "westeurope"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
NODE_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/MC_lab_train_westeurope"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
DEV = f"{COMPUTE}/virtualMachines/dev-1"
OFF = f"{COMPUTE}/virtualMachines/off-1"
ARC_SERVER = f"{GROUP}/providers/Microsoft.HybridCompute/machines/rack-1"
MISSING = f"{COMPUTE}/virtualMachines/nobody"
SNAPSHOT = f"{COMPUTE}/snapshots/plan-0-os"
OS_DISK, DATA_DISK = f"{COMPUTE}/disks/dev-1-os", f"{COMPUTE}/disks/dev-1-data"
LOOSE_DISK = f"{COMPUTE}/disks/loose"
SET_NAME = "aks-gpu-12345678-vmss"
SCALE_SET = f"{NODE_GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{SET_NAME}"
INSTANCE = f"{SCALE_SET}/virtualMachines/29"
NAMESAKE = f"{SCALE_SET}/virtualMachines/81"
"""Instance 81 is the node ...000029 in base 36: a trap for who matches by name."""
HELD = f"{SCALE_SET}/virtualMachines/7"
"""Its node a person has cordoned by hand."""
AUTO_DRAINED = f"{SCALE_SET}/virtualMachines/8"
"""Its node AKS auto-drain has taken: its taint is there, and a taint of a person's."""
UNPROVEN = f"{SCALE_SET}/virtualMachines/9"
"""Its node has the expected name and no providerID."""
ODD = f"{SCALE_SET}/virtualMachines/10"
"""Its node's name is nothing like the machine's."""
CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/train"
ARC = f"{GROUP}/providers/Microsoft.Kubernetes/connectedClusters/plant"
_EXTENSIONS = "providers/Microsoft.KubernetesConfiguration/extensions"
EXTENSION, ON_ARC = f"{CLUSTER}/{_EXTENSIONS}/azureml", f"{ARC}/{_EXTENSIONS}/azureml"
ML_SETTINGS = {"enableTraining": "True", "location": "westeurope"}
GATEWAY = Workload(
    "Deployment",
    "gateway",
    1,
    0,
    ("gateway-0: ImagePullBackOff: Back-off pulling image",),
)
NODE, NAMESAKE_NODE = f"{SET_NAME}00000t", f"{SET_NAME}000029"
ACCOUNT = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/renders"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ml"
BUSY_CI, STOPPED_CI = f"{WORKSPACE}/computes/ci-busy", f"{WORKSPACE}/computes/ci-off"
SPOT_CLUSTER, OWL = f"{WORKSPACE}/computes/spot", f"{WORKSPACE}/jobs/owl"
ENDPOINT = f"{WORKSPACE}/onlineEndpoints/score"
GOOD = {"nightshift-good-traffic": "blue=100"}
TAKEN_WORDS = "AzureMLCompute job failed. PreemptionError: Nodes of this job went away."
BATCH_VM = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/azurebatch-1/providers/"
    "Microsoft.Compute/virtualMachineScaleSets/b-1/virtualMachines/0"
)
NOTICES = tuple(
    f"{SCALE_SET}/providers/microsoft.maintenance/scheduledevents/00000000-{n:04}"
    for n in (1, 2)
)
SILENT = {"_console": "Kernel panic - not syncing", "_unwell": "restart"}
"""What is wrong with DEV: it does not answer until it is restarted."""
SAVES, FAILS = "/etc/nightshift/save.sh", "/etc/nightshift/fail.sh"
SPOT_VM = f"{COMPUTE}/virtualMachines/spot-1"
SPOT_DISK = f"{COMPUTE}/disks/spot-1-os"
SPOT_SET = f"{COMPUTE}/virtualMachineScaleSets/science"
SPOT_INSTANCE, LOST_INSTANCE = (f"{SPOT_SET}/virtualMachines/{n}" for n in (4, 9))
VAULT = "/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/vault"
LOCKED_DISK = f"{VAULT}/providers/Microsoft.Compute/disks/ledger"
OPEN_DISK = f"{VAULT}/providers/Microsoft.Compute/disks/scratch"
"""A subscription apart: locked at every height, so that nothing else meets the locks."""
SIZE, GPU_SIZE = "Standard_D4s_v5", "Standard_NC24ads_A100_v4"
TAGS = {"workload": "training"}
NOW = datetime.now(UTC).replace(microsecond=0)
RECENT, LONG_AGO = NOW - timedelta(minutes=10), NOW - timedelta(days=3)
THEIR_TAINTS = [
    {"key": "remediator.kubernetes.azure.com/unschedulable", "effect": "NoSchedule"},
    {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"},
]
THEIRS = (
    "remediator.kubernetes.azure.com/unschedulable:NoSchedule",
    "dedicated=gpu:NoSchedule",
)
GANG_LABEL = {"jobset.sigs.k8s.io/jobset-name": "llm"}
"""Two pods of one job, on two nodes."""
ASKING = {
    "annotations": {
        "nightshift.azure/checkpoint": "true",
        "nightshift.azure/checkpointed-at": "2030-01-01T03:00:00Z",
    }
}
BUDGET_WORDS = "Cannot evict pod as it would violate the pod's disruption budget."


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


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


def resources() -> list[dict[str, Any]]:
    """Every ARM resource of the world."""
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
        *clusters(),
        an_extension(),
        {
            "id": ACCOUNT,
            "location": REGION,
            "tags": TAGS,
            "properties": {"poolAllocationMode": "UserSubscription"},
        },
        {"id": WORKSPACE, "location": REGION, "properties": {}},
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
        *({"id": one, "properties": {"EventStatus": "Scheduled"}} for one in NOTICES),
        _lock(LOCKED_DISK, "month-end", "ReadOnly"),
        _lock(LOCKED_DISK, "keep", "CanNotDelete"),
        _lock(VAULT, "vault", "CanNotDelete"),
        _lock(VAULT.partition("/resourceGroups")[0], "all", "CanNotDelete"),
        _compute(BUSY_CI, "Running"),
        _compute(STOPPED_CI, "Stopped"),
        {
            "id": ARC_SERVER,
            "location": REGION,
            "properties": {"status": "Connected", "osType": "linux"},
        },
        *old_snapshots(),
        *endpoint(),
        *_spot_jobs(),
        {
            "id": f"{WORKSPACE}/computes/cluster",
            "location": REGION,
            "properties": {
                "computeType": "AmlCompute",
                "properties": {"vmSize": GPU_SIZE, "vmPriority": "Dedicated"},
            },
        },
    ]


def endpoint() -> list[dict[str, Any]]:
    """An online endpoint and its two deployments."""
    said = {
        "authMode": "Key",
        "provisioningState": "Succeeded",
        "traffic": {"blue": 90, "Green": 10},
        "mirrorTraffic": {},
        "publicNetworkAccess": "Disabled",
        "scoringUri": "https://score.example/score",
    }
    deployment = {"endpointComputeType": "Managed", "provisioningState": "Succeeded"}
    return [
        {
            "id": ENDPOINT,
            "location": REGION,
            "kind": "Managed",
            "tags": {**TAGS, **GOOD},
            "identity": {"type": "SystemAssigned"},
            "properties": said,
        },
        *(
            {
                "id": f"{ENDPOINT}/deployments/{name}",
                "location": REGION,
                "tags": {"team": name},
                "sku": {"name": "Default", "capacity": 2},
                "properties": {**deployment, "instanceType": SIZE},
            }
            for name in ("blue", "green")
        ),
    ]


def clusters() -> list[dict[str, Any]]:
    """An AKS cluster with two nodes, and an Arc cluster that is not connected."""
    pools = [{"name": "gpu", "count": 2}]
    aks = {
        "nodeResourceGroup": NODE_GROUP.rpartition("/")[2].lower(),
        "agentPoolProfiles": pools,
        "powerState": {"code": "Running"},
    }
    arc = {"connectivityStatus": "Offline", "totalNodeCount": 3}
    return [
        {"id": CLUSTER, "location": REGION, "properties": aks},
        {"id": ARC, "location": REGION, "tags": TAGS, "properties": arc},
    ]


def an_extension() -> dict[str, Any]:
    """The Azure ML extension on AKS: it failed, and mends its gateway when it is written."""
    said = {
        "extensionType": "microsoft.azureml.kubernetes",
        "provisioningState": "Failed",
        "configurationSettings": dict(ML_SETTINGS),
    }
    return {"id": EXTENSION, "properties": said, "_installs": _gateway(1)}


def _gateway(ready: int) -> list[dict[str, Any]]:
    """The Deployment of the gateway with its pod."""
    place, labels = {"namespace": "azureml"}, {"app": "gateway"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "gateway", **place},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}},
        "status": {"replicas": 1, "readyReplicas": ready},
    }
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "gateway-0", "labels": labels, **place},
        "spec": {"containers": [{"name": "main", "image": "x"}]},
        "status": {
            "phase": "Running" if ready else "Pending",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [
                {"name": "main", "state": {} if ready else {"waiting": waiting}}
            ],
        },
    }
    return [deployment, pod]


def answers() -> list[dict[str, Any]]:
    """How the endpoint's new deployment answers: nine a minute well, one not."""
    of = {"deployment": "green"}
    space = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
    shown = (
        ("RequestsPerMinute", {**of, "statusCodeClass": "2xx"}, 9.0),
        ("RequestsPerMinute", {**of, "statusCodeClass": "5xx"}, 1.0),
        ("RequestLatency_P95", of, 120.0),
    )
    return [
        {"resourceId": ENDPOINT, "namespace": space, "name": n, "dimension": d, "constant": v}
        for n, d, v in shown
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


def _spot_jobs() -> list[dict[str, Any]]:
    """A low-priority cluster without a node, and a job that it was taken from."""
    scale = {"minNodeCount": 1, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT10M"}
    inner = {"vmSize": GPU_SIZE, "vmPriority": "LowPriority", "scaleSettings": scale}
    job = {
        "jobType": "Command",
        "status": "Canceled",
        "command": "python train.py",
        "environmentId": f"{WORKSPACE}/environments/torch/versions/3",
        "computeId": SPOT_CLUSTER,
        "experimentName": "llm",
        "tags": {"nightshift-resumable": "true"},
        "identity": {"identityType": "Managed"},
    }
    error = {"code": "UserError", "message": TAKEN_WORDS}
    return [
        {
            "id": SPOT_CLUSTER,
            "location": REGION,
            "tags": TAGS,
            "properties": {"computeType": "AmlCompute", "properties": inner},
            "_nodes": [{"nodeId": "a", "nodeState": "preempted"}],
        },
        {
            "id": OWL,
            "properties": job,
            "_run": {"error": {"error": error}, "endTimeUtc": stamp(RECENT)},
        },
    ]


def _compute(compute: str, state: str) -> dict[str, Any]:
    return {
        "id": compute,
        "location": REGION,
        "tags": TAGS,
        "properties": {
            "computeType": "ComputeInstance",
            "properties": {"vmSize": GPU_SIZE, "state": state},
        },
    }


def _node(name: str, vm: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        # AKS lower-cases the group and keeps the rest: case is never to be relied on.
        "spec": {
            "providerID": "azure://" + vm.replace("MC_lab_train", "mc_lab_train"),
            **spec,
        },
    }


def _pod(name: str, on: str, kind: str = "ReplicaSet", **spec: Any) -> dict[str, Any]:
    marks = spec.pop("annotations", {})
    labels = {"app": name.rpartition("-")[0], **spec.pop("labels", {})}
    owner = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "name": "web" if kind == "ReplicaSet" else spec.pop("owner", "agent"),
        "uid": f"uid-of-{kind}",
        "controller": True,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "labels": labels,
            "annotations": marks,
            "ownerReferences": [owner],
        },
        "spec": {
            "nodeName": on,
            "terminationGracePeriodSeconds": 20,
            "containers": [{"name": "main", "image": "registry.example/train:1"}],
            **spec,
        },
    }


def manifests() -> list[dict[str, Any]]:
    """Every object of the cluster."""
    return [
        _node(NODE, INSTANCE),
        _node(NAMESAKE_NODE, NAMESAKE),
        _node(f"{SET_NAME}000007", HELD, unschedulable=True),
        _node(f"{SET_NAME}000008", AUTO_DRAINED, taints=THEIR_TAINTS),
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"{SET_NAME}000009"}},
        _node("gpu-by-hand", ODD),
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": "agent", "namespace": "default"},
            "spec": {},
        },
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "guarded", "namespace": "default"},
            "spec": {
                "maxUnavailable": 0,
                "selector": {"matchLabels": {"app": "guarded"}},
            },
        },
        *_gateway(0),
        _pod("web-0", NODE),
        _pod("guarded-0", NODE),
        _pod("agent-0", NODE, "DaemonSet"),
        _pod("orphan-0", NODE, "DaemonSet", owner="gone"),
        _pod("static-0", NODE, annotations={"kubernetes.io/config.mirror": "0123"}),
        _pod("scratch-0", NODE, volumes=[{"name": "cache", "emptyDir": {}}]),
        _pod("other-0", NAMESAKE_NODE),
        _pod("llm-0", NAMESAKE_NODE, "Job", owner="llm", labels=GANG_LABEL),
        _pod("llm-1", f"{SET_NAME}000007", "Job", owner="llm", labels=GANG_LABEL, **ASKING),
    ]


def _task(name: str, exit_code: int | None, ended: datetime = RECENT) -> dict[str, Any]:
    if exit_code is None:
        return {"id": name, "state": "running"}
    info: dict[str, Any] = {
        "exitCode": exit_code,
        "result": "failure" if exit_code else "success",
        "startTime": stamp(ended - timedelta(minutes=1)),
        "endTime": stamp(ended),
        "retryCount": 2,
        "requeueCount": 0,
    }
    if exit_code:
        info["failureInfo"] = {"category": "usererror", "code": "FailureExitCode"}
    return {"id": name, "state": "completed", "executionInfo": info}


def batch() -> dict[str, Any]:
    """Jobs and tasks of the Batch account."""
    tasks = [
        _task("failed", 7),
        _task("fine", 0),
        _task("going", None),
        _task("old", 1, LONG_AGO),
    ]
    ending = {"id": "ending", "state": "terminating", "tasks": [_task("failed", 9)]}
    busy = {"id": "busy", "state": "running", "runningTasksCount": 1}
    busy["virtualMachineInfo"] = {"scaleSetVmResourceId": BATCH_VM.upper()}
    nodes = [
        busy,
        {"id": "broken", "state": "unusable"},
        {"id": "stuck", "state": "starttaskfailed", "_refuses": True},
    ]
    pools = [
        {"id": "gpu", "nodes": nodes},
        {"id": "other", "nodes": [{"id": "broken-too", "state": "unusable"}]},
    ]
    return {"jobs": [{"id": "train", "tasks": tasks}, ending], "pools": pools}


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
