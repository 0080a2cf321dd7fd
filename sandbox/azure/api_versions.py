"""Which versions of an API exist, and the refusals of those that do not.

The lists hold the versions that the locked SDKs send and the stable ones before them;
a resource type that is not listed takes any well-formed version.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/
"""

import re

from sandbox.azure.call import Call
from sandbox.azure.errors import ServiceError

_FORM = re.compile(r"\d{4}-\d{2}-\d{2}(-preview|-privatepreview)?")

COMPUTE = ("2023-09-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-04-01", "2026-04-01")
DISKS = ("2023-04-02", "2023-10-02", "2024-03-02", "2025-01-02", "2026-03-02")
MACHINE_LEARNING = (
    "2022-05-01",
    "2022-10-01",
    "2023-04-01",
    "2023-04-01-preview",
    "2023-06-01-preview",
    "2023-08-01-preview",
    "2023-10-01",
    "2024-01-01-preview",
    "2024-04-01",
    "2024-04-01-preview",
    "2024-10-01",
    "2024-10-01-preview",
    "2025-01-01-preview",
    "2025-06-01",
    "2025-12-01",
)
CONTAINER_SERVICE = ("2024-09-01", "2025-01-01", "2025-05-01", "2026-08-01")
EXTENSIONS = ("2022-11-01", "2023-05-01", "2024-11-01", "2025-03-01")
CONNECTED_CLUSTERS = ("2021-10-01", "2024-01-01")
BATCH_ACCOUNTS = ("2023-11-01", "2024-02-01", "2024-07-01", "2025-06-01")
NETWORK = ("2023-11-01", "2024-03-01", "2024-05-01", "2024-07-01")
HYBRID_COMPUTE = ("2022-12-27", "2024-07-10", "2025-01-13")
LOCKS = ("2016-09-01", "2020-05-01")
TAGS = ("2020-10-01", "2021-04-01", "2022-09-01", "2024-03-01", "2024-11-01", "2025-04-01")
RESOURCE_HEALTH = ("2022-10-01", "2025-05-01")
COMPUTE_SCHEDULE = ("2024-10-01", "2025-05-01")
MAINTENANCE_EVENTS = ("2025-10-01-preview",)
PERMISSIONS = ("2015-07-01", "2022-04-01")
EVENT_GRID = ("2025-02-15",)
WEB = ("2024-04-01",)
DATA_COLLECTION = ("2023-03-11",)
ACTION_GROUPS = ("2023-01-01",)
METRIC_ALERTS = ("2018-03-01",)
LOG_ALERTS = ("2023-12-01",)
ACTIVITY_LOG_ALERTS = ("2020-10-01",)
# The last eight: files of these versions in Azure/azure-rest-api-specs, specification/
# authorization, eventgrid, web and monitor, each under its resource-manager/*/stable.

_ENDPOINT = "microsoft.machinelearningservices/workspaces/onlineendpoints"
BY_TYPE = {
    "microsoft.compute/virtualmachines": COMPUTE,
    "microsoft.compute/virtualmachinescalesets": COMPUTE,
    "microsoft.compute/virtualmachinescalesets/virtualmachines": COMPUTE,
    "microsoft.compute/disks": DISKS,
    "microsoft.compute/snapshots": DISKS,
    "microsoft.compute/restorepointcollections": COMPUTE,
    "microsoft.compute/restorepointcollections/restorepoints": COMPUTE,
    "microsoft.machinelearningservices/workspaces": MACHINE_LEARNING,
    "microsoft.machinelearningservices/workspaces/computes": MACHINE_LEARNING,
    "microsoft.machinelearningservices/workspaces/jobs": MACHINE_LEARNING,
    _ENDPOINT: MACHINE_LEARNING,
    f"{_ENDPOINT}/deployments": MACHINE_LEARNING,
    "microsoft.containerservice/managedclusters": CONTAINER_SERVICE,
    "microsoft.kubernetes/connectedclusters": CONNECTED_CLUSTERS,
    "microsoft.kubernetesconfiguration/extensions": EXTENSIONS,
    "microsoft.batch/batchaccounts": BATCH_ACCOUNTS,
    "microsoft.authorization/locks": LOCKS,
    "microsoft.authorization/permissions": PERMISSIONS,
    "microsoft.eventgrid/systemtopics": EVENT_GRID,
    "microsoft.eventgrid/systemtopics/eventsubscriptions": EVENT_GRID,
    "microsoft.eventgrid/topics": EVENT_GRID,
    "microsoft.eventgrid/topics/eventsubscriptions": EVENT_GRID,
    "microsoft.insights/actiongroups": ACTION_GROUPS,
    "microsoft.insights/activitylogalerts": ACTIVITY_LOG_ALERTS,
    "microsoft.insights/datacollectionendpoints": DATA_COLLECTION,
    "microsoft.insights/datacollectionrules": DATA_COLLECTION,
    "microsoft.insights/metricalerts": METRIC_ALERTS,
    "microsoft.insights/scheduledqueryrules": LOG_ALERTS,
    "microsoft.web/sites": WEB,
    "microsoft.web/sites/config": WEB,
    "microsoft.web/sites/functions": WEB,
    "microsoft.network/networkinterfaces": NETWORK,
    "microsoft.network/publicipaddresses": NETWORK,
    "microsoft.hybridcompute/machines": HYBRID_COMPUTE,
    "microsoft.resources/tags": TAGS,
}


def require(call: Call, versions: tuple[str, ...], kind: str) -> None:
    """Refuse a call whose api-version is missing, malformed or unknown for its type.

    Raises:
        ServiceError: 400, naming the versions that would be right.
    """
    version = call.query.get("api-version")
    if not version:
        raise ServiceError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    supported = ", ".join(versions)
    if not _FORM.fullmatch(version):
        raise ServiceError(
            400,
            "InvalidApiVersionParameter",
            f"The api-version '{version}' is invalid. The supported versions are "
            f"'{supported}'.",
        )
    if versions and version not in versions:
        raise ServiceError(
            400,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for API version '{version}' for type "
            f"'{kind}'. The supported api-versions are '{supported}'.",
        )


def require_for_type(call: Call, kind: str) -> None:
    """Check the version against the list of a resource type."""
    require(call, BY_TYPE.get(kind.lower(), ()), kind)
