"""Azure ML of the small world: as ARM JSON, and what it measures."""

from __future__ import annotations

from typing import Any

from tests.contract.cloud.worlds import (
    BUSY_CI,
    ENDPOINT,
    GOOD,
    GPU_SIZE,
    OWL,
    RECENT,
    REGION,
    SIZE,
    SPOT_CLUSTER,
    STOPPED_CI,
    TAGS,
    TAKEN_WORDS,
    WORKSPACE,
    stamp,
)


def _compute(compute: str, state: str) -> dict[str, Any]:
    return {
        "id": compute,
        "location": REGION,
        "tags": TAGS,
        "properties": {
            "computeType": "ComputeInstance",
            "properties": {"vmSize": GPU_SIZE, "state": state},
        },
    }


def workspace() -> list[dict[str, Any]]:
    """A workspace, two compute instances, one of them stopped, and a cluster."""
    return [
        {"id": WORKSPACE, "location": REGION, "properties": {}},
        _compute(BUSY_CI, "Running"),
        _compute(STOPPED_CI, "Stopped"),
        {
            "id": f"{WORKSPACE}/computes/cluster",
            "location": REGION,
            "properties": {
                "computeType": "AmlCompute",
                "properties": {"vmSize": GPU_SIZE, "vmPriority": "Dedicated"},
            },
        },
    ]


def endpoint() -> list[dict[str, Any]]:
    """An online endpoint and its two deployments."""
    said = {
        "authMode": "Key",
        "provisioningState": "Succeeded",
        "traffic": {"blue": 90, "Green": 10},
        "mirrorTraffic": {},
        "publicNetworkAccess": "Disabled",
        "scoringUri": "https://score.example/score",
    }
    deployment = {"endpointComputeType": "Managed", "provisioningState": "Succeeded"}
    return [
        {
            "id": ENDPOINT,
            "location": REGION,
            "kind": "Managed",
            "tags": {**TAGS, **GOOD},
            "identity": {"type": "SystemAssigned"},
            "properties": said,
        },
        *(
            {
                "id": f"{ENDPOINT}/deployments/{name}",
                "location": REGION,
                "tags": {"team": name},
                "sku": {"name": "Default", "capacity": 2},
                "properties": {**deployment, "instanceType": SIZE},
            }
            for name in ("blue", "green")
        ),
    ]


def spot_jobs() -> list[dict[str, Any]]:
    """A low-priority cluster without a node, and a job that it was taken from."""
    scale = {"minNodeCount": 1, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT10M"}
    inner = {"vmSize": GPU_SIZE, "vmPriority": "LowPriority", "scaleSettings": scale}
    job = {
        "jobType": "Command",
        "status": "Canceled",
        "command": "python train.py",
        "environmentId": f"{WORKSPACE}/environments/torch/versions/3",
        "computeId": SPOT_CLUSTER,
        "experimentName": "llm",
        "tags": {"nightshift-resumable": "true"},
        "identity": {"identityType": "Managed"},
    }
    error = {"code": "UserError", "message": TAKEN_WORDS}
    return [
        {
            "id": SPOT_CLUSTER,
            "location": REGION,
            "tags": TAGS,
            "properties": {"computeType": "AmlCompute", "properties": inner},
            "_nodes": [{"nodeId": "a", "nodeState": "preempted"}],
        },
        {
            "id": OWL,
            "properties": job,
            "_run": {"error": {"error": error}, "endTimeUtc": stamp(RECENT)},
        },
    ]


def answers() -> list[dict[str, Any]]:
    """How the endpoint's new deployment answers: nine a minute well, one not."""
    of = {"deployment": "green"}
    space = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
    shown = (
        ("RequestsPerMinute", {**of, "statusCodeClass": "2xx"}, 9.0),
        ("RequestsPerMinute", {**of, "statusCodeClass": "5xx"}, 1.0),
        ("RequestLatency_P95", of, 120.0),
    )
    return [
        {"resourceId": ENDPOINT, "namespace": space, "name": n, "dimension": d, "constant": v}
        for n, d, v in shown
    ]
