"""What the real adapters make of refusals, lost answers and slow services."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.errors import (
    Forbidden,
    InvalidTarget,
    ProviderUnavailable,
    StaleFacts,
    Throttled,
)
from shared.ports import OperationState
from tests.contract.azure_standin.running import Standin
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually
from tests.contract.cloud.world_document import document


def standin_of(cloud: Cloud) -> Standin:
    assert cloud.standin is not None
    return cloud.standin


async def test_throttling_comes_back_at_once_with_the_time_to_wait(azure: Cloud) -> None:
    """A library that sleeps for Retry-After would sleep through a 30-second notice."""
    standin_of(azure).fault(
        pattern=r"GET .*/virtualMachines/dev-1", status=429, headers={"Retry-After": "60"}
    )
    began = time.monotonic()
    with pytest.raises(Throttled) as caught:
        await azure.compute.machine(w.DEV)
    assert timedelta(seconds=60) == caught.value.after
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("order", [{"status": 503}, {"drop_connection": True}])
async def test_a_failing_or_lost_answer_is_to_be_tried_again(
    azure: Cloud, order: dict[str, object]
) -> None:
    """Nobody knows what arrived; the engine looks, and repeats the effect safely."""
    standin_of(azure).fault(pattern=r"POST .*/dev-1/deallocate", **order)
    with pytest.raises(ProviderUnavailable):
        await azure.compute.deallocate(w.DEV)
    assert 1 == len(standin_of(azure).calls(containing="dev-1/deallocate"))


async def test_listing_machines_costs_pages_and_never_a_call_a_machine(azure: Cloud) -> None:
    """A thousand VMs must not be a thousand calls."""
    found = [machine async for machine in azure.compute.machines(w.SUBSCRIPTION)]
    calls = standin_of(azure).calls(containing="virtualMachines")
    assert 3 == len(found)
    assert {
        f"/subscriptions/{w.SUBSCRIPTION}/providers/microsoft.compute/virtualmachines"
    } == {call["path"].lower().partition("?")[0] for call in calls}


async def test_a_lock_is_a_persons_word(azure: Cloud) -> None:
    """A locked machine is not retried: the lock says who decides."""
    lock = f"{w.DEV}/providers/Microsoft.Authorization/locks/keep"
    world = document()
    world["resources"].append({"id": lock, "properties": {"level": "ReadOnly"}})
    standin_of(azure).put_world(world)
    with pytest.raises(Forbidden):
        await azure.compute.deallocate(w.DEV)


async def test_an_operation_that_failed_says_why(azure: Cloud) -> None:
    """A person reads the service's own words."""
    error = {"code": "AllocationFailed", "message": "no capacity"}
    standin_of(azure).fault(pattern=r"POST .*/redeploy", operation=error)
    token = await azure.compute.redeploy(w.DEV)
    state, words = await eventually(
        lambda: azure.compute.operation(w.DEV, token),
        lambda seen: seen[0] is not OperationState.RUNNING,
    )
    assert (OperationState.FAILED, "AllocationFailed: no capacity") == (state, words)


async def test_a_token_that_leads_elsewhere_is_not_followed(azure: Cloud) -> None:
    """Our bearer goes to the resource manager and nowhere else."""
    with pytest.raises(InvalidTarget):
        await azure.compute.operation(w.DEV, "https://elsewhere.example/operations/1")


async def test_callers_of_one_resource_share_one_request(azure: Cloud) -> None:
    """A storm of events about one machine reads it once."""
    await asyncio.gather(*(azure.resources.resource(w.DEV) for _ in range(20)))
    await azure.resources.resource(w.DEV.upper())
    assert 1 == len(standin_of(azure).calls(containing="virtualMachines/dev-1"))


async def test_a_failed_batch_of_metrics_hides_only_its_own_machines(azure: Cloud) -> None:
    """One region's bad minute must not make all the others unread."""
    dev, off = await azure.compute.machine(w.DEV), await azure.compute.machine(w.OFF)
    assert dev is not None
    assert off is not None
    standin_of(azure).fault(pattern=r"metricnamespace=azure.vm", status=500)
    read = await azure.metrics.utilisation(
        [dev, off], window=timedelta(minutes=30), gpu_metric="azure.vm/gpu"
    )
    use = read[w.DEV.casefold()]
    assert use is not None
    asked = standin_of(azure).calls(containing="getBatch")
    assert (0.02, [200, 500]) == (use.cpu, sorted(call["status"] for call in asked))


async def test_a_node_by_the_expected_name_on_another_machine_is_not_it(azure: Cloud) -> None:
    """Names can be taken; the node is the one whose providerID is the machine."""
    world = document()
    swapped = world["kubernetes"][w.CLUSTER]["objects"]
    swapped[0]["spec"], swapped[1]["spec"] = swapped[1]["spec"], swapped[0]["spec"]
    standin_of(azure).put_world(world)
    found = await azure.cluster.find_node(w.INSTANCE)
    assert found is not None
    assert w.NAMESAKE_NODE == found.name


async def test_a_node_that_somebody_keeps_changing_is_left_to_the_engine(
    azure: Cloud,
) -> None:
    """Our patch names the version it was decided on, or it would undo a person's cordon."""
    node = await azure.cluster.find_node(w.INSTANCE)
    assert node is not None
    standin_of(azure).fault(
        pattern=r"PATCH .*/nodes/",
        status=409,
        body={"kind": "Status", "message": "modified"},
        count=4,
    )
    with pytest.raises(StaleFacts):
        await azure.cluster.cordon(node, by="plan-a")
    assert 4 == len(standin_of(azure).calls(containing="PATCH"))


async def test_a_taint_keeps_the_others_whole_whoever_came_between(azure: Cloud) -> None:
    """Taints are one list: written back from an old reading it would drop somebody's.

    A NoExecute taint says since when, which decides when its pods must go.
    """
    standin, other = standin_of(azure), w.THEIR_TAINTS[1]
    since = {"key": "x", "effect": "NoExecute", "timeAdded": "2030-01-01T00:00:00Z"}
    world = document()
    world["kubernetes"][w.CLUSTER]["objects"][0]["spec"]["taints"] = [since, other]
    standin.put_world(world)
    node = await azure.cluster.find_node(w.INSTANCE)
    assert node is not None
    old = replace(node, taints=(), version="1")
    await azure.cluster.cordon(old, by="plan-a", because="vm.reboot")
    during = _taints(standin.world())
    await azure.cluster.uncordon(node, by="plan-a")
    assert [since, other] == [t for t in during if t["key"] in {"x", "dedicated"}]
    assert {"key": "nightshift.azure/interruption", "value": "vm.reboot"} in [
        {key: t.get(key) for key in ("key", "value")} for t in during
    ]
    assert [since, other] == _taints(standin.world())


async def test_a_cordon_that_auto_drain_counts_on_meanwhile_stays(azure: Cloud) -> None:
    """It came after us: our mark and taint go, the node stays closed until it opens it."""
    standin = standin_of(azure)
    node = await azure.cluster.find_node(w.INSTANCE)
    assert node is not None
    ours = await azure.cluster.cordon(node, by="plan-a", because="vm.redeploy")
    world = standin.world()
    [found] = [o for o in world["kubernetes"][w.CLUSTER]["objects"] if _is(o, w.NODE)]
    found["spec"]["taints"] += w.THEIR_TAINTS
    standin.put_world(world)
    freed = await azure.cluster.uncordon(ours, by="plan-a")
    assert (True, (), True, False) == (
        freed.is_unschedulable,
        freed.cordoned_by,
        w.THEIRS[0] in freed.taints,
        any(taint.startswith("nightshift") for taint in freed.taints),
    )


def _is(manifest: dict[str, Any], name: str) -> bool:
    return (manifest["kind"], manifest["metadata"]["name"]) == ("Node", name)


def _taints(world: dict[str, Any]) -> list[dict[str, Any]]:
    objects = world["kubernetes"][w.CLUSTER]["objects"]
    [found] = [one for one in objects if _is(one, w.NODE)]
    return list(found["spec"].get("taints", ()))


async def test_nodes_of_any_name_are_listed_once_for_a_storm(azure: Cloud) -> None:
    """Five hundred notices must not read five hundred nodes five hundred times."""
    standin = standin_of(azure)
    await asyncio.gather(*(azure.cluster.find_node(w.ODD) for _ in range(10)))
    listed = [c for c in standin.calls(containing="GET") if _lists_nodes(c)]
    assert 1 == len(listed)


def _lists_nodes(call: dict[str, Any]) -> bool:
    return str(call["path"]).partition("?")[0].endswith("/api/v1/nodes")


async def test_a_daemon_set_is_looked_up_once_for_all_its_nodes(azure: Cloud) -> None:
    """Every node of a pool runs the same ones."""
    node = await azure.cluster.find_node(w.INSTANCE)
    assert node is not None
    await asyncio.gather(*(azure.cluster.pods(node) for _ in range(5)))
    asked = [c["path"] for c in standin_of(azure).calls(containing="daemonsets/")]
    assert 2 == len(asked) == len(set(asked))


async def test_a_refused_token_is_renewed_once_with_the_clusters_address(
    azure: Cloud,
) -> None:
    """A cluster that was restored has another CA or address; ask again, once."""
    await azure.cluster.find_node(w.INSTANCE)
    standin_of(azure).fault(pattern=r"GET .*/api/v1/nodes", status=401, count=1)
    assert await azure.cluster.find_node(w.INSTANCE) is not None
    standin_of(azure).fault(pattern=r"GET .*/api/v1/nodes", status=401, count=2)
    with pytest.raises(Forbidden):
        await azure.cluster.find_node(w.INSTANCE)
    assert 3 == len(standin_of(azure).calls(containing="listClusterUserCredential"))


async def test_the_clusters_of_a_subscription_are_listed_once_for_many_machines(
    azure: Cloud,
) -> None:
    """A storm of notices must not list the clusters for each of them."""
    await asyncio.gather(*(azure.cluster.find_node(vm) for vm in (w.INSTANCE, w.DEV, w.OFF)))
    lists = [
        call
        for call in standin_of(azure).calls(containing="managedClusters")
        if call["path"].partition("?")[0].endswith("managedClusters")
    ]
    # The world has one cluster and pages of one: the list is one call.
    assert 1 == len(lists)


async def test_an_api_server_too_busy_for_an_eviction_is_no_budget(azure: Cloud) -> None:
    """Its 429 is plain text and about the server; a budget's is about the pod."""
    node = await azure.cluster.find_node(w.INSTANCE)
    assert node is not None
    pod = next(one for one in await azure.cluster.pods(node) if one.name == "web-0")
    standin_of(azure).fault(pattern=r"POST .*/eviction", status=429, body="Too many requests")
    with pytest.raises(Throttled):
        await azure.cluster.evict(node, pod, grace=None)


async def test_instances_lost_together_are_read_from_one_list(azure: Cloud) -> None:
    """The resource manager lets 250 reads through at once; a storm is more than that."""
    standin = standin_of(azure)
    world = document() | {"settings": {"page_size": 100}}
    many = [f"{w.SCALE_SET}/virtualMachines/{number}" for number in range(100, 140)]
    world["resources"] += [{"id": vm, "location": "x", "tags": {"own": vm}} for vm in many]
    standin.put_world(world)
    absent = f"{w.SCALE_SET}/virtualMachines/999"
    read = await asyncio.gather(*(azure.resources.resource(vm) for vm in (*many, absent)))
    assert [*many, None] == [one.tags["own"] if one else None for one in read]
    assert {"vision"} == {one.tags["team"] for one in read if one}
    calls = standin.calls(containing="GET /subscriptions")
    assert len(calls) < 15, "one list, the scale set, and a few by themselves"
