"""Azure ML computes: stop, start, restart, delete, idle time and schedules.

Reading them is the general part.

Source: https://learn.microsoft.com/rest/api/azureml/compute
"""

import re
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
IDLE_TIME = ("2021-07-01", *MACHINE_LEARNING)
SCHEDULES = ("2021-03-01-preview",)
_MINUTES = re.compile(r"PT(\d{1,5})M")


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


def set_idle_time(call: Call) -> Reply:
    """Let an instance be stopped after so long without use."""
    inner = _instance(call)
    given = call.body().get("idleTimeBeforeShutdown")
    minutes = _MINUTES.fullmatch(given) if isinstance(given, str) else None
    if minutes is None or not 15 <= int(minutes[1]) <= 3 * 24 * 60:  # noqa: PLR2004 - documented
        raise errors.invalid("idleTimeBeforeShutdown", given, "PT15M to PT4320M")
    inner["idleTimeBeforeShutdown"] = given
    return Reply(200)


def set_schedules(call: Call) -> Reply:
    """Replace an instance's schedules."""
    inner = _instance(call)
    given = call.body().get("computeStartStop")
    if not isinstance(given, list):
        raise errors.missing("computeStartStop")
    for one in given:
        _check_schedule(one)
    inner["schedules"] = {
        "computeStartStop": [{"provisioningStatus": "Completed", **one} for one in given]
    }
    return Reply(200)


def _check_schedule(one: Json) -> None:
    wanted = {
        "status": ("Enabled", "Disabled"),
        "action": ("Start", "Stop"),
        "triggerType": ("Cron", "Recurrence"),
    }
    for key, words in wanted.items():
        if one.get(key) not in words:
            raise errors.invalid(f"computeStartStop.{key}", one.get(key), " or ".join(words))
    trigger = str(one["triggerType"]).lower()
    if not isinstance(one.get(trigger), dict):
        raise errors.missing(f"computeStartStop.{trigger}")
    if trigger == "cron" and len(str(one["cron"].get("expression", "")).split()) != 5:  # noqa: PLR2004 - cron's fields
        raise errors.invalid("cron.expression", one["cron"].get("expression"), "five fields")


def _instance(call: Call) -> Json:
    compute = existing(call, call.path.rpartition("/")[0])
    kind = str(compute["properties"].get("computeType", ""))
    if kind.lower() != "computeinstance":
        raise ServiceError(400, "BadRequest", f"'{compute['name']}' is a '{kind}'.")
    inner: Json = compute["properties"].setdefault("properties", {})
    return inner


ROUTES = (
    Route("POST", f"{_ONE}/updateIdleShutdownSetting", set_idle_time, IDLE_TIME),
    Route("POST", f"{_ONE}/updateSchedules", set_schedules, SCHEDULES),
    Route("DELETE", _ONE, delete, MACHINE_LEARNING),
    *(Route("POST", f"{_ONE}/{verb}", act, MACHINE_LEARNING) for verb in VERBS),
)
