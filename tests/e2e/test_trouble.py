"""When the cloud, a message or a setting is in trouble: nothing is lost, and it is said."""

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueClient

from sandbox import lifecycle
from sandbox.demo import events, world
from sandbox.demo.__main__ import options
from sandbox.demo.site import Site, resource, until
from sandbox.options import SandboxOptions


async def quarantined(site: Site) -> list[str]:
    """Names of what was quarantined."""
    connection = site.sandbox.storage_connection_string
    async with BlobServiceClient.from_connection_string(connection) as blobs:
        container = blobs.get_container_client("nightshift-quarantine")
        if not await container.exists():
            return []
        return [blob.name async for blob in container.list_blobs()]


async def test_throttling_and_server_errors_delay_a_plan_and_do_not_lose_it(site: Site):
    """429 with Retry-After, then 500, then a lost answer: one snapshot a disk all the same."""
    faults = [
        {"pattern": "PUT .*/snapshots/", "status": 429, "headers": {"Retry-After": "2"}},
        {"pattern": "PUT .*/snapshots/", "status": 500},
        {"pattern": "PUT .*/snapshots/", "status": 503, "after_effect": True},
    ]
    for fault in faults:
        await site.azure("POST", "/_faults", {**fault, "count": 1})
    headers = {"Idempotency-Key": "trouble-1"}
    body = {"target": world.DEGRADED_VM}
    await site.azure("DELETE", "/_calls")
    status, said = await site.call(
        "POST", "/api/runbooks/snapshot_and_redeploy", body, **headers
    )
    assert status == 202, said

    [plan] = await site.closed_plans("trouble-1", 1)
    calls = await site.azure("GET", "/_calls")
    sent = [c for c in calls if c["method"] == "PUT" and "/snapshots/" in c["path"]]
    seen = await site.world()

    assert plan["outcome"] == "done", plan
    assert [c["status"] for c in sent].count(429) == 1
    gap = _moment(sent[1]["time"]) - _moment(sent[0]["time"])
    assert gap.total_seconds() >= 2, "Retry-After was not honoured"
    assert len([r for r in seen["resources"] if r["type"].endswith("/snapshots")]) == 3
    assert sum(seen["observed"]["redeploys"].values()) == 1


async def test_a_forbidden_call_ends_the_plan_with_the_operation_named(site: Site):
    """Retrying cannot help; the person must see which right is missing."""
    action = "Microsoft.Compute/virtualMachines/redeploy/action"
    refusal = {"code": "AuthorizationFailed", "message": f"no permission for {action}"}
    fault = {"pattern": "POST .*/redeploy", "status": 403, "body": {"error": refusal}}
    await site.azure("POST", "/_faults", {**fault, "count": 5})
    headers = {"Idempotency-Key": "trouble-2"}
    body = {"target": world.DEGRADED_VM}
    await site.call("POST", "/api/runbooks/snapshot_and_redeploy", body, **headers)

    [plan] = await site.closed_plans("trouble-2", 1)

    assert plan["outcome"] == "partial"
    assert plan["steps"][-1]["reason"] == "forbidden"
    assert action in plan["steps"][-1]["detail"]["error"]


async def test_a_person_opts_a_machine_out_while_its_plan_is_open(site: Site):
    """The tag is read again before each step: what has not begun does not begin."""
    slow = {"pattern": "PUT .*/snapshots/", "status": 429, "headers": {"Retry-After": "3"}}
    await site.azure("POST", "/_faults", {**slow, "count": 1})
    headers = {"Idempotency-Key": "trouble-3"}
    body = {"target": world.DEGRADED_VM}
    await site.call("POST", "/api/runbooks/snapshot_and_redeploy", body, **headers)
    seen = await site.world()
    vm = resource(seen, world.DEGRADED_VM)
    assert vm is not None
    vm["tags"] = {"nightshift": "off"}
    await site.azure("PUT", "/_world", seen)

    [plan] = await site.closed_plans("trouble-3", 1)

    assert {s["reason"] for s in plan["steps"]} >= {"opted_out"}
    assert "redeploys" not in (await site.world())["observed"]


@pytest.mark.parametrize("queue", ["platform-events-poison", "plans-poison"])
async def test_a_poison_message_is_kept_for_a_person(site: Site, queue):
    """After five tries the host gives a message up; Nightshift does not."""
    before = set(await quarantined(site))
    text = json.dumps({"poisoned": queue, "at": datetime.now(UTC).isoformat()})
    connection = site.sandbox.storage_connection_string
    async with QueueClient.from_connection_string(connection, queue) as client:
        await client.send_message(base64.b64encode(text.encode()).decode())

    async def kept() -> set[str]:
        return set(await quarantined(site)) - before

    assert [name.split("_")[0] for name in await until(kept)] == [queue]


async def test_a_wrong_setting_is_named_with_what_it_was_and_what_it_may_be(tmp_path: Path):
    """One message, in the log; the health route says only that something is wrong."""
    base = options(tmp_path)
    wrong = {"NIGHTSHIFT_LEASE": "soon", "NIGHTSHIFT_DRY_RUN": "maybe"}
    running = lifecycle.up(
        SandboxOptions(state=tmp_path, world=base.world, rules=base.rules, environment=wrong)
    )
    try:
        async with Site(running) as broken:
            status, said = await broken.call("GET", "/api/health")
        log = Path(running.log_files["functions"]).read_text(encoding="utf-8")
    finally:
        lifecycle.down(tmp_path)

    assert (status, said["status"]) == (503, "unhealthy")
    for words in ("NIGHTSHIFT_LEASE", "'soon'", "10s to 10m", "NIGHTSHIFT_DRY_RUN", "'maybe'"):
        assert words in log, words


async def test_no_secret_is_in_any_log_or_answer(site: Site):
    """Keys, tokens and connection strings stay where they are."""
    for _ in range(2):
        await site.send_event(
            events.notice("secret-1", (world.EVICTED,), now=datetime.now(UTC))
        )
    await site.call("POST", "/api/alerts", {"schemaId": "x", "sig": "sv=2021&sig=abcdef"})
    answers = [json.dumps((await site.call("GET", "/api/plans"))[1])]
    answers.append(json.dumps(await site.event("secret-1")))
    sandbox = site.sandbox
    account_key = re.search("AccountKey=([^;]+)", sandbox.storage_connection_string)
    assert account_key
    secrets = [
        sandbox.function_key,
        sandbox.master_key,
        sandbox.system_key,
        account_key.group(1),
    ]
    texts = {name: Path(file).read_text("utf-8") for name, file in sandbox.log_files.items()}
    texts["answers"] = "".join(answers)

    for name, text in texts.items():
        for secret in secrets:
            assert secret not in text, name
        assert "Bearer " not in text, name
        assert not re.search(r"sig=[A-Za-z0-9%]{6,}", text), name


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
