"""Azure ML computes: stop, start, restart and delete. Reading them is the general part.

Source: https://learn.microsoft.com/rest/api/azureml/compute
"""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.azure import clock, errors
from sandbox.azure.api_versions import MACHINE_LEARNING
from sandbox.azure.arm_generic import existing
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.operations import Work, accepted
from sandbox.azure.routes import Route

_ONE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}/computes/{name}"
)


@dataclass(frozen=True, slots=True)
class Verb:
    """One power operation of a compute instance and its states."""

    name: str
    during: str
    after: str
    failed: str
    counted: str


VERBS = {
    "stop": Verb("Stop", "Stopping", "Stopped", "StopFailed", "compute_stops"),
    "start": Verb("Start", "Starting", "Running", "StartFailed", "compute_starts"),
    "restart": Verb("Restart", "Restarting", "Running", "RestartFailed", "compute_restarts"),
}


def act(call: Call) -> Reply:
    """Begin a power operation on a compute instance; clusters have none."""
    path, _, word = call.path.rpartition("/")
    compute = existing(call, path)
    verb = VERBS[word.lower()]
    kind = str(compute["properties"].get("computeType", ""))
    if kind.lower() != "computeinstance":
        raise ServiceError(
            400,
            "BadRequest",
            f"Operation '{verb.name}' is supported on compute instances only; "
            f"'{compute['name']}' is a '{kind}'.",
        )
    instance = compute["properties"].setdefault("properties", {})
    before = str(instance.get("state", "Running"))
    move = _mover(instance, verb)

    def finish() -> None:
        move(verb.after, "Succeeded")
        call.state.world.count(verb.counted, compute["id"])

    return accepted(
        call,
        Work(
            verb=verb.name,
            target=compute["id"],
            start=lambda: move(verb.during, "InProgress"),
            finish=finish,
            fail=lambda: move(before, verb.failed),
        ),
    )


def _mover(instance: Json, verb: Verb) -> Callable[[str, str], None]:
    """Write state and last operation together, as a compute instance shows them."""

    def move(state: str, status: str) -> None:
        instance["state"] = state
        instance["lastOperation"] = {
            "operationName": verb.name,
            "operationTime": clock.now_iso(),
            "operationStatus": status,
            "operationTrigger": "User",
        }

    return move


def delete(call: Call) -> Reply:
    """Begin to delete or detach a compute; one that is not there is gone already."""
    action = call.query.get("underlyingresourceaction")
    if action not in {"Delete", "Detach"}:
        raise errors.invalid("underlyingResourceAction", action, "Delete or Detach")
    compute = call.state.world.get(call.path)
    if compute is None:
        return Reply(204)
    work = Work(
        verb="delete",
        target=compute["id"],
        start=lambda: compute["properties"].update(provisioningState="Deleting"),
        finish=lambda: call.state.world.drop(compute["id"]),
        fail=lambda: compute["properties"].update(provisioningState="Failed"),
    )
    return accepted(call, work)


ROUTES = (
    Route("DELETE", _ONE, delete, MACHINE_LEARNING),
    *(Route("POST", f"{_ONE}/{verb}", act, MACHINE_LEARNING) for verb in VERBS),
)
