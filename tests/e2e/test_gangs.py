"""A wave of notices for a job on four nodes, through the whole app.

The app, its tables and its queue are the sandbox's, and so is the API server; what the job
is told, and when it leaves, is read from the calls that the API server received.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from sandbox.demo import events, world
from sandbox.demo.site import Site
from tests.e2e.test_drained_nodes import api

NUMBERS = (41, 42, 43, 44)
ASKS = {"nightshift.azure/checkpoint": "true"}
SAVED = "nightshift.azure/checkpointed-at"
TOLD = "nightshift.azure/checkpoint-requested"


def a_node(number: int) -> dict[str, Any]:
    """Write a node of the scale set."""
    provider = f"azure://{world.instance_id(number)}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": world.node_name(number)},
        "spec": {"providerID": provider},
    }


def a_member(job: str, number: int) -> dict[str, Any]:
    """Write the job's pod on a node."""
    owner = {"apiVersion": "batch/v1", "kind": "TrainJob", "name": "llm", "uid": "uid-llm"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"llm-{number}",
            "namespace": "default",
            "labels": {"jobset.sigs.k8s.io/jobset-name": job},
            "annotations": ASKS,
            "ownerReferences": [{**owner, "controller": True}],
        },
        "spec": {
            "nodeName": world.node_name(number),
            "containers": [{"name": "main", "image": "registry.example/train:1"}],
        },
    }


async def put_job(site: Site, job: str) -> None:
    """Add four nodes with one job on them to the world.

    Each test has a job of its own: what met a wave in the last minute is not told again.
    """
    seen = await site.world()
    seen["resources"] += [
        {"id": world.instance_id(n), "location": world.REGION, "sku": {"name": world.GPU_SIZE}}
        for n in NUMBERS
    ]
    objects = seen["kubernetes"][world.CLUSTER]["objects"]
    objects += [made for n in NUMBERS for made in (a_node(n), a_member(job, n))]
    await site.azure("PUT", "/_world", seen)
    await site.azure("DELETE", "/_calls")


async def calls(site: Site, method: str, ends: str) -> list[dict[str, Any]]:
    """Return the calls about the job's pods, oldest first."""
    every = await site.azure("GET", "/_calls")
    return [
        call
        for call in every
        if call["method"] == method and "/pods/llm-" in call["path"] and ends in call["path"]
    ]


def spread_s(found: list[dict[str, Any]]) -> float:
    """Say how far apart calls were."""
    moments = [datetime.fromisoformat(call["time"]) for call in found]
    return (max(moments) - min(moments)).total_seconds()


async def save(site: Site, number: int) -> dict[str, str]:
    """Wait for the signal as a job does, and say that it is saved; return what it read."""
    path = f"/api/v1/namespaces/default/pods/llm-{number}"
    for _ in range(300):
        annotations = (await api(site, "GET", path))["metadata"]["annotations"]
        if TOLD in annotations:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            await api(site, "PATCH", path, {"metadata": {"annotations": {SAVED: now}}})
            return dict(word.partition("=")[::2] for word in annotations[TOLD].split())
        await asyncio.sleep(0.1)
    raise AssertionError(f"llm-{number} was never told")


async def test_one_wave_over_four_nodes_is_one_signal_and_one_departure(site: Site) -> None:
    """Four plans on four nodes; the job sees one word, and one moment."""
    await put_job(site, "one-wave")
    notice = events.notice("k-gang", NUMBERS, now=datetime.now(UTC))
    await site.send_event(notice)
    read = await asyncio.gather(*(save(site, number) for number in NUMBERS))
    plans = await site.closed_plans("k-gang", 4)

    assert ["done"] * 4 == [plan["outcome"] for plan in plans], plans
    assert 1 == len({word["wave"] for word in read})
    assert {"vm.preempt"} == {word["why"] for word in read}
    evicted = await calls(site, "POST", "/eviction")
    assert 4 == len(evicted)
    assert spread_s(evicted) < 5
    ours = [c for c in await calls(site, "PATCH", "") if "kubernetes" in c["path"]]
    assert 8 == len(ours), "each pod was told once, and said once that it had saved"
    details = [
        plan["steps"][1]["detail"]["gangs"]["job_set/default/one-wave"] for plan in plans
    ]
    assert 4 == sum(len(one["told"]) for one in details)
    assert all(0 <= one["checkpoint_age_s"] < 30 for one in details)


async def test_notices_that_come_one_by_one_find_the_job_told(site: Site) -> None:
    """Each machine's own notice, seconds after the other: the platform knows no jobs."""
    await put_job(site, "one-by-one")
    for number in NUMBERS:
        notice = events.notice(f"k-one-{number}", (number,), now=datetime.now(UTC))
        await site.send_event(notice)
        await asyncio.sleep(1)
    for number in NUMBERS:
        [plan] = await site.closed_plans(f"k-one-{number}", 1)
        assert "done" == plan["outcome"], plan

    assert 4 == len(await calls(site, "PATCH", ""))
    evicted = await calls(site, "POST", "/eviction")
    assert 4 == len(evicted)
    assert spread_s(evicted) < 5


async def test_a_pod_that_is_a_slurm_node_is_not_evicted_and_the_drain_says_so(
    site: Site,
) -> None:
    """No cluster of this app knows it, so nobody can say that it is empty."""
    await put_job(site, "beside-slurm")
    seen = await site.world()
    slurmd = a_member("slurmd", NUMBERS[0])
    owner = {"apiVersion": "slinky.slurm.net/v1beta1", "kind": "NodeSet", "name": "gpu"}
    slurmd["metadata"] |= {
        "name": "llm-slurmd",
        "labels": {"nodeset.slinky.slurm.net/pod-hostname": "gpu-0"},
        "annotations": {},
        "ownerReferences": [{**owner, "uid": "uid-gpu", "controller": True}],
    }
    seen["kubernetes"][world.CLUSTER]["objects"].append(slurmd)
    await site.azure("PUT", "/_world", seen)
    notice = events.notice("k-slurmd", (NUMBERS[0],), now=datetime.now(UTC))
    await site.send_event(notice)
    [plan] = await site.closed_plans("k-slurmd", 1)

    drain = plan["steps"][1]
    assert ("failed", "slurm_pods_remain") == (drain["outcome"], drain["reason"])
    assert ["default/llm-slurmd"] == drain["detail"]["remaining"]
    evicted = {call["path"] for call in await calls(site, "POST", "/eviction")}
    assert {f"llm-{NUMBERS[0]}"} == {path.split("/")[-2] for path in evicted}
    pod = await api(site, "GET", "/api/v1/namespaces/default/pods/llm-slurmd")
    assert "deletionTimestamp" not in pod["metadata"]
