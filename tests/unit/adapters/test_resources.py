"""Tags and sizes of instances and their scale sets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.adapters.resources import over_pool
from shared.core.facts import Resource, resource_from_arm

POOL = Resource("/pool", "t", "pool", "westeurope", {"Team": "a", "x": "pool"}, "Standard_N")


def test_an_instances_own_word_wins_whatever_its_case() -> None:
    """Tag names fold case in Azure: two spellings of one tag must not both stand."""
    own = Resource("/pool/1", "t", "1", tags={"team": "b"})
    merged = over_pool(own, POOL, POOL.id)
    assert {"x": "pool", "team": "b"} == dict(merged.tags)
    assert ("Standard_N", "westeurope", "/pool") == (merged.size, merged.location, merged.pool)


def test_an_opted_out_scale_set_opts_its_instances_out() -> None:
    """A person tags the pool once, not each of its machines."""
    above = Resource("/pool", "t", "pool", tags={"Nightshift": "off"})
    assert over_pool(Resource("/pool/1", "t", "1"), above, above.id).is_opted_out


def test_a_scale_set_that_is_gone_takes_nothing_away() -> None:
    """The instance may be read a moment longer than its scale set."""
    own = Resource("/pool/1", "t", "1", size="Standard_D")
    assert ("Standard_D", "/pool") == (
        over_pool(own, None, "/pool").size,
        over_pool(own, None, "/pool").pool,
    )


COMPUTE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute"
SET = f"{COMPUTE}/virtualMachineScaleSets/gpu"


def test_a_scale_sets_size_is_its_capacity_and_its_instances_have_it() -> None:
    """A percentage of a pool is reckoned from it; the instance's own document has none."""
    above = resource_from_arm({"sku": {"name": "Standard_N", "capacity": 40}}, SET)
    own = resource_from_arm({"sku": {"name": "Standard_N"}}, f"{SET}/virtualMachines/7")
    assert (40, None) == (above.pool_size, own.pool_size)
    assert 40 == over_pool(own, above, SET).pool_size


@pytest.mark.parametrize("capacity", [None, "40", True, 4.5])
def test_a_capacity_that_is_no_number_is_not_known(capacity) -> None:
    """Nobody acts on a guess: a limit by percentage then holds."""
    assert resource_from_arm({"sku": {"capacity": capacity}}, SET).pool_size is None


def test_other_skus_have_capacities_that_are_no_pools() -> None:
    """A VM's capacity, should Azure write one, says nothing of its pool."""
    vm = f"{COMPUTE}/virtualMachines/vm"
    assert resource_from_arm({"sku": {"capacity": 1}}, vm).pool_size is None


@pytest.mark.parametrize(
    ("zones", "expected"),
    [(["2"], "2"), (["1", "2", "3"], ""), ([], ""), (None, ""), ("1", "")],
)
def test_a_machine_is_in_one_zone_and_what_is_spread_in_none(zones, expected: str) -> None:
    """A scale set over three zones is not in the first of them."""
    assert expected == resource_from_arm({"zones": zones}, SET).zone


def test_an_instance_without_a_zone_is_in_its_scale_sets_only_one() -> None:
    """Its own counts if it says it."""
    above = Resource(SET, "t", "gpu", zone="1")
    assert "1" == over_pool(Resource("/1", "t", "1"), above, SET).zone
    assert "2" == over_pool(Resource("/1", "t", "1", zone="2"), above, SET).zone


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2030-01-01T10:00:00.1234567+00:00", datetime(2030, 1, 1, 10, 0, 0, 123456, UTC)),
        ("yesterday", None),
        (7, None),
        (None, None),
    ],
)
def test_when_a_machine_was_created_is_what_azure_says_or_not_known(text, expected) -> None:
    """A young machine's failures are no storm; one whose age nobody knows counts."""
    document = {"properties": {"timeCreated": text}}
    found = resource_from_arm(document, f"{SET}/virtualMachines/7")
    assert expected == found.created_at


def test_a_machine_is_not_as_old_as_its_scale_set() -> None:
    """It was added yesterday to a set of last year."""
    above = resource_from_arm({"properties": {"timeCreated": "2029-01-01T00:00:00Z"}}, SET)
    assert over_pool(Resource("/1", "t", "1"), above, SET).created_at is None
