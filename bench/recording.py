"""A generated recording: mixed events as a year of nights has them, with their facts.

The same size gives the same bytes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.demo import events, world

START = datetime(2030, 1, 1, tzinfo=UTC)
APART = timedelta(seconds=7)
NODES = 400
_KINDS = ("preempt", "preempt", "reboot", "started", "canceled", "degraded", "tasks", "run")
_BROKEN_EVERY, _TWICE_EVERY = 97, 41


def recording(size: int) -> Iterator[str]:
    """Yield so many lines; some broken, some sent twice, as it happens."""
    before = ""
    for number in range(size):
        at = START + number * APART
        if before and number % _TWICE_EVERY == 0:
            yield before
            continue
        if number % _BROKEN_EVERY == 0:
            yield json.dumps(
                {
                    "received_at": at.isoformat(),
                    "inlet": "on_maintenance_event",
                    "encoding": "base64",
                    "event": base64.b64encode(b"\xff{").decode(),
                }
            )
            continue
        before = json.dumps(_line(number, at))
        yield before


def _line(number: int, at: datetime) -> dict[str, Any]:
    kind = _KINDS[number % len(_KINDS)]
    event, inlet, facts = _event(kind, number, at)
    return {"received_at": at.isoformat(), "inlet": inlet, "event": event, "facts": facts}


def _event(kind: str, number: int, at: datetime) -> tuple[dict[str, Any], str, dict[str, Any]]:
    node = number % NODES
    if kind == "degraded":
        event = events.degraded(f"h-{number}", world.DEGRADED_VM, now=at)
        return event, "on_maintenance_event", {world.DEGRADED_VM: {"disks": _disks()}}
    if kind == "tasks":
        event = events.failing_tasks(f"a-{number}", world.BATCH, now=at)
        return event, "on_alert", {world.BATCH: {"failed_tasks": _tasks(at)}}
    if kind == "run":
        return _run(number, at), "on_platform_event", {}
    facts = {world.instance_id(node): {"node": _node(node)}}
    status, of = {"started": ("Started", 3), "canceled": ("Canceled", 4)}.get(
        kind, ("Scheduled", 0)
    )
    what = "Reboot" if kind == "reboot" else "Preempt"
    name, numbers = f"e-{number - of}", ((number - of) % NODES,)
    event = events.notice(name, numbers, now=at, status=status, kind=what)
    return event, "on_maintenance_event", facts


def _resource(resource_id: str) -> dict[str, Any]:
    kind = "/".join(resource_id.split("/")[6:8])
    tags = {"workload": "training", "environment": "dev"}
    name = resource_id.rpartition("/")[2]
    return {"id": resource_id, "type": kind, "name": name, "tags": tags, "size": "NC24"}


def _node(number: int) -> dict[str, Any]:
    vm = world.instance_id(number)
    return {
        "resource": _resource(vm),
        "node": {
            "name": world.node_name(number),
            "cluster": world.CLUSTER,
            "provider_id": f"azure://{vm}",
            "is_unschedulable": False,
            "is_ready": True,
            "taints": ["kubernetes.azure.com/scalesetpriority=spot:NoSchedule"],
        },
    }


def _disks() -> dict[str, Any]:
    disks = [
        {"id": f"{world.DEGRADED_VM}-{n}", "location": world.REGION, "role": "data"}
        for n in range(3)
    ]
    return {"resource": _resource(world.DEGRADED_VM), "power": "running", "disks": disks}


def _tasks(at: datetime) -> dict[str, Any]:
    tasks = [
        {
            "job": "frames",
            "id": f"frame-{n}",
            "exit_code": 1,
            "category": "UserError",
            "ended_at": at.isoformat(),
            "reactivations_spent": n % 3,
        }
        for n in range(5)
    ]
    since = (at - timedelta(minutes=5)).isoformat()
    jobs = {"frames": "active"}
    return {"resource": _resource(world.BATCH), "jobs": jobs, "tasks": tasks, "since": since}


def _run(number: int, at: datetime) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"r-{number}",
        "source": world.WORKSPACE,
        "type": "Microsoft.MachineLearningServices.RunCompleted",
        "subject": f"experiments/e/runs/r-{number}",
        "time": at.isoformat(),
        "data": {"runId": f"r-{number}", "experimentName": "e", "runStatus": "Completed"},
    }
