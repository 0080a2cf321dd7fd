"""Evicted machines and their pools: what both clouds promise the engine."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.errors import InvalidTarget, NoCapacity, StaleFacts
from shared.ports import OperationState
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually

NONE_LEFT = "The requested tier is currently not available in location 'westeurope'."
QUOTA = "Operation could not be completed as it exceeds the approved LowPriorityCores quota."


def runs(seen: Any) -> bool:
    """Tell whether a machine is seen to run."""
    return seen is None or seen.power == "running"


@pytest.mark.parametrize("machine", [w.SPOT_VM, w.SPOT_INSTANCE])
async def test_an_evicted_machine_is_started_and_seen_to_run(cloud: Cloud, machine: str):
    """A VM and an instance of a spot scale set alike; a second start is no error."""
    before = await cloud.replacement.spot_machine(machine)
    token = await cloud.replacement.start(machine)
    state, _ = await eventually(
        lambda: cloud.compute.operation(machine, token),
        lambda seen: seen[0] is not OperationState.RUNNING,
    )
    after = await eventually(lambda: cloud.replacement.spot_machine(machine), runs)
    await cloud.replacement.start(machine)
    assert before is not None
    assert after is not None
    assert ("deallocated", "spot", w.SIZE) == (
        before.power,
        before.priority,
        before.resource.size,
    )
    assert (OperationState.SUCCEEDED, "running") == (state, after.power)


async def test_a_machine_without_a_priority_is_regular(cloud: Cloud):
    """What was not evicted is not brought back."""
    seen = await cloud.replacement.spot_machine(w.OFF)
    assert seen is not None
    assert ("regular", "deallocated") == (seen.priority, seen.power)
    assert await cloud.replacement.spot_machine(w.MISSING) is None


async def test_a_deallocated_spot_machine_becomes_another_size_at_the_full_price(cloud: Cloud):
    """Both in one change, which the next read shows."""
    await cloud.replacement.change(w.SPOT_VM, size=w.GPU_SIZE, priority="regular")

    def is_changed(seen: Any) -> bool:
        return (seen.priority, seen.resource.size) == ("regular", w.GPU_SIZE)

    seen = await eventually(lambda: cloud.replacement.spot_machine(w.SPOT_VM), is_changed)
    assert is_changed(seen)


async def test_a_lost_instance_is_not_there_and_its_scale_set_is(cloud: Cloud):
    """Tags and size are the scale set's, so that an opt-out there still counts."""
    lost = await cloud.replacement.spot_pool(w.LOST_INSTANCE)
    kept = await cloud.replacement.spot_pool(w.SPOT_INSTANCE)
    assert lost is not None
    assert kept is not None
    assert (1, "spot", False, w.SPOT_SET, "") == (
        lost.capacity,
        lost.priority,
        lost.is_instance_there,
        lost.resource.pool,
        lost.managed_by,
    )
    assert (w.TAGS, w.SIZE) == (dict(lost.resource.tags), lost.resource.size)
    assert kept.is_instance_there
    nowhere = w.LOST_INSTANCE.replace("science", "nobody")
    assert await cloud.replacement.spot_pool(nowhere) is None


async def test_a_pool_grows_by_one_under_the_steps_name_and_only_as_it_was_seen(cloud: Cloud):
    """Two workers that read the same size cannot both write."""
    seen = await cloud.replacement.pool_size(w.SPOT_SET)
    assert seen is not None
    await cloud.replacement.grow(w.SPOT_SET, seen=seen, by="p-0")
    with pytest.raises(StaleFacts):
        await cloud.replacement.grow(w.SPOT_SET, seen=seen, by="p-1")
    grown = await eventually(
        lambda: cloud.replacement.pool_size(w.SPOT_SET),
        lambda size: size is None or not size.is_changing,
    )
    assert grown is not None
    assert (1, "", 2, "p-0") == (seen.capacity, seen.grown_by, grown.capacity, grown.grown_by)
    pool = await cloud.replacement.spot_pool(w.LOST_INSTANCE)
    assert pool is not None
    assert "training" == pool.resource.tags["workload"], "other tags are kept"


async def test_what_is_not_there_cannot_be_started_changed_or_grown(cloud: Cloud):
    """Retrying cannot help; the step must end and say so."""
    with pytest.raises(InvalidTarget):
        await cloud.replacement.start(w.MISSING)
    with pytest.raises(InvalidTarget):
        await cloud.replacement.change(w.MISSING, size=w.SIZE, priority="spot")
    seen = await cloud.replacement.pool_size(w.SPOT_SET)
    assert seen is not None
    nobody = w.SPOT_SET.replace("science", "nobody")
    assert await cloud.replacement.pool_size(nobody) is None
    with pytest.raises(InvalidTarget):
        await cloud.replacement.grow(nobody, seen=seen, by="p-0")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("SkuNotAvailable", NONE_LEFT),
        ("AllocationFailed", "Allocation failed."),
        ("OverconstrainedAllocationRequest", "Allocation failed."),
        ("QuotaExceeded", QUOTA),
        ("OperationNotAllowed", QUOTA),
    ],
)
async def test_azures_words_for_no_capacity_are_told_from_every_other_refusal(
    azure: Cloud, code: str, words: str
):
    """They come with 409 and 400, like so much that a retry mends."""
    assert azure.standin is not None
    for status in (409, 400):
        error = {"error": {"code": code, "message": words}}
        azure.standin.fault(pattern="POST .*/start", status=status, body=error)
        with pytest.raises(NoCapacity, match=code):
            await azure.replacement.start(w.SPOT_VM)


async def test_another_conflict_is_no_missing_capacity(azure: Cloud):
    """``OperationNotAllowed`` is also what a machine says that is busy."""
    assert azure.standin is not None
    words = "Operation 'start' is not allowed since 'deallocate' is in progress."
    error = {"error": {"code": "OperationNotAllowed", "message": words}}
    azure.standin.fault(pattern="POST .*/start", status=409, body=error)
    with pytest.raises(StaleFacts):
        await azure.replacement.start(w.SPOT_VM)


async def test_an_operation_that_finds_no_capacity_says_the_code_first(azure: Cloud):
    """The engine tells by it whether to go on to the next way."""
    assert azure.standin is not None
    fault = {"code": "AllocationFailed", "message": "no room"}
    azure.standin.fault(pattern="POST .*/start", operation=fault)
    token = await azure.replacement.start(w.SPOT_VM)
    state, words = await eventually(
        lambda: azure.compute.operation(w.SPOT_VM, token),
        lambda seen: seen[0] is not OperationState.RUNNING,
    )
    assert (OperationState.FAILED, "AllocationFailed: no room") == (state, words)


async def test_a_priority_that_azure_cannot_apply_is_an_invalid_target(azure: Cloud):
    """A machine made without one never gets one: the next way is asked."""
    with pytest.raises(InvalidTarget, match="VMPriorityCannotBeApplied"):
        await azure.replacement.change(w.OFF, size=w.GPU_SIZE, priority="regular")
