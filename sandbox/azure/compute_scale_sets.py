"""Scale sets of Uniform orchestration and their instances.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machine-scale-sets
"""

import copy

from sandbox.azure import compute_defaults, errors, power, run_commands, views
from sandbox.azure.api_versions import COMPUTE
from sandbox.azure.arm_generic import checked_tags, existing
from sandbox.azure.arm_ids import parent
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.compute_vms import expanded, merge, require_etag, simulate_eviction
from sandbox.azure.errors import ServiceError
from sandbox.azure.operations import Work, accepted
from sandbox.azure.paging import page
from sandbox.azure.routes import Route

_SET = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
)
_INSTANCES = _SET + "/virtualMachines"
_INSTANCE = _INSTANCES + "/{instance}"
_PROTECTIONS = frozenset({"protectFromScaleIn", "protectFromScaleSetActions"})
_PATCHABLE = frozenset({"tags", "properties", "identity", "plan", "sku", "zones"})


def instances_of(call: Call, scale_set: str) -> list[Json]:
    """Find the instances of a scale set, oldest first."""
    return list(call.state.world.of_type(compute_defaults.INSTANCE, scale_set))


def list_instances(call: Call) -> Reply:
    """List the instances, their instance views only on request."""
    scale_set = call.path.rpartition("/")[0]
    existing(call, scale_set)
    expand = expanded(call, ("instanceview",))
    shown = [
        views.shown(one, instance_view=bool(expand)) for one in instances_of(call, scale_set)
    ]
    return page(call, shown)


def get_instance(call: Call) -> Reply:
    """Read one instance."""
    expand = expanded(call, ("instanceview", "userdata"))
    instance = existing(call, call.path)
    return Reply(200, views.shown(instance, instance_view="instanceview" in expand))


def update_instance(call: Call) -> Reply:
    """Write an instance back: its tags, and what its properties say of protection."""
    instance = existing(call, call.path)
    body = call.body()
    policy = (body.get("properties") or {}).get("protectionPolicy") or {}
    unknown = sorted(set(policy) - _PROTECTIONS)
    if unknown:
        raise errors.invalid(unknown[0], policy[unknown[0]], ", ".join(sorted(_PROTECTIONS)))
    require_etag(call, instance)
    tags = checked_tags(body.get("tags") or {})

    def finish() -> None:
        instance["tags"] = tags
        instance["properties"]["protectionPolicy"] = policy
        instance["properties"]["provisioningState"] = "Succeeded"

    work = Work(
        verb="update", target=instance["id"], finish=finish, result=lambda: dict(instance)
    )
    return accepted(call, work, 200, views.shown(instance))


def instance_view(call: Call) -> Reply:
    """Read only the instance view of one instance."""
    instance = existing(call, call.path.rpartition("/")[0])
    return Reply(200, instance["properties"]["instanceView"])


def act_on_instance(call: Call) -> Reply:
    """Begin a power operation on one instance."""
    path, _, verb = call.path.rpartition("/")
    return power.run(call, existing(call, path), power.VERBS[verb.lower()])


def delete_instance(call: Call) -> Reply:
    """Begin to delete one instance; one that is not there is deleted already."""
    instance = call.state.world.get(call.path)
    if instance is None:
        return Reply(204)
    return accepted(call, _deletion(call, parent(instance["id"]), [instance], instance["id"]))


def _named(call: Call, scale_set: str, *, required: bool) -> list[Json]:
    """Read ``instanceIds`` and find those instances; ``*`` or none given means all."""
    body = call.body() if call.raw else {}
    wanted = body.get("instanceIds")
    if wanted is None and required:
        raise errors.missing("instanceIds")
    every = instances_of(call, scale_set)
    if wanted is None or wanted == ["*"]:
        return every
    if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
        raise errors.invalid("instanceIds", wanted, "a list of strings")
    by_id = {one["instanceId"]: one for one in every}
    gone = [one for one in wanted if one not in by_id]
    if gone:
        raise errors.invalid(
            "instanceIds", gone[0], f"an active instance of {scale_set.rpartition('/')[2]}"
        )
    return [by_id[one] for one in wanted]


def act_on_set(call: Call) -> Reply:
    """Begin a power operation on several instances, as one operation of the set."""
    scale_set, _, verb = call.path.rpartition("/")
    target = existing(call, scale_set)
    works = [
        power.work(call, one, power.VERBS[verb.lower()])
        for one in _named(call, scale_set, required=False)
    ]
    return accepted(call, _together(verb, target["id"], works))


def _together(verb: str, target: str, works: list[Work]) -> Work:
    def each(step: str) -> None:
        for work in works:
            getattr(work, step)()

    return Work(
        verb=verb,
        target=target,
        start=lambda: each("start"),
        finish=lambda: each("finish"),
        fail=lambda: each("fail"),
    )


def delete_instances(call: Call) -> Reply:
    """Begin to delete several instances; the set's capacity shrinks with them."""
    scale_set = call.path.rpartition("/")[0]
    target = existing(call, scale_set)
    doomed = _named(call, scale_set, required=True)
    return accepted(call, _deletion(call, scale_set, doomed, target["id"]))


def _deletion(call: Call, scale_set: str, doomed: list[Json], target: str) -> Work:
    def mark(state: str) -> None:
        for one in doomed:
            power.set_state(one, power=None, provisioning=state)

    def finish() -> None:
        for one in doomed:
            call.state.world.drop(one["id"])
        owner = call.state.world.get(scale_set)
        if owner is not None and "sku" in owner:
            owner["sku"]["capacity"] = len(instances_of(call, scale_set))

    return Work(
        verb="delete",
        target=target,
        start=lambda: mark("deleting"),
        finish=finish,
        fail=lambda: mark("failed"),
    )


def update(call: Call) -> Reply:
    """Change a scale set; a changed capacity adds or removes instances in a while."""
    scale_set = existing(call, call.path)
    body = call.body()
    unknown = sorted(set(body) - _PATCHABLE)
    if unknown:
        raise ServiceError(
            400,
            "InvalidRequestContent",
            f"Could not find member '{unknown[0]}' on object of type "
            "'VirtualMachineScaleSetUpdate'.",
        )
    if not isinstance(body.get("sku", {}), dict):
        raise errors.invalid("sku", body["sku"], "an object")
    capacity = body.get("sku", {}).get("capacity")
    if capacity is not None and (not isinstance(capacity, int) or capacity < 0):
        raise errors.invalid("sku.capacity", capacity, "an integer of at least 0")
    require_etag(call, scale_set)
    if "tags" in body:
        scale_set["tags"] = checked_tags(body.pop("tags"))
    merge(scale_set, body)
    if capacity is None:
        return Reply(200, scale_set)
    work = Work(
        verb="update",
        target=scale_set["id"],
        start=lambda: scale_set["properties"].update(provisioningState="Updating"),
        finish=lambda: _resize(call, scale_set, capacity),
        fail=lambda: scale_set["properties"].update(provisioningState="Failed"),
        result=lambda: scale_set,
    )
    return accepted(call, work, 200, scale_set)


def _resize(call: Call, scale_set: Json, capacity: int) -> None:
    """Bring the number of instances to the capacity: the newest go, copies come."""
    scale_set["properties"]["provisioningState"] = "Succeeded"
    instances = instances_of(call, scale_set["id"])
    for one in instances[capacity:]:
        call.state.world.drop(one["id"])
    following = max((int(one["instanceId"]) for one in instances), default=-1) + 1
    for number in range(following, following + capacity - len(instances)):
        call.state.world.put(_another(scale_set, instances, number))


def _another(scale_set: Json, instances: list[Json], number: int) -> Json:
    model = copy.deepcopy(instances[-1]) if instances else {"properties": {}}
    model.update(
        id=f"{scale_set['id']}/virtualMachines/{number}",
        name=f"{scale_set['name']}_{number}",
        type="Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
        instanceId=str(number),
        location=scale_set.get("location"),
    )
    model["properties"].pop("instanceView", None)
    model["properties"]["provisioningState"] = "Succeeded"
    return compute_defaults.filled(model)


_SET_VERBS = ("start", "deallocate", "powerOff", "restart", "redeploy", "reimage")

ROUTES = (
    Route("PATCH", _SET, update, COMPUTE),
    Route("POST", _SET + "/delete", delete_instances, COMPUTE),
    *(Route("POST", f"{_SET}/{verb}", act_on_set, COMPUTE) for verb in _SET_VERBS),
    Route("GET", _INSTANCES, list_instances, COMPUTE),
    Route("GET", _INSTANCE, get_instance, COMPUTE),
    Route("DELETE", _INSTANCE, delete_instance, COMPUTE),
    Route("PUT", _INSTANCE, update_instance, COMPUTE),
    Route("POST", _INSTANCE + "/runCommand", run_commands.run, COMPUTE),
    Route("GET", _INSTANCE + "/instanceView", instance_view, COMPUTE),
    Route("POST", _INSTANCE + "/simulateEviction", simulate_eviction, COMPUTE),
    *(Route("POST", f"{_INSTANCE}/{verb}", act_on_instance, COMPUTE) for verb in _SET_VERBS),
)
