"""Azure ML computes and jobs, from what happens to them to the world."""

import pytest

from sandbox.demo.machine_learning import MACHINE_LEARNING
from sandbox.demo.scenarios import Scenario, timed
from sandbox.demo.site import Site


@pytest.mark.parametrize(
    ("name", "scenario"), MACHINE_LEARNING, ids=[name for name, _ in MACHINE_LEARNING]
)
async def test_the_world_ends_as_the_scenario_says(site: Site, name: str, scenario: Scenario):
    """Read back from the world, and not from what the app says of itself."""
    result = await timed(name, scenario, site, lambda _: None)

    assert result.expected == result.observed
