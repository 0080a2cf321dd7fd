"""Care of Batch, from an alert or a tick to the account as it then stands."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.demo import events
from sandbox.demo.site import Json, Site, until
from sandbox.options import SandboxOptions
from sandbox.state_folder import Sandbox
from shared.core.batch_pools import FORMULA_LABEL

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
ACCOUNT = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/lab/providers/"
    "Microsoft.Batch/batchAccounts/render"
)
RULES = """
rules:
  - name: run-again
    on: batch.tasks_failed
    remediate: reactivate_failed_tasks
    with:
      retries: 1
      system_retries: 2
      transient_codes: ["137"]
      transient_retries: 3
      lasting_codes: ["64..78"]
      backoff: 6s
    mode: auto
  - name: close-done
    on: batch.found
    when: signal.finding.startsWith("job_")
    remediate: close_done_job
    with:
      done_for: 1h
    mode: auto
  - name: rest
    on: batch.found
    when: signal.finding.startsWith("pool_")
    remediate: rest_idle_pool
    with:
      idle_for: 30m
    mode: auto
"""
FORMULA = "$TargetDedicatedNodes = 1;"


def stamp(ago: timedelta) -> str:
    """Write a moment of the past as Batch does."""
    return (datetime.now(UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")


def a_task(
    name: str,
    code: int | None = 0,
    category: str = "UserError",
    *,
    ended: timedelta = timedelta(0),
) -> Json:
    """Write a task that ended so long ago."""
    info: Json = {
        "endTime": stamp(ended),
        "result": "failure" if code != 0 else "success",
    }
    if code is not None:
        info["exitCode"] = code
    if code != 0:
        info["failureInfo"] = {"category": category, "code": "x"}
    return {
        "id": name,
        "state": "completed",
        "stateTransitionTime": stamp(ended),
        "executionInfo": info,
    }


def a_pool(name: str, *states: str, **more: object) -> Json:
    """Write a pool whose nodes are in these states for hours."""
    nodes = [
        {"id": f"{name}-{n}", "state": state, "stateTransitionTime": stamp(timedelta(hours=9))}
        for n, state in enumerate(states)
    ]
    return {"id": name, "vmSize": "Standard_NC6", "nodes": nodes, **more}


def world() -> Json:
    """One account: tasks failed in each class of failure, jobs done in each way."""
    tasks = [
        a_task("killed", 137),
        a_task("wrong-input", 65),
        a_task("own-fault", 1),
        a_task("no-disk", None, "ServerError"),
        a_task("fine"),
    ]
    long_ago = timedelta(hours=9)
    jobs = [
        {"id": "frames", "tasks": tasks},
        {
            "id": "done",
            "tasks": [a_task("one", ended=long_ago), a_task("two", ended=long_ago)],
        },
        {"id": "just-done", "tasks": [a_task("one")]},
        {"id": "bad", "tasks": [a_task("one", 2, ended=long_ago)]},
        {"id": "labelled", "tasks": [a_task("one", ended=long_ago)]},
        {"id": "empty", "tasks": []},
    ]
    jobs[4]["metadata"] = [{"name": "nightshift", "value": "off"}]
    waiting = {"id": "next", "state": "active"}
    jobs.append({"id": "soon", "poolInfo": {"poolId": "wanted"}, "tasks": [waiting]})
    pools = [
        a_pool("idle", "idle", "idle"),
        a_pool("busy", "idle", "running"),
        a_pool("wanted", "idle"),
        a_pool("lost", "running", metadata=[{"name": FORMULA_LABEL, "value": FORMULA}]),
        a_pool("kept", "idle", metadata=[{"name": "nightshift", "value": "off"}]),
    ]
    account: dict[str, Any] = {"id": ACCOUNT, "location": "westeurope", "properties": {}}
    return {
        "resources": [account],
        "batch": {"render": {"jobs": jobs, "pools": pools}},
        "settings": {"operation_seconds": 0.1, "task_seconds": 0.2},
    }


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Bring up a sandbox whose rules care for one Batch account."""
    state = tmp_path_factory.mktemp("batch-care")
    (state / "rules").mkdir()
    (state / "rules" / "batch.yaml").write_text(RULES)
    (state / "world.json").write_text(json.dumps(world()))
    options = SandboxOptions(
        state=state / "sandbox",
        world=state / "world.json",
        rules=(state / "rules",),
        environment={"NIGHTSHIFT_SUBSCRIPTIONS": SUBSCRIPTION},
    )
    yield lifecycle.up(options)
    lifecycle.down(options.state)


@pytest.fixture
async def site(sandbox: Sandbox) -> AsyncIterator[Site]:
    """Give the app as a person sees it."""
    async with Site(sandbox) as open_site:
        yield open_site


def account(seen: Json) -> Json:
    """Return the account as the world has it."""
    found: Json = seen["batch"]["render"]
    return found


async def test_failed_tasks_run_again_by_class_and_after_their_backoff(site: Site) -> None:
    """What was killed runs again, what has wrong input stays with what it said."""
    [task, *_] = account(await site.world())["jobs"][0]["tasks"]
    ended = datetime.fromisoformat(task["executionInfo"]["endTime"])
    await site.send_alert(events.failing_tasks("a-1", ACCOUNT, now=datetime.now(UTC)))
    plans = await site.closed_plans("a-1", 1)
    seen = await site.world()
    [job] = [one for one in account(seen)["jobs"] if one["id"] == "frames"]
    codes = {one["id"]: one["executionInfo"].get("exitCode") for one in job["tasks"]}
    again = seen["observed"]["reactivations"]
    assert ["done"] == [one["outcome"] for one in plans]
    assert {"killed": 1, "own-fault": 1, "no-disk": 1} == {
        name.rpartition("/")[2]: times for name, times in again.items()
    }
    assert (65, 0) == (codes["wrong-input"], codes["fine"])
    again_at = min(s["verified_at"] for s in plans[0]["steps"] if s["verb"] == "reactivate")
    assert datetime.fromisoformat(again_at) >= ended + timedelta(seconds=6)

    async def is_over() -> bool:
        tasks = account(await site.world())["jobs"][0]["tasks"]
        return all(t["state"] == "completed" for t in tasks)

    assert await until(is_over)


async def test_a_tick_closes_the_jobs_that_are_done_and_no_other(site: Site) -> None:
    """Open stay: what moved just now, what failed, what is labelled, what is empty."""
    await site.fire("tick_survey")

    async def is_closed() -> bool:
        closed = (await site.world())["observed"].get("closed_jobs", {})
        return "render/done" in closed

    async def is_reported() -> bool:
        _, said = await site.call("GET", "/api/reports?survey=batch_jobs")
        return bool(said["reports"])

    assert await until(is_closed)
    assert await until(is_reported)
    states = {one["id"]: one["state"] for one in account(await site.world())["jobs"]}
    _, said = await site.call("GET", "/api/reports?survey=batch_jobs")
    [report] = said["reports"]
    decisions = {
        one["target"].rpartition("/")[2]: one["decision"] for one in report["findings"]
    }
    assert {"done": "completed"} == {n: s for n, s in states.items() if s != "active"}
    wanted = {
        "done": "acted",
        "just-done": "in_use",
        "bad": "tasks_failed",
        "labelled": "opted_out",
    }
    assert wanted == {name: decisions.get(name) for name in wanted}
    assert "empty" not in decisions
    assert report["is_whole"]


async def test_a_tick_lets_idle_pools_rest_and_gives_formulas_back(site: Site) -> None:
    """Nodes stay where one is at work, where a task waits, and where the owner says so."""
    await site.fire("tick_survey")

    async def is_over() -> bool:
        pools = {one["id"]: one for one in account(await site.world())["pools"]}
        is_empty = not pools["idle"]["nodes"]
        return is_empty and bool(pools["lost"]["enableAutoScale"])

    async def is_reported() -> bool:
        _, said = await site.call("GET", "/api/reports?survey=batch_pools")
        return bool(said["reports"])

    assert await until(is_over)
    assert await until(is_reported)
    pools = {one["id"]: one for one in account(await site.world())["pools"]}
    left = {name: len(one["nodes"]) for name, one in pools.items()}
    assert {"idle": 0, "busy": 2, "wanted": 1, "lost": 1, "kept": 1} == left
    assert FORMULA == pools["lost"]["autoScaleFormula"]
    _, said = await site.call("GET", "/api/reports?survey=batch_pools")
    [report] = said["reports"]
    decisions = {
        one["target"].rpartition("/")[2]: one["decision"] for one in report["findings"]
    }
    assert {
        "idle": "acted",
        "busy": "in_use",
        "wanted": "in_use",
        "lost": "acted",
        "kept": "opted_out",
    } == decisions
