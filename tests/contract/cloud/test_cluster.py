"""Nodes and pods: what both clouds promise a drain."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.errors import InvalidTarget, Unproven
from shared.core.facts import AksNode
from shared.core.gangs import BY_RULE, TOLD, Gang
from shared.core.pods import Pod
from shared.ports import Evicted
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually


async def node_of(cloud: Cloud, vm: str = w.INSTANCE) -> AksNode:
    found = await cloud.cluster.find_node(vm)
    assert found is not None
    return found


async def pod_of(cloud: Cloud, name: str) -> Pod:
    pods = await cloud.cluster.pods(await node_of(cloud))
    return next(pod for pod in pods if pod.name == name)


async def test_a_node_is_found_by_its_machine_and_not_by_a_namesake(cloud: Cloud) -> None:
    """Instance 29 is ...00000t; ...000029 is instance 81. The wrong drain is unforgivable."""
    assert w.NODE == (await node_of(cloud)).name
    assert w.NAMESAKE_NODE == (await node_of(cloud, w.NAMESAKE)).name


async def test_a_machine_without_a_node_reads_as_none(cloud: Cloud) -> None:
    """Most VMs are no nodes; that is a Skip, not an error."""
    assert await cloud.cluster.find_node(w.DEV) is None


async def test_a_cordon_is_marked_and_only_its_own_mark_takes_it_off(cloud: Cloud) -> None:
    """Two plans may cordon one node; the first to finish must not open it again."""
    node = await node_of(cloud)
    await cloud.cluster.cordon(node, by="plan-a")
    both = await cloud.cluster.cordon(node, by="plan-b")
    one_left = await cloud.cluster.uncordon(node, by="plan-a")
    stranger = await cloud.cluster.uncordon(node, by="plan-x")
    free = await cloud.cluster.uncordon(node, by="plan-b")
    assert (True, ("plan-a", "plan-b")) == (both.is_unschedulable, both.cordoned_by)
    assert (True, ("plan-b",)) == (one_left.is_unschedulable, one_left.cordoned_by)
    assert (True, ("plan-b",)) == (stranger.is_unschedulable, stranger.cordoned_by)
    assert (False, ()) == (free.is_unschedulable, free.cordoned_by)
    seen = await node_of(cloud)
    assert (False, ()) == (seen.is_unschedulable, seen.cordoned_by)


async def test_a_persons_cordon_stays_theirs(cloud: Cloud) -> None:
    """Marked as ours, it would be taken off when our plan is withdrawn."""
    held = await node_of(cloud, w.HELD)
    cordoned = await cloud.cluster.cordon(held, by="plan-a")
    freed = await cloud.cluster.uncordon(held, by="plan-a")
    assert [(True, ()), (True, ())] == [
        (one.is_unschedulable, one.cordoned_by) for one in (cordoned, freed)
    ]


async def test_a_cordon_says_why_with_a_taint_that_goes_with_the_last_mark(
    cloud: Cloud,
) -> None:
    """A person, or another tool, sees on the node itself what is coming."""
    free = await node_of(cloud)
    first = await cloud.cluster.cordon(free, by="plan-a", because="vm.preempt")
    both = await cloud.cluster.cordon(free, by="plan-b", because="vm.reboot")
    one_left = await cloud.cluster.uncordon(free, by="plan-a")
    none_left = await cloud.cluster.uncordon(free, by="plan-b")
    ours = "nightshift.azure/interruption=vm.preempt:PreferNoSchedule"
    assert [True, True, True, False] == [
        ours in one.taints for one in (first, both, one_left, none_left)
    ]
    assert 1 == sum(taint.startswith("nightshift.azure/") for taint in both.taints)
    assert free.taints == (await node_of(cloud)).taints


async def test_a_node_that_auto_drain_had_first_is_left_to_it(cloud: Cloud) -> None:
    """It drains the same node for the same notice; who was first puts it back to work."""
    theirs = await node_of(cloud, w.AUTO_DRAINED)
    cordoned = await cloud.cluster.cordon(theirs, by="plan-a", because="vm.preempt")
    assert (False, (), w.THEIRS) == (
        cordoned.is_unschedulable,
        cordoned.cordoned_by,
        cordoned.taints,
    )


async def test_a_machine_whose_node_has_no_provider_id_is_nobodys(cloud: Cloud) -> None:
    """The name alone would do, and would be wrong one day: it is said instead."""
    with pytest.raises(Unproven, match="no providerID"):
        await cloud.cluster.find_node(w.UNPROVEN)


async def test_a_node_of_any_name_is_found_by_its_machine(cloud: Cloud) -> None:
    """Not every node is named after its machine: a flexible scale set's are not."""
    assert "gpu-by-hand" == (await node_of(cloud, w.ODD)).name


async def test_cordoning_twice_for_one_plan_marks_once(cloud: Cloud) -> None:
    """A step repeated after a crash must not leave a mark that nobody takes off."""
    node = await node_of(cloud)
    await cloud.cluster.cordon(node, by="plan-a")
    again = await cloud.cluster.cordon(node, by="plan-a")
    assert ("plan-a",) == again.cordoned_by


async def test_a_node_that_is_gone_cannot_be_cordoned(cloud: Cloud) -> None:
    """Not found on a write is an invalid target; the engine looks again."""
    node = replace(await node_of(cloud), name="nobody")
    with pytest.raises(InvalidTarget):
        await cloud.cluster.cordon(node, by="plan-a")


async def test_pods_tell_what_a_drain_asks_of_them(cloud: Cloud) -> None:
    """The filters of kubectl need owner, mirror, local storage and the owner's existence."""
    pods = {pod.name: pod for pod in await cloud.cluster.pods(await node_of(cloud))}
    assert {"web-0", "guarded-0", "agent-0", "orphan-0", "static-0", "scratch-0"} == set(pods)
    assert ("ReplicaSet", timedelta(seconds=20)) == (
        pods["web-0"].controller,
        pods["web-0"].grace,
    )
    assert (False, True) == (
        pods["agent-0"].is_orphaned_daemon,
        pods["orphan-0"].is_orphaned_daemon,
    )
    assert pods["static-0"].is_mirror
    assert pods["scratch-0"].has_local_storage


async def test_an_evicted_pod_leaves_and_a_second_eviction_finds_it_gone(
    cloud: Cloud,
) -> None:
    """A drain is done when the pods are gone, not when evictions were accepted."""
    node, pod = await node_of(cloud), await pod_of(cloud, "web-0")
    first = await cloud.cluster.evict(node, pod, grace=timedelta(seconds=1))
    left = await eventually(
        lambda: cloud.cluster.pods(node), lambda pods: pod.uid not in {p.uid for p in pods}
    )
    second = await cloud.cluster.evict(node, pod, grace=None)
    assert (Evicted.ACCEPTED, Evicted.GONE) == (first.outcome, second.outcome)
    assert pod.uid not in {one.uid for one in left}


async def test_a_budget_blocks_with_its_own_words(cloud: Cloud) -> None:
    """The engine waits as long as it chooses; a person reads why."""
    node, pod = await node_of(cloud), await pod_of(cloud, "guarded-0")
    said = await cloud.cluster.evict(node, pod, grace=None)
    assert (Evicted.BLOCKED, True) == (said.outcome, w.BUDGET_WORDS in said.why)


async def test_a_namesake_of_the_pod_is_never_evicted(cloud: Cloud) -> None:
    """A StatefulSet's pod comes back under its name; it is another pod."""
    node, pod = await node_of(cloud), await pod_of(cloud, "web-0")
    said = await cloud.cluster.evict(node, replace(pod, uid="uid-before"), grace=None)
    pods = await cloud.cluster.pods(node)
    assert Evicted.GONE is said.outcome
    assert pod.uid in {one.uid for one in pods if one.deleting_since is None}


async def llm(cloud: Cloud) -> dict[str, Pod]:
    """Read the pods of the job that is on two nodes."""
    node = await node_of(cloud)
    gang = Gang("job_set", "default", "llm", "jobset.sigs.k8s.io/jobset-name=llm")
    return {pod.name: pod for pod in await cloud.cluster.members(node, gang)}


async def test_a_jobs_pods_are_found_on_whichever_node_they_are(cloud: Cloud) -> None:
    """Rank 0 may be on a node that stays, and is the one to be told."""
    pods = await llm(cloud)
    assert {"llm-0": w.NAMESAKE_NODE, "llm-1": f"{w.SET_NAME}000007"} == {
        name: pod.node for name, pod in pods.items()
    }
    assert ["", BY_RULE] == [pods[name].asks for name in ("llm-0", "llm-1")]
    assert ["", "2030-01-01T03:00:00Z"] == [
        pods[name].checkpointed for name in ("llm-0", "llm-1")
    ]


async def test_a_job_that_is_over_has_no_pods(cloud: Cloud) -> None:
    """Another one of the same operator is another job."""
    gone = Gang("job_set", "default", "gone", "jobset.sigs.k8s.io/jobset-name=gone")
    assert () == await cloud.cluster.members(await node_of(cloud), gone)


async def test_a_pod_is_told_by_its_annotation_as_often_as_it_takes(cloud: Cloud) -> None:
    """The same word again is no second signal, and nothing else of the pod changes."""
    node, pod = await node_of(cloud), (await llm(cloud))["llm-1"]
    told = [
        await cloud.cluster.tell(node, pod, key=TOLD, value="why=vm.preempt") for _ in range(2)
    ]
    assert [True, True] == told
    assert pod == (await llm(cloud))["llm-1"]


async def test_a_namesake_of_the_pod_is_never_told(cloud: Cloud) -> None:
    """What has its name by now is another run of the job, with nothing to save yet."""
    node, pod = await node_of(cloud), (await llm(cloud))["llm-1"]
    before = replace(pod, uid="uid-before")
    gone = replace(pod, name="llm-9", uid="uid-llm-9")
    told = [
        await cloud.cluster.tell(node, one, key=TOLD, value="why=x") for one in (before, gone)
    ]
    assert [False, False] == told
