"""Posture audits from the survey's tick to the report and the command that people use."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import pytest

from cli.main import main
from sandbox.demo.site import Json, Site, until
from sandbox.state_folder import Sandbox
from shared.surveys import discover
from tests import posture_worlds as worlds
from tests.sandboxed import a_sandbox

POSTURE = sorted(one.name for one in discover().values() if one.points)
RULES = """
rules:
  - {name: see-posture, on: posture.found, remediate: ask_a_person, mode: observe}
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up a sandbox whose one rule observes what posture surveys find."""
    folder = tmp_path_factory.mktemp("posture")
    with a_sandbox(
        folder, RULES, worlds.world(), NIGHTSHIFT_SUBSCRIPTIONS=worlds.SUBSCRIPTION
    ) as running:
        yield running


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """Give the app as a person sees it."""
    async with Site(sandbox) as open_site:
        yield open_site


async def reports(site: Site) -> dict[str, Json]:
    """Let the tick begin, and give each posture survey's report."""
    await site.fire("tick_survey")
    said: dict[str, Json] = {}

    async def are_there() -> bool:
        _, body = await site.call("GET", "/api/reports")
        said.update({one["survey"]: one for one in body["reports"]})
        return set(POSTURE) <= set(said)

    assert await until(are_there)
    return said


async def test_each_survey_finds_what_the_world_lacks_and_nothing_else(site: Site):
    """What is well kept is not named; nothing was unread; the world is as it was."""
    before = (await site.world())["resources"]
    said = await reports(site)
    for name, expected in worlds.EXPECTED.items():
        report = said[name]
        assert [] == report["unread"]
        found = {(one["name"], one["target"]) for one in report["findings"]}
        assert expected == found, name
        for one in report["findings"]:
            assert one["evidence"]
            assert one["guidance"].startswith("https://")
            assert one["fix"]
            assert "plan" not in one
    assert before == (await site.world())["resources"]


async def test_only_throttled_requests_are_counted_and_all_of_them(site: Site):
    """A day of 2 and 1 a minute, by two response types; what succeeded is not in it."""
    report = (await reports(site))["storage_health"]
    [found] = report["findings"]
    assert "4320 requests were throttled in the last 24 hours" == found["evidence"]


async def test_a_person_reads_it_on_the_command_line(
    site: Site, capsys: pytest.CaptureFixture[str]
):
    """The worst first, with what to do."""
    await reports(site)
    where = ["--url", site.sandbox.functions_url, "--key", site.sandbox.function_key]
    assert 0 == main(["report", "machine_monitoring", *where])
    said = capsys.readouterr().out
    assert "ERROR\n  agent_missing  " in said
    assert "to do: Install the extension AzureMonitorLinuxAgent" in said
    assert 0 == main(["report", "baseline_alerts", "--from", "error", "--json", *where])
    worst = json.loads(capsys.readouterr().out)
    assert worst["is_whole"]
    assert ["health_alerts_missing"] == [one["name"] for one in worst["findings"]]
