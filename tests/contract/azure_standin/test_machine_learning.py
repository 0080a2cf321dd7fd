"""Azure ML computes, through the real MLClient, built in both ways that reach us."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.azure_standin.running import Standin
from tests.contract.azure_standin.worlds import SUBSCRIPTION, WORKSPACE, world

# azure-ai-ml warns about its own experimental parts when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore")


def instance(name: str, state: str = "Running") -> dict[str, Any]:
    inner = {"vmSize": "Standard_NC24ads_A100_v4", "state": state}
    return {
        "id": f"{WORKSPACE}/computes/{name}",
        "location": "westeurope",
        "tags": {"team": "vision"},
        "properties": {
            "computeType": "ComputeInstance",
            "provisioningState": "Succeeded",
            "properties": {**inner, "idleTimeBeforeShutdown": "PT60M"},
        },
    }


def lab(*computes: dict[str, Any], **settings: Any) -> dict[str, Any]:
    workspace = {"id": WORKSPACE, "location": "westeurope"}
    cluster = {
        "id": f"{WORKSPACE}/computes/cluster",
        "location": "westeurope",
        "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "x"}},
    }
    return world(workspace, *computes, cluster, settings=settings)


@pytest.fixture
def cloud_of_the_process() -> Iterator[None]:
    """The client writes its cloud's name into the process environment: put it back."""
    saved = os.environ.pop("AZUREML_CURRENT_CLOUD", None)
    yield
    os.environ.pop("AZUREML_CURRENT_CLOUD", None)
    if saved is not None:
        os.environ["AZUREML_CURRENT_CLOUD"] = saved


def client_for(**kwargs: Any) -> Any:
    from azure.ai.ml import MLClient
    from azure.identity import ManagedIdentityCredential

    return MLClient(
        ManagedIdentityCredential(),
        SUBSCRIPTION,
        "training",
        "lab",
        enable_telemetry=False,
        show_progress=False,
        **kwargs,
    )


@pytest.fixture
def computes(azure_standin: Standin, cloud_of_the_process: None) -> Any:
    """``compute`` of an MLClient that was told its cloud, as sovereign clouds are."""
    metadata = {
        "azure_portal": "https://portal.azure.com/",
        "resource_manager": azure_standin.url,
        "active_directory": azure_standin.url,
        "aml_resource_id": azure_standin.url,
        "storage_endpoint": "core.windows.net",
        "registry_discovery_endpoint": azure_standin.url,
    }
    name = f"sandbox-{azure_standin.url.rpartition(':')[2]}"
    return client_for(cloud=name, cloud_metadata=metadata).compute


def test_computes_are_listed_by_type_and_read(azure_standin: Standin, computes: Any) -> None:
    """The sweep wants compute instances; clusters scale themselves down."""
    azure_standin.put_world(lab(instance("ci1"), instance("ci2", "Stopped"), page_size=2))
    listed = list(computes.list(compute_type="ComputeInstance"))
    found = computes.get("ci1")
    assert ["ci1", "ci2"] == [one.name for one in listed]
    assert ["Running", "Stopped"] == [one.state for one in listed]
    assert 60 == found.idle_time_before_shutdown_minutes
    assert {"team": "vision"} == found.tags


@pytest.mark.parametrize(
    ("verb", "between", "after", "counted"),
    [
        ("begin_stop", "Stopping", "Stopped", "compute_stops"),
        ("begin_start", "Starting", "Running", "compute_starts"),
        ("begin_restart", "Restarting", "Running", "compute_restarts"),
    ],
)
def test_power_operations_take_time_and_then_have_really_happened(
    azure_standin: Standin, computes: Any, verb: str, between: str, after: str, counted: str
) -> None:
    """The client's poller returns when the state is reached, not before."""
    azure_standin.put_world(lab(instance("ci1"), operation_seconds=2))
    poller = getattr(computes, verb)("ci1")
    meanwhile = computes.get("ci1")
    poller.result(timeout=20)
    later = computes.get("ci1")
    assert (between, "InProgress") == (
        meanwhile.state,
        meanwhile.last_operation["operationStatus"],
    )
    assert (after, "Succeeded") == (later.state, later.last_operation["operationStatus"])
    assert {f"{WORKSPACE}/computes/ci1": 1} == azure_standin.world()["observed"][counted]


def test_deleting_takes_the_compute_out_of_the_workspace(
    azure_standin: Standin, computes: Any
) -> None:
    """Gone is 404, which an adapter takes for done."""
    from azure.core.exceptions import ResourceNotFoundError

    azure_standin.put_world(lab(instance("ci1")))
    computes.begin_delete("ci1").result(timeout=20)
    with pytest.raises(ResourceNotFoundError):
        computes.get("ci1")


def test_a_failed_stop_says_so_in_its_poller_and_its_last_operation(
    azure_standin: Standin, computes: Any
) -> None:
    """Accepted is not stopped: the instance still costs what it cost."""
    from azure.core.exceptions import HttpResponseError

    azure_standin.put_world(lab(instance("ci1")))
    azure_standin.fault(pattern="POST .*/stop", operation={"code": "StopFailed"})
    with pytest.raises(HttpResponseError, match="StopFailed"):
        computes.begin_stop("ci1").result(timeout=20)
    found = computes.get("ci1")
    assert ("Running", "StopFailed") == (
        found.state,
        found.last_operation["operationStatus"],
    )


def test_a_cluster_cannot_be_stopped(azure_standin: Standin, computes: Any) -> None:
    """Only compute instances have power operations."""
    from azure.core.exceptions import HttpResponseError

    azure_standin.put_world(lab())
    with pytest.raises(HttpResponseError, match="compute instances only"):
        computes.begin_stop("cluster")


def test_the_client_finds_us_through_the_metadata_url_too(
    azure_standin: Standin, cloud_of_the_process: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other documented way: one environment variable and no arguments."""
    azure_standin.put_world(lab(instance("ci1")))
    monkeypatch.setenv(
        "ARM_CLOUD_METADATA_URL",
        f"{azure_standin.url}/metadata/endpoints?api-version=2019-05-01",
    )
    client = client_for()
    assert "lab" == client.workspaces.get("lab").name
    assert "Running" == client.compute.get("ci1").state
