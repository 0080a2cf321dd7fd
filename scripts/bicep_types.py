# ruff: noqa: INP001 - scripts are run, never imported by the app
"""Write infra/bicep/types.json: what each resource type that is deployed may be given.

``make bicep-types``, after a type or a property came into a Bicep file. The vendor's own
libraries are installed beside the project, each in the version whose API version Bicep
names, and read; they are written from the specifications that Bicep's types are written
from. Kept is what the Bicep files reach, so the table stays small enough to read.

Source: https://github.com/Azure/azure-rest-api-specs, https://github.com/Azure/bicep-types-az
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "infra" / "bicep" / "types.json"
PLACE = ROOT / ".cache" / "bicep-types"
sys.path.insert(0, str(ROOT))

from tests.infra import bicep, fitting, shapes  # noqa: E402 - the path comes first

# Package and version; module within it; API version; resource type to class.
LIBRARIES: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    (
        "azure-mgmt-authorization==4.0.0",
        "azure.mgmt.authorization.v2022_04_01.models",
        "2022-04-01",
        {
            "Microsoft.Authorization/roleAssignments": "RoleAssignmentCreateParameters",
            "Microsoft.Authorization/roleDefinitions": "RoleDefinition",
        },
    ),
    (
        "azure-mgmt-eventgrid==10.4.0",
        "azure.mgmt.eventgrid.models",
        "2025-02-15",
        {
            "Microsoft.EventGrid/systemTopics": "SystemTopic",
            "Microsoft.EventGrid/systemTopics/eventSubscriptions": "EventSubscription",
            "Microsoft.EventGrid/topics": "Topic",
            "Microsoft.EventGrid/topics/eventSubscriptions": "EventSubscription",
        },
    ),
    (
        "azure-mgmt-monitor==7.0.0",
        "azure.mgmt.monitor.models",
        "2023-01-01",
        {"Microsoft.Insights/actionGroups": "ActionGroupResource"},
    ),
    (
        "azure-mgmt-monitor==7.0.0",
        "azure.mgmt.monitor.models",
        "2020-10-01",
        {"Microsoft.Insights/activityLogAlerts": "ActivityLogAlertResource"},
    ),
    (
        "azure-mgmt-monitor==7.0.0",
        "azure.mgmt.monitor.models",
        "2023-03-11",
        {
            "Microsoft.Insights/dataCollectionEndpoints": "DataCollectionEndpointResource",
            "Microsoft.Insights/dataCollectionRules": "DataCollectionRuleResource",
        },
    ),
    (
        "azure-mgmt-monitor==7.0.0",
        "azure.mgmt.monitor.models",
        "2018-03-01",
        {"Microsoft.Insights/metricAlerts": "MetricAlertResource"},
    ),
    (
        "azure-mgmt-monitor==7.0.0",
        "azure.mgmt.monitor.models",
        "2023-12-01",
        {"Microsoft.Insights/scheduledQueryRules": "ScheduledQueryRuleResource"},
    ),
    (
        "azure-mgmt-applicationinsights==4.1.0",
        "azure.mgmt.applicationinsights.v2020_02_02.models",
        "2020-02-02",
        {"Microsoft.Insights/components": "ApplicationInsightsComponent"},
    ),
    (
        "azure-mgmt-applicationinsights==4.1.0",
        "azure.mgmt.applicationinsights.v2023_06_01.models",
        "2023-06-01",
        {"Microsoft.Insights/workbooks": "Workbook"},
    ),
    (
        "azure-mgmt-loganalytics==14.0.0",
        "azure.mgmt.loganalytics.models",
        "2025-07-01",
        {
            "Microsoft.OperationalInsights/workspaces": "Workspace",
            "Microsoft.OperationalInsights/workspaces/tables": "Table",
        },
    ),
    (
        "azure-mgmt-keyvault==10.3.1",
        "azure.mgmt.keyvault.v2023_07_01.models",
        "2023-07-01",
        {"Microsoft.KeyVault/vaults": "VaultCreateOrUpdateParameters"},
    ),
    (
        "azure-mgmt-msi==7.0.0",
        "azure.mgmt.msi.v2023_01_31.models",
        "2023-01-31",
        {"Microsoft.ManagedIdentity/userAssignedIdentities": "Identity"},
    ),
    (
        "azure-mgmt-network==28.1.0",
        "azure.mgmt.network.models",
        "2024-05-01",
        {
            "Microsoft.Network/networkSecurityGroups": "NetworkSecurityGroup",
            "Microsoft.Network/privateEndpoints": "PrivateEndpoint",
            "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": "PrivateDnsZoneGroup",
            "Microsoft.Network/virtualNetworks": "VirtualNetwork",
            "Microsoft.Network/virtualNetworks/virtualNetworkPeerings": (
                "VirtualNetworkPeering"
            ),
        },
    ),
    (
        "azure-mgmt-privatedns==2.0.0",
        "azure.mgmt.privatedns.models",
        "2024-06-01",
        {
            "Microsoft.Network/privateDnsZones": "PrivateZone",
            "Microsoft.Network/privateDnsZones/virtualNetworkLinks": "VirtualNetworkLink",
        },
    ),
    (
        "azure-mgmt-storage==22.1.0",
        "azure.mgmt.storage.v2024_01_01.models",
        "2024-01-01",
        {
            "Microsoft.Storage/storageAccounts": "StorageAccountCreateParameters",
            "Microsoft.Storage/storageAccounts/blobServices": "BlobServiceProperties",
            "Microsoft.Storage/storageAccounts/blobServices/containers": "BlobContainer",
            "Microsoft.Storage/storageAccounts/managementPolicies": "ManagementPolicy",
            "Microsoft.Storage/storageAccounts/queueServices": "QueueServiceProperties",
            "Microsoft.Storage/storageAccounts/queueServices/queues": "StorageQueue",
            "Microsoft.Storage/storageAccounts/tableServices": "TableServiceProperties",
            "Microsoft.Storage/storageAccounts/tableServices/tables": "Table",
        },
    ),
    (
        "azure-mgmt-web==8.0.0",
        "azure.mgmt.web.v2024_04_01.models",
        "2024-04-01",
        {
            "Microsoft.Web/serverfarms": "AppServicePlan",
            "Microsoft.Web/sites": "Site",
            "Microsoft.Web/sites/basicPublishingCredentialsPolicies": (
                "CsmPublishingCredentialsPoliciesEntity"
            ),
            "Microsoft.Web/sites/config": "SiteAuthSettingsV2",
            "Microsoft.Web/sites/functions": "FunctionEnvelope",
        },
    ),
    (
        "azure-mgmt-compute==34.0.0",
        "azure.mgmt.compute.v2024_07_01.models",
        "2024-07-01",
        {
            "Microsoft.Compute/virtualMachines": "VirtualMachine",
            "Microsoft.Compute/virtualMachines/runCommands": "VirtualMachineRunCommand",
            "Microsoft.Compute/virtualMachineScaleSets": "VirtualMachineScaleSet",
            "Microsoft.Compute/virtualMachineScaleSets/extensions": (
                "VirtualMachineScaleSetExtension"
            ),
        },
    ),
    (
        "azure-mgmt-resource==23.3.0",
        "azure.mgmt.resource.resources.v2024_11_01.models",
        "2024-11-01",
        {"Microsoft.Resources/resourceGroups": "ResourceGroup"},
    ),
    (
        "azure-mgmt-resource==23.3.0",
        "azure.mgmt.resource.policy.v2023_04_01.models",
        "2023-04-01",
        {
            "Microsoft.Authorization/policyAssignments": "PolicyAssignment",
            "Microsoft.Authorization/policyDefinitions": "PolicyDefinition",
        },
    ),
)
# Where what is written and what is read are two classes.
READ_AS = {
    "Microsoft.Authorization/roleAssignments": "RoleAssignment",
    "Microsoft.KeyVault/vaults": "Vault",
    "Microsoft.Storage/storageAccounts": "StorageAccount",
}
# What is only looked up has a name and a place; these types have no library here.
LOOKED_UP = {
    "Microsoft.ContainerService/managedClusters@2024-09-01": "containerservice",
    "Microsoft.MachineLearningServices/workspaces@2025-06-01": "machinelearningservices",
    "Microsoft.Maintenance/maintenanceConfigurations@2023-04-01": "maintenance",
}


def main() -> None:
    """Install, read, keep what is reached, write."""
    python = _environment()
    table: dict[str, Any] = {
        "source": "the libraries named below, https://github.com/Azure/azure-rest-api-specs",
        "resources": {},
        "shapes": {},
    }
    used = {one.what for path in bicep.FILES for one in bicep.read(path).of("resource")}
    for package, module, version, classes in LIBRARIES:
        wanted = {f"{kind}@{version}": name for kind, name in classes.items()}
        wanted = {kind: name for kind, name in wanted.items() if kind in used}
        if not wanted:
            continue
        _check_version(python, module, version)
        for kind, name in wanted.items():
            read = f"{module}.{READ_AS.get(kind.partition('@')[0], name)}"
            one = {"package": package, "shape": f"{module}.{name}", "read": read}
            table["resources"][kind] = one
            table["shapes"].update(_read(python, [one["shape"], one["read"]]))
    for kind, folder in LOOKED_UP.items():
        if kind in used:
            table["resources"][kind] = _looked_up(kind, folder)
    table["resources"] = dict(sorted(table["resources"].items()))
    reached = shapes.reached(table)
    for _, made in fitting.deployments():
        reached |= fitting.Fit(table).deployment(made).visited
    table["shapes"] = {name: table["shapes"][name] for name in sorted(reached)}
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    missing = used - set(table["resources"])
    sys.exit(f"no library is named for {', '.join(sorted(missing))}" if missing else 0)


def _environment() -> Path:
    """Install the libraries, once."""
    python = PLACE / "bin" / "python"
    packages = sorted({package for package, *_ in LIBRARIES})
    mark = PLACE / "installed"
    if not mark.is_file() or mark.read_text() != "\n".join(packages):
        venv.create(PLACE, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)  # noqa: S603 - fixed
        mark.write_text("\n".join(packages))
    return python


def _check_version(python: Path, module: str, version: str) -> None:
    """Make sure that a library speaks the API version that its types are said to be of."""
    folder = module.removesuffix(".models").replace(".", "/")
    [place] = python.parent.parent.glob(f"lib/python*/site-packages/{folder}")
    if not any(f'"{version}"' in one.read_text() for one in place.rglob("*.py")):
        sys.exit(f"{module} knows no API version {version}")


def _read(python: Path, classes: list[str]) -> dict[str, Any]:
    script = ROOT / "scripts" / "sdk_shapes.py"
    ran = subprocess.run(  # noqa: S603 - fixed
        [python, script, *classes], check=True, capture_output=True, text=True
    )
    return dict(json.loads(ran.stdout))


def _looked_up(kind: str, folder: str) -> dict[str, Any]:
    name, _, version = kind.partition("@")
    namespace = re.sub(r"/.*", "", name).lower()
    page = f"generated/{folder}/{namespace}/{version}/types.md"
    return {"page": f"https://github.com/Azure/bicep-types-az/blob/main/{page}"}


if __name__ == "__main__":
    main()
