"""Virtual machines and scale sets, through the real azure-mgmt-compute client."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.mgmt.compute.aio import ComputeManagementClient

from tests.contract.azure_standin.running import Standin
from tests.contract.azure_standin.worlds import (
    SCALE_SET,
    SUBSCRIPTION,
    scale_set,
    vm,
    vm_id,
    world,
)


@pytest.fixture
async def compute(
    azure_standin: Standin, credential: Any, transport: dict[str, Any]
) -> AsyncIterator[ComputeManagementClient]:
    client = ComputeManagementClient(
        credential,
        SUBSCRIPTION,
        base_url=azure_standin.url,
        credential_scopes=[f"{azure_standin.url}/.default"],
        polling_interval=1,
        retry_total=0,
        **transport,
    )
    async with client:
        yield client


def power(statuses: Any) -> str:
    """The power state in a list of statuses, whatever the SDK calls them."""
    found = [one.code for one in statuses if one.code.startswith("PowerState/")]
    return str(found[0].partition("/")[2])


async def test_a_vm_shows_its_instance_view_only_when_asked(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """Reading a power state without expand gives nothing in Azure, so it must here."""
    azure_standin.put_world(world(vm("a")))
    plain = await compute.virtual_machines.get("training", "a")
    full = await compute.virtual_machines.get("TRAINING", "A", expand="instanceView")
    view = await compute.virtual_machines.instance_view("training", "a")
    assert plain.instance_view is None
    assert {"workload": "training"} == plain.tags
    assert "running" == power(full.instance_view.statuses) == power(view.statuses)


async def test_power_states_come_through_one_paged_list(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """One call a page and none a VM: what makes an idle sweep affordable."""
    machines = [vm(f"vm{number:03}") for number in range(120)]
    machines[7]["properties"]["instanceView"] = {
        "statuses": [{"code": "PowerState/deallocated"}]
    }
    azure_standin.put_world(world(*machines))
    found = [one async for one in compute.virtual_machines.list_all(status_only="true")]
    assert 120 == len({one.id for one in found})
    states = [power(one.instance_view.statuses) for one in found]
    assert ["vm007"] == [
        one.name for one, state in zip(found, states, strict=True) if state == "deallocated"
    ]
    assert found[0].tags is None
    assert 3 == len(azure_standin.calls(containing="statusOnly=true"))


async def test_deallocating_takes_time_and_then_has_really_happened(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """A remediation that does not wait must see the state in between."""
    azure_standin.put_world(world(vm("a"), settings={"operation_seconds": 2}))
    poller = await compute.virtual_machines.begin_deallocate("training", "a")
    between = await compute.virtual_machines.instance_view("training", "a")
    await poller.result()
    after = await compute.virtual_machines.instance_view("training", "a")
    assert "deallocating" == power(between.statuses)
    assert "deallocated" == power(after.statuses)
    assert {vm_id("a"): 1} == azure_standin.world()["observed"]["deallocations"]


@pytest.mark.parametrize(
    ("verb", "after", "counted"),
    [
        ("begin_start", "running", "starts"),
        ("begin_restart", "running", "restarts"),
        ("begin_power_off", "stopped", "power_offs"),
        ("begin_redeploy", "running", "redeploys"),
    ],
)
async def test_each_power_operation_ends_in_its_state(
    azure_standin: Standin,
    compute: ComputeManagementClient,
    verb: str,
    after: str,
    counted: str,
) -> None:
    """The counters are how a test tells a redeploy from nothing at all."""
    azure_standin.put_world(world(vm("a")))
    poller = await getattr(compute.virtual_machines, verb)("training", "a")
    await poller.result()
    view = await compute.virtual_machines.instance_view("training", "a")
    assert after == power(view.statuses)
    assert {vm_id("a"): 1} == azure_standin.world()["observed"][counted]


async def test_an_operation_can_be_resumed_from_its_token(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """A step that survives a crash polls on; it does not deallocate twice."""
    azure_standin.put_world(world(vm("a")))
    poller = await compute.virtual_machines.begin_deallocate("training", "a")
    token = poller.continuation_token()
    again = await compute.virtual_machines.begin_deallocate(
        "training", "a", continuation_token=token
    )
    await again.result()
    assert 1 == len(azure_standin.calls(containing="POST"))
    assert "Succeeded" == again.status()


async def test_another_operation_meanwhile_is_a_conflict_and_the_same_one_is_joined(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """Two tools acting on one VM: the second must be told, not obeyed."""
    azure_standin.put_world(world(vm("a"), settings={"operation_seconds": 2}))
    first = await compute.virtual_machines.begin_deallocate("training", "a")
    second = await compute.virtual_machines.begin_deallocate("training", "a")
    with pytest.raises(ResourceExistsError) as refused:
        await compute.virtual_machines.begin_start("training", "a")
    await asyncio.gather(first.result(), second.result())
    assert 409 == refused.value.status_code
    assert "OperationNotAllowed" == refused.value.error.code
    assert {vm_id("a"): 1} == azure_standin.world()["observed"]["deallocations"]


async def test_a_stopped_machine_cannot_be_redeployed(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """Redeploy moves a running VM; asking it of a stopped one is an error in Azure."""
    stopped = {"statuses": [{"code": "PowerState/deallocated"}]}
    azure_standin.put_world(world(vm("a", instanceView=stopped)))
    with pytest.raises(ResourceExistsError, match="not running"):
        await compute.virtual_machines.begin_redeploy("training", "a")


async def test_an_operation_that_fails_says_so_and_leaves_the_machine_as_it_was(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """An accepted operation is not a successful one."""
    azure_standin.put_world(world(vm("a")))
    failure = {"code": "AllocationFailed", "message": "no capacity in this zone"}
    azure_standin.fault(pattern="POST .*/redeploy", operation=failure)
    poller = await compute.virtual_machines.begin_redeploy("training", "a")
    with pytest.raises(HttpResponseError, match="AllocationFailed"):
        await poller.result()
    view = await compute.virtual_machines.instance_view("training", "a")
    assert "running" == power(view.statuses)
    assert "redeploys" not in azure_standin.world()["observed"]


async def test_deleting_and_reading_what_is_gone(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """Gone is 404 to a reader and success to whoever deletes it again."""
    azure_standin.put_world(world(vm("a")))
    for _ in range(2):
        await (await compute.virtual_machines.begin_delete("training", "a")).result()
    with pytest.raises(ResourceNotFoundError) as refused:
        await compute.virtual_machines.get("training", "a")
    assert "ResourceNotFound" == refused.value.error.code


async def test_tags_are_updated_and_a_stale_etag_is_refused(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """Two writers of one resource: the slower learns that it is too late."""
    azure_standin.put_world(world(vm("a"), *scale_set(1)))
    poller = await compute.virtual_machines.begin_update(
        "training", "a", {"tags": {"nightshift": "off"}}
    )
    assert {"nightshift": "off"} == (await poller.result()).tags
    with pytest.raises(ResourceModifiedError):
        await compute.virtual_machine_scale_sets.begin_update(
            "training",
            "gpupool",
            {"sku": {"capacity": 0}},
            etag='"0"',
            match_condition=MatchConditions.IfNotModified,
        )


async def test_a_simulated_eviction_comes_after_its_notice(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """Only a Spot VM can be evicted; what happens then is its policy's word."""
    spot = vm("spot", priority="Spot", evictionPolicy="Deallocate")
    azure_standin.put_world(world(spot, vm("a"), settings={"eviction_seconds": 2}))
    await compute.virtual_machines.simulate_eviction("training", "spot")
    with pytest.raises(ResourceExistsError):
        await compute.virtual_machines.simulate_eviction("training", "a")
    before = await compute.virtual_machines.instance_view("training", "spot")
    await asyncio.sleep(2.2)
    after = await compute.virtual_machines.instance_view("training", "spot")
    assert ("running", "deallocated") == (power(before.statuses), power(after.statuses))


async def test_an_instance_is_evicted_as_its_scale_set_says(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """Spot and its policy are properties of the set; a deleted instance is gone."""
    owner, *members = scale_set(2)
    profile = {"priority": "Spot", "evictionPolicy": "Delete"}
    owner["properties"]["virtualMachineProfile"] = profile
    azure_standin.put_world(world(owner, *members, settings={"eviction_seconds": 0.1}))
    instances = compute.virtual_machine_scale_set_vms
    await instances.simulate_eviction("training", "gpupool", "0")
    await asyncio.sleep(0.3)
    left = [one.instance_id async for one in instances.list("training", "gpupool")]
    assert ["1"] == left


async def test_the_instances_of_a_scale_set_are_listed_and_acted_on_one_by_one(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """AKS nodes are instances of scale sets: each has an id and a state of its own."""
    azure_standin.put_world(world(*scale_set(3), settings={"page_size": 2}))
    members = compute.virtual_machine_scale_set_vms
    listed = [one async for one in members.list("training", "gpupool", expand="instanceView")]
    await (await members.begin_redeploy("training", "gpupool", "1")).result()
    await (await members.begin_deallocate("training", "gpupool", "2")).result()
    states = [
        power((await members.get_instance_view("training", "gpupool", number)).statuses)
        for number in ("0", "1", "2")
    ]
    assert ["0", "1", "2"] == [one.instance_id for one in listed]
    assert ["running", "running", "deallocated"] == states
    instance = f"{SCALE_SET}/virtualMachines/1"
    assert {instance: 1} == azure_standin.world()["observed"]["redeploys"]


async def test_instances_are_deleted_by_number_and_the_capacity_follows(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """Replacing a node is: delete this instance, then grow by one."""
    azure_standin.put_world(world(*scale_set(3)))
    sets = compute.virtual_machine_scale_sets
    poller = await sets.begin_delete_instances("training", "gpupool", {"instanceIds": ["1"]})
    await poller.result()
    assert 2 == (await sets.get("training", "gpupool")).sku.capacity
    grown = await sets.begin_update("training", "gpupool", {"sku": {"capacity": 3}})
    await grown.result()
    members = compute.virtual_machine_scale_set_vms.list("training", "gpupool")
    assert ["0", "2", "3"] == [one.instance_id async for one in members]


async def test_an_unknown_instance_is_named_in_the_refusal(
    azure_standin: Standin, compute: ComputeManagementClient
) -> None:
    """Instance ids are decimal in Azure and base 36 in node names: a classic mistake."""
    azure_standin.put_world(world(*scale_set(1)))
    with pytest.raises(HttpResponseError, match="000001"):
        await compute.virtual_machine_scale_sets.begin_delete_instances(
            "training", "gpupool", {"instanceIds": ["000001"]}
        )
