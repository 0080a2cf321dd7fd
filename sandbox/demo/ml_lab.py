"""The Azure ML part of the demo's world that is about jobs and clusters."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

Json = dict[str, Any]
SIZE = "Standard_NC24ads_A100_v4"
SPOT, JOB = "spot", "llm-pretrain-7"
RESUMABLE = {"nightshift-resumable": "true"}
LOOKED_AFTER: Json = {
    "idleTimeBeforeShutdown": "PT4H",
    "schedules": {
        "computeStartStop": [
            {
                "action": "Stop",
                "status": "Enabled",
                "triggerType": "Cron",
                "cron": {"expression": "0 22 * * *", "timeZone": "UTC"},
            }
        ]
    },
}
"""What a survey finds nothing about: the demo's hourly one must not get in its way."""


def resources(workspace: str, region: str, now: datetime) -> list[Json]:
    """A low-priority cluster that was taken away, and the job that ran on it."""
    scale = {"minNodeCount": 0, "maxNodeCount": 2, "nodeIdleTimeBeforeScaleDown": "PT2M"}
    inner = {"vmSize": SIZE, "vmPriority": "LowPriority", "scaleSettings": scale}
    ended = (now - timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    job = {
        "jobType": "Command",
        "status": "Canceled",
        "command": "python train.py --resume",
        "environmentId": f"{workspace}/environments/torch/versions/3",
        "codeId": f"{workspace}/codes/train/versions/1",
        "computeId": f"{workspace}/computes/{SPOT}",
        "experimentName": "llm",
        "tags": RESUMABLE,
    }
    return [
        {
            "id": f"{workspace}/computes/{SPOT}",
            "location": region,
            "properties": {"computeType": "AmlCompute", "properties": inner},
            "_nodes": [{"nodeId": str(n), "nodeState": "preempted"} for n in range(2)],
        },
        {
            "id": f"{workspace}/jobs/{JOB}",
            "properties": job,
            "_run": {"endTimeUtc": ended},
        },
    ]
