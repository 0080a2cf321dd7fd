"""The audit's two ways out, against the local endpoints, with the real clients."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.credentials import credential
from shared.adapters.log_ingestion import LogIngestion
from shared.adapters.outcome_topic import OutcomeTopic
from shared.core import ledger as laws
from shared.core.audit import AuditRecord, decision_records, plan_records
from shared.core.errors import (
    Forbidden,
    InvalidTarget,
    ProviderUnavailable,
    Throttled,
    TooLarge,
)
from shared.core.plans import StepOutcome
from shared.core.settings import Settings
from shared.engine.deliver import deliver
from tests import builders as make
from tests.contract.azure_standin.running import Standin
from tests.contract.cloud.world_document import document

RULE = "dcr-0123456789abcdef0123456789abcdef"
PLANS, STEPS = f"{RULE}/Custom-NightshiftPlans_CL", f"{RULE}/Custom-NightshiftSteps_CL"
DECISIONS = f"{RULE}/Custom-NightshiftDecisions_CL"
UPLOADS = "POST .*/ingestion/"


def settings_of(standin: Standin, **more: str) -> Settings:
    """Point both sinks at the stand-in."""
    values = {
        "ingestion_endpoint": f"{standin.url}/ingestion",
        "ingestion_rule": RULE,
        "outcome_topic": f"{standin.url}/eventgrid/outcomes/api/events",
    }
    return Settings(**{**values, **more})


@pytest.fixture
async def logs(local_azure: Standin) -> AsyncIterator[LogIngestion]:
    """The real sink, and a fresh world behind it."""
    local_azure.put_world(document())
    settings = settings_of(local_azure)
    async with credential(settings) as identity:
        sink = LogIngestion(identity, settings)
        yield sink
        await sink.close()


@pytest.fixture
async def topic(local_azure: Standin) -> AsyncIterator[OutcomeTopic]:
    """The real sink, and a fresh world behind it."""
    local_azure.put_world(document())
    settings = settings_of(local_azure)
    async with credential(settings) as identity:
        sink = OutcomeTopic(identity, settings)
        yield sink
        await sink.close()


def some_records() -> tuple[AuditRecord, ...]:
    """All records of a closed plan of two steps."""
    plan = make.a_plan()
    done = laws.StepResult(StepOutcome.DONE, detail={"pods": ["a"]}, is_verified=True)
    for index in range(2):
        plan = laws.begin(plan, index, now=make.NOW)
        plan = laws.finish(plan, index, done, now=make.NOW)
    return plan_records(laws.close(plan, now=make.NOW))


def many_decisions(count: int, text: str = "") -> list[AuditRecord]:
    """Records of one table, each with so much to say."""
    said = [{"rule": f"r{n}", "kind": "skip", "detail": text} for n in range(count)]
    return list(
        decision_records(
            event_id="e",
            phase="fired",
            target=make.VM,
            recorded_at=make.NOW,
            signal={},
            decisions=said,
        )
    )


def ingested(standin: Standin, stream: str) -> list[dict[str, Any]]:
    """What the stand-in keeps of a stream."""
    return list(standin.world().get("ingested", {}).get(stream, []))


async def test_records_arrive_in_their_own_streams(logs: LogIngestion, local_azure: Standin):
    """Gzipped, under the managed identity's token, each row as it was made."""
    records = some_records()
    assert () == await logs.send(records)
    kept = ingested(local_azure, PLANS) + ingested(local_azure, STEPS)
    assert {r.id: json.loads(json.dumps(r.row)) for r in records} == {
        row["RecordId"]: row for row in kept
    }
    assert 2 == len(local_azure.calls(containing="/ingestion/"))


async def test_of_several_calls_only_what_failed_is_missed(
    logs: LogIngestion, local_azure: Standin
):
    """3 MB go in four calls; one meets a 503 and the records of that one are named."""
    records = many_decisions(1000, "x" * 3000)
    local_azure.fault(pattern=UPLOADS, count=1, status=503)
    [missed] = await logs.send(records)
    assert isinstance(missed.error, ProviderUnavailable)
    assert 0 < len(missed.records) < 400
    kept = {row["RecordId"] for row in ingested(local_azure, DECISIONS)}
    assert {r.id for r in records} - kept == {r.id for r in missed.records}
    assert () == await logs.send(missed.records)
    assert 1000 == len(ingested(local_azure, DECISIONS))


async def test_a_429_says_how_long_to_rest(logs: LogIngestion, local_azure: Standin):
    """The library must not sleep it out itself: the next tick comes by itself."""
    fault = {"status": 429, "headers": {"Retry-After": "90"}}
    local_azure.fault(pattern=UPLOADS, count=5, **fault)
    [missed] = await logs.send(many_decisions(2))
    assert isinstance(missed.error, Throttled)
    assert timedelta(seconds=90) == missed.error.after
    assert 1 == len(local_azure.calls(containing="/ingestion/"))


async def test_a_413_is_met_by_sending_less_at_once(logs: LogIngestion, local_azure: Standin):
    """Twice too large, then small enough: every record once."""
    local_azure.fault(pattern=UPLOADS, count=2, status=413)
    records = many_decisions(8)
    [missed] = await logs.send(records)
    assert isinstance(missed.error, TooLarge)
    done = await deliver(logs, records)
    assert ({r.id for r in records}, None) == (done.taken, done.error)
    kept = [row["RecordId"] for row in ingested(local_azure, DECISIONS)]
    assert sorted(r.id for r in records) == sorted(kept)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_missing_role_is_named(logs: LogIngestion, local_azure: Standin, status):
    """The usual mistake of a first deployment."""
    local_azure.fault(pattern=UPLOADS, count=3, status=status)
    [missed] = await logs.send(many_decisions(1))
    assert isinstance(missed.error, Forbidden)
    assert "Monitoring Metrics Publisher" in str(missed.error)


async def test_a_dropped_connection_leaves_the_records_to_the_next_tick(
    logs: LogIngestion, local_azure: Standin
):
    """Whether they arrived nobody knows, so they go again under the same id."""
    local_azure.fault(pattern=UPLOADS, count=9, drop_connection=True, after_effect=True)
    records = many_decisions(3)
    [missed] = await logs.send(records)
    assert isinstance(missed.error, ProviderUnavailable)
    assert tuple(records) == missed.records
    local_azure.request("DELETE", "/_faults")
    await logs.send(records)
    kept = [row["RecordId"] for row in ingested(local_azure, DECISIONS)]
    assert {r.id for r in records} == set(kept)


async def test_a_stream_that_does_not_exist_is_said(local_azure: Standin):
    """Wrong streams are 400 for every record; the sink says it, the records stay."""
    local_azure.put_world(document())
    settings = settings_of(local_azure, decisions_stream="Wrong-Stream")
    async with credential(settings) as identity:
        sink = LogIngestion(identity, settings)
        done = await deliver(sink, many_decisions(40))
        await sink.close()
    assert (set(), {}) == (done.taken, done.refused)
    assert isinstance(done.error, InvalidTarget)
    assert "InvalidStream" in str(done.error)


async def test_outcomes_are_published_as_cloud_events(
    topic: OutcomeTopic, local_azure: Standin
):
    """Others see what ended and how, by ids that they can recognise."""
    records = [record for record in some_records() if topic.takes(record)]
    assert () == await topic.send(records)
    kept = local_azure.world()["published"]["outcomes"]
    assert [
        "Nightshift.Plan.Opened",
        "Nightshift.Step.Finished",
        "Nightshift.Step.Finished",
        "Nightshift.Plan.Closed",
    ] == [event["type"] for event in kept]
    assert [record.id for record in records] == [event["id"] for event in kept]
    assert {("1.0", "/nightshift", records[0].subject)} == {
        (event["specversion"], event["source"], event["subject"]) for event in kept
    }
    assert [dict(record.row) for record in records] == [event["data"] for event in kept]


async def test_much_to_publish_goes_in_calls_under_a_megabyte(
    topic: OutcomeTopic, local_azure: Standin
):
    """Event Grid takes a call whole or not at all, and none above 1 MB."""
    records = many_decisions(1000, "x" * 3000)
    assert () == await topic.send(records)
    kept = local_azure.world()["published"]["outcomes"]
    assert [record.id for record in records] == [event["id"] for event in kept]


async def test_of_several_publications_only_what_failed_is_missed(
    topic: OutcomeTopic, local_azure: Standin
):
    """503, 429 and 403 are the same here as there."""
    records = many_decisions(600)
    local_azure.fault(pattern="POST /eventgrid/", count=1, status=503)
    [missed] = await topic.send(records)
    assert isinstance(missed.error, ProviderUnavailable)
    assert tuple(records[:200]) == missed.records
    local_azure.fault(pattern="POST /eventgrid/", count=1, status=403)
    [missed] = await topic.send(records[:2])
    assert "EventGrid Data Sender" in str(missed.error)
    local_azure.fault(pattern="POST /eventgrid/", count=1, status=413)
    [missed] = await topic.send(records[:2])
    assert isinstance(missed.error, TooLarge)


async def test_a_wrong_audience_is_refused(local_azure: Standin):
    """A sovereign cloud's audience is a setting; a wrong one is said, not retried."""
    local_azure.put_world(document())
    settings = settings_of(local_azure, outcome_audience="https://management.azure.com")
    settings = replace(settings, ingestion_audience="https://management.azure.com")
    async with credential(settings) as identity:
        for sink in (LogIngestion(identity, settings), OutcomeTopic(identity, settings)):
            [missed] = await sink.send(many_decisions(1))
            await sink.close()
            assert isinstance(missed.error, Forbidden)
