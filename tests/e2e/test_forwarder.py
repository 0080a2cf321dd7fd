"""From inside three machines to the platform's next word: the real forwarder and app.

The endpoint in each machine is played; Azurite, the Functions host, the Azure stand-in's
Event Grid topic and its Kubernetes are the sandbox's. What Event Grid does between topic
and app, this file does: it delivers what was published, one event at a time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.demo import world
from sandbox.demo.site import Site, objects, until
from sandbox.imds import Machine, tokens_of
from sandbox.imds_notices import Notice, Platform
from sandbox.options import SandboxOptions
from sandbox.state_folder import Sandbox
from tests.forwarding import Around, Forwarder, a_forwarder

TOPIC = "nightshift-notices"
NUMBERS = (world.EVICTED, world.HELD_BY_PERSON, world.BYSTANDER)
RULES = """rules:
  - name: drain-before-maintenance
    mode: auto
    with:
      acknowledge: when_drained
  - name: drain-preempted-nodes
    mode: auto
"""
SLOW_S = 6


def a_world() -> dict[str, Any]:
    """Three nodes; on the third a pod takes its time."""
    built = world.build(datetime.now(UTC))
    slow = world.pod(
        "slow",
        world.node_name(world.BYSTANDER),
        "ReplicaSet",
        "trainer",
        exits_after=f"{SLOW_S}s",
    )
    cluster = built["kubernetes"][world.CLUSTER]
    # With all three nodes cordoned nothing starts anew, and a budget would wait for that.
    free = [o for o in cluster["objects"] if o["kind"] != "PodDisruptionBudget"]
    cluster["objects"] = [*free, slow]
    return built


@pytest.fixture(scope="module", params=["forwarder", "control_plane"])
def night(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sandbox]:
    """A sandbox in which either the forwarder or the app acknowledges."""
    state = tmp_path_factory.mktemp(f"forwarder-{request.param}")
    rules = state / "rules"
    rules.mkdir()
    (rules / "acting.yaml").write_text(RULES)
    document = state / "world.json"
    document.write_text(json.dumps(a_world()))
    environment = {"NIGHTSHIFT_ACKNOWLEDGE": request.param}
    options = SandboxOptions(
        state=state, world=document, rules=(rules,), environment=environment
    )
    yield lifecycle.up(options)
    lifecycle.down(state)


@dataclass
class Place:
    """The site, its machines with their forwarders, and Event Grid between them."""

    site: Site
    platform: Platform
    machines: list[Machine]
    forwarders: list[Forwarder]
    delivered: list[dict[str, Any]] = field(default_factory=list)

    @property
    def app_acknowledges(self) -> bool:
        """Tell which of the two ways this sandbox has."""
        return "control_plane" in self.site.sandbox.state

    async def relay(self) -> None:
        """Deliver what was published, in order, for as long as the test lasts."""
        while True:
            found = (await self.site.world())["published"].get(TOPIC, [])
            for event in found[len(self.delivered) :]:
                self.delivered.append(event)
                await self.site.send_event(event)
            await asyncio.sleep(0.1)

    async def ask(self, notice: Notice) -> dict[str, Any]:
        """Ask the app as the forwarder does."""
        status, said = await self.site.call("GET", f"/api/notices/{notice.id.lower()}")
        assert status == 200, said
        return said

    async def said(self) -> list[str]:
        """Tell every acknowledgement of either way, by event."""
        told = [one["event"].lower() for one in self.platform.approvals]
        kept = (await self.site.world())["acknowledged"]
        return told + [one["event"].lower() for one in kept]

    def statuses(self) -> list[tuple[str, str]]:
        """Name what was delivered: machine and status."""
        return [
            (e["source"].rpartition("/")[2], e["data"]["document"]["Events"][0]["EventStatus"])
            for e in self.delivered
        ]


@pytest.fixture
async def place(night: Sandbox, tmp_path: Path) -> AsyncIterator[Place]:
    """Three machines with a forwarder each, in a world as new."""
    endpoints = json.loads((Path(night.state) / "logs" / "azure.out").read_text())
    issue = tokens_of(
        endpoints["identity_endpoint"], endpoints["identity_header"], night.ca_file
    )
    platform = Platform(issue_token=issue)
    machines = [
        Machine(platform, world.instance_id(number), world.SCALE_SET).listen()
        for number in NUMBERS
    ]
    key = tmp_path / "key"
    key.write_text(night.function_key)
    settings = {
        "topic": f"{night.azure_url}/eventgrid/{TOPIC}/api/events",
        "app": night.functions_url,
        "app_key_file": key,
        "turn": 3,
        "ask": 0.3,
    }
    async with Site(night) as site:
        await site.azure("DELETE", "/_faults")
        await site.azure("PUT", "/_world", a_world())
        with ExitStack() as running, pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", night.ca_file)
            forwarders = [
                running.enter_context(a_forwarder(one, Around(), tmp_path, **settings))
                for one in machines
            ]
            here = Place(site, platform, machines, forwarders)
            async with _running(here):
                yield here
    for one in machines:
        one.close()


@asynccontextmanager
async def _running(place: Place) -> AsyncIterator[None]:
    task = asyncio.create_task(place.relay())
    try:
        yield
    finally:
        task.cancel()
        ended = await asyncio.gather(task, return_exceptions=True)
        assert [one for one in ended if not isinstance(one, asyncio.CancelledError)] == []


def reboot(place: Place, **more: Any) -> Notice:
    """Announce a reboot of all three machines."""
    names = [one.name for one in place.machines]
    return place.platform.play("reboot", names, **{"notice_s": 60.0, "started_s": 2.0, **more})


async def test_a_notice_of_three_machines_is_acknowledged_once_after_the_third_is_drained(
    place: Place,
):
    """One word counts for all three, so it waits for the slowest, and is said one time."""
    notice = reboot(place)
    waited = await until(lambda: _is(place, notice, "waiting"))
    assert waited, place.forwarders[0].log
    assert 3 == len({one["target"].lower() for one in waited["targets"]})
    assert [] == await place.said()
    assert await until(place.said), json.dumps(await place.ask(notice), indent=1)
    plans = await place.site.closed_plans(notice.id.lower(), 3)
    assert ["done"] * 3 == [plan["outcome"] for plan in plans]
    last = max(datetime.fromisoformat(plan["closed_at"]).timestamp() for plan in plans)
    if place.app_acknowledges:
        view = await until(lambda: _said(place, notice))
        assert datetime.fromisoformat(view["acknowledged_at"]).timestamp() >= last
    else:
        assert place.platform.approvals[0]["time"] >= last
    await asyncio.sleep(7)  # two turns of the other machines
    assert [notice.id.lower()] == await place.said()


async def _is(place: Place, notice: Notice, state: str) -> dict[str, Any] | None:
    said = await place.ask(notice)
    has_all = len(said["targets"]) == len(NUMBERS)
    return said if said["state"] == state and has_all else None


async def _said(place: Place, notice: Notice) -> dict[str, Any] | None:
    said = await place.ask(notice)
    return said if said["acknowledged_at"] else None


async def test_a_failed_drain_is_never_acknowledged(place: Place):
    """A budget that allows nothing keeps a pod: the notice begins at its own time."""
    names = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget"}
    spec = {"selector": {"matchLabels": {"app": "trainer"}}, "maxUnavailable": 0}
    document = a_world()
    meta = {"name": "none", "namespace": "default"}
    document["kubernetes"][world.CLUSTER]["objects"].append(
        {**names, "metadata": meta, "spec": spec}
    )
    await place.site.azure("PUT", "/_world", document)
    notice = reboot(place, notice_s=9.0, started_s=3.0)
    assert await until(lambda: _is(place, notice, "refused"))
    await asyncio.sleep(1)
    assert [] == await place.said()
    gone = [("29", "Gone"), ("30", "Gone"), ("31", "Gone")]
    await until(_lets(lambda: set(gone) <= set(place.statuses())))
    assert [] == await place.said()


def _lets(look: Any) -> Any:
    async def looked() -> Any:
        return look()

    return looked


@pytest.mark.parametrize("night", ["forwarder"], indirect=True)
async def test_the_network_comes_back_and_everything_arrives_in_order(place: Place):
    """Spooled inside the machines; then each machine's story, in its order, drained."""
    drop = {"pattern": f"POST /eventgrid/{TOPIC}", "drop_connection": True, "count": 100_000}
    await place.site.azure("POST", "/_faults", drop)
    notice = place.platform.play(
        "preempt", [place.machines[0].name], notice_s=30.0, withdrawn_s=4.0
    )
    spooled = place.forwarders[0].spooled
    assert await until(_lets(lambda: len(spooled()) == 2))
    assert [] == place.delivered
    await place.site.azure("DELETE", "/_faults")
    assert await until(_lets(lambda: len(place.delivered) == 2))
    assert [("29", "Scheduled"), ("29", "Gone")] == place.statuses()
    assert await until(_lets(lambda: not spooled()))
    plans = await place.site.closed_plans(notice.id.lower(), 1)
    assert plans, await place.site.event(notice.id.lower())

    async def heard() -> bool:
        told = await place.site.event(notice.id.lower()) or {"records": []}
        phases = {one["phase"].partition("+")[0] for one in told["records"]}
        return {"scheduled", "canceled"} <= phases

    assert await until(heard)

    async def is_free() -> bool:
        nodes = objects(await place.site.world(), world.CLUSTER, "Node")
        name = world.node_name(world.EVICTED)
        [spec] = [one["spec"] for one in nodes if one["metadata"]["name"] == name]
        return not spec.get("unschedulable") and not spec.get("taints")

    # What was begun for a notice that was withdrawn is taken back.
    assert await until(is_free)
