"""Who a request is from: every forged token and header is refused with its own reason."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.adapters import entra
from shared.adapters.entra import SignIn
from shared.core.approvals import Refusal, Refused
from shared.core.errors import ProviderUnavailable
from shared.core.settings import Settings
from shared.core.sign_in import Identity
from tests.signing_in import (
    ADA,
    CLIENT,
    TENANT,
    a_key,
    a_token,
    b64,
    bearer,
    claims,
    principal,
)

SETTINGS = Settings(tenant=TENANT, audience=(CLIENT, "api://nightshift"))
BEHIND = replace(SETTINGS, app_service_auth=True)
GOOD = Identity("ada@contoso.com", f"{TENANT}/{ADA}", frozenset({"Approver"}))


class Published:
    """Entra's keys document, and how often it was read."""

    def __init__(self, *kids: str) -> None:
        self.kids = list(kids or ("k1",))
        self.reads = 0
        self.is_away = False

    async def __call__(self) -> Mapping[str, Any]:
        """Read it."""
        self.reads += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise ProviderUnavailable("away", after=entra.KEYS_ASKED)
        return {"keys": [a_key(kid).published for kid in self.kids]}


def sign_in(settings: Settings = SETTINGS, published: Published | None = None) -> SignIn:
    """Make a sign-in that believes the published keys."""
    return SignIn(settings, published or Published())


async def refusal(headers: Mapping[str, str], settings: Settings = SETTINGS) -> Refusal:
    """Bring something, and return why it was refused."""
    with pytest.raises(Refused) as caught:
        await sign_in(settings).approver(headers)
    token = headers.get("authorization", "").partition(" ")[2]
    assert not token or token not in str(caught.value), "a token must not be repeated"
    return caught.value.refusal


async def test_a_good_token_names_a_person():
    """By object id, which stays; the name is for people to read."""
    assert GOOD == await sign_in().approver(bearer(a_token()))
    assert GOOD == await sign_in().approver({"authorization": f"bearer  {a_token()}"})


async def test_a_token_of_the_first_version_is_taken_too():
    """Its issuer and its audience are written otherwise."""
    old = a_token(
        iss=f"https://sts.windows.net/{TENANT}/",
        aud="api://nightshift",
        ver="1.0",
        preferred_username=None,
        upn="ada@contoso.com",
    )
    assert GOOD == await sign_in().approver(bearer(old))


async def test_who_brings_nothing_is_nobody():
    """The link alone then decides what it may."""
    assert await sign_in().approver({"accept": "text/html"}) is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"aud": "another-app"}, Refusal.WRONG_AUDIENCE),
        ({"aud": [CLIENT[:-1] + "d"]}, Refusal.WRONG_AUDIENCE),
        ({"iss": "https://login.microsoftonline.com/other/v2.0"}, Refusal.WRONG_ISSUER),
        ({"iss": f"https://evil.example/{TENANT}/v2.0"}, Refusal.WRONG_ISSUER),
        ({"tid": "9f0ac1d2-0000-4000-8000-00000000000b"}, Refusal.WRONG_ISSUER),
        ({"exp": int(time.time()) - 120}, Refusal.TOKEN_EXPIRED),
        ({"nbf": int(time.time()) + 600}, Refusal.TOKEN_EXPIRED),
        ({"exp": None}, Refusal.BAD_TOKEN),
        ({"aud": None}, Refusal.BAD_TOKEN),
        ({"iss": None}, Refusal.BAD_TOKEN),
        ({"oid": None}, Refusal.BAD_TOKEN),
        ({"oid": "me"}, Refusal.NOT_A_PERSON),
        ({"scp": None}, Refusal.NOT_A_PERSON),
        ({"idtyp": "app"}, Refusal.NOT_A_PERSON),
        ({"roles": None}, Refusal.WRONG_ROLE),
        ({"roles": ["Reader", "approver"]}, Refusal.WRONG_ROLE),
        ({"roles": "Approver"}, Refusal.WRONG_ROLE),
        ({"roles": {"Approver": True}}, Refusal.WRONG_ROLE),
    ],
)
async def test_a_token_that_is_not_for_us_is_refused_with_its_own_reason(changed, why):
    """Signed by Entra, and yet not by this tenant, for this app, now, of an approver."""
    assert why == await refusal(bearer(a_token(**changed)))


async def test_a_minute_of_clock_difference_is_forgiven():
    """Two machines never have the same time."""
    late = a_token(exp=int(time.time()) - 30)
    assert GOOD == await sign_in().approver(bearer(late))


def hs256(kid: str = "k1") -> str:
    """Sign with the public key as if it were a shared secret."""
    head = b64({"alg": "HS256", "typ": "JWT", "kid": kid})
    text = f"{head}.{b64(claims())}"
    mac = hmac.new(a_key(kid).pem, text.encode(), hashlib.sha256).digest()
    return f"{text}.{b64(mac)}"


def unsigned(alg: str) -> str:
    """Write a token that says it needs no signature."""
    return f"{b64({'alg': alg, 'kid': 'k1'})}.{b64(claims())}."


def tampered() -> str:
    """Change what a good token says."""
    head, _, signature = a_token("bob", roles=[]).split(".")
    return f"{head}.{b64(claims('bob'))}.{signature}"


@pytest.mark.parametrize(
    "token",
    [
        unsigned("none"),
        unsigned("None"),
        unsigned("RS256"),
        hs256(),
        tampered(),
        a_token(key=a_key("stolen")),
        a_token(key=replace(a_key("other"), kid="k1")),
        b64({"alg": "RS256"}) + ".e30.e30",
        "not.a.token",
        "",
        "x" * 20_000,
        "é",
    ],
    ids=[
        "no algorithm",
        "no algorithm, capitalised",
        "no signature",
        "public key as secret",
        "changed",
        "unknown key",
        "another key of that name",
        "no key named",
        "no JSON",
        "empty",
        "endless",
        "not ASCII",
    ],
)
async def test_a_token_that_entra_did_not_sign_is_refused(token: str):
    """Whatever algorithm it names: ours to choose, not the token's."""
    assert Refusal.BAD_TOKEN == await refusal(bearer(token))


async def test_another_scheme_is_no_sign_in():
    """A password is not asked for, and not taken."""
    assert Refusal.BAD_TOKEN == await refusal({"authorization": "Basic YTpi"})


@pytest.mark.parametrize("missing", [{"tenant": ""}, {"audience": ()}])
async def test_without_a_tenant_or_an_audience_no_token_is_taken(missing):
    """Not configured is not open."""
    assert Refusal.BAD_TOKEN == await refusal(bearer(a_token()), replace(SETTINGS, **missing))


async def test_a_header_that_anybody_can_send_is_refused_and_not_ignored():
    """Each of the four, even beside a good token."""
    for name, value in principal().items():
        assert Refusal.HEADER_NOT_BELIEVED == await refusal({name: value})
        both = {name: value, **bearer(a_token())}
        assert Refusal.HEADER_NOT_BELIEVED == await refusal(both)


async def test_behind_app_service_its_header_names_the_person():
    """The same subject as by token, so that nobody is two people."""
    assert GOOD == await sign_in(BEHIND).approver(principal())
    assert GOOD == await sign_in(BEHIND).approver(bearer(a_token()))


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (principal(roles=[]), Refusal.WRONG_ROLE),
        (principal(auth_typ="github"), Refusal.WRONG_ISSUER),
        (principal(tenant="another"), Refusal.WRONG_ISSUER),
        (principal(named=False), Refusal.NOT_A_PERSON),
        ({"x-ms-client-principal": "%%%"}, Refusal.BAD_TOKEN),
        ({"x-ms-client-principal": base64.b64encode(b"[]").decode()}, Refusal.BAD_TOKEN),
        (
            {"x-ms-client-principal": base64.b64encode(b'{"auth_typ": "aad"}').decode()},
            Refusal.BAD_TOKEN,
        ),
    ],
)
async def test_behind_app_service_not_everybody_signed_in_may_approve(headers, why):
    """Another provider, another tenant, an application, somebody without the role."""
    assert why == await refusal(headers, BEHIND)


async def test_the_header_is_worth_nothing_while_no_tenant_is_named():
    """Any tenant's administrator can hand out a role of that name."""
    assert Refusal.WRONG_ISSUER == await refusal(principal(), replace(BEHIND, tenant=""))


async def test_the_name_header_alone_proves_nothing_behind_app_service_either():
    """Only the whole principal says tenant and role."""
    named = {"x-ms-client-principal-name": "ada@contoso.com"}
    assert await sign_in(BEHIND).approver(named) is None


async def test_keys_are_read_once_for_many_tokens():
    """Fifty clicks at once ask Entra one time."""
    published = Published()
    door = sign_in(published=published)
    found = await asyncio.gather(*(door.approver(bearer(a_token())) for _ in range(50)))
    assert [GOOD] * 50 == found
    assert 1 == published.reads


async def test_a_new_key_is_found_and_a_made_up_one_asks_once_a_minute():
    """Entra changes its keys at any time; a stranger must not make us ask each time."""
    at = [1000.0]
    published = Published()
    door = SignIn(SETTINGS, published, lambda: at[0])
    assert GOOD == await door.approver(bearer(a_token()))
    published.kids.append("k2")
    at[0] += 61
    assert GOOD == await door.approver(bearer(a_token(key=a_key("k2"))))
    assert 2 == published.reads
    for _ in range(5):
        with pytest.raises(Refused):
            await door.approver(bearer(a_token(key=a_key("stolen"))))
    assert 2 == published.reads
    at[0] += entra.KEYS_LAST.total_seconds() + 1
    assert GOOD == await door.approver(bearer(a_token()))
    assert 3 == published.reads


async def test_while_entra_is_away_nobody_is_believed():
    """Not knowing is not being allowed; and a crowd does not ask it all at once."""
    at, published = [1000.0], Published()
    published.is_away = True
    door = SignIn(SETTINGS, published, lambda: at[0])

    async def knock() -> str:
        try:
            await door.approver(bearer(a_token()))
        except ProviderUnavailable as away:
            return str(away)
        return "in"

    await asyncio.gather(*(knock() for _ in range(20)))
    assert 1 == published.reads
    published.is_away, published.kids = False, []
    at[0] += entra.KEYS_MISSED.total_seconds()
    assert "none is there" in await knock()
    published.kids = ["k1"]
    assert "just now" in await knock()
    at[0] += entra.KEYS_MISSED.total_seconds()
    assert "in" == await knock()
    assert 3 == published.reads
