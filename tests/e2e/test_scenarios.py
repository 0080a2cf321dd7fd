"""The demo's four scenarios, each judged by the world and the ledger."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.demo import world
from sandbox.demo.__main__ import options
from sandbox.demo.scenarios import SCENARIOS, Result, timed
from sandbox.demo.site import Site
from sandbox.state_folder import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of its own, as in the demo: cooldowns of other tests would count here."""
    state = tmp_path_factory.mktemp("scenarios")
    yield lifecycle.up(options(state))
    lifecycle.down(state)


def _silent(_: str) -> None:
    """Tell nobody."""


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """The sandbox as it was brought up: its world is new already."""
    async with Site(sandbox) as open_site:
        yield open_site


@pytest.fixture
async def played(site: Site) -> dict[str, tuple[Result, list[dict[str, Any]]]]:
    """All scenarios at once, and the plans of each."""
    await site.azure("DELETE", "/_calls")
    results = await asyncio.gather(*(timed(n, s, site, _silent) for n, s in SCENARIOS))
    found = {}
    for result in results:
        plans = [(await site.call("GET", f"/api/plans/{name}"))[1] for name in result.plan]
        found[result.name] = (result, plans)
    return found


async def test_every_scenario_ends_as_expected_and_says_so(played, site):
    """The world shows what was expected, and the ledger says when each step was verified."""
    for name, (result, plans) in played.items():
        assert result.expected == result.observed, name
        for plan in plans:
            for step in plan["steps"]:
                assert step["started_at"] <= step["finished_at"], (name, step)
                assert step["verified_at"], (name, step)

    drained = played["spot eviction of an AKS GPU node"][1]
    by_verb = [[s["verb"] for s in p["steps"]] for p in drained]
    assert sorted(by_verb) == [["cordon", "drain"], ["cordon", "drain"], ["uncordon"]]
    calls = await site.azure("GET", "/_calls")
    evictions = [c for c in calls if c["path"].split("?")[0].endswith("/eviction")]
    refused = [c for c in evictions if c["status"] == 429]
    assert refused, "the budget was meant to refuse one eviction at first"
    graces = [c["body"]["deleteOptions"]["gracePeriodSeconds"] for c in evictions]
    assert max(graces) < 30, "the pods' own 120 s had to be cut to what was left"
    listed = [c for c in calls if c["path"].startswith("/metrics/")]
    running = 10  # machines that run in the world: one call each would be ten
    assert 0 < len(listed) < running
    single = [
        c
        for c in calls
        if c["method"] == "GET"
        and c["path"].split("?")[0].casefold() == world.BUSY_VM.casefold()
    ]
    assert single == [], "a machine that is busy is never asked for by itself"
