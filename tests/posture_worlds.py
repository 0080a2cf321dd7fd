"""A world whose posture is half good: of each kind one well kept, and one that is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shared.surveys.data_residency import ALLOWED_LOCATIONS

ROOT = Path(__file__).parents[1]
Json = dict[str, Any]
SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers"
COMPUTE = f"{GROUP}/Microsoft.Compute"
KEPT_VM, BARE_VM = (f"{COMPUTE}/virtualMachines/{name}" for name in ("kept", "bare"))
BARE_SET = f"{COMPUTE}/virtualMachineScaleSets/workers"
ARC = f"{GROUP}/Microsoft.HybridCompute/machines/rack-1"
CENTRAL = f"{GROUP}/Microsoft.Insights/dataCollectionRules/central"
WATCHER = f"{GROUP}/Microsoft.Network/networkWatchers/NetworkWatcher_westeurope"
GOOD_MONITOR, BAD_MONITOR = (
    f"{WATCHER}/connectionMonitors/{name}" for name in ("to-storage", "to-licences")
)
PLACE = {"location": "westeurope"}


def machines() -> list[Json]:
    """Make two VMs, a scale set and an Arc server, of which one VM is watched."""
    agent = {"publisher": "Microsoft.Azure.Monitor", "type": "AzureMonitorLinuxAgent"}
    counters = [{"counterSpecifiers": ["\\VmInsights\\DetailedMetrics"]}]
    size: Json = {"hardwareProfile": {"vmSize": "Standard_D4s_v5"}}
    return [
        {"id": KEPT_VM, **PLACE, "properties": dict(size)},
        {"id": BARE_VM, **PLACE, "properties": dict(size)},
        {
            "id": BARE_SET,
            **PLACE,
            "sku": {"name": "Standard_D4s_v5", "capacity": 0},
            "tags": {"CycleCloudCluster": "site/clusters/train"},
            "properties": {"orchestrationMode": "Uniform"},
        },
        {"id": ARC, **PLACE, "properties": {"osType": "linux"}},
        {
            "id": f"{KEPT_VM}/extensions/AzureMonitorLinuxAgent",
            **PLACE,
            "properties": {**agent, "provisioningState": "Succeeded"},
        },
        {
            "id": CENTRAL,
            **PLACE,
            "properties": {"dataSources": {"performanceCounters": counters}},
        },
        {
            "id": f"{KEPT_VM}/providers/Microsoft.Insights"
            "/dataCollectionRuleAssociations/central",
            "properties": {"dataCollectionRuleId": CENTRAL},
        },
    ]


BATCH, STORE, WORKSPACE, AKS = (
    f"{GROUP}/{name}"
    for name in (
        "Microsoft.Batch/batchAccounts/runs",
        "Microsoft.Storage/storageAccounts/scratch",
        "Microsoft.MachineLearningServices/workspaces/lab",
        "Microsoft.ContainerService/managedClusters/train",
    )
)


def alerts() -> list[Json]:
    """Make the baseline's metric alerts of VMs, and of the subscription's service health."""
    rows = json.loads((ROOT / "rules" / "baseline-alerts.json").read_text("utf-8"))["types"]
    [metrics] = [row["metrics"] for row in rows if row["id"].endswith("/virtualMachines")]
    scope = f"/subscriptions/{SUBSCRIPTION}"
    made: list[Json] = [
        {
            "id": f"{GROUP}/Microsoft.Insights/metricAlerts/vm-{number}",
            "location": "global",
            "properties": {
                "scopes": [scope],
                "enabled": True,
                "targetResourceType": "Microsoft.Compute/virtualMachines",
                "criteria": {"allOf": [{"metricName": metric}]},
            },
        }
        for number, metric in enumerate(metrics)
    ]
    health = {
        "scopes": [scope],
        "enabled": True,
        "condition": {"allOf": [{"field": "category", "equals": "ServiceHealth"}]},
    }
    where = f"{GROUP}/Microsoft.Insights/activityLogAlerts/health"
    return [*made, {"id": where, "location": "global", "properties": health}]


def platform() -> list[Json]:
    """Make one account, workspace and cluster of each kind that the baseline names."""
    far = {"secondaryLocation": "northeurope"}
    return [
        {"id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab", **PLACE},
        {"id": BATCH, **PLACE, "properties": {}},
        {"id": WORKSPACE, "location": "eastus", "properties": {}},
        {"id": STORE, **PLACE, "properties": far},
        {"id": AKS, **PLACE, "properties": {"addonProfiles": {"omsagent": {"enabled": True}}}},
        {
            "id": f"{AKS}/providers/Microsoft.Insights/diagnosticSettings/metrics-only",
            "properties": {"logs": [{"category": "guard", "enabled": False}]},
        },
        {
            "id": f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization"
            "/policyAssignments/europe",
            "properties": {
                "policyDefinitionId": "/providers/Microsoft.Authorization/policyDefinitions"
                f"/{ALLOWED_LOCATIONS}",
                "scope": f"/subscriptions/{SUBSCRIPTION}",
                "parameters": {"listOfAllowedLocations": {"value": ["West Europe"]}},
            },
        },
    ]


def assessments() -> list[Json]:
    """Say what Update Manager knows: the VMs, and nothing of the Arc server."""
    lacking = {"Critical": 2, "Security": 1, "Other": 7}
    return [
        {
            "id": f"{machine}/patchAssessmentResults/latest",
            "properties": {
                "status": "Succeeded",
                "rebootPending": False,
                "lastModifiedDateTime": "2026-11-21T22:00:00Z",
                "availablePatchCountByClassification": counts,
            },
        }
        for machine, counts in ((KEPT_VM, {"Other": 3}), (BARE_VM, lacking))
    ]


def watchers() -> list[Json]:
    """Make a Network Watcher with two connection monitors, one of which fails."""
    running = {"provisioningState": "Succeeded", "monitoringStatus": "Running"}
    monitors = (GOOD_MONITOR, BAD_MONITOR)
    return [
        {"id": WATCHER, **PLACE, "properties": {}},
        *({"id": one, **PLACE, "properties": dict(running)} for one in monitors),
    ]


def metrics() -> list[Json]:
    """Say how connections, storage and disks did."""
    network = "Microsoft.Network/networkWatchers/connectionMonitors"
    storage, vms = "Microsoft.Storage/storageAccounts", "Microsoft.Compute/virtualMachines"
    rows: list[tuple[str, str, str, float, Json]] = [
        (GOOD_MONITOR, network, "TestResult", 1.0, {}),
        (BAD_MONITOR, network, "TestResult", 3.0, {}),
        (BAD_MONITOR, network, "ChecksFailedPercent", 40.0, {}),
        (STORE, storage, "Transactions", 9.0, {"ResponseType": "Success"}),
        (STORE, storage, "Transactions", 2.0, {"ResponseType": "ServerBusyError"}),
        (STORE, storage, "Transactions", 1.0, {"ResponseType": "ClientThrottlingError"}),
        (STORE, storage, "Availability", 100.0, {}),
        (KEPT_VM, vms, "Data Disk IOPS Consumed Percentage", 20.0, {}),
        (BARE_VM, vms, "Data Disk IOPS Consumed Percentage", 99.0, {}),
    ]
    return [
        {
            "resourceId": target,
            "namespace": namespace,
            "name": name,
            "constant": value,
            **({"dimension": dimension} if dimension else {}),
        }
        for target, namespace, name, value, dimension in rows
    ]


def world() -> Json:
    """Put everything together."""
    resources = [*machines(), *alerts(), *platform(), *assessments(), *watchers()]
    return {"resources": resources, "metrics": metrics()}


EXPECTED = {
    "aks_monitoring": {("managed_prometheus_off", AKS), ("control_plane_logs_off", AKS)},
    "cyclecloud_clusters": {
        ("cluster_metrics_missing", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab")
    },
    "data_residency": {
        ("outside_allowed_regions", WORKSPACE),
        ("copied_outside_allowed_regions", STORE),
    },
    "network_health": {("connection_failing", BAD_MONITOR)},
    "storage_health": {("storage_throttled", STORE)},
    "disk_caps": {("disk_cap_reached", BARE_VM)},
    "update_compliance": {("updates_missing", BARE_VM), ("not_assessed", ARC)},
    "baseline_alerts": {
        ("health_alerts_missing", f"/subscriptions/{SUBSCRIPTION}"),
        *(
            ("baseline_alerts_missing", one)
            for one in (BARE_SET, BATCH, STORE, WORKSPACE, AKS)
        ),
    },
    "machine_monitoring": {
        (name, target)
        for target in (BARE_VM, BARE_SET, ARC)
        for name in ("agent_missing", "collection_rule_missing")
    },
}
"""By survey: what it finds of whom."""
