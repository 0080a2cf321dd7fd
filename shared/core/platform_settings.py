"""Where the app finds its storage and Azure's services, and as whom; part of the settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.core.rollout_settings import RolloutSettings
from shared.core.setting_words import setting


@dataclass(frozen=True, slots=True)
class PlatformSettings(RolloutSettings):
    """What differs from one cloud, and from one storage account, to the next."""

    storage: str = field(
        default="",
        repr=False,
        metadata=setting("AzureWebJobsStorage", "connection string of the app's storage"),
    )
    storage_account: str = field(
        default="",
        metadata=setting(
            "AzureWebJobsStorage__accountName", "storage account reached by identity"
        ),
    )
    storage_table_uri: str = field(
        default="",
        metadata=setting(
            "AzureWebJobsStorage__tableServiceUri",
            "table endpoint reached by identity, https, instead of the account's name",
        ),
    )
    storage_queue_uri: str = field(
        default="",
        metadata=setting(
            "AzureWebJobsStorage__queueServiceUri",
            "queue endpoint reached by identity, https, instead of the account's name",
        ),
    )
    storage_blob_uri: str = field(
        default="",
        metadata=setting(
            "AzureWebJobsStorage__blobServiceUri",
            "blob endpoint reached by identity, https, instead of the account's name",
        ),
    )
    storage_suffix: str = field(
        default="core.windows.net",
        metadata=setting("NIGHTSHIFT_STORAGE_SUFFIX", "storage domain of the cloud"),
    )
    client_id: str = field(
        default="",
        metadata=setting(
            "AZURE_CLIENT_ID", "client id of the user-assigned managed identity, a GUID"
        ),
    )
    resource_manager: str = field(
        default="https://management.azure.com",
        metadata=setting("NIGHTSHIFT_RESOURCE_MANAGER", "resource manager endpoint, https"),
    )
    resource_manager_audience: str = field(
        default="https://management.azure.com",
        metadata=setting(
            "NIGHTSHIFT_RESOURCE_MANAGER_AUDIENCE", "token audience of the resource manager"
        ),
    )
    metrics_endpoint: str = field(
        default="https://{region}.metrics.monitor.azure.com",
        metadata=setting(
            "NIGHTSHIFT_METRICS_ENDPOINT",
            "metrics data plane, https; {region} stands for the resource's region",
        ),
    )
    metrics_audience: str = field(
        default="https://metrics.monitor.azure.com",
        metadata=setting("NIGHTSHIFT_METRICS_AUDIENCE", "token audience of the metrics plane"),
    )
    batch_audience: str = field(
        default="https://batch.core.windows.net/",
        metadata=setting(
            "NIGHTSHIFT_BATCH_AUDIENCE", "token audience of the Batch data plane"
        ),
    )
    kubernetes_audience: str = field(
        default="6dae42f8-4368-4678-94ff-3960e28e3630",
        metadata=setting(
            "NIGHTSHIFT_KUBERNETES_AUDIENCE", "Entra application of AKS API servers, a GUID"
        ),
    )
    ingestion_endpoint: str = field(
        default="",
        metadata=setting(
            "NIGHTSHIFT_INGESTION_ENDPOINT",
            "logs ingestion endpoint of the data collection rule, https; empty: no export",
        ),
    )
    ingestion_rule: str = field(
        default="",
        metadata=setting(
            "NIGHTSHIFT_INGESTION_RULE",
            "immutable id of the data collection rule, dcr- and 32 hexadecimal digits",
        ),
    )
    ingestion_audience: str = field(
        default="https://monitor.azure.com",
        metadata=setting("NIGHTSHIFT_INGESTION_AUDIENCE", "token audience of logs ingestion"),
    )
    plans_stream: str = field(
        default="Custom-NightshiftPlans_CL",
        metadata=setting("NIGHTSHIFT_PLANS_STREAM", "stream of plans, Custom- and a name"),
    )
    steps_stream: str = field(
        default="Custom-NightshiftSteps_CL",
        metadata=setting("NIGHTSHIFT_STEPS_STREAM", "stream of steps, Custom- and a name"),
    )
    decisions_stream: str = field(
        default="Custom-NightshiftDecisions_CL",
        metadata=setting(
            "NIGHTSHIFT_DECISIONS_STREAM", "stream of decisions, Custom- and a name"
        ),
    )
    outcome_topic: str = field(
        default="",
        metadata=setting(
            "NIGHTSHIFT_OUTCOME_TOPIC",
            "endpoint of the Event Grid topic for outcomes, https, ending in /api/events; "
            "empty: nothing is published",
        ),
    )
    outcome_audience: str = field(
        default="https://eventgrid.azure.net",
        metadata=setting("NIGHTSHIFT_OUTCOME_AUDIENCE", "token audience of Event Grid"),
    )
