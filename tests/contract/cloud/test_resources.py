"""Any resource by its id: what both clouds promise the conditions and guardrails."""

from __future__ import annotations

from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud


async def test_an_instance_has_its_scale_sets_tags_under_its_own(cloud: Cloud) -> None:
    """A tag on the scale set opts all its instances out; one on the instance wins."""
    found = await cloud.resources.resource(w.INSTANCE)
    assert found is not None
    assert {"Workload": "inference", "team": "vision"} == dict(found.tags)
    assert (w.GPU_SIZE, w.SCALE_SET, "29") == (found.size, found.pool, found.name)


async def test_an_instance_has_its_pools_size_its_zone_and_its_age(cloud: Cloud) -> None:
    """Limits count by them, and a young machine's failures are no storm."""
    machine = await cloud.compute.machine(w.INSTANCE)
    assert machine is not None
    for found in (await cloud.resources.resource(w.INSTANCE), machine.resource):
        assert found is not None
        assert (2, "2", w.LONG_AGO) == (found.pool_size, found.zone, found.created_at)


async def test_case_does_not_matter(cloud: Cloud) -> None:
    """Azure mixes the case of ids from one message to the next."""
    found = await cloud.resources.resource(w.DEV.lower())
    assert found is not None
    assert (w.SIZE, w.REGION, w.TAGS) == (found.size, found.location, dict(found.tags))


async def test_what_is_not_there_reads_as_none(cloud: Cloud) -> None:
    """Gone is an answer, not an error."""
    assert await cloud.resources.resource(w.MISSING) is None


async def test_a_compute_instance_has_size_and_workspace(cloud: Cloud) -> None:
    """Conditions on size and pool must work for Azure ML as for VMs."""
    found = await cloud.resources.resource(w.BUSY_CI)
    assert found is not None
    assert (w.GPU_SIZE, w.WORKSPACE) == (found.size, found.pool)
