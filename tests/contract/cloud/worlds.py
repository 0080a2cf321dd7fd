"""What is in one small world, by name; it is told twice.

``fake_world`` tells it to the fakes as values, ``world_document`` to the stand-in as ARM
JSON.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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
