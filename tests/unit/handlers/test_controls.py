"""Who a pause is said to be from: the platform's sign-in, or a person's own word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import azure.functions as func
import pytest

from handlers import controls
from shared import bootstrap
from tests.shift import SETTINGS, Shift

BODY = {"scope": "global", "reason": "why", "expires_in": "1h"}
SIGNED_IN = {"x-ms-client-principal-name": "ada@contoso.com"}


@pytest.fixture(params=[False, True], ids=["nothing in front", "sign-in in front"])
def has_sign_in(request: pytest.FixtureRequest) -> Iterator[bool]:
    """An app, with and without App Service authentication in front of it."""
    settings = replace(SETTINGS, app_service_auth=request.param)
    bootstrap._built["night"] = Shift.begin(settings=settings).night
    yield request.param
    bootstrap._built.clear()


def post(body: dict[str, Any], headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Ask for a pause."""
    request = func.HttpRequest(
        "POST", "/api/pauses", headers=headers, body=json.dumps(body).encode()
    )

    async def work() -> func.HttpResponse:
        from shared.adapters.replies import or_problem

        return await or_problem(lambda: controls._pause(request, "i-1"))

    answer = asyncio.run(work())
    return answer.status_code, json.loads(answer.get_body())


def test_the_header_is_believed_only_where_the_sign_in_stands_in_front(has_sign_in: bool):
    """Anybody who has the key can send a header; only the platform can vouch for one."""
    status, said = post(BODY, SIGNED_IN)
    if has_sign_in:
        assert (201, "ada@contoso.com", True) == (
            status,
            said["owner"],
            said["is_owner_verified"],
        )
    else:
        assert (422, True) == (status, "$.owner" in said["detail"])


def test_a_name_in_the_body_is_ones_own_word(has_sign_in: bool):
    """Also behind a sign-in that lets a key pass without one."""
    status, said = post({**BODY, "owner": "ada"}, {})
    assert (201, "ada", False) == (status, said["owner"], said["is_owner_verified"])


def test_nobody_pauses_in_another_ones_name(has_sign_in: bool):
    """Signed in as one and saying to be another: refused, whoever is meant."""
    status, said = post({**BODY, "owner": "eve"}, SIGNED_IN)
    if has_sign_in:
        assert (422, True) == (status, "signed in as ada@contoso.com" in said["detail"])
    else:
        assert (201, "eve", False) == (status, said["owner"], said["is_owner_verified"])
