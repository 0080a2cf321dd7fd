"""Virtual machines: read, list, power, delete, change, simulate an eviction.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines
"""

from sandbox.azure import (
    compute_defaults,
    errors,
    power,
    run_commands,
    views,
    vm_creation,
    vm_health,
)
from sandbox.azure.api_versions import COMPUTE
from sandbox.azure.arm_generic import checked_tags, existing
from sandbox.azure.arm_ids import parent
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.operations import Work, accepted
from sandbox.azure.paging import page
from sandbox.azure.routes import Route

_IN_SUBSCRIPTION = "/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines"
_IN_GROUP = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.Compute/virtualMachines"
)
_ONE = _IN_GROUP + "/{name}"
_PATCHABLE = frozenset({"tags", "properties", "identity", "plan", "zones"})


def get(call: Call) -> Reply:
    """Read one VM, its instance view only with ``$expand=instanceView``."""
    expand = expanded(call, ("instanceview", "userdata"))
    vm = existing(call, call.path)
    if "instanceview" not in expand:
        return Reply(200, views.shown(vm))
    view = {**vm["properties"]["instanceView"], "vmAgent": vm_health.agent(call, vm)}
    properties = {**vm["properties"], "instanceView": view}
    return Reply(200, views.shown({**vm, "properties": properties}, instance_view=True))


def expanded(call: Call, known: tuple[str, ...]) -> set[str]:
    """Read ``$expand``, refusing what the service does not know."""
    wanted = {one.strip().lower() for one in call.query.get("$expand", "").split(",")} - {""}
    if wanted - set(known):
        raise errors.invalid("$expand", call.query["$expand"], f"one of {', '.join(known)}")
    return wanted


def instance_view(call: Call) -> Reply:
    """Read only the instance view."""
    vm = existing(call, call.path.rpartition("/")[0])
    return Reply(200, vm["properties"]["instanceView"])


def list_all(call: Call) -> Reply:
    """List VMs of a subscription or group; with ``statusOnly`` their states alone."""
    status = call.query.get("statusonly", "false").lower()
    if status not in {"true", "false"}:
        raise errors.invalid("statusOnly", status, "true or false")
    expand = expanded(call, ("instanceview",))
    vms = call.state.world.of_type(
        compute_defaults.VM, call.path.lower().rpartition("/providers")[0]
    )
    if status == "true":
        return page(call, [views.status_only(vm) for vm in vms])
    return page(call, [views.shown(vm, instance_view=bool(expand)) for vm in vms])


def act(call: Call) -> Reply:
    """Begin a power operation."""
    path, _, verb = call.path.rpartition("/")
    return power.run(call, existing(call, path), power.VERBS[verb.lower()])


def delete(call: Call) -> Reply:
    """Begin to delete a VM; one that is not there is deleted already."""
    vm = call.state.world.get(call.path)
    if vm is None:
        return Reply(204)
    work = Work(
        verb="delete",
        target=vm["id"],
        start=lambda: power.set_state(vm, power=None, provisioning="deleting"),
        finish=lambda: vm_creation.drop_with_bound(call, vm),
        fail=lambda: power.set_state(vm, power=None, provisioning="failed"),
    )
    return accepted(call, work)


def update(call: Call) -> Reply:
    """Change tags or properties, if the caller's ETag still holds."""
    resource = existing(call, call.path)
    body = call.body()
    unknown = sorted(set(body) - _PATCHABLE)
    if unknown:
        raise ServiceError(
            400,
            "InvalidRequestContent",
            f"Could not find member '{unknown[0]}' on object of type 'VirtualMachineUpdate'.",
        )
    _checked_priority(resource, body)
    require_etag(call, resource)
    if "tags" in body:
        resource["tags"] = checked_tags(body.pop("tags"))
    merge(resource, body)
    return Reply(200, views.shown(resource))


def _checked_priority(vm: Json, body: Json) -> None:
    """Refuse a priority that Azure would not give: low and spot are alike, regular is not.

    Source: https://learn.microsoft.com/azure/virtual-machines/error-codes-spot,
    https://github.com/Azure/azure-cli/issues/11187 ("Update of priority between 'Low' and
    'Regular', also between 'Spot' and 'Regular' are not allowed")
    """
    wanted = (body.get("properties") or {}).get("priority")
    if wanted is None:
        return
    if wanted not in {"Regular", "Low", "Spot"}:
        raise errors.invalid("priority", wanted, "Regular, Low or Spot")
    was = vm["properties"].get("priority")
    if was is None:
        raise ServiceError(
            400,
            "VMPriorityCannotBeApplied",
            f"The specified priority value '{wanted}' cannot be applied to the Virtual "
            f"Machine '{vm['name']}' since no priority was specified when the Virtual "
            "Machine was created.",
        )
    if wanted != was and "Regular" in {wanted, was}:
        raise ServiceError(
            409, "PropertyChangeNotAllowed", "Changing property 'priority' is not allowed."
        )


def require_etag(call: Call, resource: Json) -> None:
    """Refuse a change that was meant for an older state, and move the ETag on."""
    wanted = call.headers.get("If-Match")
    etag = str(resource.get("etag", ""))
    if wanted and wanted != "*" and wanted.strip('"') != etag.strip('"'):
        raise ServiceError(
            412,
            "PreconditionFailed",
            f"The condition of If-Match, {wanted}, is not met: the ETag is {etag}.",
        )
    digits = etag.strip('"')
    resource["etag"] = f'"{int(digits) + 1 if digits.isdigit() else 1}"'


def merge(target: Json, change: Json) -> None:
    """Merge a change into a resource, objects within objects."""
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            merge(target[key], value)
        else:
            target[key] = value


def simulate_eviction(call: Call) -> Reply:
    """Evict a spot VM after its notice: deallocate or delete, as its policy says.

    Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/simulate-eviction
    """
    path = call.path.rpartition("/")[0]
    machine = existing(call, path)
    profile = _spot_profile(call, machine)
    if str(profile.get("priority", "")).lower() not in {"spot", "low"}:
        raise ServiceError(
            409,
            "OperationNotAllowed",
            f"Eviction can be simulated only on a Spot VM; '{machine['name']}' is "
            f"'{profile.get('priority', 'Regular')}'.",
        )

    def evict() -> None:
        call.state.world.count("evictions", machine["id"])
        if str(profile.get("evictionPolicy", "Deallocate")).lower() == "delete":
            call.state.world.drop(machine["id"])
        else:
            power.set_state(machine, power="deallocated", provisioning="succeeded")

    call.state.operations.later(call.state.world.settings.eviction_seconds, evict)
    return Reply(204)


def _spot_profile(call: Call, machine: Json) -> Json:
    """Find where priority and policy stand: a scale set decides for its instances."""
    if machine["type"].lower() != compute_defaults.INSTANCE:
        return dict(machine["properties"])
    owner = call.state.world.get(parent(machine["id"])) or {"properties": {}}
    return dict(owner["properties"].get("virtualMachineProfile", {}))


ROUTES = (
    Route("POST", _ONE + "/runCommand", run_commands.run, COMPUTE),
    Route("GET", _IN_SUBSCRIPTION, list_all, COMPUTE),
    Route("GET", _IN_GROUP, list_all, COMPUTE),
    Route("GET", _ONE, get, COMPUTE),
    Route("PATCH", _ONE, update, COMPUTE),
    Route("PUT", _ONE, vm_creation.create, COMPUTE),
    Route("DELETE", _ONE, delete, COMPUTE),
    Route("GET", _ONE + "/instanceView", instance_view, COMPUTE),
    Route("POST", _ONE + "/simulateEviction", simulate_eviction, COMPUTE),
    *(Route("POST", f"{_ONE}/{verb.name}", act, COMPUTE) for verb in power.VERBS.values()),
)
