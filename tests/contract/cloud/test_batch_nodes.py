"""Nodes of Batch pools: what both clouds promise."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.errors import InvalidTarget
from shared.ports import TasksThen
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually


async def node_of(cloud: Cloud, name: str) -> Any:
    """Read a node of the pool."""
    return await cloud.batch_nodes.node(w.ACCOUNT, "gpu", name)


async def test_a_machine_is_found_as_the_node_that_it_is(cloud: Cloud):
    """By the id that the node itself tells, whatever its case; others are none."""
    found = await cloud.batch_nodes.find(w.BATCH_VM)
    assert found is not None
    assert (w.ACCOUNT, "gpu", "busy", "running", True, True, 1) == (
        found.account,
        found.pool,
        found.id,
        found.state,
        found.takes_tasks,
        found.is_usable,
        found.running_tasks,
    )
    assert await cloud.batch_nodes.find(w.INSTANCE) is None
    assert await cloud.batch_nodes.node(w.ACCOUNT, "gpu", "nobody") is None


@pytest.mark.parametrize("then", list(TasksThen))
async def test_a_node_gets_no_tasks_and_gets_them_again(cloud: Cloud, then: TasksThen):
    """Twice is no error, though it is one in Batch: a worker may have died in between."""
    node = await node_of(cloud, "busy")
    await cloud.batch_nodes.disable(node, then=then)
    await cloud.batch_nodes.disable(node, then=then)
    seen = await node_of(cloud, "busy")
    await cloud.batch_nodes.enable(node)
    await cloud.batch_nodes.enable(node)
    back = await node_of(cloud, "busy")
    assert (False, True) == (seen.takes_tasks, back.takes_tasks)


async def test_a_released_node_is_seen_to_be_empty(cloud: Cloud):
    """Its state says so: that is what the plan waits for."""
    await cloud.batch_nodes.disable(await node_of(cloud, "busy"), then=TasksThen.REQUEUE)
    seen = await eventually(
        lambda: node_of(cloud, "busy"), lambda node: node.state == "offline"
    )
    assert ("offline", True) == (seen.state, seen.is_usable)


async def test_nodes_that_take_no_tasks_are_listed_of_one_pool_or_of_all(cloud: Cloud):
    """Both ways to be broken, and never more than asked for."""
    every = await cloud.batch_nodes.unusable(w.ACCOUNT, pool="", limit=10)
    one = await cloud.batch_nodes.unusable(w.ACCOUNT, pool="other", limit=10)
    few = await cloud.batch_nodes.unusable(w.ACCOUNT, pool="", limit=2)
    assert {"broken", "stuck", "broken-too"} == {node.id for node in every}
    assert [("broken-too", "unusable", False)] == [(n.id, n.state, n.is_usable) for n in one]
    assert 2 == len(few)
    assert all(node.since is not None for node in every)


@pytest.mark.parametrize("how", ["reboot", "reimage"])
async def test_a_broken_node_is_mended_and_has_moved_since(cloud: Cloud, how: str):
    """The moment of its state tells this stay from the next one."""
    before = await node_of(cloud, "broken")
    await getattr(cloud.batch_nodes, how)(before)
    after = await eventually(lambda: node_of(cloud, "broken"), lambda node: node.is_usable)
    assert (False, True) == (before.is_usable, after.is_usable)
    assert before.since != after.since


async def test_a_node_that_batch_does_not_mend_in_its_state_is_an_invalid_target(cloud: Cloud):
    """A 409 that no retry mends: the next rung is asked instead."""
    stuck = await node_of(cloud, "stuck")
    with pytest.raises(InvalidTarget, match="NodeStateUnusable"):
        await cloud.batch_nodes.reboot(stuck)


async def test_removed_nodes_lower_the_target_and_a_resize_sets_it_back(cloud: Cloud):
    """There is no replace in Batch: it is these two."""

    async def targets() -> Any:
        return await cloud.batch_nodes.targets(w.ACCOUNT, "gpu")

    def is_steady(seen: Any) -> bool:
        return bool(seen.is_steady)

    before = await targets()
    await cloud.batch_nodes.remove(w.ACCOUNT, "gpu", ["broken"])
    during = await eventually(targets, is_steady)
    gone = await node_of(cloud, "broken")
    await cloud.batch_nodes.resize(w.ACCOUNT, "gpu", dedicated=3, low_priority=0)
    after = await eventually(targets, is_steady)
    assert (3, 2, 3) == (before.dedicated, during.dedicated, after.dedicated)
    assert gone is None
    assert await cloud.batch_nodes.targets(w.ACCOUNT, "nobody") is None


async def test_pools_are_read_with_what_they_are_set_to(cloud: Cloud):
    """And one by its name; nodes that are not idle are counted."""
    pools = {one.id: one for one in await cloud.batch_nodes.pools_of(w.ACCOUNT)}
    gpu = await cloud.batch_nodes.pool(w.ACCOUNT, "gpu")
    assert gpu is not None
    assert ({"gpu", "other"}, gpu) == (set(pools), pools["gpu"])
    assert (3, 0, True, "") == (gpu.dedicated, gpu.low_priority, gpu.is_steady, gpu.formula)
    assert await cloud.batch_nodes.pool(w.ACCOUNT, "nobody") is None
    assert (3, None) == await cloud.batch_nodes.idle_since(w.ACCOUNT, "gpu")


async def test_a_pool_gets_a_formula_and_shows_it(cloud: Cloud):
    """Twice is no error: a worker may have died in between."""
    formula = "$TargetDedicatedNodes = 1;"
    await cloud.batch_nodes.enable_formula(w.ACCOUNT, "gpu", formula)
    await cloud.batch_nodes.enable_formula(w.ACCOUNT, "gpu", formula)
    pool = await cloud.batch_nodes.pool(w.ACCOUNT, "gpu")
    assert pool is not None
    assert formula == pool.formula


async def test_a_pool_at_no_nodes_has_none_left(cloud: Cloud):
    """Accepted first, then true."""
    await cloud.batch_nodes.resize(w.ACCOUNT, "other", dedicated=0, low_priority=0)
    pool = await eventually(
        lambda: cloud.batch_nodes.pool(w.ACCOUNT, "other"),
        lambda one: one is not None and one.is_steady,
    )
    assert pool is not None
    assert (0, True) == (pool.nodes, pool.is_steady)
    assert (0, None) == await cloud.batch_nodes.idle_since(w.ACCOUNT, "other")
