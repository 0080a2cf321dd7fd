"""Many deliveries, and a host that dies: each effect once, and nothing stays open."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from sandbox import lifecycle
from sandbox.demo import events, fleet, world
from sandbox.demo.__main__ import options
from sandbox.demo.site import Json, NotAccepted, Site, objects, until
from sandbox.options import SandboxOptions

LEAD = timedelta(minutes=10)
KILLS = 50


def storm_options(state: Path) -> SandboxOptions:
    """The shortest lease allowed, so that a dead worker is found soon; no grace of 10 min."""
    chosen = options(state)
    environment = {**chosen.environment, "NIGHTSHIFT_LEASE": "10s"}
    return SandboxOptions(
        state=state,
        world=chosen.world,
        rules=chosen.rules,
        environment=environment,
        queue_lease_s=3,
    )


@pytest.fixture
async def storm(tmp_path: Path) -> AsyncIterator[Site]:
    """A sandbox of its own: it is going to be killed, and its ledger is to be counted."""
    running = lifecycle.up(storm_options(tmp_path))
    async with Site(running) as site:
        yield site
    lifecycle.down(tmp_path)


def notice(number: int) -> Json:
    """A redeploy of one node, ten minutes ahead."""
    return events.notice(
        f"storm-{number}", (number,), now=datetime.now(UTC), kind="Redeploy", lead=LEAD
    )


async def deliver(site: Site, event: Json) -> int:
    """Send an event as Event Grid does: again, until it is accepted; returns the tries."""
    for attempt in range(1, 200):
        try:
            await site.send_event(event)
        except (aiohttp.ClientError, NotAccepted, ConnectionError, TimeoutError):
            await asyncio.sleep(0.2)
        else:
            return attempt
    raise AssertionError("the event was never accepted")


async def every_plan(site: Site) -> list[Json]:
    """All plans of the ledger, page by page."""
    found: list[Json] = []
    after = ""
    while True:
        status, page = await site.call("GET", f"/api/plans?limit=200&after={after}")
        assert status == 200, page
        found += page["plans"]
        after = page["next"]
        if not after:
            return found


async def all_closed(site: Site, count: int, *, limit_s: float) -> list[Json]:
    """Wait until so many plans are closed and none is open."""

    async def closed() -> list[Json]:
        plans = await every_plan(site)
        return (
            plans if len(plans) >= count and {p["state"] for p in plans} == {"closed"} else []
        )

    found: list[Json] = await until(closed, limit_s=limit_s)
    assert found, [p for p in await every_plan(site) if p["state"] == "open"][:3]
    return found


def accepted_evictions(calls: list[Json]) -> Counter[str]:
    """Count accepted evictions by pod uid."""
    return Counter(
        call["body"]["deleteOptions"]["preconditions"]["uid"]
        for call in calls
        if call["path"].split("?")[0].endswith("/eviction") and call["status"] < 300
    )


def cordons(calls: list[Json]) -> Counter[str]:
    """Count writes of nodes by node."""
    return Counter(
        call["path"].split("?")[0].rpartition("/")[2]
        for call in calls
        if call["method"] == "PATCH" and "/nodes/" in call["path"] and call["status"] < 300
    )


async def test_a_thousand_shuffled_deliveries_of_a_hundred_events_act_once_each(storm: Site):
    """At least once is what Event Grid promises; exactly one plan and effect is ours."""
    await storm.azure("PUT", "/_world", fleet.build(100))
    deliveries = [notice(number) for number in fleet.numbers(100) for _ in range(10)]
    random.Random(20300101).shuffle(deliveries)
    gate = asyncio.Semaphore(40)

    async def one(event: Json) -> None:
        async with gate:
            await deliver(storm, event)

    await asyncio.gather(*(one(event) for event in deliveries))
    plans = await all_closed(storm, 100, limit_s=120)
    calls = await storm.azure("GET", "/_calls")
    evictions, patched = accepted_evictions(calls), cordons(calls)

    assert len(plans) == 100
    assert {p["outcome"] for p in plans} == {"done"}
    assert set(evictions.values()) == {1}
    assert len(evictions) >= 100
    assert patched == Counter({world.node_name(n): 1 for n in fleet.numbers(100)})


async def test_fifty_kills_during_fifty_drains_lose_nothing_and_repeat_nothing(storm: Site):
    """Kill -9 at random moments: every plan closes, no pod is asked twice."""
    await storm.azure("PUT", "/_world", fleet.build(KILLS, pods=3, exits_after="1s"))
    chance = random.Random()  # a new seed each run; the moments are in the failure's calls
    running = storm.sandbox
    tries = []
    for number in fleet.numbers(KILLS):
        sending = asyncio.create_task(deliver(storm, notice(number)))
        await asyncio.sleep(chance.uniform(0, 0.6))
        lifecycle.kill_functions_host(running)
        running = await asyncio.to_thread(lifecycle.restart_functions_host, running)
        tries.append(await sending)
    plans = await all_closed(storm, KILLS, limit_s=180)
    calls = await storm.azure("GET", "/_calls")
    left = objects(await storm.world(), world.CLUSTER, "Pod")
    homes = {world.node_name(n) for n in fleet.numbers(KILLS)}

    assert len(plans) == KILLS
    assert {p["outcome"] for p in plans} == {"done"}, [
        p for p in plans if p["outcome"] != "done"
    ]
    assert set(accepted_evictions(calls).values()) == {1}
    assert not {p["spec"].get("nodeName") for p in left} & homes
    assert sum(tries) > KILLS, "no kill hit a delivery: the moments were badly chosen"
