"""One trace from the event to the last step, by the deployed app and the real exporter."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox import lifecycle
from sandbox.demo import events, world
from sandbox.demo.__main__ import options
from sandbox.demo.site import Site, until
from sandbox.state_folder import Sandbox
from shared.core.tracing import span_id, trace_id
from tests.fakes.insights import Insights, insights


@pytest.fixture
def server() -> Iterator[Insights]:
    """A server on a free port of this machine."""
    with insights() as running:
        yield running


@pytest.fixture
def watched(server: Insights, tmp_path: Path) -> Iterator[Sandbox]:
    """The demo's sandbox, with somebody watching."""
    demo = options(tmp_path)
    environment = {
        **demo.environment,
        "NIGHTSHIFT_TELEMETRY": "true",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": server.connection_string,
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
    }
    yield lifecycle.up(replace(demo, environment=environment))
    lifecycle.down(tmp_path)


async def test_one_event_is_one_trace_from_the_inlet_to_the_last_step(
    server: Insights, watched: Sandbox
):
    """Every step of the ledger is a span within its plan, and all of it one operation."""
    event_id = str(uuid.uuid4())
    operation = f"{trace_id(event_id):032x}"
    async with Site(watched) as site:
        now = datetime.now(UTC)
        await site.send_event(events.notice(event_id, (world.EVICTED,), now=now))
        [plan] = await site.closed_plans(event_id, 1)
    assert plan["outcome"] == "done"

    async def is_told() -> bool:
        return {"event", "plan"} <= server.spans(operation).keys()

    assert await until(is_told), server.received
    spans = server.spans(operation)
    [event], [told] = spans["event"], spans["plan"]
    assert f"{span_id(event_id):016x}" == event["data"]["baseData"]["id"]
    assert (
        event["data"]["baseData"]["properties"]["nightshift.inlet"] == "on_maintenance_event"
    )
    assert spans["decision"]
    assert f"{span_id(plan['id']):016x}" == told["data"]["baseData"]["id"]
    ended = {
        (
            step["data"]["baseData"]["properties"]["nightshift.verb"],
            step["data"]["baseData"]["properties"]["nightshift.outcome"],
        )
        for step in spans["step"]
    }
    assert {(step["verb"], step["outcome"]) for step in plan["steps"]} <= ended
    parents = {step["tags"]["ai.operation.parentId"] for step in spans["step"]}
    assert {told["data"]["baseData"]["id"]} == parents
    text = json.dumps(server.received)
    assert watched.function_key not in text
    assert "AccountKey" not in text
