"""A secure webhook: where a role is asked for, the key alone posts no alert."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from handlers.alerts import on_alert
from shared import bootstrap
from shared.adapters.entra import SignIn
from tests.shift import SETTINGS, Shift
from tests.signing_in import CLIENT, SIGN_IN, TENANT, a_key, a_token, bearer

PROGRAM: dict[str, Any] = {
    "scp": None,
    "preferred_username": None,
    "roles": ["ActionGroups"],
    "azp": "461e8683-5575-4561-ac7f-899cc907d62a",
}
ASKING = replace(
    SETTINGS, alert_role="ActionGroups", tenant=TENANT, audience=(CLIENT,), sign_in=SIGN_IN
)


@pytest.fixture
def app() -> Iterator[Shift]:
    """An app that wants the action group's own token."""
    shift = Shift.begin(settings=ASKING)
    bootstrap._built["night"] = shift.night

    async def fetch() -> dict[str, Any]:
        return {"keys": [a_key().published]}

    bootstrap._sign_ins["sign_in"] = SignIn(ASKING, fetch=fetch)
    yield shift
    bootstrap._built.clear()
    bootstrap._sign_ins.clear()


def post(headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Post something that is no alert: who gets in is told so, and nobody else."""
    request = func.HttpRequest("POST", "/api/alerts", headers=headers, body=b"{}")
    context = SimpleNamespace(trace_context=SimpleNamespace(trace_parent=""))
    found = asyncio.run(on_alert.build().get_user_function()(request, context))
    return found.status_code, json.loads(found.get_body())


def test_the_action_groups_own_token_gets_in(app: Shift):
    """What it says is then judged like any alert."""
    status, said = post(bearer(a_token(**PROGRAM)))
    assert (422, False) == (status, "reason" in said)


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({}, 401, "not_signed_in"),
        ({"authorization": "Basic x"}, 401, "not_signed_in"),
        (bearer("x.y.z"), 401, "bad_token"),
        (bearer(a_token(**{**PROGRAM, "roles": ["Reader"]})), 403, "wrong_role"),
        (bearer(a_token(**{**PROGRAM, "roles": None})), 403, "wrong_role"),
        (bearer(a_token()), 403, "wrong_role"),
        (bearer(a_token(**{**PROGRAM, "aud": "another"})), 401, "wrong_audience"),
        (bearer(a_token(**{**PROGRAM, "exp": 1})), 401, "token_expired"),
        (bearer(a_token(key=a_key("k2"), **PROGRAM)), 401, "bad_token"),
    ],
)
def test_whoever_has_only_the_key_is_refused(app: Shift, headers, status, reason):
    """A key that leaked must not be enough to have machines redeployed."""
    found, said = post(headers)
    assert (status, reason) == (found, said["reason"])
    assert [] == app.plans


def test_without_the_setting_the_key_is_enough(app: Shift):
    """The variant with a function key alone."""
    bootstrap._built["night"] = Shift.begin().night
    assert 422 == post({})[0]
