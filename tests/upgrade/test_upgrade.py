"""Ledgers that releases left in mid-storm, each finished by this one: upgrade, and back."""

from __future__ import annotations

import asyncio
import copy
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox import lifecycle
from sandbox.demo import world as site_of
from sandbox.demo.site import Json, Site, resource, until
from tests.upgrade import recording, storm
from tests.upgrade.record import RECORDED, target

SINCE = timedelta(seconds=80)
"""How long the app was away: leases have run out, the canary has soaked."""
RELEASES = sorted(RECORDED.glob("*.json"))
NEW = {"of_a_later_release": {"nested": [1, None]}}
ONE_MORE = "0" * 24
"""Ends the id of a plan with a verb that no release has."""


@dataclass(frozen=True)
class Case:
    """A release, and whether its rows look as if a later one had written them."""

    file: Path
    is_later: bool

    def __str__(self) -> str:
        return f"{self.file.stem}-{'later' if self.is_later else 'as it was'}"


@dataclass
class Morning:
    """The night's ledger in the hands of this release, once all is quiet."""

    case: Case
    site: Site
    storage: str
    laid_out: Json
    world: Json

    async def outcomes(self, event: str) -> list[tuple[str, int]]:
        """Say how an event's plans ended, in the order of the ladder."""
        plans = sorted(await self.site.plans(event), key=lambda one: (one["rung"], one["id"]))
        return [(plan["outcome"], plan["rung"]) for plan in plans]

    async def documents(self, table: str) -> dict[tuple[str, str], Json]:
        """Read all documents of a table."""
        rows = await recording.rows_of(self.storage, recording.PREFIX + table)
        found = {(r["PartitionKey"], r["RowKey"]): recording.document_of(r) for r in rows}
        return {key: value for key, value in found.items() if isinstance(value, dict)}


def as_a_later_release_would(tables: Json) -> None:
    """Put a key that nobody knows into every document that is written back whole."""
    for name in ("Plans", "Approvals", "Tallies"):
        for row in tables[recording.PREFIX + name]:
            document = recording.document_of(row)
            if document is None or row["RowKey"] == "head":
                continue
            document.update(NEW)
            for step in document["steps"] if name == "Plans" else ():
                step.update(NEW)
            for entry in document["entries"] if name == "Tallies" else ():
                entry.append(NEW)
            row.update(recording.document_columns(document))
    _add_what_nobody_knows(tables)


def _add_what_nobody_knows(tables: Json) -> None:
    """Open a plan that cannot be understood: of the release that was taken back."""
    plans = tables[f"{recording.PREFIX}Plans"]
    row = copy.deepcopy(next(one for one in plans if one.get("state") == "open"))
    document = recording.document_of(row)
    document["id"] = f"{document['id'][:13]}{ONE_MORE}"
    document["steps"][0]["verb"] = "teleport"
    plans.append(
        {**row, **recording.document_columns(document), "RowKey": f"plan:{document['id']}"}
    )
    entry = copy.deepcopy(tables[f"{recording.PREFIX}Open"][0])
    entry |= {"PartitionKey": document["id"][0], "RowKey": document["id"]}
    tables[f"{recording.PREFIX}Open"].append(entry)


@pytest.fixture(
    scope="module",
    params=[Case(file, is_later) for file in RELEASES for is_later in (False, True)],
    ids=str,
)
def case(request: pytest.FixtureRequest) -> Case:
    """Which recording."""
    return request.param


@pytest.fixture(scope="module")
def morning_of(case: Case, tmp_path_factory: pytest.TempPathFactory):
    """Lay the recording out, start this release, give people's yes, wait until it is quiet."""
    state = tmp_path_factory.mktemp("morning")
    sandbox = lifecycle.up(storm.options(state))
    try:
        lifecycle.kill_functions_host(sandbox)
        recorded = json.loads(case.file.read_text(encoding="utf-8"))
        away = datetime.now(UTC) - datetime.fromisoformat(recorded["recorded_at"]) - SINCE
        laid_out = recording.moved(recorded, away)
        if case.is_later:
            as_a_later_release_would(laid_out["tables"])
        storage = sandbox.storage_connection_string
        asyncio.run(recording.lay_out(storage, laid_out))
        yield asyncio.run(_worked(case, sandbox, laid_out))
    finally:
        lifecycle.down(state)


async def _worked(case: Case, sandbox, laid_out: Json) -> Morning:
    async with Site(sandbox) as site:
        world = storm.without_budget(laid_out["world"])
        resource(world, storm.machine("ladder"))["tags"] = {"healed": "later"}
        await site.azure("PUT", "/_world", world)
        lifecycle.restart_functions_host(sandbox)
        status, said = await site.call("GET", "/api/approvals")
        assert status == 200, said
        [asked] = said["approvals"]
        token = await site.azure("POST", "/_tokens", {"name": "bob"})
        signed_in = {"authorization": f"Bearer {token['access_token']}"}
        path = f"/api/approvals/{asked['id']}"
        status, said = await site.call("POST", path, {"decision": "approve"}, **signed_in)
        assert (status, said["state"]) == (200, "approved"), said

        async def quiet() -> bool:
            ended = [
                await site.plans(name) for name in ("asked", "canary-2", "dead", "ladder")
            ]
            _, page = await site.call("GET", "/api/plans?state=open")
            return all(ended) and not page["plans"]

        assert await until(quiet), (await site.call("GET", "/api/plans"))[1]
        storage = sandbox.storage_connection_string
        return Morning(case, site, storage, laid_out, await site.world())


@pytest.fixture
async def morning(morning_of: Morning) -> AsyncIterator[Morning]:
    """The same, spoken to from this test's loop."""
    async with Site(morning_of.site.sandbox) as site:
        morning_of.site = site
        yield morning_of


def test_this_release_is_recorded():
    """What is not recorded now cannot be finished by the next one: make record-ledger."""
    assert target() in RELEASES


async def test_every_plan_of_the_night_ends_well(morning: Morning):
    """Waiting, leased by the dead, asked about, half-way up a ladder, behind a canary."""
    done = {"waiting", "dead", "asked", "canary-1", "canary-2"}
    for event in done:
        assert (event, [("done", 0)]) == (event, await morning.outcomes(event))
    assert [("partial", 0), ("done", 1)] == await morning.outcomes("ladder")


async def test_what_was_withdrawn_is_taken_back(morning: Morning):
    """The cordon that the dead worker had set is gone, and the pod was left alone."""
    plans = await morning.site.plans("withdrawn")
    assert Counter(withdrawn=1, done=1) == Counter(plan["outcome"] for plan in plans)
    assert [True] == [bool(plan["undoes"]) for plan in plans if plan["outcome"] == "done"]
    objects = morning.world["kubernetes"][site_of.CLUSTER]["objects"]
    named = {(one["kind"], one["metadata"]["name"]): one for one in objects}
    node = named["Node", site_of.node_name(storm.WITHDRAWN)]
    assert not node["spec"].get("unschedulable")
    assert ("Pod", f"trainer-{storm.WITHDRAWN}") in named


async def test_nothing_is_done_twice(morning: Morning):
    """One snapshot and one redeploy for each plan, whatever died in between."""
    seen = morning.world["observed"]["redeploys"]
    moved = {vm.rpartition("/")[2].casefold(): count for vm, count in seen.items()}
    assert {"dead": 1, "asked": 1, "ladder": 2, "canary-1": 1, "canary-2": 1} == moved
    kinds = Counter(one["type"] for one in morning.world["resources"])
    assert 6 == kinds["Microsoft.Compute/snapshots"]


async def test_what_a_person_said_stands(morning: Morning):
    """The pause is in force still."""
    _, said = await morning.site.call("GET", "/api/pauses")
    assert [("ada", storm.PAUSED)] == [(p["owner"], p["scope"]) for p in said["pauses"]]


async def test_what_only_a_later_release_understands_is_left_as_it_was(morning: Morning):
    """Unknown keys are there still, in what was changed too; the unknown verb waits."""
    if not morning.case.is_later:
        plans = await morning.documents("Plans")
        assert [] == [key for key, plan in plans.items() if "of_a_later_release" in plan]
        return
    before = {
        (row["PartitionKey"], row["RowKey"])
        for name in ("Plans", "Approvals", "Tallies")
        for row in morning.laid_out["tables"][recording.PREFIX + name]
        if row["RowKey"] != "head" and "doc0" in row
    }
    after = {
        key: document
        for name in ("Plans", "Approvals", "Tallies")
        for key, document in (await morning.documents(name)).items()
        if key in before
    }
    assert before == set(after)
    assert [] == [key for key, one in after.items() if {k: one.get(k) for k in NEW} != NEW]
    steps = [
        step for one in after.values() for step in one.get("steps", ()) if "outcome" in step
    ]
    assert steps
    assert [] == [step for step in steps if {k: step.get(k) for k in NEW} != NEW]
    [strange] = [one for key, one in after.items() if key[1].endswith(ONE_MORE)]
    assert ("teleport", None) == (strange["steps"][0]["verb"], strange["closed_at"])
