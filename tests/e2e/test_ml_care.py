"""Care of Azure ML computes, from a tick or a person to the world.

What was called is held against the role table, too: the demo has no such world.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.demo.site import Json, Site, resource, until
from sandbox.state_folder import Sandbox
from shared.core.ml_marks import DELETE_TAG, Mark, write_mark
from shared.core.operations import VERBS
from shared.core.steps import Verb
from shared.surveys import discover
from tests.sandboxed import a_sandbox
from tests.wiring.test_granted import granted, operation

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/care"
LONG_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(days=40)
MARK = write_mark(Mark(LONG_AGO + timedelta(days=37), LONG_AGO))
CRON = {"expression": "0 19 * * *", "timeZone": "UTC", "startTime": "2026-01-01T00:00:00"}
STOP = {"action": "Stop", "status": "Enabled", "triggerType": "Cron", "cron": CRON}
KEPT = {
    "state": "Running",
    "vmSize": "STANDARD_DS3_V2",
    "idleTimeBeforeShutdown": "PT60M",
    "schedules": {"computeStartStop": [STOP]},
    "osImageMetadata": {"isLatestOsImageVersion": True},
    "createdBy": {"userName": "Ada"},
}
STOPPED = {
    "operationName": "Stop",
    "operationStatus": "Succeeded",
    "operationTime": LONG_AGO.isoformat(),
}
RULES = """
rules:
  - {name: idle, on: compute.idle, remediate: stop_instance, mode: auto}
  - name: idle-time
    on: aml.instance_found
    when: signal.finding == "no_idle_shutdown"
    remediate: set_idle_shutdown
    mode: auto
  - name: stop-time
    on: aml.instance_found
    when: signal.finding == "no_stop_time"
    remediate: set_instance_schedules
    mode: auto
  - name: mark
    on: aml.instance_found
    when: signal.finding == "stopped" && signal.days >= 30.0
    remediate: mark_stopped_instance
    mode: auto
    notify: teams
  - name: delete
    on: aml.instance_found
    when: signal.finding == "marked" && signal.is_due
    remediate: delete_marked_instance
    mode: auto
  - name: restart
    on: aml.instance_found
    when: signal.finding == "broken"
    remediate: restart_instance
    mode: auto
  - name: start
    on: aml.instance_found
    when: signal.finding == "failed_operation"
    remediate: start_instance
    mode: auto
  - name: tell
    on: [aml.instance_found, aml.cluster_found]
    when: signal.finding in ["outdated_image", "disk_nearly_full", "unusable_nodes"]
    remediate: ask_a_person
    mode: auto
    notify: teams
  - name: scale
    on: aml.cluster_found
    when: signal.finding == "idle_nodes"
    remediate: scale_cluster_to_zero
    mode: auto
"""


def instance(name: str, tags: Json | None = None, **changed: Any) -> Json:
    inner = {k: v for k, v in {**KEPT, **changed}.items() if v is not None}
    return {
        "id": f"{WORKSPACE}/computes/{name}",
        "location": "westeurope",
        "tags": tags or {},
        "properties": {"computeType": "ComputeInstance", "properties": inner},
    }


def cluster(name: str, least: int, *states: str) -> Json:
    scale = {
        "minNodeCount": least,
        "maxNodeCount": 4,
        "nodeIdleTimeBeforeScaleDown": "PT2M",
    }
    return {
        "id": f"{WORKSPACE}/computes/{name}",
        "location": "westeurope",
        "properties": {
            "computeType": "AmlCompute",
            "properties": {"vmSize": "x", "vmPriority": "Dedicated", "scaleSettings": scale},
        },
        "_nodes": [{"nodeId": str(n), "nodeState": s} for n, s in enumerate(states)],
    }


def measured(compute: str, name: str, value: float) -> Json:
    return {
        "resourceId": WORKSPACE,
        "namespace": "Microsoft.MachineLearningServices/workspaces",
        "name": name,
        "dimension": {"ComputeName": compute},
        "constant": value,
    }


def world() -> Json:
    failed = {"operationName": "Start", "operationStatus": "StartFailed"}
    old = {
        "currentImageVersion": "22.08.19",
        "latestImageVersion": "22.09.06",
        "isLatestOsImageVersion": False,
    }
    names = ("idle", "full", "working", "no-metrics")
    return {
        "settings": {"operation_seconds": 0.1, "retry_after_seconds": 0.05},
        "resources": [
            {"id": WORKSPACE, "location": "westeurope"},
            *(instance(name) for name in names if name != "working"),
            instance("working", state="JobRunning"),
            instance("no-idle-time", idleTimeBeforeShutdown=None),
            instance("no-stop-time", schedules=None),
            instance("unusable", state="Unusable"),
            instance("start-failed", state="Stopped", lastOperation=failed),
            instance("forgotten", state="Stopped", lastOperation=STOPPED),
            instance("marked", {DELETE_TAG: MARK}, state="Stopped", lastOperation=STOPPED),
            instance("outdated", osImageMetadata=old),
            cluster("warm", 2, "idle", "idle"),
            cluster("sick", 0, "running", "unusable"),
        ],
        "metrics": [
            *(measured(n, "CpuUtilizationPercentage", 1.0) for n in names[:3]),
            *(measured(n, "DiskAvailMegabytes", 30_000.0) for n in ("idle", "working")),
            measured("full", "DiskAvailMegabytes", 700.0),
            *(measured("by-hand", n, 1.0) for n in ("CpuUtilizationPercentage",)),
            measured("by-hand", "DiskAvailMegabytes", 30_000.0),
        ],
    }


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up a sandbox with a workspace that nobody looks after."""
    folder = tmp_path_factory.mktemp("care")
    with a_sandbox(
        folder,
        RULES,
        world(),
        NIGHTSHIFT_SUBSCRIPTIONS=SUBSCRIPTION,
        NIGHTSHIFT_WORKSPACES=WORKSPACE,
        NIGHTSHIFT_TEAMS_WEBHOOK="https://127.0.0.1:9/nobody-listens",
    ) as running:
        yield running


@dataclass(frozen=True)
class Played:
    """What was seen once everything had happened."""

    plans: list[Json]
    seen: Json
    by_hand: list[tuple[str, str, str]]
    shown: Json
    calls: list[Json]


@pytest.fixture(scope="module")
def played(sandbox: Sandbox) -> Played:
    """Play it once: the ticks, then a person's runbooks."""
    return asyncio.run(_played(sandbox))


async def _played(sandbox: Sandbox) -> Played:
    async with Site(sandbox) as site:
        await site.fire("tick_survey")
        await site.fire("tick_idle")
        plans = await closed(site, 11)
        seen = await site.world()
        by_hand, shown = await _by_hand(site)
        calls = await site.azure("GET", "/_calls")
    return Played(plans, seen, by_hand, shown, calls)


async def _by_hand(site: Site) -> tuple[list[tuple[str, str, str]], Json]:
    """Show, start, restart and stop an instance; what one does is read before the next."""
    name = f"{WORKSPACE}/computes/by-hand"
    fresh = world()
    fresh["resources"].append(instance("by-hand", state="Stopped"))
    await site.azure("PUT", "/_world", fresh)
    states, shown = [], {}
    anyway = {"even_if_busy": True}
    for word, given in (("show", {}), ("start", {}), ("restart", {}), ("stop", anyway)):
        key = f"by-hand-{word}"
        body, headers = {"target": name, "with": given}, {"Idempotency-Key": key}
        path = f"/api/runbooks/{word}_instance"
        status, said = await site.call("POST", path, body, **headers)
        assert status in {200, 202}, said
        [plan] = await site.closed_plans(key, 1)
        seen = await site.world()
        states.append((word, plan["outcome"], inner(seen, "by-hand")["state"]))
        shown = shown or plan["steps"][0]["detail"]
    return states, shown


async def closed(site: Site, count: int) -> list[Json]:
    """Wait until there are so many plans and none is open."""

    async def look() -> list[Json]:
        _, page = await site.call("GET", "/api/plans?limit=100")
        plans: list[Json] = page["plans"]
        is_over = len(plans) >= count and all(p["state"] == "closed" for p in plans)
        return plans if is_over else []

    return list(await until(look))


def target_of(plan: Json) -> str:
    """Name the compute that a plan is about."""
    return str(plan["signal"]["target"]).rpartition("/")[2]


def inner(seen: Json, name: str) -> Json:
    found = resource(seen, f"{WORKSPACE}/computes/{name}") or {"properties": {}}
    return dict(found["properties"].get("properties", {}))


def test_a_survey_and_a_tick_see_to_every_compute(played: Played) -> None:
    """Each in its own way; what is in use, full or unmeasured is left alone."""
    done = sorted((p["remediation"], target_of(p)) for p in played.plans)
    assert done == [
        ("ask_a_person", "full"),
        ("ask_a_person", "outdated"),
        ("ask_a_person", "sick"),
        ("delete_marked_instance", "marked"),
        ("mark_stopped_instance", "forgotten"),
        ("restart_instance", "unusable"),
        ("scale_cluster_to_zero", "warm"),
        ("set_idle_shutdown", "no-idle-time"),
        ("set_instance_schedules", "no-stop-time"),
        ("start_instance", "start-failed"),
        ("stop_instance", "idle"),
    ]
    assert {"done"} == {p["outcome"] for p in played.plans}


def test_the_world_shows_what_was_done_and_what_was_not(played: Played) -> None:
    """Read back from the world, and not from what the app says of itself."""
    seen = played.seen
    names = ("idle", "full", "working", "no-metrics", "unusable", "start-failed", "forgotten")
    assert [inner(seen, name).get("state") for name in names] == [
        *("Stopped", "Running", "JobRunning", "Running", "Running", "Running", "Stopped"),
    ]
    assert "PT60M" == inner(seen, "no-idle-time")["idleTimeBeforeShutdown"]
    [stop] = inner(seen, "no-stop-time")["schedules"]["computeStartStop"]
    assert ("Stop", "0 19 * * 1-5") == (stop["action"], stop["cron"]["expression"])
    assert resource(seen, f"{WORKSPACE}/computes/marked") is None
    forgotten = resource(seen, f"{WORKSPACE}/computes/forgotten") or {}
    assert DELETE_TAG in forgotten["tags"]
    warm = resource(seen, f"{WORKSPACE}/computes/warm") or {}
    assert [] == warm["_nodes"]
    assert 4 == inner(seen, "warm")["scaleSettings"]["maxNodeCount"]


def test_a_person_shows_starts_restarts_and_stops_an_instance(played: Played) -> None:
    """Each is a runbook."""
    assert played.by_hand == [
        ("show", "done", "Stopped"),
        ("start", "done", "Running"),
        ("restart", "done", "Running"),
        ("stop", "done", "Stopped"),
    ]
    assert ("stopped", "Ada", 3600.0) == (
        played.shown["state"],
        played.shown["owner"],
        played.shown["idle_shutdown_s"],
    )


def test_whatever_was_called_is_granted_and_whatever_is_granted_was_called(
    played: Played,
) -> None:
    """A call beyond the role table would be refused in Azure; a right unused is too many."""
    asked = [c for c in played.calls if "/providers/" in c["path"].partition("?")[0]]
    called = {operation(call["method"], call["path"]) for call in asked}
    surveyed = {name.casefold() for one in discover().values() for name in one.actions}
    assert sorted(called - granted() - surveyed) == []
    mine = {verb for verb in Verb if verb.value.startswith("ml_")}
    needed = {name.casefold() for verb in mine for name in VERBS[verb].actions}
    assert sorted(needed - called) == []
