"""Azure ML jobs and clusters, through the real MLClient: what it asks, and in what shape."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.azure_standin.running import Standin
from tests.contract.azure_standin.worlds import SUBSCRIPTION, WORKSPACE, world

# azure-ai-ml warns about its own experimental parts when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore")
SPOT = f"{WORKSPACE}/computes/spot"
WORDS = "AzureMLCompute job failed. PreemptionError: Nodes of this job got preempted."


def job(name: str = "owl", **properties: Any) -> dict[str, Any]:
    return {
        "id": f"{WORKSPACE}/jobs/{name}",
        "properties": {
            "jobType": "Command",
            "status": "Failed",
            "command": "python train.py --resume",
            "environmentId": f"{WORKSPACE}/environments/torch/versions/3",
            "codeId": f"{WORKSPACE}/codes/train/versions/1",
            "computeId": SPOT,
            "experimentName": "llm",
            "tags": {"nightshift-resumable": "true"},
            "environmentVariables": {"STEPS": "9"},
            "resources": {"instanceCount": 2, "shmSize": "2g"},
            **properties,
        },
        "_run": {"error": {"error": {"code": "UserError", "message": WORDS}}},
    }


def lab(*jobs: dict[str, Any], **cluster: Any) -> dict[str, Any]:
    nodes = [
        {"nodeId": "tvmps_1", "nodeState": "running", "runId": "owl"},
        {"nodeId": "tvmps_2", "nodeState": "preempted"},
    ]
    inner = {"vmSize": "Standard_NC24ads_A100_v4", "vmPriority": "LowPriority"}
    spot = {
        "id": SPOT,
        "location": "westeurope",
        "properties": {"computeType": "AmlCompute", "properties": inner},
        "_nodes": nodes,
        **cluster,
    }
    return world({"id": WORKSPACE, "location": "westeurope"}, spot, *jobs)


@pytest.fixture
def client(azure_standin: Standin, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from azure.ai.ml import MLClient
    from azure.identity import ManagedIdentityCredential

    saved = os.environ.pop("AZUREML_CURRENT_CLOUD", None)
    url = azure_standin.url
    metadata = dict.fromkeys(
        ("azure_portal", "active_directory", "aml_resource_id", "registry_discovery_endpoint"),
        url,
    )
    yield MLClient(
        ManagedIdentityCredential(),
        SUBSCRIPTION,
        "training",
        "lab",
        enable_telemetry=False,
        show_progress=False,
        cloud=f"sandbox-{url.rpartition(':')[2]}",
        cloud_metadata={**metadata, "resource_manager": url, "storage_endpoint": "x.net"},
    )
    os.environ.pop("AZUREML_CURRENT_CLOUD", None)
    if saved is not None:
        os.environ["AZUREML_CURRENT_CLOUD"] = saved


def test_a_job_is_read_with_what_only_its_run_history_tells(
    azure_standin: Standin, client: Any
) -> None:
    """The resource manager tells the status; why it ended is told elsewhere."""
    azure_standin.put_world(lab(job()))
    found = client.jobs.get("owl")
    run = client.jobs._runs_operations.get_run("owl")
    assert ("Failed", "spot", {"nightshift-resumable": "true"}) == (
        found.status,
        found.compute,
        found.tags,
    )
    assert ("UserError", WORDS) == (run.error.error.code, run.error.error.message)


def test_a_job_submitted_again_is_what_it_was_and_runs_to_its_end(
    azure_standin: Standin, client: Any
) -> None:
    """Nothing of it may be lost on the way through the library."""
    azure_standin.put_world(lab(job()))
    again = client.jobs.get("owl")
    again.name = "owl-again"
    client.jobs.create_or_update(again)
    sent = azure_standin.resource(f"{WORKSPACE}/jobs/owl-again")["properties"]
    was = job()["properties"]
    kept = ("command", "environmentId", "codeId", "computeId", "experimentName", "tags")
    assert {key: was[key] for key in kept} == {key: sent[key] for key in kept}
    assert ("2g", 2) == (sent["resources"]["shmSize"], sent["resources"]["instanceCount"])
    for _ in range(100):
        status = client.jobs.get("owl-again").status
        if status == "Completed":
            break
        time.sleep(0.05)
    assert "Completed" == status
    assert {f"{WORKSPACE}/jobs/owl-again": 1} == azure_standin.world()["observed"][
        "job_submissions"
    ]


def test_jobs_are_listed_newest_first_and_by_tag(azure_standin: Standin, client: Any) -> None:
    """The list is how somebody finds what was submitted again."""
    other = job("crow", tags={})
    azure_standin.put_world(lab(job(), other))
    assert ["crow", "owl"] == [one.name for one in client.jobs.list()]
    assert ["owl"] == [one.name for one in client.jobs.list(tag="nightshift-resumable")]


def test_nodes_of_a_cluster_tell_their_state_and_job(
    azure_standin: Standin, client: Any
) -> None:
    """The library keeps the service's own names here, beside empty ones of its own."""
    azure_standin.put_world(lab(job()))
    found = [(n.nodeId, n.nodeState, n.runId) for n in client.compute.list_nodes("spot")]
    assert ("tvmps_1", "running", "owl") == found[0]
    assert ("tvmps_2", "preempted") == found[1][:2]


def test_the_same_name_with_other_content_is_refused(azure_standin: Standin) -> None:
    """One name is one job, for ever."""
    azure_standin.put_world(lab(job()))
    path = f"{WORKSPACE}/jobs/owl?api-version=2025-01-01-preview"
    properties = {**job()["properties"], "command": "rm -r /"}
    status, body, _ = azure_standin.arm("PUT", path, {"properties": properties})
    assert (400, "UserError") == (status, body["error"]["code"])
    assert "command" in body["error"]["message"]


@pytest.mark.parametrize(
    ("name", "changed", "wanted"),
    [
        ("a..b", {}, "letters"),
        ("fine", {"jobType": "Poem"}, "jobType"),
        ("fine", {"command": ""}, "properties.command"),
        ("fine", {"computeId": f"{WORKSPACE}/computes/gone"}, "compute target"),
    ],
)
def test_a_job_that_cannot_run_is_refused_by_name(
    azure_standin: Standin, name: str, changed: dict[str, Any], wanted: str
) -> None:
    """The service says which property is wrong."""
    azure_standin.put_world(lab())
    path = f"{WORKSPACE}/jobs/{name}?api-version=2025-01-01-preview"
    properties = {**job()["properties"], **changed}
    status, body, _ = azure_standin.arm("PUT", path, {"properties": properties})
    assert 400 == status
    assert wanted in body["error"]["message"]


def test_a_cluster_shows_its_nodes_counted_and_scales_down_when_told(
    azure_standin: Standin,
) -> None:
    """Counts are what tells a cluster that lost every node from one that is idle."""
    nodes = [{"nodeId": str(n), "nodeState": "idle"} for n in range(3)]
    azure_standin.put_world(lab(_nodes=nodes))
    version = "api-version=2024-10-01"
    _, before, _ = azure_standin.arm("GET", f"{SPOT}?{version}")
    scale = {"minNodeCount": 0, "maxNodeCount": 4}
    body = {"properties": {"properties": {"scaleSettings": scale}}}
    status, _, _ = azure_standin.arm("PATCH", f"{SPOT}?{version}", body)
    assert 202 == status
    for _ in range(100):
        _, after, _ = azure_standin.arm("GET", f"{SPOT}?{version}")
        if after["properties"]["properties"]["currentNodeCount"] == 0:
            break
        time.sleep(0.02)
    assert 3 == before["properties"]["properties"]["nodeStateCounts"]["idleNodeCount"]
    assert scale == after["properties"]["properties"]["scaleSettings"]
    assert 0 == after["properties"]["properties"]["currentNodeCount"]


def an_instance() -> dict[str, Any]:
    inner = {"vmSize": "Standard_DS3_v2", "state": "Running"}
    return {
        "id": f"{WORKSPACE}/computes/ci",
        "location": "westeurope",
        "properties": {"computeType": "ComputeInstance", "properties": inner},
    }


CRON = {"expression": "0 19 * * 1-5", "timeZone": "UTC"}
STOP = {"action": "Stop", "status": "Enabled", "triggerType": "Cron", "cron": CRON}


def test_settings_of_an_instance_are_what_the_library_reads(
    azure_standin: Standin, client: Any
) -> None:
    """The library has no call that sets them; what it reads is the proof of the shape."""
    azure_standin.put_world(world({"id": WORKSPACE, "location": "westeurope"}, an_instance()))
    at = f"{WORKSPACE}/computes/ci"
    status, _, _ = azure_standin.arm(
        "POST",
        f"{at}/updateIdleShutdownSetting?api-version=2023-08-01-preview",
        {"idleTimeBeforeShutdown": "PT90M"},
    )
    assert 200 == status
    status, _, _ = azure_standin.arm(
        "POST",
        f"{at}/updateSchedules?api-version=2021-03-01-preview",
        {"computeStartStop": [STOP]},
    )
    assert 200 == status
    found = client.compute.get("ci")
    [schedule] = found.schedules.compute_start_stop
    assert 90 == found.idle_time_before_shutdown_minutes
    assert ("Stop", "0 19 * * 1-5") == (schedule.action, schedule.trigger.expression)


@pytest.mark.parametrize(
    ("word", "version", "body", "wanted"),
    [
        (
            "updateIdleShutdownSetting",
            "2021-07-01",
            {"idleTimeBeforeShutdown": "PT5M"},
            "PT15M",
        ),
        ("updateIdleShutdownSetting", "2021-07-01", {}, "PT15M"),
        ("updateIdleShutdownSetting", "1999-01-01", {}, "api version"),
        ("updateSchedules", "2021-03-01-preview", {}, "computeStartStop"),
        (
            "updateSchedules",
            "2021-03-01-preview",
            {"computeStartStop": [{**STOP, "action": "Dance"}]},
            "Start or Stop",
        ),
        (
            "updateSchedules",
            "2021-03-01-preview",
            {"computeStartStop": [{**STOP, "cron": {"expression": "at seven"}}]},
            "five fields",
        ),
        ("updateSchedules", "2024-10-01", {"computeStartStop": []}, "2021-03-01-preview"),
    ],
)
def test_a_setting_that_azure_does_not_take_is_refused(
    azure_standin: Standin, word: str, version: str, body: dict[str, Any], wanted: str
) -> None:
    """With the property, and what would be right."""
    azure_standin.put_world(world({"id": WORKSPACE, "location": "westeurope"}, an_instance()))
    path = f"{WORKSPACE}/computes/ci/{word}?api-version={version}"
    status, said, _ = azure_standin.arm("POST", path, body)
    assert 400 == status
    assert wanted.casefold() in said["error"]["message"].casefold()
