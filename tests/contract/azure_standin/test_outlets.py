"""What Nightshift sends out: events, log records, acknowledgements; real clients."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridEvent
from azure.eventgrid.aio import EventGridPublisherClient
from azure.monitor.ingestion.aio import LogsIngestionClient

from tests.contract.azure_standin.running import Standin
from tests.contract.azure_standin.worlds import GROUP, vm, vm_id, world

NOTICE = "/providers/Microsoft.Maintenance/scheduledevents"
PREVIEW = "api-version=2025-10-01-preview"
RULE, STREAM = "dcr-0123456789abcdef", "Custom-Nightshift_CL"


@pytest.fixture
async def topic(
    azure_standin: Standin, credential: Any, transport: dict[str, Any]
) -> AsyncIterator[EventGridPublisherClient]:
    endpoint = f"{azure_standin.url}/eventgrid/outcomes/api/events"
    async with EventGridPublisherClient(
        endpoint, credential, retry_total=0, **transport
    ) as one:
        yield one


@pytest.fixture
async def logs(
    azure_standin: Standin, credential: Any, transport: dict[str, Any]
) -> AsyncIterator[LogsIngestionClient]:
    endpoint = f"{azure_standin.url}/ingestion"
    async with LogsIngestionClient(endpoint, credential, retry_total=0, **transport) as client:
        yield client


def event(**rest: Any) -> CloudEvent:
    return CloudEvent(**{"source": "/nightshift", "type": "plan.closed", "data": {}, **rest})


async def test_published_events_are_kept_by_topic(
    azure_standin: Standin, topic: EventGridPublisherClient
) -> None:
    """Other systems react to outcomes; a test reads them where they were sent."""
    azure_standin.put_world(world())
    await topic.send([event(id="1"), event(id="2", data={"outcome": "done"})])
    kept = azure_standin.world()["published"]["outcomes"]
    assert ["1", "2"] == [one["id"] for one in kept]
    assert {"outcome": "done"} == kept[1]["data"]


async def test_a_topic_takes_its_own_schema_only(
    azure_standin: Standin, topic: EventGridPublisherClient
) -> None:
    """Sending CloudEvents to a topic made for Event Grid's schema is a 400."""
    resource = {
        "id": f"{GROUP}/providers/Microsoft.EventGrid/topics/outcomes",
        "properties": {"inputSchema": "CloudEventSchemaV1_0"},
    }
    azure_standin.put_world(world(resource))
    await topic.send(event())
    old = EventGridEvent(subject="a", event_type="b", data={}, data_version="1")
    with pytest.raises(HttpResponseError, match="CloudEventSchemaV1_0"):
        await topic.send(old)


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_too_much_at_once_is_413(
    azure_standin: Standin, topic: EventGridPublisherClient
) -> None:
    """The limits of the service are reached sooner than one thinks."""
    azure_standin.put_world(world())
    with pytest.raises(HttpResponseError) as refused:
        await topic.send(event(data="x" * 1_100_000))
    assert 413 == refused.value.status_code
    assert {} == azure_standin.world()["published"]


async def test_log_records_arrive_in_chunks_the_client_makes(
    azure_standin: Standin, logs: LogsIngestionClient
) -> None:
    """3 MB of records go in four gzipped calls, and every record arrives once."""
    azure_standin.put_world(world())
    when = datetime(2026, 11, 22, tzinfo=UTC).isoformat()
    records: list[Any] = [
        {"TimeGenerated": when, "Plan": str(number), "Text": "x" * 3000}
        for number in range(1000)
    ]
    await logs.upload(RULE, STREAM, records)
    kept = azure_standin.world()["ingested"][f"{RULE}/{STREAM}"]
    assert [str(number) for number in range(1000)] == [one["Plan"] for one in kept]
    assert len(azure_standin.calls(containing="/ingestion/")) >= 3


async def test_a_rule_of_the_world_takes_its_own_streams_only(
    azure_standin: Standin, logs: LogsIngestionClient
) -> None:
    """A wrong rule id or stream name is the usual mistake in setting this up."""
    rule = {
        "id": f"{GROUP}/providers/Microsoft.Insights/dataCollectionRules/ours",
        "properties": {"immutableId": RULE, "streamDeclarations": {STREAM: {"columns": []}}},
    }
    azure_standin.put_world(world(rule))
    await logs.upload(RULE, STREAM, [{"Plan": "1"}])
    with pytest.raises(HttpResponseError, match="InvalidStream"):
        await logs.upload(RULE, "Custom-Other_CL", [{"Plan": "1"}])
    with pytest.raises(HttpResponseError, match="not found"):
        await logs.upload("dcr-wrong", STREAM, [{"Plan": "1"}])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"Plan": "1"}', 400),
        (b"[1, 2]", 400),
        (b"not json", 400),
        (json.dumps([{"Text": "x" * 600_000}] * 2).encode(), 413),
    ],
)
def test_a_raw_upload_of_the_wrong_shape_or_size_is_refused(
    azure_standin: Standin, body: bytes, status: int
) -> None:
    """What the client would never send, a hand-made call might."""
    azure_standin.put_world(world())
    bearer = azure_standin.token("https://monitor.azure.com")
    got, answer, _ = azure_standin.request(
        "POST",
        f"/ingestion/dataCollectionRules/{RULE}/streams/{STREAM}?api-version=2023-01-01",
        body,
        {"Authorization": f"Bearer {bearer}"},
    )
    assert status == got, answer
    assert answer["error"]["message"]


def test_a_notice_is_acknowledged_and_the_world_remembers(azure_standin: Standin) -> None:
    """Approving a host's maintenance early is a decision: it must leave a trace."""
    azure_standin.put_world(world(vm("a")))
    one, answer, _ = azure_standin.arm(
        "POST", f"{vm_id('a')}{NOTICE}/0d1f/acknowledge?{PREVIEW}"
    )
    many, _, _ = azure_standin.arm(
        "POST", f"{vm_id('a')}{NOTICE}?{PREVIEW}", {"value": ["1a", "2b"]}
    )
    kept = azure_standin.world()["acknowledged"]
    assert (200, 200) == (one, many)
    assert isinstance(answer["value"], str)
    assert ["0d1f", "1a", "2b"] == [entry["event"] for entry in kept]
    assert {vm_id("a")} == {entry["resource"] for entry in kept}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{vm_id('gone')}{NOTICE}/0d1f/acknowledge?{PREVIEW}", 404, "ResourceNotFound"),
        (
            f"{vm_id('a')}{NOTICE}/0d1f/acknowledge?api-version=2023-04-01",
            400,
            "NoRegisteredProviderFound",
        ),
        (f"{vm_id('a')}{NOTICE}?{PREVIEW}", 400, "InvalidParameter"),
        (
            f"{GROUP}/providers/Microsoft.Compute/disks/a{NOTICE}/0d1f/acknowledge?{PREVIEW}",
            400,
            "InvalidResourceType",
        ),
    ],
)
def test_a_wrong_acknowledgement_is_refused(
    azure_standin: Standin, path: str, status: int, code: str
) -> None:
    """The API is a preview: only its one version has it."""
    azure_standin.put_world(world(vm("a")))
    got, body, _ = azure_standin.arm("POST", path, {})
    assert (status, code) == (got, body["error"]["code"])
