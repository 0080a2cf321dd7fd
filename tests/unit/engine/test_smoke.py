"""Smoke tests: made-up events end as dry runs; nothing else can pass for one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.errors import InvalidSetting, InvalidTarget
from shared.core.facts import Resource
from shared.core.smoke_tests import LIVES, PREFIX, Inlet, Ticket
from shared.engine import smoke
from shared.engine.inlet import take_in
from shared.engine.request import Answer
from shared.parsing import parse_events
from tests import builders as make
from tests.fakes.upkeep import FakePremises
from tests.shift import SETTINGS, Shift

SUBSCRIPTION = f"/subscriptions/{make.SUBSCRIPTION}"


def a_shift() -> Shift:
    """An app whose rules act on everything by themselves."""
    shift = Shift.begin(make.a_rule("drain_node"), make.a_rule("ask_a_person"))
    shift.world.resources.add(Resource(SUBSCRIPTION, "", make.SUBSCRIPTION))
    shift.with_node()
    return shift


def issued(shift: Shift, target: str = "") -> dict[Inlet, Ticket]:
    """Ask for tickets."""
    tickets = shift.invoke(smoke.issue(shift.night, target))
    return {one.inlet: one for one in tickets}


def said(shift: Shift, event_id: str) -> list[dict[str, Any]]:
    """Every decision that was recorded for an event."""
    return [dict(d) for record in shift.records(event_id) for d in record.decisions]


def test_a_notice_with_a_ticket_ends_as_a_dry_run_and_touches_nothing():
    """Although the rules in force would drain the very node it names."""
    shift = a_shift()
    ticket = issued(shift)[Inlet.EVENT_GRID]
    before = shift.world.picture()
    shift.deliver(make.a_notice(event_id=ticket.id, source="scheduled_events"))
    shift.run_until_quiet()
    [decision] = said(shift, ticket.id)
    assert ("skip", "dry_run") == (decision["kind"], decision["reason"])
    assert ["tell"] == [step["verb"] for step in decision["would"]]
    [record] = shift.records(ticket.id)
    assert SUBSCRIPTION == record.target
    assert [] == shift.plans
    assert before == shift.world.picture()


@pytest.mark.parametrize("why", ["no ticket", "another inlet", "too old", "forged"])
def test_the_prefix_alone_makes_no_smoke_test(why: str):
    """Whoever marks a real event as a test must not have it ignored: the node is drained."""
    shift = a_shift()
    tickets = issued(shift)
    event_id = {
        "no ticket": f"{PREFIX}made-up",
        "another inlet": tickets[Inlet.ALERT].id,
        "too old": tickets[Inlet.EVENT_GRID].id,
        "forged": tickets[Inlet.EVENT_GRID].id + "x",
    }[why]
    if why == "too old":
        shift.move(LIVES)
    notice = make.a_notice(
        event_id=event_id,
        source="scheduled_events",
        observed_at=shift.now,
        deadline=shift.now + timedelta(seconds=30),
    )
    shift.deliver(notice)
    assert shift.plans
    assert shift.done("cordon")


def test_a_ticket_stands_in_the_way_of_no_real_event_about_the_same_machine():
    """Before, between and after tests, an eviction is answered as ever."""
    shift = a_shift()
    ticket = issued(shift)[Inlet.EVENT_GRID]
    shift.deliver(make.a_notice(event_id=ticket.id, source="scheduled_events"))
    shift.deliver(make.a_notice(event_id="e-real"))
    assert ["e-real"] == [plan.signal["event_id"] for plan in shift.plans]
    shift.deliver(make.a_notice(event_id=ticket.id, source="scheduled_events"))
    assert 1 == len(shift.plans)


def test_an_event_that_ends_something_withdraws_nothing_when_it_bears_a_ticket():
    """The phase of a made-up event means nothing either."""
    shift = a_shift()
    ticket = issued(shift)[Inlet.EVENT_GRID]
    from shared.core.signals import Phase

    signal = make.a_notice(event_id=ticket.id, source="scheduled_events")
    [given] = shift.deliver(replace(signal, phase=Phase.CANCELED))
    assert isinstance(given, Answer)
    assert "dry_run" == said(shift, ticket.id)[0]["reason"]


def test_the_queues_event_is_put_by_the_app_and_read_back_as_any_other():
    """With its own identity: a person needs no role on the storage account."""
    shift = a_shift()
    ticket = issued(shift)[Inlet.QUEUE]
    shift.invoke(smoke.put_into_queue(shift.night, ticket))
    premises = shift.world.upkeep.premises
    assert isinstance(premises, FakePremises)
    [body] = premises.events
    shift.invoke(take_in(shift.night, body, parse_events, source="q", budget=timedelta(0)))
    assert ["dry_run"] == [one["reason"] for one in said(shift, ticket.id)]


def test_the_timers_ticket_is_answered_once():
    """By whichever tick sees it first."""
    shift = a_shift()
    ticket = issued(shift)[Inlet.TIMER]
    counts = [shift.invoke(smoke.answer_waiting(shift.night)) for _ in range(2)]
    assert [1, 0] == counts
    assert ["dry_run"] == [one["reason"] for one in said(shift, ticket.id)]
    shift.move(LIVES)
    assert 0 == shift.invoke(smoke.answer_waiting(shift.night))


def test_each_ticket_is_for_one_way_in_and_drawn_by_the_app():
    """Nobody chooses an id, so none can be that of an incident to come."""
    shift = a_shift()
    one, other = issued(shift), issued(shift)
    assert set(Inlet) == set(one) == set(other)
    ids: set[str] = {ticket.id for ticket in (*one.values(), *other.values())}
    assert 2 * len(Inlet) == len(ids)
    assert all(name.startswith(PREFIX) and name == name.lower() for name in ids)


@pytest.mark.parametrize(
    ("target", "settings", "error"),
    [
        ("vm1", {}, InvalidTarget),
        ("", {"subscriptions": ()}, InvalidSetting),
    ],
)
def test_a_target_that_cannot_be_read_is_refused_first(
    target: str, settings: Mapping[str, Any], error: type[Exception]
):
    """Rather than five tests that end in five ways."""
    shift = Shift.begin(settings=replace(SETTINGS, **settings))
    with pytest.raises(error):
        issued(shift, target)


def test_a_target_of_ones_own_takes_the_place_of_the_named_one():
    """To try that the app may read one machine in particular."""
    shift = a_shift()
    own = make.instance(29)
    ticket = issued(shift, own)[Inlet.EVENT_GRID]
    shift.deliver(make.a_notice(event_id=ticket.id, source="scheduled_events"))
    [record] = shift.records(ticket.id)
    assert own == record.target


def test_the_queues_event_names_nothing_that_exists():
    """Should its ticket be over, it is heard like any event, about nothing."""
    shift = a_shift()
    ticket = issued(shift)[Inlet.QUEUE]
    shift.invoke(smoke.put_into_queue(shift.night, ticket))
    premises = shift.world.upkeep.premises
    assert isinstance(premises, FakePremises)
    event = json.loads(premises.events[0])
    assert event["source"].startswith(f"{SUBSCRIPTION}/resourceGroups/nightshift-smoke/")
    assert asyncio.run(shift.world.resources.resource(event["source"])) is None
