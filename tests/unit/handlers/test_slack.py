"""The route that Slack calls: open to the host, closed to everybody but Slack."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import azure.functions as func
import pytest

from handlers import slack
from shared import bootstrap
from shared.core.approvals import ApprovalState
from tests.builders import MINUTE, NOW
from tests.notices import an_approval
from tests.shift import a_night, a_world
from tests.slack_clicks import ADA, EVE, SECRET, a_click, signed
from tests.unit.engine.test_replying import SETTINGS

NOWHERE = ""


class App:
    """The app with one question, as its host has it."""

    def __init__(self, **changed: Any) -> None:
        """Build it over fakes."""
        self.world = a_world(NOW, lambda _: None)
        night = a_night(self.world, settings=replace(SETTINGS, **changed))
        bootstrap._built["night"] = night
        self.asked = an_approval()
        asyncio.run(night.ports.approvals.ask(self.asked))
        self.approvals = night.ports.approvals

    def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Send a request."""
        request = func.HttpRequest("POST", "/api/slack/actions", headers=headers, body=body)

        async def work() -> func.HttpResponse:
            from shared.adapters.replies import or_problem

            return await or_problem(lambda: slack._hear(request))

        answer = asyncio.run(work())
        return answer.status_code, json.loads(answer.get_body())

    def click(self, **fields: Any) -> bytes:
        """Make a click whose answer is written nowhere."""
        return a_click(self.asked.id, answer_at=NOWHERE, **fields)

    @property
    def state(self) -> ApprovalState:
        """How the question stands."""
        found = asyncio.run(self.approvals.find(self.asked.id))
        assert found is not None
        return found.state


@pytest.fixture
def app() -> Iterator[App]:
    """The app, its replies from Slack configured."""
    yield App()
    bootstrap._built.clear()


def test_a_click_that_slack_signed_decides(app: App):
    """200 at once: Slack shows a warning for anything else."""
    body = app.click()
    status, said = app.post(body, signed(body, NOW))
    assert (200, True, "") == (status, said["heard"], said["reason"])
    assert "ada@example.com" in said["detail"]
    assert ApprovalState.APPROVED is app.state


def test_each_abuse_is_refused_with_its_own_reason(app: App):
    """And none of them decides anything."""
    body, other = app.click(), app.click(is_yes=False)
    refused: list[tuple[int, str]] = []
    for sent, headers in (
        (body, {}),
        (body, signed(body, NOW, "x" * 32)),
        (body, signed(other, NOW)),
        (body, signed(body, NOW - 6 * MINUTE)),
        (forged := app.click(value=f"{app.asked.id}.yes.{'0' * 32}"), signed(forged, NOW)),
        (eve := app.click(user=EVE), signed(eve, NOW)),
    ):
        status, said = app.post(sent, headers)
        refused.append((status, said["reason"]))
    assert [
        (401, "unsigned"),
        (401, "bad_signature"),
        (401, "bad_signature"),
        (401, "old_request"),
        (401, "forged_button"),
        (200, "unknown_user"),
    ] == refused
    assert ApprovalState.PENDING is app.state


def test_a_recorded_click_is_heard_once(app: App):
    """Byte for byte the same request, within its five minutes."""
    body = app.click()
    headers = signed(body, NOW)
    app.post(body, headers)
    status, said = app.post(body, headers)
    assert (200, "replayed") == (status, said["reason"])


def test_a_destructive_plan_is_refused_in_slack(app: App):
    """Whoever wants it opens the page and signs in."""
    grave = an_approval(2, is_destructive=True)
    asyncio.run(app.approvals.ask(grave))
    body = a_click(grave.id, answer_at=NOWHERE)
    status, said = app.post(body, signed(body, NOW))
    assert (200, "not_signed_in") == (status, said["reason"])


def test_a_click_that_opens_the_page_is_acknowledged(app: App):
    """Slack tells of that button, too."""
    body = app.click(actions=[{"type": "button", "action_id": "nightshift_open"}])
    assert (200, {"heard": False}) == app.post(body, signed(body, NOW))


def test_what_is_signed_and_not_readable_is_a_bad_request(app: App):
    """It says what was wrong, and repeats none of it."""
    body = b"payload=%7Bsecret"
    status, said = app.post(body, signed(body, NOW))
    assert 400 == status
    assert "secret" not in said["detail"]


def test_without_a_signing_secret_there_is_no_such_route():
    """Nothing could be verified, so nothing is heard."""
    app = App(slack_signing_secret="")
    body = app.click()
    status, _ = app.post(body, signed(body, NOW, SECRET))
    bootstrap._built.clear()
    assert 404 == status
    assert ApprovalState.PENDING is app.state


def test_the_log_names_who_clicked_and_no_payload(app: App, caplog: Any):
    """Whoever looks after the app sees each word and each refusal."""
    body = app.click()
    with caplog.at_level("INFO", logger="nightshift"):
        app.post(body, signed(body, NOW))
        app.post(body, {})
    assert f"approval={app.asked.id} user={ADA} person=ada@example.com" in caplog.text
    assert "slack=refused reason=unsigned" in caplog.text
    assert SECRET not in caplog.text
    assert "cordon-first> act" not in caplog.text
