"""Which service answers a path, which token it wants and how its errors read."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.azure import (
    aks,
    api_versions,
    arm_generic,
    batch,
    cloud_metadata,
    compute_disks,
    compute_scale_sets,
    compute_schedule,
    compute_vms,
    entra,
    errors,
    event_grid,
    extensions,
    identity,
    ingestion,
    leftovers,
    machine_learning,
    maintenance,
    metrics,
    ml_clusters,
    ml_endpoints,
    ml_jobs,
    ml_runs,
    operations,
    patching,
    permissions,
    resource_graph,
    restore_points,
    tokens,
    vm_health,
)
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.routes import Route, Routes


@dataclass(frozen=True, slots=True)
class Service:
    """One service: the audiences it trusts, how it answers and how it refuses."""

    answer: Callable[[Call], Reply]
    audiences: tuple[str, ...] = ()
    own_address: bool = False
    error_body: Callable[[ServiceError], Json] = errors.arm_body


ARM_ROUTES = Routes(
    [
        Route(
            "GET",
            "/subscriptions/{subscription}/providers/{namespace}/locations/{location}"
            "/operations/{operation}",
            operations.poll,
        ),
        *arm_generic.ROUTES,
        *compute_vms.ROUTES,
        *vm_health.ROUTES,
        *compute_scale_sets.ROUTES,
        *compute_disks.ROUTES,
        *compute_schedule.ROUTES,
        *leftovers.ROUTES,
        *restore_points.ROUTES,
        *aks.ROUTES,
        *extensions.ROUTES,
        *machine_learning.ROUTES,
        *ml_jobs.ROUTES,
        *ml_clusters.ROUTES,
        *ml_endpoints.ROUTES,
        *maintenance.ROUTES,
        *patching.ROUTES,
    ]
)
_LOCKS = "/providers/microsoft.authorization/locks"
_TAGS = "/providers/microsoft.resources/tags/default"


def manage(call: Call) -> Reply:
    """Answer as resource manager: the services' own routes first, then the general part."""
    lowered = call.path.lower()
    if lowered == resource_graph.PATH:
        return resource_graph.answer(call)
    if lowered.endswith(_LOCKS) and call.method == "GET":
        api_versions.require_for_type(call, arm_generic.LOCK)
        return arm_generic.locks(call)
    if lowered.endswith(_TAGS) and call.method in {"GET", "PATCH"}:
        api_versions.require_for_type(call, "Microsoft.Resources/tags")
        return arm_generic.tags_of(call)
    if lowered.endswith(permissions.PATH) and call.method == "GET":
        api_versions.require_for_type(call, "Microsoft.Authorization/permissions")
        return permissions.held(call)
    arm_generic.refuse_if_locked(call)
    match = ARM_ROUTES.find(call.method, call.path)
    if match is None:
        return arm_generic.answer(call)
    kind = "/".join(match.route.pattern.rpartition("/providers/")[2].split("/")[:2])
    api_versions.require(call, match.route.versions, kind)
    call.params = match.params
    return match.route.handler(call)


ARM = Service(manage, tokens.ARM, own_address=True)
SERVICES = {
    "subscriptions": ARM,
    "providers": ARM,
    "msi": Service(identity.token),
    "batch": Service(batch.answer, tokens.BATCH, error_body=errors.batch_body),
    "console": Service(vm_health.log),
    "discovery": Service(ml_runs.discover),
    "entra": Service(entra.answer),
    "eventgrid": Service(event_grid.answer, tokens.EVENT_GRID),
    "history": Service(ml_runs.answer, tokens.MACHINE_LEARNING, own_address=True),
    "ingestion": Service(ingestion.answer, tokens.INGESTION, own_address=True),
    "metadata": Service(cloud_metadata.answer),
    "metrics": Service(metrics.answer, tokens.METRICS, own_address=True),
}


def find(path: str) -> Service | None:
    """Find the service a path belongs to by its first segment."""
    return SERVICES.get(path.split("/", 2)[1].lower())
