"""Pausing over HTTP and by the command line: refused with owner and end, then let go."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cli.main import main
from sandbox.demo import world
from sandbox.demo.site import Site

REASON = "the storage array is being moved"
SCOPE = f"resource:{world.DEGRADED_VM}"
BODY = {"target": world.DEGRADED_VM, "dry_run": False}
RUNBOOK = "/api/runbooks/snapshot_and_redeploy"


@pytest.fixture(autouse=True)
async def nothing_stays_paused(site: Site) -> AsyncIterator[None]:
    """A pause that a test leaves behind would hold every test after it."""
    yield
    _, listed = await site.call("GET", "/api/pauses")
    for one in listed["pauses"]:
        await site.call("DELETE", f"/api/pauses/{one['id']}", {"owner": "test"})


async def paused(site: Site, **fields: Any) -> tuple[int, Any]:
    """Ask for a pause of four hours."""
    asked = {"scope": SCOPE, "reason": REASON, "expires_in": "4h", "owner": "ada", **fields}
    body = {key: value for key, value in asked.items() if value is not None}
    return await site.call("POST", "/api/pauses", body)


async def test_a_pause_refuses_a_runbook_until_it_is_lifted(site: Site):
    """Whoever is refused reads whose pause it is and until when; lifting lets them go on."""
    status, pause = await paused(site)
    assert status == 201
    assert pause["state"] == "in_force"

    status, said = await site.call("POST", RUNBOOK, BODY)
    assert status == 409
    assert said["decision"]["reason"] == "paused"
    for word in (pause["id"], SCOPE, "ada (self-declared)", "until 20", REASON):
        assert word in said["detail"]
    assert said["decision"]["until"] == pause["expires_at"]

    _, listed = await site.call("GET", "/api/pauses")
    assert [one["id"] for one in listed["pauses"]] == [pause["id"]]

    status, lifted = await site.call("DELETE", f"/api/pauses/{pause['id']}", {"owner": "eve"})
    assert (status, lifted["state"]) == (200, "lifted")
    status, plan = await site.call("POST", RUNBOOK, BODY)
    assert status == 202
    closed = await site.closed_plans(plan["event_id"], 1)
    assert [one["outcome"] for one in closed] == ["done"]

    told = await site.event(pause["id"])
    assert told is not None
    kinds = [record["signal"]["type"] for record in told["records"]]
    assert kinds == ["control.paused", "control.lifted"]
    assert told["records"][1]["signal"]["lifted_by"] == "eve (self-declared)"


async def test_a_dry_run_under_a_pause_shows_plan_and_pause(site: Site):
    """Thinking is never paused."""
    await paused(site)
    status, plan = await site.call("POST", RUNBOOK, {**BODY, "dry_run": True})
    assert status == 202
    assert plan["outcome"] == "dry_run"
    assert plan["decision"]["guardrails"]["paused"] == "paused"


async def test_a_request_sent_twice_is_one_pause(site: Site):
    """The answer may be lost; the pause must not be two."""
    body = {"scope": "global", "reason": "x", "until_lifted": True, "owner": "ada"}
    headers = {"Idempotency-Key": "pause-once"}
    first = await site.call("POST", "/api/pauses", body, **headers)
    again = await site.call("POST", "/api/pauses", body, **headers)
    assert (first[0], again[0]) == (201, 201)
    assert first[1] == again[1]
    assert first[1]["expires_at"] is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"expires_in": "31d"}, "1m to 30d"),
        ({"expires_in": None}, "until_lifted"),
        ({"reason": None}, "$.reason"),
        ({"owner": None}, "$.owner"),
        ({"scope": "rule:drain-preempted-node"}, "did you mean drain-preempted-nodes"),
        ({"scope": "everything"}, "write global"),
        ({"colour": "red"}, "$.colour"),
    ],
)
async def test_a_pause_that_cannot_be_meant_is_422_and_says_why(site: Site, fields, words):
    """And nothing is paused by it."""
    status, said = await paused(site, **fields)
    assert (status, words in said["detail"]) == (422, True), said
    _, listed = await site.call("GET", "/api/pauses")
    assert listed == {"pauses": []}


async def test_a_header_that_anybody_can_send_makes_nobody(site: Site):
    """Nothing stands in front of the sandbox: the name in the header is not believed."""
    body = {"scope": SCOPE, "reason": "x", "expires_in": "1h", "owner": "mallory"}
    headers = {"x-ms-client-principal-name": "ada@contoso.com"}
    status, pause = await site.call("POST", "/api/pauses", body, **headers)
    assert status == 201
    assert (pause["owner"], pause["is_owner_verified"]) == ("mallory", False)


async def test_pauses_want_a_key(site: Site):
    """A stranger can neither stop the night shift nor wake it."""
    for method, path in (
        ("POST", "/api/pauses"),
        ("GET", "/api/pauses"),
        ("DELETE", "/api/pauses/pause-1"),
    ):
        assert (await site.call(method, path, {}, key="wrong"))[0] == 401


async def test_lifting_what_is_not_there_is_404(site: Site):
    """A mistyped id must not look like a lifted pause."""
    status, said = await site.call("DELETE", "/api/pauses/pause-0", {"owner": "ada"})
    assert (status, "pause-0" in said["detail"]) == (404, True)


def test_the_command_line_pauses_lists_and_resumes(sandbox, tmp_path, capsys):
    """What a person types at night."""
    key = tmp_path / "key"
    key.write_text(sandbox.function_key + "\n")
    reach = ["--url", sandbox.functions_url, "--key-file", str(key)]
    pause = ["pause", "global", "--reason", REASON, "--for", "2h", "--owner", "ada", *reach]

    assert main(pause) == 0
    line = capsys.readouterr().out
    assert "in_force  global  by ada (self-declared)  until 20" in line
    assert main(["pauses", "--json", *reach]) == 0
    [listed] = json.loads(capsys.readouterr().out)["pauses"]
    assert line.startswith(listed["id"])
    assert main(["resume", listed["id"], "--owner", "eve", *reach]) == 0
    assert "lifted 20" in capsys.readouterr().out
    assert main(["pauses", *reach]) == 0
    assert capsys.readouterr().out == "nothing is paused\n"


def test_the_command_line_says_what_was_wrong(sandbox, capsys):
    """On standard error, with exit code 1."""
    wrong = ["pauses", "--url", sandbox.functions_url, "--key", "wrong"]
    assert main(wrong) == 1
    assert "401" in capsys.readouterr().err
    reach = ["--url", sandbox.functions_url, "--key", sandbox.function_key]
    assert main(["pause", "all", "--reason", "x", "--for", "1h", *reach]) == 1
    assert "write global" in capsys.readouterr().err
    assert main(["pauses", "--url", "http://example.invalid", "--key", "k"]) == 1
    assert "is not https" in capsys.readouterr().err


async def test_a_read_only_lock_refuses_before_anything_is_done(site: Site):
    """Azure would refuse it too; we say whose lock it is, and do not try."""
    seen = await site.world()
    lock = f"{world.GPU_VM}/providers/Microsoft.Authorization/locks/month-end"
    seen["resources"].append({"id": lock, "properties": {"level": "ReadOnly"}})
    await site.azure("PUT", "/_world", seen)
    before = await site.world()
    body = {"target": world.GPU_VM, "with": {"even_if_busy": True}}

    status, said = await site.call("POST", "/api/runbooks/deallocate_idle", body)

    assert (status, said["decision"]["reason"]) == (409, "protected")
    assert "the ReadOnly lock month-end" in said["detail"]
    assert before == await site.world()
