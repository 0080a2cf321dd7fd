"""Azure ML compute instances: what both clouds promise."""

from __future__ import annotations

import pytest

from shared.core.errors import InvalidTarget
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually

# azure-ai-ml imports what its own dependencies have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


async def test_only_compute_instances_are_listed_with_their_power(cloud: Cloud) -> None:
    """A cluster scales by itself; a stopped instance is not billed, so deallocated."""
    found = {m.resource.name: m async for m in cloud.learning.instances(w.WORKSPACE)}
    assert {"ci-busy": "running", "ci-off": "deallocated"} == {
        name: machine.power for name, machine in found.items()
    }
    assert w.BUSY_CI.casefold() == found["ci-busy"].resource.id.casefold()
    assert (w.GPU_SIZE, True, w.TAGS) == (
        found["ci-busy"].resource.size,
        found["ci-busy"].has_gpu,
        dict(found["ci-busy"].resource.tags),
    )


async def test_a_stopped_instance_is_seen_to_be_deallocated(cloud: Cloud) -> None:
    """Accepted is not done: the next reads say when it is."""
    await cloud.learning.stop(w.BUSY_CI)
    seen = await eventually(
        lambda: cloud.learning.instance(w.BUSY_CI),
        lambda m: m is None or m.power == "deallocated",
    )
    assert seen is not None
    assert "deallocated" == seen.power


async def test_an_instance_that_is_not_there(cloud: Cloud) -> None:
    """None on a read, an invalid target on a write."""
    nobody = f"{w.WORKSPACE}/computes/nobody"
    assert await cloud.learning.instance(nobody) is None
    with pytest.raises(InvalidTarget):
        await cloud.learning.stop(nobody)
