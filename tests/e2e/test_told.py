"""What people read, from the deployed app itself: before, after, and when they are asked."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox import lifecycle
from sandbox.demo import events, world
from sandbox.demo.__main__ import options
from sandbox.demo.site import Site, until
from tests.channels import SECRETS, Channels, Fault, open_channels
from tests.slack_clicks import ADA, SECRET

RULES = """
rules:
  - name: drain-preempted-nodes
    notify: [teams, slack, webhook]
  - name: move-off-degraded-hardware
    approval: {kind: required, expires: 1h}
    notify: [teams]
"""
URL = "https://nights.example"


@dataclass
class Office:
    """A sandbox whose app tells the channels."""

    site: Site
    channels: Channels

    async def told(self, channel: str, count: int) -> list[str]:
        """Wait until a channel took so many notices about its plans; give their titles."""

        async def arrived() -> list[str]:
            await self.site.fire("tick_export")
            await self.site.fire("tick_notify")
            titles = [_title(channel, body) for body in self.channels.bodies(channel)]
            return titles if len(titles) >= count else []

        return list(await until(arrived))

    @property
    def log(self) -> str:
        """What the app wrote."""
        return Path(self.site.sandbox.log_files["functions"]).read_text(encoding="utf-8")


def _title(channel: str, body: Any) -> str:
    if channel == "teams":
        content = body["attachments"][0]["content"]
        return str(content["body"][0]["inlines"][0]["text"])
    return str(body["text" if channel == "slack" else "title"])


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for a sandbox of this module's own."""
    return tmp_path_factory.mktemp("told")


@pytest.fixture
async def office(state: Path, tmp_path: Path) -> AsyncIterator[Office]:
    """A sandbox with three channels beside it, each reached by its setting alone."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "told.yaml").write_text(RULES, encoding="utf-8")
    async with open_channels(tmp_path) as channels:
        chosen = options(state)
        settings = {
            **chosen.environment,
            "NIGHTSHIFT_TEAMS_WEBHOOK": channels.address("teams"),
            "NIGHTSHIFT_SLACK_WEBHOOK": channels.address("slack"),
            "NIGHTSHIFT_SLACK_SIGNING_SECRET": SECRET,
            "NIGHTSHIFT_SLACK_APPROVERS": f"{ADA}=ada@example.com",
            "NIGHTSHIFT_WEBHOOK_URL": channels.address("webhook"),
            "NIGHTSHIFT_WEBHOOK_KEY": "k" * 32,
            "NIGHTSHIFT_URL": URL,
            "NIGHTSHIFT_LINK_KEYS": f"k1:{base64.b64encode(b'x' * 32).decode()}",
        }
        layers = (*chosen.rules, rules)
        sandbox = lifecycle.up(replace(chosen, environment=settings, rules=layers))
        with (state / "ca-bundle.pem").open("a", encoding="ascii") as bundle:
            bundle.write(channels.ca_file.read_text(encoding="ascii"))
        try:
            async with Site(sandbox) as site:
                yield Office(site, channels)
        finally:
            lifecycle.down(state)


async def test_people_are_told_before_and_after_and_when_they_are_asked(office: Office):
    """An eviction while Slack is away; a redeploy that waits; a stranger at Slack's route."""
    office.channels.faults["slack"] += [Fault(503), Fault(429, headers={"Retry-After": "2"})]
    event = str(uuid.uuid4())
    notice = events.notice(event, (world.EVICTED,), now=datetime.now(UTC))
    await office.site.send_event(notice)
    [plan] = await office.site.closed_plans(event, 1)

    begun, ended = await office.told("webhook", 2)
    assert begun.startswith("drain-preempted-nodes begins on ")
    assert "is done, " in ended
    assert ended.endswith("before the deadline")
    assert [begun, ended] == await office.told("teams", 2)
    assert [begun, ended] == await office.told("slack", 2)
    told = office.channels.bodies("webhook")[1]
    assert (plan["id"], event, True) == (told["plan_id"], told["event_id"], told["is_good"])
    assert "nightshift-signature" in office.channels.taken["webhook"][1].headers

    await _asked(office)
    await _stranger(office)
    said = json.dumps([office.channels.bodies(name) for name in ("teams", "slack", "webhook")])
    for secret in (*SECRETS, SECRET, "AccountKey", office.site.sandbox.function_key):
        assert secret not in office.log
        assert secret not in said


async def _asked(office: Office) -> None:
    """A question reaches Teams with a link that opens its page, and changes nothing."""
    before = await office.site.world()
    event = str(uuid.uuid4())
    degraded = events.degraded(event, world.DEGRADED_VM, now=datetime.now(UTC))
    await office.site.send_event(degraded)
    *_, title = await office.told("teams", 3)
    assert title.startswith("May move-off-degraded-hardware act on ")
    card = office.channels.bodies("teams")[-1]["attachments"][0]["content"]
    [buttons] = [part for part in card["body"] if part["type"] == "ActionSet"]
    link = buttons["actions"][0]["url"]
    parts = urlsplit(link)
    assert link.startswith(f"{URL}/api/approvals/")
    status, page = await office.site.call("GET", f"{parts.path}?{parts.query}")
    assert (200, event) == (status, page["event"]["event_id"])
    assert before["resources"] == (await office.site.world())["resources"]


async def _stranger(office: Office) -> None:
    """What Slack did not sign is refused at the door."""
    status, said = await office.site.call("POST", "/api/slack/actions", {"payload": "{}"})
    assert (401, "unsigned") == (status, said["reason"])
