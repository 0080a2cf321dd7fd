"""Where roles are asked for, a key alone opens no route of people's."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from shared import bootstrap
from tests.shift import SETTINGS, Shift
from tests.signing_in import TENANT, a_token, bearer, principal
from tests.wiring.trigger_table import HTTP

ROOT = Path(__file__).parents[3]
PROGRAMS = {"on_alert", "get_notice"}
OPERATING = {"start_runbook", "create_pause", "lift_pause", "reset_breaker", "start_smoke"}
PEOPLE = sorted(
    name
    for name, (_, _, level) in HTTP.items()
    if level == "FUNCTION" and name not in PROGRAMS
)
each_route = pytest.mark.parametrize("name", PEOPLE)
VALUES = {"id": "x", "event_id": "e-1", "remediation": "drain_node", "month": "now"}


@functools.cache
def functions() -> Mapping[str, Callable[..., Any]]:
    """Index a copy of the app: what the host would call, by name."""
    spec = importlib.util.spec_from_file_location("indexed_app", ROOT / "function_app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.app.get_functions()
    return {one.get_function_name(): one.get_user_function() for one in found}


@pytest.fixture(params=[True, False], ids=["roles are asked for", "a key is enough"])
def asks(request: pytest.FixtureRequest) -> Iterator[bool]:
    """An app behind App Service authentication."""
    settings = replace(SETTINGS, ask_roles=request.param, app_service_auth=True, tenant=TENANT)
    bootstrap._built["night"] = Shift.begin(settings=settings).night
    yield request.param
    bootstrap._built.clear()


def ask(name: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Call a route as the host does."""
    method, route, _ = HTTP[name]
    request = func.HttpRequest(
        method,
        f"/api/{route}",
        headers=dict(headers or {}),
        route_params={key: value for key, value in VALUES.items() if f"{{{key}}}" in route},
        body=b"{}",
    )
    work = functions()[name]

    class Context:
        invocation_id = "i-1"

    given = {"req": request, "context": Context()}
    wanted = inspect.signature(work).parameters
    answer = asyncio.run(work(**{key: given[key] for key in wanted}))
    return answer.status_code, json.loads(answer.get_body())


@each_route
def test_without_a_sign_in_nothing_is_read_or_started(name: str, asks: bool):
    """One key in one script must not let everybody drain a cluster."""
    status, said = ask(name)
    assert asks == (status == 401)
    if asks:
        assert "not_signed_in" == said["reason"]


@each_route
def test_who_may_read_may_not_operate(name: str, asks: bool):
    """A Reader looks; whoever approves reads what is asked."""
    for role in ("Reader", "Approver"):
        status, said = ask(name, principal(roles=[role]))
        refused = asks and name in OPERATING
        assert refused == (status == 403 and said.get("reason") == "wrong_role")


@each_route
def test_who_operates_may_do_both(name: str, asks: bool):
    """What else is wrong with these requests is said as ever."""
    status, said = ask(name, principal(roles=["Operator"]))
    assert (True, None) == (status not in {401, 403}, said.get("reason"))


@each_route
def test_a_role_of_another_name_is_none(name: str, asks: bool):
    """Somebody from the tenant without a role of this app."""
    status, _ = ask(name, principal(roles=["Admin"]))
    assert asks == (status == 403)


def test_a_token_without_a_good_signature_admits_nobody(asks: bool):
    """It says what it likes about roles."""
    status, _ = ask("list_plans", bearer(f"{a_token(roles=['Operator'])}x"))
    assert asks == (status == 401)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_programs_bring_their_key_and_no_person(name: str, asks: bool):
    """An alert that is refused is an alert that nobody hears."""
    status, _ = ask(name)
    assert status not in {401, 403}
