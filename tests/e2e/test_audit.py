"""The audit from the ledger to the outside, through an outage, by the deployed app itself."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.demo import events, world
from sandbox.demo.site import Site, until
from sandbox.environment import INGESTION_RULE, TOPIC

OUTAGE = {"pattern": "POST .*/ingestion/", "count": 10_000, "status": 503}


def expected(plans: list[dict[str, Any]], event: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Name by the HTTP routes' own words every transition that must be told, and its end."""
    told: dict[str, dict[str, Any]] = {}
    for plan in plans:
        told[f"{plan['id']}-opened"] = {"Outcome": None}
        told[f"{plan['id']}-closed"] = {"Outcome": plan["outcome"]}
        for step in plan["steps"]:
            name = f"{plan['id']}-{step['index']}"
            if step["started_at"]:
                told[f"{name}-began"] = {"Outcome": None, "Verb": step["verb"]}
            told[f"{name}-finished"] = {
                "Outcome": step["outcome"],
                "Reason": step["reason"],
                "VerifiedAt": step["verified_at"],
            }
    assert all(plan["state"] == "closed" for plan in plans)
    assert event["records"]
    return told


def rows_about(seen: dict[str, Any], event_id: str) -> dict[str, dict[str, Any]]:
    """Everything the stand-in was told about an event, by record id."""
    streams = seen.get("ingested", {})
    assert all(stream.startswith(f"{INGESTION_RULE}/Custom-Nightshift") for stream in streams)
    rows = [row for stream in streams.values() for row in stream]
    return {row["RecordId"]: row for row in rows if row["EventId"] == event_id}


def published_about(seen: dict[str, Any], event_id: str) -> list[dict[str, Any]]:
    """Every CloudEvent about an event."""
    found = seen.get("published", {}).get(TOPIC, [])
    return [one for one in found if one["data"]["EventId"] == event_id]


def reasons(event: dict[str, Any]) -> Counter[tuple[str, str]]:
    """Each rule's answer as the event's own route tells it."""
    return Counter(
        (decision["kind"], decision.get("reason") or "")
        for record in event["records"]
        for decision in record["decisions"]
    )


async def told_whole(site: Site, wanted: set[str], event_id: str) -> dict[str, Any]:
    """Fire the timer until everything wanted has arrived, or a minute is over."""

    async def look() -> dict[str, Any] | None:
        await site.fire("tick_export")
        await asyncio.sleep(0.5)
        seen = await site.world()
        return seen if wanted <= rows_about(seen, event_id).keys() else None

    return await until(look) or await site.world()


async def test_an_outage_of_the_audit_delays_its_records_and_loses_none(site: Site):
    """503 while a node is drained and freed again; then all of it, and not a record else."""
    event_id = str(uuid.uuid4())
    await site.azure("POST", "/_faults", OUTAGE)
    machine = (world.EVICTED,)
    await site.send_event(events.notice(event_id, machine, now=datetime.now(UTC)))
    await site.closed_plans(event_id, 1)
    now = datetime.now(UTC)
    await site.send_event(events.notice(event_id, machine, now=now, status="Canceled"))
    plans = await site.closed_plans(event_id, 2)
    assert ["done", "done"] == [plan["outcome"] for plan in plans], plans

    async def is_published() -> bool:
        await site.fire("tick_export")
        await asyncio.sleep(0.5)
        told = published_about(await site.world(), event_id)
        return 2 == sum(one["type"] == "Nightshift.Plan.Closed" for one in told)

    assert await until(is_published), "the topic had to wait for the other sink"
    assert {} == rows_about(await site.world(), event_id)
    event = await site.event(event_id)
    assert event is not None
    wanted = expected(plans, event)
    await site.azure("DELETE", "/_faults")

    seen = await told_whole(site, wanted.keys(), event_id)

    rows = rows_about(seen, event_id)
    decisions = {name: row for name, row in rows.items() if name.startswith("decision-")}
    assert wanted.keys() == rows.keys() - decisions.keys()
    for name, facts in wanted.items():
        assert facts == {key: rows[name].get(key) for key in facts}, name
    found = Counter((row["Decision"], row["Reason"]) for row in decisions.values())
    assert reasons(event) == found
    _is_published(seen, rows, event_id)
    _has_no_secret(site, seen)


def _is_published(
    seen: dict[str, Any], rows: dict[str, dict[str, Any]], event_id: str
) -> None:
    """What others may react to says the same as the tables."""
    published = published_about(seen, event_id)
    wanted = {name for name in rows if not re.search("-(began|withdrawn)$", name)}
    assert wanted == {one["id"] for one in published}
    assert all(one["data"] == rows[one["id"]] for one in published)


def _has_no_secret(site: Site, seen: dict[str, Any]) -> None:
    text = json.dumps([seen["ingested"], seen["published"]])
    sandbox = site.sandbox
    account_key = re.search("AccountKey=([^;]+)", sandbox.storage_connection_string)
    assert account_key
    keys = (sandbox.function_key, sandbox.master_key, sandbox.system_key, account_key.group(1))
    assert not [key for key in keys if key in text]
    assert "Bearer " not in text


async def test_the_log_says_how_far_behind_the_audit_is(site: Site):
    """Whoever looks after the app sees the outage with its words and its age."""
    await site.azure("POST", "/_faults", OUTAGE)
    event_id = str(uuid.uuid4())
    await site.send_event(events.notice(event_id, (world.EVICTED,), now=datetime.now(UTC)))
    await site.closed_plans(event_id, 1)
    log = Path(site.sandbox.log_files["functions"])

    async def is_said() -> bool:
        await site.fire("tick_export")
        await asyncio.sleep(0.3)
        text = log.read_text(encoding="utf-8")
        lags = re.findall(r"export_lag_seconds=([0-9.]+)", text)
        return "export sink=log_analytics failed=" in text and any(map(float, lags))

    assert await until(is_said), log.read_text(encoding="utf-8")[-2000:]
