"""What came in is in the archive, comes back, and is decided again as it was decided."""

import asyncio
import json
import os
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.demo import events, world
from sandbox.demo.site import Site, until
from sandbox.options import ROOT

RULES = (ROOT / "rules", ROOT / "sandbox" / "rules")
Answers = dict[tuple[str, str, str], list[tuple[str, str, str]]]


async def command(*words: object) -> str:
    """Run the command line in a process of its own; its output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli.main",
        *map(str, words),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert (0, b"") == (process.returncode, err)
    return out.decode()


async def send_everything(site: Site, mark: str) -> list[str]:
    """Send an eviction, take it back, what is about nothing, poison; names of events.

    Nothing here starts a cooldown or spends a budget that another test counts on.
    """
    eviction, alert, degraded = f"e-{mark}", f"a-{mark}", f"h-{mark}"
    now = datetime.now(UTC)
    await site.send_event(events.notice(eviction, (world.EVICTED,), now=now))
    await site.closed_plans(eviction, 1)
    await site.send_event(events.notice(eviction, (world.EVICTED,), now=now))
    taken_back = events.notice(eviction, (world.EVICTED,), now=now, status="Canceled")
    await site.send_event(taken_back)
    await site.closed_plans(eviction, 2)
    said = await site.send_alert(events.failing_tasks(alert, f"{world.BATCH}x", now=now))
    nobody = f"{world.COMPUTE}/virtualMachines/nobody"
    await site.send_event(events.degraded(degraded, nobody, now=now))
    poison = events.notice(f"p-{mark}", (world.EVICTED,), now=now)
    del poison["data"]["resourceInfo"]["properties"]["EventId"]
    await site.send_event(poison)
    return [eviction, said["answers"][0]["event_id"], degraded]


def decisions(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Sum decisions up."""
    return [(one["rule"], one["kind"], one["reason"]) for one in found]


async def ledgers_answers(site: Site, names: list[str]) -> Answers:
    """Read what the ledger says became of events, without reminders."""
    answers: Answers = {}
    for name in names:
        seen = await until(lambda name=name: site.event(name))
        for record in seen["records"]:
            if "+" not in record["phase"]:
                key = (name, record["phase"], record["target"].casefold())
                answers[key] = decisions(record["decisions"])
    return answers


def replays_answers(document: dict[str, Any], names: list[str]) -> Answers:
    """Take the first answer to each phase of the named events."""
    answers: Answers = {}
    for one in document["decisions"]:
        if one["event_id"] in names:
            key = (one["event_id"], one["phase"], one["target"].casefold())
            answers.setdefault(key, decisions(one["decisions"]))
    return answers


async def test_a_replay_of_what_was_sent_agrees_with_the_ledger(site: Site, tmp_path: Path):
    """From the inlets over the archive and back: nothing lost, nothing decided otherwise."""
    start = datetime.now(UTC)
    names = await send_everything(site, uuid.uuid4().hex[:8])
    expected = await ledgers_answers(site, names)
    end = datetime.now(UTC) + timedelta(seconds=5)

    connection = site.sandbox.storage_connection_string
    moments = ("--from", start.isoformat(), "--to", end.isoformat())
    lines = await command("archive", "pull", *moments, "--connection", connection)
    file = tmp_path / "events.jsonl"
    file.write_text(lines)
    replay = ("replay", file, "--rules", *RULES, "--json", "-")
    first, again = await command(*replay), await command(*replay)

    inlets = [json.loads(line)["inlet"] for line in lines.splitlines()]
    assert inlets.count("on_maintenance_event") >= 5
    assert "on_alert" in inlets
    document = json.loads(first)
    assert expected == replays_answers(document, names)
    said = {kind + reason for found in expected.values() for _, kind, reason in found}
    assert {"act", "skiptarget_gone"} <= said
    assert document["summary"]["quarantined"] >= 1
    assert first == again


async def test_the_cleanup_keeps_what_is_young(site: Site):
    """The daily tick must not take what a person is about to pull."""
    start = datetime.now(UTC)
    body = events.failing_tasks("Test_Alert", world.BATCH, now=start)
    await site.send_alert(body)

    await site.fire("tick_cleanup")

    end = datetime.now(UTC) + timedelta(seconds=5)
    moments = ("--from", start.isoformat(), "--to", end.isoformat())
    connection = site.sandbox.storage_connection_string
    lines = await command("archive", "pull", *moments, "--connection", connection)
    assert body in [json.loads(line)["event"] for line in lines.splitlines()]
