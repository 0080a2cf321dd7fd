"""Tags and sizes of instances and their scale sets."""

from __future__ import annotations

from shared.adapters.resources import over_pool
from shared.core.facts import Resource

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
