"""Put a deployed Nightshift into a sandbox's Azure: what infra/bicep makes, as resources.

    python -m sandbox.deployment --state DIR

adds them to the world of a sandbox that is up and prints what doctor and smoke are called
with. The sandbox's own app, storage and keys stand behind them.
"""

import argparse
import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob.aio import BlobServiceClient

from sandbox.demo.site import Site
from sandbox.environment import INGESTION_RULE
from sandbox.environment import TOPIC as OUTCOMES
from sandbox.state_folder import Sandbox, load
from shared.core.audit_tables import TABLES

Json = dict[str, Any]
SUBSCRIPTION = "/subscriptions/5f0ac1d2-0000-4000-8000-0000000000de"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-nightshift"
APP = f"{GROUP}/providers/Microsoft.Web/sites/nightshift-app"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/devstoreaccount1"
TOPIC = f"{GROUP}/providers/Microsoft.EventGrid/topics/nightshift-forwarder"
GRID = f"{GROUP}/providers/Microsoft.EventGrid/systemTopics"
INSIGHTS = f"{GROUP}/providers/Microsoft.Insights"
RULE = f"{INSIGHTS}/dataCollectionRules/nightshift-audit"
ACTIONS = f"{INSIGHTS}/actionGroups/nightshift-answers"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/nightshift"
DEAD_LETTERS = "nightshift-dead-letters"
_NOTES = "Microsoft.ResourceNotifications"


def settings() -> dict[str, str]:
    """Say which app settings the platform would make for such an app."""
    guid = SUBSCRIPTION.rpartition("/")[2]
    return {
        "WEBSITE_OWNER_NAME": f"{guid}+rg-nightshift-WestEuropewebspace-Linux",
        "WEBSITE_RESOURCE_GROUP": "rg-nightshift",
        "WEBSITE_SITE_NAME": "nightshift-app",
        "NIGHTSHIFT_SUBSCRIPTIONS": guid,
    }


def resources(sandbox: Sandbox, functions: list[str]) -> list[Json]:
    """Write what stands around the app, in good order."""
    return [
        *_app(sandbox, functions),
        *_event_grid(sandbox),
        *_audit(sandbox),
        *_alerts(),
    ]


def _app(sandbox: Sandbox, functions: list[str]) -> list[Json]:
    host = urlsplit(sandbox.functions_url).netloc
    site = {
        "id": APP,
        "location": "westeurope",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}},
        "properties": {
            "state": "Running",
            "defaultHostName": host,
            "hostNames": [host],
            "httpsOnly": True,
        },
        "_host": {"url": sandbox.functions_url, "key": sandbox.system_key},
    }
    sign_in = {"platform": {"enabled": False}}
    storage = {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "supportsHttpsTrafficOnly": True,
        "minimumTlsVersion": "TLS1_2",
        "networkAcls": {"defaultAction": "Allow"},
    }
    return [
        {"id": GROUP, "location": "westeurope"},
        site,
        {"id": f"{APP}/config/authsettingsV2", "properties": sign_in},
        *(
            {"id": f"{APP}/functions/{name}", "properties": {"isDisabled": False}}
            for name in functions
        ),
        {"id": STORAGE, "location": "westeurope", "properties": storage},
    ]


def _event_grid(sandbox: Sandbox) -> list[Json]:
    endpoint = f"{sandbox.azure_url}/eventgrid/{TOPIC.rpartition('/')[2]}/api/events"
    own = {
        "inputSchema": "CloudEventSchemaV1_0",
        "endpoint": endpoint,
        "disableLocalAuth": True,
    }
    told = endpoint.replace(TOPIC.rpartition("/")[2], OUTCOMES)
    maintenance = f"{GRID}/nightshift-maintenance"
    health = f"{GRID}/nightshift-health"
    machines = f"{GRID}/nightshift-ml"
    return [
        _topic(maintenance, f"{_NOTES}.MaintenanceResources"),
        _to_function(maintenance, [f"{_NOTES}.MaintenanceResources.ScheduledEventEmitted"]),
        _topic(health, f"{_NOTES}.HealthResources"),
        _to_function(
            health,
            [
                f"{_NOTES}.HealthResources.AvailabilityStatusChanged",
                f"{_NOTES}.HealthResources.ResourceAnnotated",
            ],
        ),
        _topic(machines, "Microsoft.MachineLearningServices.Workspaces"),
        _to_queue(machines, ["Microsoft.MachineLearningServices.RunCompleted"]),
        {"id": TOPIC, "properties": own},
        {
            "id": TOPIC.replace(TOPIC.rpartition("/")[2], OUTCOMES),
            "properties": {**own, "endpoint": told},
        },
        _to_function(
            TOPIC, ["Nightshift.ScheduledEvents.Document", "Nightshift.Forwarder.Heartbeat"]
        ),
    ]


def _topic(topic: str, kind: str) -> Json:
    return {"id": topic, "properties": {"source": SUBSCRIPTION, "topicType": kind}}


def _subscription(topic: str, types: list[str]) -> Json:
    letters = {"resourceId": STORAGE, "blobContainerName": DEAD_LETTERS}
    return {
        "provisioningState": "Succeeded",
        "topic": topic,
        "eventDeliverySchema": "CloudEventSchemaV1_0",
        "filter": {"includedEventTypes": types},
        "deadLetterWithResourceIdentity": {
            "identity": {"type": "UserAssigned", "userAssignedIdentity": IDENTITY},
            "deadLetterDestination": {"endpointType": "StorageBlob", "properties": letters},
        },
    }


def _to_function(topic: str, types: list[str]) -> Json:
    to = {"resourceId": f"{APP}/functions/on_maintenance_event", "maxEventsPerBatch": 1}
    destination = {"endpointType": "AzureFunction", "properties": to}
    properties = {**_subscription(topic, types), "destination": destination}
    return {"id": f"{topic}/eventSubscriptions/nightshift", "properties": properties}


def _to_queue(topic: str, types: list[str]) -> Json:
    to = {"resourceId": STORAGE, "queueName": "platform-events"}
    delivery = {
        "identity": {"type": "UserAssigned", "userAssignedIdentity": IDENTITY},
        "destination": {"endpointType": "StorageQueue", "properties": to},
    }
    properties = {**_subscription(topic, types), "deliveryWithResourceIdentity": delivery}
    return {"id": f"{topic}/eventSubscriptions/nightshift-queue", "properties": properties}


def _audit(sandbox: Sandbox) -> list[Json]:
    declared = {
        f"Custom-{table.value}": {
            "columns": [{"name": one.name, "type": one.type} for one in columns]
        }
        for table, columns in TABLES.items()
    }
    flow = {"streams": list(declared), "destinations": ["workspace"]}
    endpoint = f"{INSIGHTS}/dataCollectionEndpoints/nightshift-ingestion"
    rule = {
        "immutableId": INGESTION_RULE,
        "dataCollectionEndpointId": endpoint,
        "streamDeclarations": declared,
        "dataFlows": [flow],
    }
    ingestion = {"logsIngestion": {"endpoint": f"{sandbox.azure_url}/ingestion"}}
    return [{"id": RULE, "properties": rule}, {"id": endpoint, "properties": ingestion}]


def _alerts() -> list[Json]:
    receiver = {
        "name": "on_alert",
        "functionAppResourceId": APP,
        "functionName": "on_alert",
        "httpTriggerUrl": "https://nightshift.example/api/alerts?code=shown-to-nobody",
        "useCommonAlertSchema": True,
    }
    group = {
        "groupShortName": "nightshift",
        "enabled": True,
        "webhookReceivers": [],
        "azureFunctionReceivers": [receiver],
    }
    attached = [{"actionGroupId": ACTIONS}]
    return [
        {"id": ACTIONS, "location": "global", "properties": group},
        {
            "id": f"{INSIGHTS}/metricAlerts/batch-tasks-failed",
            "properties": {"enabled": True, "actions": attached},
        },
        {
            "id": f"{INSIGHTS}/scheduledQueryRules/gpu-idle",
            "properties": {"enabled": True, "actions": {"actionGroups": [ACTIONS]}},
        },
        {
            "id": f"{INSIGHTS}/activityLogAlerts/service-health",
            "properties": {"enabled": True, "actions": {"actionGroups": attached}},
        },
    ]


async def deploy(site: Site) -> None:
    """Add the deployment to the world of a sandbox that is up, and its containers."""
    connection = site.sandbox.storage_connection_string
    async with BlobServiceClient.from_connection_string(connection) as blobs:
        with suppress(ResourceExistsError):
            await blobs.create_container(DEAD_LETTERS)
    key = site.sandbox.master_key
    status, said = await site.call("GET", "/admin/host/status", key=key)
    if status != 200:  # noqa: PLR2004 - HTTP's yes
        raise RuntimeError(f"the Functions host answered {status}")
    document = await site.world()
    added = resources(site.sandbox, said["functions"])
    ours = {one["id"].casefold() for one in added}
    kept = [one for one in document["resources"] if one["id"].casefold() not in ours]
    await site.azure("PUT", "/_world", {**document, "resources": [*kept, *added]})


def sign_in(sandbox: Sandbox) -> dict[str, str]:
    """Say which environment makes a person's tools sign in to the sandbox's Azure."""
    state = Path(sandbox.state)
    said = json.loads((state / "logs" / "azure.out").read_text("utf-8").splitlines()[0])
    bundle = str(state / "ca-bundle.pem")
    return {
        "IDENTITY_ENDPOINT": said["identity_endpoint"],
        "IDENTITY_HEADER": said["identity_header"],
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
    }


def options(sandbox: Sandbox) -> list[str]:
    """Say which options doctor and smoke take for this sandbox."""
    return [
        *("--url", sandbox.functions_url, "--key", sandbox.function_key),
        *("--app-id", APP, "--resource-manager", sandbox.azure_url),
    ]


async def _main(state: Path) -> None:
    sandbox = load(state)
    async with Site(sandbox) as site:
        await deploy(site)
    lines = [f"export {name}='{value}'" for name, value in sign_in(sandbox).items()]
    lines.append(f"# nightshift doctor {' '.join(options(sandbox))}")
    sys.stdout.write("\n".join(lines) + "\n")


def main() -> int:
    """Add a deployment to a sandbox that is up."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.deployment", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="the folder given to `up`")
    asyncio.run(_main(parser.parse_args().state))
    return 0


if __name__ == "__main__":
    sys.exit(main())
