"""Marks on instances of shared pools: what both clouds promise."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.errors import InvalidTarget
from shared.ports import OperationState
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually


async def test_an_instance_is_marked_and_unmarked_and_keeps_its_tags(cloud: Cloud):
    """The pool's probe reads one tag; all others are people's."""

    async def seen() -> Any:
        return await cloud.shared_pools.instance(w.SPOT_INSTANCE)

    before = await seen()
    await cloud.shared_pools.mark(w.SPOT_INSTANCE, taken_out_by="p-1", is_protected=True)
    marked = await eventually(seen, lambda found: found.taken_out_by == "p-1")
    await cloud.shared_pools.mark(w.SPOT_INSTANCE, taken_out_by="", is_protected=False)
    after = await eventually(seen, lambda found: found.taken_out_by == "")
    assert ("", False, "deallocated", w.SPOT_SET) == (
        before.taken_out_by,
        before.is_protected,
        before.power,
        before.resource.pool,
    )
    assert (True, "training") == (marked.is_protected, marked.resource.tags["workload"])
    assert (False, w.SIZE) == (after.is_protected, after.resource.size)


async def test_an_instance_that_is_not_there_has_no_marks(cloud: Cloud):
    """Gone is an answer; writing to it is an error that no retry mends."""
    assert await cloud.shared_pools.instance(w.LOST_INSTANCE) is None
    with pytest.raises(InvalidTarget):
        await cloud.shared_pools.mark(w.LOST_INSTANCE, taken_out_by="p", is_protected=True)


async def test_a_command_runs_on_an_instance_too(cloud: Cloud):
    """The same port serves VMs and instances."""
    token = await cloud.commands.run(w.INSTANCE, ['echo "nightshift-sessions=$(who | wc -l)"'])
    seen = await eventually(
        lambda: cloud.commands.output(w.INSTANCE, token),
        lambda output: output.state is not OperationState.RUNNING,
    )
    assert "nightshift-sessions=0" in seen.text
