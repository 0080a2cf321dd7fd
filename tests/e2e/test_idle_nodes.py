"""A notice begins early while its node is idle, where a rule says so: through the whole app.

The app acknowledges by the control plane's call; Azure, the cluster and the storage are the
sandbox's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.demo import events, world
from sandbox.demo.__main__ import options
from sandbox.demo.site import Site, until
from sandbox.state_folder import Sandbox
from tests.e2e.test_gangs import a_member, a_node

IDLE, BUSY = 51, 52
ACTING = """
rules:
  - name: begin-while-idle
    on: [vm.reboot]
    when: facts.pods == 0
    remediate: drain_node
    with: {acknowledge: when_drained}
    mode: auto
    priority: 10
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up the demo's sandbox with one rule more."""
    state = tmp_path_factory.mktemp("idle-sandbox")
    acting = state / "acting"
    acting.mkdir()
    (acting / "acting.yaml").write_text(ACTING)
    demo = options(state / "sandbox")
    environment = {**demo.environment, "NIGHTSHIFT_ACKNOWLEDGE": "control_plane"}
    given = replace(demo, rules=(*demo.rules, acting), environment=environment)
    yield lifecycle.up(given)
    lifecycle.down(given.state)


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """Give the app a world with an idle node and a busy one."""
    async with Site(sandbox) as open_site:
        seen = world.build(datetime.now(UTC))
        seen["resources"] += [
            {"id": world.instance_id(n), "location": world.REGION} for n in (IDLE, BUSY)
        ]
        objects = seen["kubernetes"][world.CLUSTER]["objects"]
        objects += [a_node(IDLE), a_node(BUSY), a_member("busy", BUSY)]
        await open_site.azure("PUT", "/_world", seen)
        yield open_site


def reboot(event: str, *numbers: int) -> dict[str, Any]:
    """Write the notice of a reboot in fifteen minutes."""
    lead = timedelta(minutes=15)
    return events.notice(event, numbers, now=datetime.now(UTC), kind="Reboot", lead=lead)


async def acknowledged(site: Site) -> str:
    """Return all that was acknowledged, as the stand-in has it."""
    return str((await site.world())["acknowledged"])


async def test_an_idle_node_is_cordoned_and_its_notice_begun_early(site: Site) -> None:
    """Now nothing is lost by it; in a quarter of an hour a job may run there."""
    await site.send_event(reboot("k-idle", IDLE))
    [plan] = await site.closed_plans("k-idle", 1)

    async def is_said() -> bool:
        return "k-idle" in await acknowledged(site)

    assert ("begin-while-idle", "done") == (plan["rule"], plan["outcome"])
    assert await until(is_said)


async def test_a_busy_node_is_drained_and_its_notice_left_to_its_time(site: Site) -> None:
    """The rule does not match it, and the one after it asks for nothing early."""
    await site.send_event(reboot("k-busy", BUSY, IDLE))
    plans = await site.closed_plans("k-busy", 2)

    rules = {plan["signal"]["target"].rpartition("/")[2]: plan["rule"] for plan in plans}
    assert {
        str(IDLE): "begin-while-idle",
        str(BUSY): "drain-before-maintenance",
    } == rules
    _, view = await site.call("GET", "/api/notices/k-busy")
    assert "refused" == view["state"]
    assert "k-busy" not in await acknowledged(site)
