"""Long-running operations that really take time, polled as resource manager's are.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.azure import arm_ids, clock
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError

Step = Callable[[], None]


@dataclass(slots=True)
class Operation:
    """One accepted piece of work on one target, and how it stands."""

    id: str
    verb: str
    target: str
    address: str
    version: str
    started: str
    status: str = "InProgress"
    ended: str | None = None
    error: Json | None = None
    result: Json | None = None


def _nothing() -> None:
    """Stand for a step that an operation does not have."""


@dataclass(slots=True)
class Work:
    """What an operation does: when accepted, when it succeeds, when it fails."""

    verb: str
    target: str
    start: Step = _nothing
    finish: Step = _nothing
    fail: Step = _nothing
    result: Callable[[], Json | None] = field(default=lambda: None)


class Operations:
    """Every operation of this run; at most one at a time on a target."""

    def __init__(self) -> None:
        self._all: dict[str, Operation] = {}
        self._busy: dict[str, Operation] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    def begin(self, call: Call, work: Work) -> Operation:
        """Accept a piece of work, or answer the same one if it is already under way.

        Raises:
            ServiceError: 409, another operation is under way on the target.
        """
        key = work.target.lower()
        running = self._busy.get(key)
        if running is not None and running.verb == work.verb:
            return running
        if running is not None:
            raise ServiceError(
                409,
                "OperationNotAllowed",
                f"Operation '{work.verb}' is not allowed on '{work.target}' since operation "
                f"'{running.verb}' is in progress. Please wait for it to complete and retry.",
            )
        operation = _new(call, work)
        self._all[operation.id] = operation
        self._busy[key] = operation
        work.start()
        fault = call.operation_fault or {}
        seconds = fault.get("seconds", call.state.world.settings.operation_seconds)
        self.later(seconds, lambda: self._end(operation, work, fault))
        return operation

    def later(self, seconds: float, step: Step) -> None:
        """Do something after a while, unless the world is replaced before."""

        def run() -> None:
            self._timers.discard(timer)
            step()

        timer = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(timer)

    def get(self, operation_id: str) -> Operation | None:
        """Look an operation up."""
        return self._all.get(operation_id)

    def forget(self) -> None:
        """Drop everything under way: the world it works on is gone."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._all.clear()
        self._busy.clear()

    def _end(self, operation: Operation, work: Work, fault: Json) -> None:
        self._busy.pop(work.target.lower(), None)
        operation.ended = clock.now_iso()
        if fault.get("code"):
            work.fail()
            operation.status = "Failed"
            operation.error = {
                "code": fault["code"],
                "message": fault.get("message", "The operation failed."),
            }
            return
        work.finish()
        operation.status = "Succeeded"
        operation.result = work.result()


def _new(call: Call, work: Work) -> Operation:
    """Name the operation and the address at which it is polled."""
    parsed = arm_ids.parse(work.target)
    subscription = parsed.subscription if parsed else "none"
    namespace = parsed.type.split("/")[0] if parsed else "none"
    resource = call.state.world.get(work.target) or {}
    location = resource.get("location", "global")
    identity = str(uuid.uuid4())
    address = (
        f"{call.state.url}/subscriptions/{subscription}/providers/{namespace}"
        f"/locations/{location}/operations/{identity}"
    )
    version = call.query.get("api-version", "")
    return Operation(identity, work.verb, work.target, address, version, clock.now_iso())


def accepted(call: Call, work: Work, status: int = 202, body: object = None) -> Reply:
    """Begin a piece of work and answer with where to poll it."""
    operation = call.state.operations.begin(call, work)
    where = f"{operation.address}?api-version={operation.version}"
    headers = {
        "Azure-AsyncOperation": where,
        "Location": where.replace("?", "?monitor=true&", 1),
        **retry_after(call),
    }
    return Reply(status, body, headers)


def retry_after(call: Call) -> dict[str, str]:
    """Say how long to wait before the next poll; clients read milliseconds below a second."""
    seconds = call.state.world.settings.retry_after_seconds
    if seconds >= 1:
        return {"Retry-After": str(int(seconds))}
    return {"retry-after-ms": str(max(1, int(seconds * 1000)))}


def poll(call: Call) -> Reply:
    """Answer how an operation stands, or with ``monitor=true`` its final result."""
    operation = call.state.operations.get(call.params["operation"])
    if operation is None:
        raise ServiceError(
            404, "NotFound", f"The operation '{call.params['operation']}' was not found."
        )
    if call.query.get("monitor") == "true":
        return _monitored(call, operation)
    body: Json = {
        "name": operation.id,
        "status": operation.status,
        "startTime": operation.started,
    }
    if operation.ended:
        body["endTime"] = operation.ended
    if operation.error:
        body["error"] = operation.error
    headers = {} if operation.ended else retry_after(call)
    return Reply(200, body, headers)


def _monitored(call: Call, operation: Operation) -> Reply:
    if operation.ended is None:
        where = f"{operation.address}?monitor=true&api-version={operation.version}"
        return Reply(202, None, {"Location": where, **retry_after(call)})
    if operation.error:
        raise ServiceError(409, operation.error["code"], operation.error["message"])
    if operation.result is None:
        return Reply(204)
    return Reply(200, operation.result)
