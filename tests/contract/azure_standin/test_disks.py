"""Disks and incremental snapshots, through the real azure-mgmt-compute client."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.mgmt.compute.aio import ComputeManagementClient

from tests.contract.azure_standin.running import Standin
from tests.contract.azure_standin.worlds import COMPUTE, SUBSCRIPTION, disk, world


@pytest.fixture
async def compute(
    azure_standin: Standin, credential: Any, transport: dict[str, Any]
) -> AsyncIterator[ComputeManagementClient]:
    client = ComputeManagementClient(
        credential,
        SUBSCRIPTION,
        base_url=azure_standin.url,
        credential_scopes=["https://management.azure.com/.default"],
        retry_total=0,
        **transport,
    )
    async with client:
        yield client


def incremental(source: str, location: str = "westeurope", **tags: str) -> Any:
    """The body of a snapshot as azure-sdk.md's recipe has it."""
    creation = {"createOption": "Copy", "sourceResourceId": f"{COMPUTE}/disks/{source}"}
    return {
        "location": location,
        "tags": tags,
        "properties": {"incremental": True, "creationData": creation},
    }


async def test_disks_are_read_and_listed(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """A machine's disks are found by the ids in its storage profile."""
    azure_standin.put_world(world(disk("os"), disk("data", 1024)))
    assert 1024 == (await compute.disks.get("training", "data")).disk_size_gb
    assert ["os", "data"] == [one.name async for one in compute.disks.list()]


async def test_a_snapshot_is_made_of_a_disk_and_takes_its_time(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """Redeploying before the snapshot has succeeded would be trusting to luck."""
    azure_standin.put_world(world(disk("os"), settings={"operation_seconds": 2}))
    poller = await compute.snapshots.begin_create_or_update(
        "training", "of-os", incremental("os", plan="p1")
    )
    meanwhile = await compute.snapshots.get("training", "of-os")
    made = await poller.result()
    assert "Updating" == meanwhile.provisioning_state
    assert ("Succeeded", 128, True) == (
        made.provisioning_state,
        made.disk_size_gb,
        made.incremental,
    )
    assert {"plan": "p1"} == made.tags
    assert made.time_created is not None
    assert ["of-os"] == [one.name async for one in compute.snapshots.list()]


async def test_the_same_snapshot_twice_is_one_snapshot(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """A step repeated after a crash names its snapshot alike, and must not fail."""
    azure_standin.put_world(world(disk("os"), disk("data")))
    for _ in range(2):
        poller = await compute.snapshots.begin_create_or_update(
            "training", "s", incremental("os")
        )
        await poller.result()
    with pytest.raises(ResourceExistsError, match="PropertyChangeNotAllowed"):
        await compute.snapshots.begin_create_or_update("training", "s", incremental("data"))
    assert {f"{COMPUTE}/snapshots/s": 1} == azure_standin.world()["observed"]["snapshots"]


async def test_a_snapshot_can_be_deleted_twice(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """Expiry deletes what is there and accepts what is gone."""
    azure_standin.put_world(world(disk("os")))
    made = await compute.snapshots.begin_create_or_update("training", "s", incremental("os"))
    await made.result()
    for _ in range(2):
        await (await compute.snapshots.begin_delete("training", "s")).result()
    with pytest.raises(ResourceNotFoundError):
        await compute.snapshots.get("training", "s")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (incremental("gone"), 404, "disks/gone"),
        (incremental("os", location="eastus"), 400, "that of the source"),
        ({"location": "westeurope", "properties": {}}, 400, "creationData"),
        ({"properties": {}}, 400, "location property is required"),
        (
            {"location": "westeurope", "properties": {"creationData": {"createOption": "X"}}},
            400,
            "createOption",
        ),
        ({"location": "westeurope", "propertees": {}}, 400, "propertees"),
    ],
)
async def test_a_snapshot_that_the_service_would_refuse_is_refused(
    azure_standin: Standin,
    compute: ComputeManagementClient,
    body: Any,
    status: int,
    message: str,
) -> None:
    """Each refusal names the property that was wrong."""
    azure_standin.put_world(world(disk("os")))
    with pytest.raises(HttpResponseError, match=message) as refused:
        await compute.snapshots.begin_create_or_update("training", "s", body)
    assert status == refused.value.status_code
