"""How often a pod that may not go is asked, counted in the API server's own log."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from shared.core.settings import Settings
from shared.engine import events
from shared.engine.night import Night
from tests.builders import a_reboot, a_rule, started
from tests.contract.azure_standin import running
from tests.contract.azure_standin.running import Standin
from tests.contract.drain.drains import document, live_night, machine
from tests.contract.drain.generated import Case
from tests.shift import World

PODS, WATCHED = 4, timedelta(seconds=12)
SECOND = timedelta(seconds=1)


def a_held_case() -> Case:
    """Make a node whose pods no budget spares."""
    node = "aks-pool-0-vmss000000"
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "w", "uid": "w"}
    pods = tuple(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"p{number}",
                "namespace": "default",
                "uid": f"uid-p{number}",
                "labels": {"app": "w"},
                "ownerReferences": [{**owner, "controller": True}],
            },
            "spec": {"nodeName": node, "containers": [{"name": "main", "image": "x"}]},
        }
        for number in range(PODS)
    )
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "w", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "w"}}, "maxUnavailable": 0},
    }
    body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}, "spec": {}}
    return Case(0, node, (body, *pods, budget), True, True, {}, WATCHED)


@pytest.fixture
def standin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start the stand-in over that cluster."""
    from aiohttp import connector

    with running.started(tmp_path, document([a_held_case()])) as found:
        connector._SSL_CONTEXT_VERIFIED.load_verify_locations(cafile=found.ca_file)
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
async def live(standin: Standin) -> AsyncIterator[tuple[World, Night]]:
    """Make an engine whose cluster is the stand-in's."""
    from shared.adapters.aks import AksClusters
    from shared.adapters.arm import ArmReader
    from shared.adapters.credentials import credential
    from shared.adapters.resources import AzureResources

    settings = Settings(resource_manager=standin.url)
    async with AsyncExitStack() as closing:
        identity = await closing.enter_async_context(credential(settings))
        arm = ArmReader(identity, settings)
        cluster = AksClusters(identity, arm, settings)
        closing.push_async_callback(arm.close)
        closing.push_async_callback(cluster.close)
        yield live_night(a_rule(), cluster, AzureResources(arm))


async def test_a_held_drain_asks_each_pod_at_most_once_a_second(
    standin: Standin, live: tuple[World, Night]
) -> None:
    """Every wake message comes twice, the API server is busy in between, and still."""
    world, night = live
    now = night.ports.clock.now()
    signal = started(a_reboot(target=machine(a_held_case()), observed_at=now))
    await events.hear(night, [signal], budget=timedelta(seconds=20))
    standin.fault(pattern=r"POST .*/eviction", status=429, body="Too many requests", count=2)
    while night.ports.clock.now() < now + WATCHED:
        for message in world.queue.take():
            twice = (events.wake(night, message), events.wake(night, message))
            await asyncio.gather(*twice)
        await asyncio.sleep(0.05)
    asked: dict[str, list[datetime]] = defaultdict(list)
    for call in standin.calls(containing="/eviction"):
        asked[call["path"].split("/")[-2]].append(datetime.fromisoformat(call["time"]))
    pauses = [b - a for times in asked.values() for a, b in pairwise(times)]
    assert (PODS, True) == (len(asked), len(pauses) >= PODS)
    assert min(pauses) >= SECOND
