"""Scenarios about Azure ML, for tests rather than for show.

Each lets something happen, waits for its plan and reads the world back, as the demo's do.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from sandbox.demo import ml_lab, world
from sandbox.demo.scenarios import Result, Scenario, Tell
from sandbox.demo.site import Json, Site, resource


async def send_platform_event(site: Site, event: Json) -> None:
    """Put an event into the queue that Event Grid feeds."""
    from azure.storage.queue.aio import QueueClient

    connection = site.sandbox.storage_connection_string
    async with QueueClient.from_connection_string(connection, "platform-events") as queue:
        await queue.send_message(base64.b64encode(json.dumps(event).encode()).decode())


def run_changed(event_id: str, run: str, status: str) -> Json:
    """Write what a workspace says of a run."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": world.WORKSPACE,
        "type": "Microsoft.MachineLearningServices.RunStatusChanged",
        "subject": f"experiments/llm/runs/{run}",
        "time": datetime.now(UTC).isoformat(),
        "data": {"runId": run, "experimentName": "llm", "runStatus": status},
    }


async def preempted_job(site: Site, tell: Tell) -> Result:
    """A job was cancelled because the whole of its low-priority cluster was taken."""
    event = "7f0c6b1e-2a54-4c1b-9a6c-0d6f0a1b2c60"
    tell("Event Grid tells that a run was cancelled; and once more, under another id")
    for one in (event, f"{event}-again"):
        await send_platform_event(site, run_changed(one, ml_lab.JOB, "Canceled"))
    plans = [
        *await site.closed_plans(event, 1),
        *await site.closed_plans(f"{event}-again", 1),
    ]
    seen = await site.world()
    submitted = seen["observed"].get("job_submissions", {})
    new = (resource(seen, next(iter(submitted), "")) or {"properties": {}})["properties"]
    old = (resource(seen, f"{world.WORKSPACE}/jobs/{ml_lab.JOB}") or {})["properties"]
    result = Result("a preempted job runs again", plan=[p["id"] for p in plans])
    result.expected = {
        "plans": [("resubmit_job", "done")] * 2,
        "submitted": [1],
        "status": "Completed",
        "the same": True,
        "comes from": ml_lab.JOB,
    }
    kept = ("command", "environmentId", "codeId", "computeId", "experimentName")
    result.observed = {
        "plans": [(p["remediation"], p["outcome"]) for p in plans],
        "submitted": list(submitted.values()),
        "status": new.get("status"),
        "the same": all(new.get(key) == old.get(key) for key in kept),
        "comes from": new.get("tags", {}).get("nightshift-resumes"),
    }
    return result


MACHINE_LEARNING: tuple[tuple[str, Scenario], ...] = (
    ("a preempted job runs again", preempted_job),
)
