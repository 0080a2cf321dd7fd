"""The routes of approvals: who gets in, and why everybody else does not."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import azure.functions as func
import pytest

from handlers import approvals as routes
from shared import bootstrap
from shared.adapters.entra import SignIn
from shared.core.approvals import Approval, ApprovalState
from shared.core.links import LinkKey, sign
from shared.core.terms import ApprovalKind
from tests.asking import HARMLESS, ask_about, person
from tests.builders import HOUR, MINUTE, NOW
from tests.fakes.approvals import FakeApprovals
from tests.shift import SETTINGS, Shift
from tests.signing_in import ADA, CLIENT, PEOPLE, TENANT, a_key, a_token, bearer, principal

KEY = LinkKey("k1", b"1" * 32)
OWN = "https://night.example"
Headers = Mapping[str, str]
BROWSER = {
    "accept": "text/html,*/*;q=0.8",
    "content-type": "application/x-www-form-urlencoded",
    "sec-fetch-site": "same-origin",
    "host": "night.example",
}
PROGRAM = {"accept": "application/json", "content-type": "application/json"}


async def published() -> Mapping[str, Any]:
    """Read Entra's keys."""
    return {"keys": [a_key().published]}


@dataclass
class Door:
    """The three routes over an engine of fakes."""

    shift: Shift
    approvals: FakeApprovals
    seen: list[str] = field(default_factory=list)

    def put(self, approval: Approval) -> Approval:
        """Have a question asked."""
        return asyncio.run(self.approvals.ask(approval))

    def state(self, approval: Approval) -> Approval:
        """Read a question."""
        found = asyncio.run(self.approvals.find(approval.id))
        assert found is not None
        return found

    def call(
        self,
        method: str,
        approval_id: str,
        *,
        headers: Headers = PROGRAM,
        link: str = "",
        body: Mapping[str, Any] | bytes = b"",
    ) -> func.HttpResponse:
        """Send one request."""
        if isinstance(body, Mapping):
            is_form = headers.get("content-type", "").startswith("application/x-www")
            body = (urlencode(body) if is_form else json.dumps(body)).encode()
        request = func.HttpRequest(
            method,
            f"{OWN}/api/approvals/{approval_id}?{link}",
            headers=headers,
            params=dict(parse_qsl(link)),
            route_params={"id": approval_id},
            body=body,
        )
        route = routes._decide if method == "POST" else routes._show
        return asyncio.run(routes._answered(request, route))

    def refusal(self, *given: Any, **more: Any) -> tuple[int, str]:
        """Send one request, and return how it was refused."""
        answer = self.call(*given, **more)
        return answer.status_code, json.loads(answer.get_body()).get("reason", "")


@pytest.fixture
def door() -> Iterator[Door]:
    """An app in whose front nothing stands."""
    yield from a_door()


@pytest.fixture
def guarded() -> Iterator[Door]:
    """An app behind App Service authentication."""
    yield from a_door(app_service_auth=True)


def a_door(**settings: Any) -> Iterator[Door]:
    """Build the engine that the routes find."""
    values = {"link_keys": (KEY,), "tenant": TENANT, "audience": (CLIENT,), "url": OWN}
    chosen = replace(SETTINGS, **{**values, **settings})
    shift = Shift.begin(settings=chosen)
    store = FakeApprovals(shift.pass_by)
    night = replace(shift.night, ports=replace(shift.night.ports, approvals=store))
    bootstrap._built["night"] = night
    bootstrap._sign_ins["sign_in"] = SignIn(night.settings, published)
    yield Door(shift, store)
    bootstrap._built.clear()
    bootstrap._sign_ins.clear()


LOW = ask_about(*HARMLESS)
HIGH = ask_about()
YES = {"decision": "approve"}


def link_to(approval: Approval, *, ends=NOW + HOUR) -> str:
    """Sign a link."""
    return sign([KEY], approval.id, ends)


def signed_in(name: str = "ada", **claims: Any) -> Headers:
    """Come as a program with a token."""
    return {**PROGRAM, **bearer(a_token(name, **claims))}


def test_a_signed_link_shows_the_plan_to_a_browser_and_to_a_program(door: Door):
    """And whoever opens it, scanner or person, changes nothing."""
    door.put(HIGH)
    before = dict(door.approvals.rows)
    page = door.call("GET", HIGH.id, link=link_to(HIGH), headers=BROWSER)
    assert (200, "text/html") == (page.status_code, page.mimetype)
    assert "no-store" == page.headers["Cache-Control"]
    assert b"snapshot_and_redeploy on dev-1" in page.get_body()
    shown = door.call("GET", HIGH.id, link=link_to(HIGH))
    assert HIGH.plan_hash == json.loads(shown.get_body())["plan_hash"]
    assert before == door.approvals.rows
    assert [] == door.shift.world.queue.waiting


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stranger_gets_nothing_and_costs_no_read(door: Door, method: str):
    """Neither whether there is such a question; the host asks for no key here."""
    door.put(HIGH)
    door.shift.hooks.append(door.seen.append)
    for name in (HIGH.id, "f" * 32, "x", "../plans"):
        assert (401, "not_signed_in") == door.refusal(method, name, body=YES)
    assert [] == door.seen


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bad_link_is_refused_with_its_own_reason_and_costs_no_read(door: Door, method: str):
    """Tampered, of another question, of a key that is gone, or over."""
    door.put(HIGH)
    door.put(LOW)
    door.shift.hooks.append(door.seen.append)
    good = link_to(HIGH)
    old_key = sign([LinkKey("k0", b"0" * 32)], HIGH.id, NOW + HOUR)
    for link, status, reason in (
        (good[:-1] + ("A" if good[-1] != "A" else "B"), 403, "tampered"),
        (good.replace("exp=", "exp=9"), 403, "tampered"),
        (link_to(LOW), 403, "tampered"),
        ("sig=x", 403, "tampered"),
        (old_key, 403, "unknown_key"),
        (link_to(HIGH, ends=NOW - MINUTE), 410, "link_expired"),
    ):
        assert (status, reason) == door.refusal(method, HIGH.id, link=link, body=YES)
        both = door.refusal(method, HIGH.id, link=link, body=YES, headers=signed_in())
        assert (status, reason) == both
    assert [] == door.seen
    assert door.state(HIGH).state is ApprovalState.PENDING


def test_a_link_alone_decides_what_takes_nothing_away(door: Door):
    """The person is then who they say they are, and the record says so."""
    door.put(LOW)
    answer = door.call(
        "POST",
        LOW.id,
        link=link_to(LOW),
        headers=BROWSER,
        body={**YES, "name": "Ada", "reason": ""},
    )
    assert (200, "text/html") == (answer.status_code, answer.mimetype)
    assert b"approved by Ada (self-declared)" in answer.get_body()
    [voice] = door.state(LOW).voices
    assert ("Ada", False, "page") == (voice.person, voice.is_verified, voice.channel)


def test_a_link_alone_names_a_person(door: Door):
    """Nobody is nobody."""
    door.put(LOW)
    told = door.refusal("POST", LOW.id, link=link_to(LOW), body=YES)
    assert (422, "name_missing") == told


def test_a_destructive_plan_and_four_eyes_need_a_sign_in(door: Door):
    """A link may be forwarded; a name must be known."""
    four = ask_about(*HARMLESS, kind=ApprovalKind.FOUR_EYES, event="four")
    for approval in (HIGH, four):
        door.put(approval)
        body = {**YES, "name": "Ada"}
        told = door.refusal("POST", approval.id, link=link_to(approval), body=body)
        assert (401, "not_signed_in") == told
        page = door.call(
            "POST", approval.id, link=link_to(approval), headers=BROWSER, body=body
        )
        assert 401 == page.status_code
        assert b'role="alert"' in page.get_body()
    answer = door.call("POST", HIGH.id, headers=signed_in(), body=YES)
    assert 200 == answer.status_code
    [voice] = door.state(HIGH).voices
    assert (f"{TENANT}/{ADA}", True, "api") == (
        voice.subject,
        voice.is_verified,
        voice.channel,
    )


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"roles": []}, (403, "wrong_role")),
        ({"aud": "x"}, (401, "wrong_audience")),
        ({"iss": "x"}, (401, "wrong_issuer")),
        ({"exp": 1}, (401, "token_expired")),
        ({"scp": None}, (403, "not_a_person")),
    ],
)
def test_a_token_that_is_not_good_enough_decides_nothing(door: Door, claims, told):
    """Not even with a good link, not even something harmless."""
    for approval in (HIGH, LOW):
        door.put(approval)
        headers = signed_in(**claims)
        given = {"headers": headers, "link": link_to(approval), "body": YES}
        assert told == door.refusal("POST", approval.id, **given)
        assert told == door.refusal("GET", approval.id, headers=headers)
        assert door.state(approval).state is ApprovalState.PENDING


def test_four_eyes_are_two_people_over_http_too(door: Door):
    """The same person twice, and the person who asked, are refused."""
    four = door.put(ask_about(kind=ApprovalKind.FOUR_EYES, event="four"))
    assert 200 == door.call("POST", four.id, headers=signed_in(), body=YES).status_code
    told = door.refusal("POST", four.id, headers=signed_in(), body=YES)
    assert (403, "same_person") == told
    renamed = signed_in(preferred_username="lovelace@contoso.com")
    told = door.refusal("POST", four.id, headers=renamed, body=YES)
    assert (403, "same_person") == told
    answer = door.call("POST", four.id, headers=signed_in("bob"), body=YES)
    assert "approved" == json.loads(answer.get_body())["state"]

    own = replace(person("ada"), subject=f"{TENANT}/{PEOPLE['ada']}")
    asked = door.put(ask_about(kind=ApprovalKind.FOUR_EYES, event="own", requester=own))
    told = door.refusal("POST", asked.id, headers=signed_in(), body=YES)
    assert (403, "same_person") == told
    answer = door.call("POST", asked.id, headers=signed_in("bob"), body=YES)
    assert "approved" == json.loads(answer.get_body())["state"]


def test_a_request_sent_again_after_the_decision_sees_who_decided(door: Door):
    """A replay of the very same request included."""
    door.put(HIGH)
    for _ in range(2):
        answer = door.call("POST", HIGH.id, headers=signed_in(), body=YES)
    said = json.loads(answer.get_body())
    assert (409, "already_decided") == (answer.status_code, said["reason"])
    assert "approved by ada@contoso.com" in said["detail"]
    late = door.call("POST", HIGH.id, link=link_to(HIGH), headers=BROWSER, body=YES)
    assert 409 == late.status_code
    assert b"approved by ada@contoso.com" in late.get_body()
    assert 1 == len(door.shift.world.queue.waiting)


def test_nobody_decides_what_expired(door: Door):
    """The link may still be good; the page then says what became of it."""
    door.put(HIGH)
    door.shift.move(2 * HOUR)
    link = link_to(HIGH, ends=NOW + 24 * HOUR)
    told = door.refusal("POST", HIGH.id, headers=signed_in(), body=YES)
    assert (410, "approval_expired") == told
    page = door.call("GET", HIGH.id, link=link, headers=BROWSER)
    assert b"expired: nobody decided in time" in page.get_body()
    assert [] == door.shift.world.queue.waiting


def test_a_question_that_is_not_there_is_404_for_who_is_let_in(door: Door):
    """A good link of a question whose store was emptied, or a mistyped id."""
    for name, given in (
        (HIGH.id, {"link": link_to(HIGH)}),
        ("f" * 32, {"headers": signed_in()}),
        ("'", {"headers": signed_in()}),
    ):
        for method in ("GET", "POST"):
            body = {**YES, "name": "x"} if "link" in given else YES
            told = door.refusal(method, name, body=body, **given)
            assert (404, "unknown_approval") == told


def test_another_site_decides_nothing_with_somebodys_browser(guarded: Door):
    """With cookies the browser would be signed in; it says where the request is from."""
    guarded.put(HIGH)
    victim = {**BROWSER, **principal()}
    for headers in (
        {**victim, "sec-fetch-site": "cross-site"},
        {**victim, "sec-fetch-site": "", "origin": "https://evil.example"},
        {**victim, "sec-fetch-site": "", "origin": "null"},
        {**victim, "sec-fetch-site": ""},
        {**victim, "sec-fetch-site": "cross-site", "content-type": "application/json"},
        {**victim, "sec-fetch-site": "cross-site", "content-type": "text/plain"},
    ):
        asked = {**headers, "accept": "application/json"}
        told = guarded.refusal("POST", HIGH.id, headers=asked, link=link_to(HIGH), body=YES)
        assert (403, "cross_site") == told
    assert guarded.state(HIGH).state is ApprovalState.PENDING
    answer = guarded.call("POST", HIGH.id, headers=victim, body=YES)
    assert 200 == answer.status_code
    assert "approved by ada@contoso.com" == guarded.state(HIGH).verdict


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_header_that_anybody_can_send_is_refused_and_recorded(door: Door, method: str):
    """Beside a good link and a good token too: somebody is trying something."""
    door.put(HIGH)
    for extra in ({}, bearer(a_token()), {"sec-fetch-site": "cross-site"}):
        for link in (link_to(HIGH), "sig=x", ""):
            headers = {**PROGRAM, **principal(), **extra}
            told = door.refusal(method, HIGH.id, headers=headers, link=link, body=YES)
            assert (403, "header_not_believed") == told
    assert door.state(HIGH).state is ApprovalState.PENDING
    [record] = door.shift.records(HIGH.id)
    assert "header_not_believed" == record.decisions[0]["reason"]
    assert "ada@contoso.com" in record.decisions[0]["detail"]


def test_behind_app_service_a_role_is_asked_for_and_a_sign_in_is_offered(guarded: Door):
    """The page leads to the sign-in and back to itself."""
    guarded.put(HIGH)
    told = guarded.refusal("GET", HIGH.id, headers={**PROGRAM, **principal(roles=["Reader"])})
    assert (403, "wrong_role") == told
    page = guarded.call("GET", HIGH.id, headers=BROWSER, link=link_to(HIGH))
    back = f"/.auth/login/aad?post_login_redirect_uri=%2Fapi%2Fapprovals%2F{HIGH.id}%3Fexp%3D"
    assert back.encode() in page.get_body()
    outside = guarded.call("GET", HIGH.id, headers=BROWSER)
    assert 401 == outside.status_code
    assert b"/.auth/login/aad" in outside.get_body()


def test_nobody_decides_in_another_ones_name(door: Door):
    """Signed in as one and saying to be another: refused, whoever is meant."""
    door.put(HIGH)
    body = {**YES, "name": "bob"}
    answer = door.call("POST", HIGH.id, headers=signed_in(), body=body)
    assert 422 == answer.status_code
    assert "signed in as ada@contoso.com" in json.loads(answer.get_body())["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"decision": "maybe"}, 422),
        ({"decision": "reject"}, 422),
        ({"decision": "approve", "plan": "x"}, 422),
        (b"not json", 400),
        (b'{"decision": "approve", "name": "' + b"x" * 20_000 + b'"}', 422),
    ],
)
def test_a_body_that_cannot_be_meant_decides_nothing(door: Door, body, status: int):
    """A no without a reason among them."""
    door.put(HIGH)
    answer = door.call("POST", HIGH.id, headers=signed_in(), body=body)
    assert status == answer.status_code
    assert door.state(HIGH).state is ApprovalState.PENDING


def test_a_link_without_keys_configured_opens_nothing():
    """A deployment that has no key has no links, and no default one."""
    for door in a_door(link_keys=()):
        door.put(LOW)
        empty = base64.urlsafe_b64encode(b"").decode()
        told = door.refusal("GET", LOW.id, link=f"exp=9999999999&kid=k1&sig={empty}")
        assert (403, "tampered") == told
        told = door.refusal("GET", LOW.id, link=link_to(LOW))
        assert (403, "unknown_key") == told
