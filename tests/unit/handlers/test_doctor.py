"""The routes that look after the app: what they answer, and what they refuse."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from typing import Any

import azure.functions as func
import pytest

from handlers import doctor
from shared import bootstrap
from shared.core.smoke_tests import Inlet
from tests import builders as make
from tests.shift import SETTINGS, Shift


@pytest.fixture
def shift() -> Iterator[Shift]:
    """An app with a rule."""
    made = Shift.begin(make.a_rule("drain_node"), settings=SETTINGS)
    bootstrap._built["night"] = made.night
    yield made
    bootstrap._built.clear()


def ask(
    work: Any, params: Mapping[str, str] | None = None, body: bytes = b""
) -> tuple[int, Any]:
    """Ask a route."""
    request = func.HttpRequest("GET", "/api/x", params=dict(params or {}), body=body)

    async def answered() -> func.HttpResponse:
        from shared.adapters.replies import or_problem

        return await or_problem(lambda: work(request))

    answer = asyncio.run(answered())
    return answer.status_code, json.loads(answer.get_body())


def test_what_is_found_is_answered_with_what_the_app_is(shift: Shift):
    """One call is enough for a person's command line."""
    status, said = ask(doctor._doctor, {"checks": "roles,clock"})
    assert (200, {"roles", "clock"}) == (status, {one["check"] for one in said["findings"]})
    assert [make.SUBSCRIPTION] == said["about"]["subscriptions"]


def test_asked_for_no_check_it_says_what_the_app_is(shift: Shift):
    """What else is asked depends on that."""
    status, said = ask(doctor._doctor, {"checks": "none"})
    assert (200, []) == (status, said["findings"])


@pytest.mark.parametrize("params", [{"checks": "x"}, {"scope": "x"}, {"dead_letters": "../x"}])
def test_a_wrong_question_is_a_problem(shift: Shift, params: dict[str, str]):
    """422, and what would be right."""
    status, said = ask(doctor._doctor, params)
    assert (422, True) == (status, next(iter(params)) in said["detail"])


@pytest.mark.parametrize("limit", ["0", "1001", "many", "²", "-1"])
def test_a_wrong_limit_is_a_problem(shift: Shift, limit: str):
    """A page has a bound."""
    assert 422 == ask(doctor._forwarders, {"limit": limit})[0]


def test_nobody_heard_is_an_empty_roll(shift: Shift):
    """And not an error."""
    assert (200, {"forwarders": [], "next": None}) == ask(doctor._forwarders)


def test_tickets_are_given_out_and_the_queues_event_is_under_way(shift: Shift):
    """The rest is sent by whoever asked."""
    status, said = ask(doctor._smoke)
    assert (201, None) == (status, said["queue_failed"])
    assert {one.value for one in Inlet} == {one["inlet"] for one in said["tests"]}
    assert 1 == len(shift.world.upkeep.premises.events)


def test_a_queue_that_takes_nothing_does_not_stop_the_other_tests(shift: Shift):
    """Its failure is one line of the answer."""

    def fail(at: str) -> None:
        if at == "read put event":
            from shared.core.errors import Forbidden

            raise Forbidden("putting an event: 403")

    shift.hooks.append(fail)
    status, said = ask(doctor._smoke)
    assert (201, "putting an event: 403") == (status, said["queue_failed"])


@pytest.mark.parametrize("body", [b"[]", b'{"targets": "x"}', b'{"target": 7}', b"{"])
def test_a_wrong_request_is_a_problem(shift: Shift, body: bytes):
    """A misspelt target must not be taken for none."""
    assert ask(doctor._smoke, body=body)[0] in {400, 422}
