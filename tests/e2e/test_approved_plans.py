"""A plan that people must agree to: asked, approved over HTTP, done and seen in the world."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox import lifecycle
from sandbox.demo import world
from sandbox.demo.__main__ import options
from sandbox.demo.site import Site, until
from sandbox.state_folder import Sandbox

VM = world.DEGRADED_VM
RUNBOOK = "/api/runbooks/snapshot_and_redeploy"
YES = {"decision": "approve"}


@pytest.fixture(scope="module")
def cautious(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox in which nobody starts a runbook alone."""
    state = tmp_path_factory.mktemp("cautious")
    chosen = options(state)
    settings = {**chosen.environment, "NIGHTSHIFT_RUNBOOK_APPROVAL": "four_eyes"}
    yield lifecycle.up(replace(chosen, environment=settings))
    lifecycle.down(state)


@pytest.fixture
async def office(cautious: Sandbox) -> AsyncIterator[Site]:
    """That sandbox, its world as new."""
    async with Site(cautious) as site:
        await site.azure("PUT", "/_world", world.build(datetime.now(UTC)))
        yield site


async def signed_in(site: Site, name: str) -> dict[str, str]:
    """Sign in as somebody."""
    said = await site.azure("POST", "/_tokens", {"name": name})
    return {"authorization": f"Bearer {said['access_token']}"}


async def started_by_ada(site: Site) -> tuple[str, dict[str, Any]]:
    """Have Ada start the runbook; return its event and the question about it."""
    event = f"by-ada-{uuid.uuid4().hex[:8]}"
    status, said = await site.call(
        "POST",
        RUNBOOK,
        {"target": VM, "dry_run": False},
        **await signed_in(site, "ada"),
        **{"Idempotency-Key": event},
    )
    assert (status, said["decision"]["reason"]) == (202, "awaiting_approval"), said
    _, listed = await site.call("GET", "/api/approvals")
    [one] = [q for q in listed["approvals"] if q["event"]["event_id"] == event]
    return event, one


async def decided(site: Site, question: dict[str, Any], name: str) -> tuple[int, Any]:
    """Let somebody say yes."""
    path = f"/api/approvals/{question['id']}"
    return await site.call("POST", path, YES, **await signed_in(site, name))


async def test_a_runbook_waits_for_a_second_person_and_is_then_done(office: Site):
    """Ada asks and may not agree to it herself; Bob agrees; the machine is moved."""
    before = await office.world()
    event, asked = await started_by_ada(office)
    assert asked["requester"] == "ada@sandbox.example"
    assert (asked["is_destructive"], asked["quorum"]) == (True, 1)
    status, said = await decided(office, asked, "ada")
    assert (status, said["reason"]) == (403, "same_person")
    assert before == await office.world()

    status, said = await decided(office, asked, "bob")
    assert (status, said["state"]) == (200, "approved")
    [plan] = await office.closed_plans(event, 1)
    assert plan["outcome"] == "done"
    assert [s["verb"] for s in plan["steps"]] == [s["verb"] for s in asked["steps"]]
    observed = (await office.world())["observed"]
    assert sum(observed["redeploys"].values()) == 1

    async def used() -> bool:
        _, listed = await office.call("GET", "/api/approvals")
        return asked["id"] not in [one["id"] for one in listed["approvals"]]

    assert await until(used)
    status, said = await decided(office, asked, "eve")
    assert (status, said["reason"]) == (409, "already_decided")
    told = await office.event(asked["id"])
    assert told is not None
    assert [r["decisions"][0]["reason"] for r in told["records"]] == ["asked", "approved"]


async def test_a_plan_that_changed_after_the_yes_needs_a_new_one(office: Site):
    """Somebody attaches a disk between question and answer: what was shown is not done."""
    event, asked = await started_by_ada(office)
    seen = await office.world()
    [vm] = [r for r in seen["resources"] if r["id"].casefold() == VM.casefold()]
    disks = [r for r in seen["resources"] if r["type"].endswith("/disks")]
    extra = {**disks[0], "id": f"{disks[0]['id']}-extra", "name": f"{disks[0]['name']}-extra"}
    seen["resources"].append(extra)
    vm["properties"]["storageProfile"].setdefault("dataDisks", []).append(
        {"lun": 63, "name": extra["name"], "managedDisk": {"id": extra["id"]}}
    )
    await office.azure("PUT", "/_world", seen)

    status, _ = await decided(office, asked, "bob")
    assert status == 200

    async def asked_anew() -> list[dict[str, Any]]:
        _, listed = await office.call("GET", "/api/approvals")
        return [q for q in listed["approvals"] if q["event"]["event_id"] == event]

    async def another() -> bool:
        return asked["id"] not in [one["id"] for one in await asked_anew()]

    assert await until(another)
    [anew] = await asked_anew()
    assert anew["state"] == "pending"
    assert len(anew["steps"]) == len(asked["steps"]) + 1
    assert not (await office.world())["observed"].get("redeploys")
    assert await office.plans(event) == []
    status, said = await decided(office, asked, "eve")
    assert (status, said["reason"]) == (409, "plan_changed")

    status, _ = await decided(office, anew, "bob")
    assert status == 200
    [plan] = await office.closed_plans(event, 1)
    assert (plan["outcome"], len(plan["steps"])) == ("done", len(anew["steps"]))
