"""Evicted machines and their pools: what both clouds promise the engine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.core.errors import InvalidTarget, NoCapacity, StaleFacts
from shared.core.spot_marks import read_mark
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


async def test_a_deallocated_spot_machine_gets_another_size_and_bears_what_it_was(
    cloud: Cloud,
):
    """In one write: there is no change without its mark, and none but ours."""
    at = datetime(2030, 1, 1, 3, tzinfo=UTC)
    await cloud.replacement.change(w.SPOT_VM, size=w.GPU_SIZE, at=at)

    def is_changed(seen: Any) -> bool:
        return bool(seen.resource.size == w.GPU_SIZE)

    seen = await eventually(lambda: cloud.replacement.spot_machine(w.SPOT_VM), is_changed)
    assert (True, "spot") == (is_changed(seen), seen.priority)
    mark = read_mark(seen.resource.tags)
    assert ("other_size", w.SIZE, at) == (mark.how, mark.size, mark.since)
    assert "training" == seen.resource.tags["workload"], "other tags are kept"
    await cloud.replacement.change(w.SPOT_VM, size=w.SIZE, at=at)
    back = await eventually(
        lambda: cloud.replacement.spot_machine(w.SPOT_VM),
        lambda seen: seen is not None and seen.resource.size == w.SIZE,
    )
    assert back is not None
    assert w.TAGS == dict(back.resource.tags)


async def over(cloud: Cloud, token: str) -> OperationState:
    """Wait for an operation's end."""
    state, _ = await eventually(
        lambda: cloud.compute.operation(w.SPOT_VM, token),
        lambda seen: seen[0] is not OperationState.RUNNING,
    )
    return state


async def made(cloud: Cloud, document: Any, priority: str, at: datetime) -> Any:
    """Make the machine from a document and wait until it runs."""
    token = await cloud.replacement.make(
        w.SPOT_VM, document, size=w.SIZE, priority=priority, at=at
    )
    assert OperationState.SUCCEEDED is await over(cloud, token)
    return await eventually(lambda: cloud.replacement.spot_machine(w.SPOT_VM), runs)


async def test_a_machine_is_made_anew_on_demand_and_again_as_spot(cloud: Cloud):
    """Its disks outlive it twice; what it was as spot is as it was before."""
    at = datetime(2030, 1, 1, 3, tzinfo=UTC)
    for before, after in (("spot", "regular"), ("regular", "spot")):
        seen = await cloud.replacement.spot_machine(w.SPOT_VM)
        assert seen is not None
        assert before == seen.priority
        plan = await cloud.replacement.blueprint(w.SPOT_VM)
        assert plan is not None
        assert () == plan.would_lose
        token = await cloud.replacement.detach(w.SPOT_VM)
        assert (token is None) == (before == "regular"), "the portal has disks go with it"
        if token:
            assert OperationState.SUCCEEDED is await over(cloud, token)
        assert await cloud.replacement.detach(w.SPOT_VM) is None
        await over(cloud, await cloud.replacement.remove(w.SPOT_VM))
        gone = await eventually(
            lambda: cloud.replacement.spot_machine(w.SPOT_VM), lambda seen: seen is None
        )
        assert gone is None
        assert "" == await cloud.replacement.remove(w.SPOT_VM)
        there = await made(cloud, plan.document, after, at)
        assert (after, "running") == (there.priority, there.power)
        mark = read_mark(there.resource.tags)
        assert (after == "regular") == (mark is not None)
    assert w.TAGS == dict(there.resource.tags)
    assert await cloud.replacement.blueprint(w.MISSING) is None


async def test_what_made_it_spot_is_on_the_new_machine_again(azure: Cloud):
    """Eviction policy and price: a machine must not cost more because it was evicted."""
    assert azure.standin is not None
    plan = await azure.replacement.blueprint(w.SPOT_VM)
    assert plan is not None
    at = datetime(2030, 1, 1, 3, tzinfo=UTC)
    document = plan.document
    for priority, terms in (
        ("regular", (None, None)),
        ("spot", ("Deallocate", {"maxPrice": 0.5})),
    ):
        await azure.replacement.detach(w.SPOT_VM)
        await over(azure, await azure.replacement.remove(w.SPOT_VM))
        await made(azure, document, priority, at)
        shown = azure.standin.resource(w.SPOT_VM)["properties"]
        assert terms == (shown.get("evictionPolicy"), shown.get("billingProfile"))
        plan = await azure.replacement.blueprint(w.SPOT_VM)
        assert plan is not None
        document = plan.document


async def test_azure_changes_no_machine_from_spot_to_regular(azure: Cloud):
    """The stand-in refuses it as the service does, so that nothing here relies on it."""
    assert azure.standin is not None
    path = f"{w.SPOT_VM}?api-version=2024-07-01"
    body = {"properties": {"priority": "Regular"}}
    status, said, _ = azure.standin.arm("PATCH", path, body)
    assert (409, "PropertyChangeNotAllowed") == (status, said["error"]["code"])


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
        await cloud.replacement.change(w.MISSING, size=w.SIZE, at=datetime.now(UTC))
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
