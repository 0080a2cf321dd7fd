"""The ways in: what is refused, what is kept, what is recorded, over real HTTP."""

import asyncio
import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueClient

from cli.rules import read_layer
from sandbox.demo import events, world
from sandbox.demo.site import Site, until
from shared.remediations import discover
from shared.rules.loading import load_rules

RULES = Path(__file__).parents[2] / "rules"
ROUTES = [
    ("POST", "/api/alerts"),
    ("POST", "/api/runbooks/drain_node"),
    ("GET", "/api/plans"),
    ("GET", "/api/plans/x"),
    ("GET", "/api/events/x"),
    ("GET", "/api/notices/x"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_route_but_health_wants_a_key(site, method, path):
    """A stranger learns nothing and starts nothing."""
    status, _ = await site.call(method, path, {}, key="wrong")

    assert status == 401


async def test_health_is_for_everybody_and_tells_little(site):
    """A probe needs no key; a stranger gets no ids."""
    status, said = await site.call("GET", "/api/health", key="none")

    assert status == 200
    rules = load_rules([read_layer(RULES)], discover()).rules
    assert said == {"status": "ok", "rules": len(rules)}


async def test_an_event_through_the_storage_queue_is_recorded(site: Site):
    """The second way in: Event Grid puts it into a queue, nobody answers it, it is told."""
    event = {
        "specversion": "1.0",
        "id": "run-completed-1",
        "source": world.WORKSPACE,
        "type": "Microsoft.MachineLearningServices.RunCompleted",
        "subject": "experiments/e/runs/r",
        "time": "2026-05-01T10:00:00Z",
        "data": {"runId": "r", "experimentName": "e", "runStatus": "Completed"},
    }
    connection = site.sandbox.storage_connection_string
    async with QueueClient.from_connection_string(connection, "platform-events") as queue:
        await queue.send_message(base64.b64encode(json.dumps(event).encode()).decode())

    seen = await until(lambda: site.event("run-completed-1"))

    reasons = {d["reason"] for r in seen["records"] for d in r["decisions"]}
    assert reasons == {"not_matched"}


async def test_what_cannot_be_parsed_is_quarantined_and_acknowledged(site: Site):
    """One poison event must not hold up the next eviction, and must not be lost."""
    broken = events.notice("e-broken", (world.EVICTED,), now=datetime.now(UTC))
    del broken["data"]["resourceInfo"]["properties"]["EventId"]

    await site.send_event(broken)

    connection = site.sandbox.storage_connection_string
    async with BlobServiceClient.from_connection_string(connection) as blobs:
        container = blobs.get_container_client("nightshift-quarantine")
        kept = [b async for b in container.list_blobs(include=["metadata"])]
    assert any("EventId" in b.metadata["why"] for b in kept)


async def test_an_alert_of_another_schema_is_told_which_switch_to_set(site: Site):
    """The receiver is misconfigured; the answer says how to mend it."""
    status, said = await site.call(
        "POST", "/api/alerts", {"schemaId": "AzureMonitorMetricAlert"}
    )

    assert status == 422
    assert "common alert schema" in said["detail"]


async def test_the_test_button_is_recorded_and_never_acted_on(site: Site):
    """Azure's own test sends real-looking ids; nothing may happen to anybody's tasks."""
    alert = events.failing_tasks("Test_Alert", world.BATCH, now=datetime.now(UTC))

    said = await site.send_alert(alert)

    reasons = [d["reason"] for a in said["answers"] for d in a["decisions"]]
    assert reasons == ["test_event"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "JSON"),
        (b"[]", 422, "object"),
        (b'{"target": 7}', 422, "target"),
        (b'{"target": "x", "dry-run": true}', 422, "dry-run"),
        (b'{"target": "/subscriptions/s", "with": {"kepe": "1d"}}', 422, "works on"),
    ],
)
async def test_a_malformed_request_is_a_problem_that_says_what_is_wrong(
    site: Site, body, status, words
):
    """RFC 9457, so that a client can show it as it is."""
    url = f"{site.sandbox.functions_url}/api/runbooks/snapshot_and_redeploy"
    headers = {"x-functions-key": site.sandbox.function_key}
    async with site._http.post(url, data=body, headers=headers) as answer:
        said = await answer.json(content_type="application/problem+json")

    assert answer.status == status
    assert said["status"] == status
    assert words in said["detail"]


async def test_an_unknown_remediation_is_404_and_names_the_known_ones(site: Site):
    """The person sees at once what they may have meant."""
    status, said = await site.call("POST", "/api/runbooks/drain_nodes", {"target": "/x"})

    assert status == 404
    assert "drain_node" in said["known"]


async def test_an_unknown_setting_is_refused_with_the_name_that_was_meant(site: Site):
    """A misspelled setting must not be taken for the default."""
    body = {"target": world.DEGRADED_VM, "with": {"kepe": "1d"}}
    status, said = await site.call("POST", "/api/runbooks/snapshot_and_redeploy", body)

    assert status == 422
    assert "did you mean keep" in said["detail"]


async def test_a_target_that_does_not_exist_is_404(site: Site):
    """The remediation knows the type, nobody knows the machine."""
    body = {"target": f"{world.COMPUTE}/virtualMachines/nobody"}
    status, said = await site.call("POST", "/api/runbooks/snapshot_and_redeploy", body)

    assert status == 404
    assert "nobody" in said["detail"]


async def test_a_dry_run_shows_the_plan_and_leaves_the_world_equal(site: Site):
    """Everything but the effect; the plan that would follow is in the answer."""
    unmeasured = {
        **world.build(datetime.now(UTC)),
        "metrics": [],
    }  # nothing for a tick to find
    await site.azure("PUT", "/_world", unmeasured)
    before = await site.world()
    body = {"target": world.DEGRADED_VM, "dry_run": True}

    status, plan = await site.call("POST", "/api/runbooks/snapshot_and_redeploy", body)
    await asyncio.sleep(2)

    assert status == 202
    assert plan["outcome"] == "dry_run"
    assert [s["verb"] for s in plan["steps"]] == ["snapshot"] * 3 + ["redeploy"]
    assert plan["decision"]["guardrails"]["opted_out"] == "pass"
    after = await site.world()
    audit = {"ingested", "published"}  # what was decided is told; nothing was done
    assert {k: v for k, v in before.items() if k not in audit} == {
        k: v for k, v in after.items() if k not in audit
    }


async def test_a_runbook_starts_once_for_one_idempotency_key(site: Site):
    """A person who sends again because the answer was lost gets the same plan."""
    headers = {"Idempotency-Key": "stop-dev-busy-1"}
    body = {"target": world.BUSY_VM, "with": {"even_if_busy": True}, "reason": "holidays"}

    first = await site.call("POST", "/api/runbooks/deallocate_idle", body, **headers)
    again = await site.call("POST", "/api/runbooks/deallocate_idle", body, **headers)
    closed = await site.closed_plans("stop-dev-busy-1", 1)

    assert (first[0], again[0]) == (202, 202)
    assert first[1]["id"] == again[1]["id"]
    assert [p["outcome"] for p in closed] == ["done"]


async def test_a_busy_machine_is_not_stopped_by_a_runbook_that_does_not_insist(site: Site):
    """409 with the reason that the ledger, the log and the metric carry."""
    body = {"target": world.BUSY_VM}
    status, said = await site.call("POST", "/api/runbooks/deallocate_idle", body)

    assert status == 409
    assert said["decision"]["reason"] == "not_idle"


@pytest.mark.parametrize("query", ["state=shut", "limit=0", "limit=many", "after=nonsense"])
async def test_a_wrong_query_is_refused(site: Site, query):
    """A misspelled filter must not look like an empty list."""
    status, said = await site.call("GET", f"/api/plans?{query}")

    assert status == 422
    assert query.split("=")[0] in said["detail"]


async def test_plans_are_listed_page_by_page(site: Site):
    """Paging meets every plan once."""
    for number in range(3):
        headers = {"Idempotency-Key": f"page-{number}"}
        body = {"target": world.DEGRADED_VM, "with": {"even_if_busy": True}}
        await site.call("POST", "/api/runbooks/deallocate_idle", body, **headers)
        await site.closed_plans(f"page-{number}", 1)
        await site.azure("PUT", "/_world", world.build(datetime.now(UTC)))
    seen: list[str] = []
    after = ""
    while True:
        _, page = await site.call("GET", f"/api/plans?state=closed&limit=2&after={after}")
        seen += [p["id"] for p in page["plans"]]
        after = page["next"]
        if not after:
            break

    assert len(seen) == len(set(seen)) >= 3


async def test_an_unknown_plan_or_event_is_404(site: Site):
    """Not an empty answer that could be taken for "nothing happened"."""
    assert (await site.call("GET", "/api/plans/000000000000-000000000000000000000000"))[
        0
    ] == 404
    assert (await site.call("GET", "/api/plans/nonsense"))[0] == 404
    assert (await site.call("GET", "/api/events/never-heard"))[0] == 404
