"""Machines, disks and snapshots: what both clouds promise the engine."""

from __future__ import annotations

import pytest

from shared.core.errors import InvalidTarget
from shared.ports import OperationState
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually


async def test_every_vm_is_listed_with_size_tags_and_power(cloud: Cloud) -> None:
    """The idle tick decides on this list alone, so it must not need a call a VM."""
    found = {m.resource.name: m async for m in cloud.compute.machines(w.SUBSCRIPTION)}
    dev, off = found["dev-1"], found["off-1"]
    assert ("running", False, w.SIZE, w.TAGS) == (
        dev.power,
        dev.has_gpu,
        dev.resource.size,
        dict(dev.resource.tags),
    )
    assert ("deallocated", True) == (off.power, off.has_gpu)
    assert None not in (dev.changed_at, off.changed_at)


async def test_a_machine_that_is_not_there_reads_as_none(cloud: Cloud) -> None:
    """Gone is an answer, not an error: the engine ends the step as already done."""
    assert await cloud.compute.machine(w.MISSING) is None
    assert await cloud.compute.disks(w.MISSING) is None


async def test_a_deallocated_machine_is_seen_to_be_deallocated(cloud: Cloud) -> None:
    """Accepted is not done: the power state says when it is, and a repeat is harmless."""
    await cloud.compute.deallocate(w.DEV)
    seen = await eventually(
        lambda: cloud.compute.machine(w.DEV), lambda m: m is None or m.power == "deallocated"
    )
    await cloud.compute.deallocate(w.DEV)
    again = await eventually(
        lambda: cloud.compute.machine(w.DEV), lambda m: m is None or m.power == "deallocated"
    )
    assert ["deallocated"] * 2 == [one.power for one in (seen, again) if one]


async def test_an_instance_of_a_scale_set_is_deallocated_alone(cloud: Cloud) -> None:
    """A scale set's instance is a machine like any other, and only it stops."""
    await cloud.compute.deallocate(w.INSTANCE)
    seen = await eventually(
        lambda: cloud.compute.machine(w.INSTANCE),
        lambda m: m is None or m.power == "deallocated",
    )
    assert seen is not None
    assert ("deallocated", w.GPU_SIZE) == (seen.power, seen.resource.size)


async def test_an_effect_on_a_missing_machine_is_an_invalid_target(cloud: Cloud) -> None:
    """Retrying cannot help; the step must end and say so."""
    with pytest.raises(InvalidTarget):
        await cloud.compute.deallocate(w.MISSING)
    with pytest.raises(InvalidTarget):
        await cloud.compute.redeploy(w.MISSING)


async def test_disks_are_the_managed_ones_with_their_place(cloud: Cloud) -> None:
    """A snapshot is made in its disk's region, of every managed disk."""
    facts = await cloud.compute.disks(w.DEV)
    assert facts is not None
    assert [(w.OS_DISK, "os", w.REGION), (w.DATA_DISK, "data", w.REGION)] == [
        (disk.id, disk.role, disk.location) for disk in facts.disks
    ]


async def test_a_snapshot_is_created_under_its_own_name_and_becomes_ready(
    cloud: Cloud,
) -> None:
    """The name is the step's key: looking it up is how a retry knows it exists."""
    assert await cloud.compute.snapshot(w.SNAPSHOT) is None
    await cloud.compute.create_snapshot(
        w.SNAPSHOT, disk=w.OS_DISK, location=w.REGION, tags={"plan": "p-1"}
    )
    seen = await eventually(
        lambda: cloud.compute.snapshot(w.SNAPSHOT), lambda s: s is not None and s.is_ready
    )
    assert seen is not None
    assert (True, False, w.OS_DISK, "p-1") == (
        seen.is_ready,
        seen.has_failed,
        seen.source,
        seen.tags["plan"],
    )


async def test_a_redeploy_is_followed_by_its_token_to_the_end(cloud: Cloud) -> None:
    """The token goes through the ledger to another worker: small, and without a secret."""
    token = await cloud.compute.redeploy(w.DEV)
    state, words = await eventually(
        lambda: cloud.compute.operation(w.DEV, token),
        lambda seen: seen[0] is not OperationState.RUNNING,
    )
    assert (OperationState.SUCCEEDED, "") == (state, words)
    assert 0 < len(token) <= 4096
    assert "bearer" not in token.lower()


async def test_a_token_nobody_knows_is_lost_and_not_a_success(cloud: Cloud) -> None:
    """What became of it is unknown, which is never rounded up."""
    token = await cloud.compute.redeploy(w.DEV)
    forgotten = token + "-of-nobody" if cloud.standin is None else _of_nobody(token)
    state, _ = await cloud.compute.operation(w.DEV, forgotten)
    assert OperationState.LOST is state


def _of_nobody(token: str) -> str:
    path, question, rest = token.partition("?")
    return f"{path}-of-nobody{question}{rest}"


async def test_provisioning_says_what_and_since_when(cloud: Cloud) -> None:
    """It is how a redeploy whose receipt was lost is recognised."""
    before = await cloud.compute.provisioned_at(w.DEV)
    await cloud.compute.redeploy(w.DEV)
    during = await cloud.compute.provisioned_at(w.DEV)
    after = await eventually(
        lambda: cloud.compute.provisioned_at(w.DEV), lambda seen: seen[0] == "succeeded"
    )
    assert ["succeeded", "updating", "succeeded"] == [before[0], during[0], after[0]]
    assert after[1] is not None
    assert before[1] is not None
    assert after[1] >= before[1]
