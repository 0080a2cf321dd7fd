"""Questions over HTTP: the Functions host, Azurite and a made-up Entra, and every abuse."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from cli.main import main
from sandbox.demo import world
from sandbox.demo.site import Site
from sandbox.functions_process import Recipe
from sandbox.state_folder import Sandbox
from shared.adapters.clock import SystemClock
from shared.adapters.table_approvals import TableApprovals
from shared.core.approvals import Approval
from shared.core.links import LinkKey, address, read_keys, sign
from shared.core.terms import ApprovalKind
from tests.asking import HARMLESS, ask_about
from tests.emulated import emulated_storage
from tests.signing_in import a_key, b64, principal

HOUR = timedelta(hours=1)
FOUR_EYES = ApprovalKind.FOUR_EYES
BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}
YES = {"decision": "approve"}


@dataclass
class Desk:
    """Somebody at a desk: links, tokens and the app's routes."""

    site: Site
    store: TableApprovals
    keys: tuple[LinkKey, ...]
    http: aiohttp.ClientSession

    @property
    def url(self) -> str:
        """Where the app is."""
        return self.site.sandbox.functions_url

    async def asked(self, *steps: Any, expires: timedelta = HOUR, **fields: Any) -> Approval:
        """Have a question asked that nobody has answered."""
        event = f"desk-{uuid.uuid4().hex}"
        now = datetime.now(UTC)
        question = ask_about(*steps, event=event, asked_at=now, expires=expires, **fields)
        return await self.store.ask(question)

    async def state(self, approval: Approval) -> Approval:
        """Read a question as it is stored."""
        found = await self.store.find(approval.id)
        assert found is not None
        return found

    def link(self, approval: Approval) -> str:
        """Write the link that a message has, without the host."""
        parts = urlsplit(address(self.url, self.keys, approval.id, approval.expires_at))
        return f"{parts.path}?{parts.query}"

    async def token(self, name: str = "ada", **claims: Any) -> dict[str, str]:
        """Sign in as somebody."""
        said = await self.site.azure("POST", "/_tokens", {"name": name, "claims": claims})
        return {"authorization": f"Bearer {said['access_token']}"}

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        """Send a request without a key; as a program unless headers say otherwise."""
        headers = {"accept": "application/json", **more.pop("headers", {})}
        target = f"{self.url}{path}"
        async with self.http.request(method, target, headers=headers, **more) as answer:
            return answer.status, await answer.text()

    async def refusal(self, path: str, **more: Any) -> tuple[int, str]:
        """Say yes, and return how that was refused."""
        status, text = await self.call("POST", path, **{"json": YES, **more})
        return status, json.loads(text).get("reason", "")


@pytest.fixture
async def desk(site: Site, sandbox: Sandbox) -> AsyncIterator[Desk]:
    """A desk in front of the sandbox."""
    recipe = Recipe.load(Path(sandbox.state))
    storage = emulated_storage(sandbox.storage_connection_string)
    keys = read_keys(recipe.environment["NIGHTSHIFT_LINK_KEYS"])
    async with aiohttp.ClientSession() as http:
        yield Desk(site, TableApprovals(storage, SystemClock()), keys, http)
    await storage.close()


def path_of(approval: Approval) -> str:
    """Name the route of one question."""
    return f"/api/approvals/{approval.id}"


async def test_a_link_shows_the_plan_and_opening_it_has_no_effect(desk: Desk):
    """A scanner opens it a hundred times before the person does, by GET and by HEAD."""
    asked = await desk.asked(*HARMLESS)
    before = await desk.state(asked)
    for _ in range(5):
        status, page = await desk.call("GET", desk.link(asked), headers=BROWSER)
        assert status == 200
        status, _ = await desk.call("HEAD", desk.link(asked), headers=BROWSER)
        assert status in {200, 404, 405}
    for words in (asked.target, "cordon", "Approve", "pending", asked.plan_id):
        assert words in page
    assert (before, before.etag) == (again := await desk.state(asked), again.etag)

    async with desk.http.get(desk.url + desk.link(asked), headers=BROWSER) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.content_type == "text/html"
    for part in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"):
        assert part in policy


async def test_a_form_decides_what_takes_nothing_away_by_link_alone(desk: Desk):
    """As a browser posts it; the second click sees who was first."""
    asked = await desk.asked(*HARMLESS)
    form = {"decision": "approve", "reason": "go on", "name": "Ada L."}
    status, page = await desk.call("POST", desk.link(asked), headers=BROWSER, data=form)
    assert (status, "approved by Ada L. (self-declared)" in page) == (200, True)
    stored = await desk.state(asked)
    assert (stored.state, stored.voices[0].reason) == ("approved", "go on")

    again = {**form, "name": "Eve", "decision": "reject", "reason": "no"}
    status, page = await desk.call("POST", desk.link(asked), headers=BROWSER, data=again)
    assert (status, "approved by Ada L. (self-declared)" in page) == (409, True)
    assert await desk.refusal(desk.link(asked), json={**YES, "name": "x"}) == (
        409,
        "already_decided",
    )
    told = await desk.site.event(asked.id)
    assert told is not None
    [voice] = [r for r in told["records"] if r["phase"] == "fired+1"]
    assert voice["decisions"][0]["reason"] == "approved"
    assert "Ada L. (self-declared) said yes by page" in voice["decisions"][0]["detail"]


async def test_a_destructive_plan_is_decided_by_who_is_signed_in(desk: Desk):
    """Checked against Entra's published keys, over HTTPS."""
    asked = await desk.asked()
    named = {**YES, "name": "Ada"}
    assert await desk.refusal(desk.link(asked), json=named) == (401, "not_signed_in")
    status, text = await desk.call(
        "POST", path_of(asked), json={**YES, "reason": "quiet"}, headers=await desk.token()
    )
    said = json.loads(text)
    assert (status, said["state"]) == (200, "approved")
    assert said["verdict"] == "approved by ada@sandbox.example"
    [voice] = (await desk.state(asked)).voices
    assert (voice.is_verified, voice.channel, voice.reason) == (True, "api", "quiet")


async def test_a_tampered_an_expired_and_an_old_link_are_refused(desk: Desk):
    """Each with its own reason, by GET and by POST, and nothing is decided."""
    asked, other = await desk.asked(*HARMLESS), await desk.asked(*HARMLESS)
    good = desk.link(asked)
    flipped = good[:-1] + ("A" if good[-1] != "A" else "B")
    over = sign(desk.keys, asked.id, datetime.now(UTC) - HOUR)
    gone = sign([LinkKey("old", b"x" * 32)], asked.id, datetime.now(UTC) + HOUR)
    for path, told in (
        (flipped, (403, "tampered")),
        (f"{path_of(asked)}?{urlsplit(desk.link(other)).query}", (403, "tampered")),
        (f"{path_of(asked)}?{over}", (410, "link_expired")),
        (f"{path_of(asked)}?{gone}", (403, "unknown_key")),
        (path_of(asked), (401, "not_signed_in")),
    ):
        assert await desk.refusal(path, json={**YES, "name": "x"}) == told
        status, text = await desk.call("GET", path)
        assert (status, json.loads(text)["reason"]) == told
    assert (await desk.state(asked)).state == "pending"


async def test_an_expired_question_and_one_that_is_not_there_are_refused(desk: Desk):
    """The link of an expired one still shows what became of it."""
    asked = await desk.asked(*HARMLESS, expires=timedelta(seconds=1))
    await asyncio.sleep(1.1)
    named = {**YES, "name": "x"}
    assert await desk.refusal(desk.link(asked), json=named) == (410, "approval_expired")
    status, text = await desk.call("GET", desk.link(asked))
    assert (status, json.loads(text)["state"]) == (200, "expired")
    nobody = path_of(ask_about(event="never asked"))
    told = await desk.refusal(nobody, headers=await desk.token())
    assert told == (404, "unknown_approval")


async def test_a_sign_in_that_is_not_good_enough_is_refused(desk: Desk):
    """Role, audience, issuer, time, and applications; each with its own reason."""
    asked = await desk.asked(*HARMLESS)
    for claims, told in (
        ({"roles": ["Reader"]}, (403, "wrong_role")),
        ({"aud": "another"}, (401, "wrong_audience")),
        ({"iss": "https://evil.example/v2.0"}, (401, "wrong_issuer")),
        ({"exp": 1}, (401, "token_expired")),
        ({"scp": None}, (403, "not_a_person")),
    ):
        token = await desk.token(**claims)
        assert await desk.refusal(desk.link(asked), headers=token) == told
    head, body, _ = (await desk.token())["authorization"].partition(" ")[2].split(".")
    kid = {"kid": "sandbox", "typ": "JWT"}
    for forged in (
        f"{b64({'alg': 'none', **kid})}.{body}.",
        f"{b64({'alg': 'HS256', **kid})}.{body}.{b64(b'x' * 32)}",
        f"{head}.{body}.{b64(b'x' * 256)}",
        f"{b64({'alg': 'RS256', 'kid': a_key().kid})}.{body}.{b64(b'x' * 256)}",
    ):
        told = await desk.refusal(
            path_of(asked), headers={"authorization": f"Bearer {forged}"}
        )
        assert told == (401, "bad_token")
    assert (await desk.state(asked)).state == "pending"


async def test_four_eyes_are_two_people(desk: Desk):
    """The same person twice is refused, by another name too."""
    asked = await desk.asked(*HARMLESS, kind=FOUR_EYES)
    named = {**YES, "name": "x"}
    assert await desk.refusal(desk.link(asked), json=named) == (401, "not_signed_in")
    first = await desk.call("POST", path_of(asked), json=YES, headers=await desk.token())
    assert (first[0], json.loads(first[1])["state"]) == (200, "pending")
    for token in (await desk.token(), await desk.token(preferred_username="x@y.example")):
        assert await desk.refusal(path_of(asked), headers=token) == (403, "same_person")
    second = await desk.call("POST", path_of(asked), json=YES, headers=await desk.token("bob"))
    assert (second[0], json.loads(second[1])["state"]) == (200, "approved")


async def test_a_header_that_anybody_can_send_is_refused_and_recorded(desk: Desk):
    """Nothing stands in front of the sandbox, as in a deployment that says so."""
    asked = await desk.asked(*HARMLESS)
    for path in (desk.link(asked), path_of(asked)):
        told = await desk.refusal(path, headers=principal())
        assert told == (403, "header_not_believed")
    status, _ = await desk.call("GET", desk.link(asked), headers=principal())
    assert status == 403
    assert (await desk.state(asked)).state == "pending"
    told = await desk.site.event(asked.id)
    assert told is not None
    [record] = told["records"]
    assert record["decisions"][0]["reason"] == "header_not_believed"
    assert "ada@contoso.com" in record["decisions"][0]["detail"]


async def test_another_site_cannot_answer_with_somebodys_browser(desk: Desk):
    """Not even one that knows the link."""
    asked = await desk.asked(*HARMLESS)
    form = {**YES, "name": "Ada"}
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {},
    ):
        status, text = await desk.call("POST", desk.link(asked), headers=headers, data=form)
        assert (status, json.loads(text)["reason"]) == (403, "cross_site")
    own = {"origin": desk.url}
    status, _ = await desk.call("POST", desk.link(asked), headers=own, data=form)
    assert status == 200


async def test_of_fifty_clicks_at_once_one_decides(desk: Desk):
    """The others see who did; whatever they said, and to whichever worker."""
    asked = await desk.asked()
    people = [await desk.token(f"person-{n}") for n in range(50)]

    async def click(number: int) -> tuple[int, dict[str, Any]]:
        word = {"decision": "approve" if number % 2 else "reject", "reason": f"r{number}"}
        status, text = await desk.call(
            "POST", path_of(asked), json=word, headers=people[number]
        )
        return status, json.loads(text)

    said = await asyncio.gather(*(click(number) for number in range(50)))
    [winner] = [body for status, body in said if status == 200]
    losers = [body for status, body in said if status == 409]
    assert len(losers) == 49
    assert {body["reason"] for body in losers} == {"already_decided"}
    assert all(winner["verdict"] in body["detail"] for body in losers)
    stored = await desk.state(asked)
    assert (len(stored.voices), stored.verdict) == (1, winner["verdict"])
    told = await desk.site.event(asked.id)
    assert told is not None
    assert [r["phase"] for r in told["records"]] == ["fired+1"]


async def test_what_waits_is_listed_for_who_has_a_key(desk: Desk):
    """And for nobody else."""
    asked = await desk.asked()
    status, _ = await desk.call("GET", "/api/approvals")
    assert status == 401
    _, listed = await desk.site.call("GET", "/api/approvals")
    assert asked.id in [one["id"] for one in listed["approvals"]]
    status, said = await desk.site.call("GET", "/api/approvals", **principal())
    assert (status, said["reason"]) == (403, "header_not_believed")


async def test_the_command_line_lists_approves_and_rejects(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """What a person types at night; a token from a file."""
    first, second = await desk.asked(target=world.GPU_VM), await desk.asked()
    sandbox = desk.site.sandbox
    token, key = tmp_path / "token", tmp_path / "key"
    token.write_text((await desk.token())["authorization"].partition(" ")[2] + "\n")
    key.write_text(sandbox.function_key)
    reach = ["--url", sandbox.functions_url]
    listing = ["approvals", *reach, "--key-file", str(key)]
    as_ada = [*reach, "--token-file", str(token)]

    def typed(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    code, out, _ = await asyncio.to_thread(typed, *listing)
    assert code == 0
    [line] = [one for one in out.splitlines() if one.startswith(first.id)]
    assert world.GPU_VM in line
    assert "snapshot, redeploy (destructive); 0 of 1 said yes, until 20" in line
    code, out, _ = await asyncio.to_thread(typed, "approve", first.id, *as_ada)
    assert (code, "approved by ada@sandbox.example" in out) == (0, True)
    reject = ["reject", second.id, "--reason", "not now", *as_ada]
    code, out, _ = await asyncio.to_thread(typed, *reject)
    assert (code, "rejected by ada@sandbox.example: not now" in out) == (0, True)
    code, _, err = await asyncio.to_thread(typed, *reject)
    assert (code, "409: this is decided" in err) == (1, True)


def test_the_command_line_keeps_a_token_to_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """It is neither shown in an error nor sent where others could read it."""
    token = tmp_path / "token"
    approve = ["approve", "0" * 32, "--token-file", str(token), "--url"]
    token.write_text("two words")
    assert main([*approve, "https://night.example"]) == 1
    said = capsys.readouterr().err
    assert ("more than a token" in said, "two words" in said) == (True, False)
    token.write_text("a.b.c")
    assert main([*approve, "http://127.0.0.1.evil.example"]) == 1
    said = capsys.readouterr().err
    assert ("is not https" in said, "a.b.c" in said) == (True, False)
