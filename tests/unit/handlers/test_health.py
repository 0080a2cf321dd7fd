"""Health while rules come from a container that nobody can read."""

from __future__ import annotations

import json
from collections.abc import Iterator

import azure.functions as func
import pytest

from handlers import runbooks
from shared import bootstrap, rule_duty

AWAY = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
    "BlobEndpoint=http://127.0.0.1:9/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:9/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:9/devstoreaccount1;"
)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An app that takes rules from a container of an account that does not answer."""
    monkeypatch.setenv("AzureWebJobsStorage", AWAY)
    monkeypatch.setenv("NIGHTSHIFT_RULES_CONTAINER", "night-rules")
    bootstrap._built.clear()
    bootstrap._duties.clear()
    yield
    bootstrap._built.clear()
    bootstrap._duties.clear()


async def test_an_app_that_cannot_read_its_rules_is_unhealthy_and_says_no_more(
    away: None, caplog: pytest.LogCaptureFixture
):
    """It refuses every event until it can; what is wrong stands in the log only."""
    assert rule_duty.FIRST_LOOK_LIMIT_S <= 10
    handler = runbooks.health.build().get_user_function()
    answer = await handler(func.HttpRequest("GET", "/api/health", body=b""))
    assert 503 == answer.status_code
    said = json.loads(answer.get_body())
    assert {"status", "problem"} == said.keys()
    assert "127.0.0.1" not in answer.get_body().decode()
    assert "rules" in caplog.text
    assert {} == bootstrap._built
