"""Pausing and lifting, by a person: stored once, and recorded with who, why and when."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.errors import InvalidTarget, ProviderUnavailable
from shared.core.pauses import Pause, Scope
from shared.engine.pausing import Person, in_force, lift, pause, pause_view
from tests.builders import GROUP, HOUR, MINUTE, NOW, SECOND, a_pause, a_rule
from tests.shift import Shift

ADA = Person("ada")


def ask(shift: Shift, scope: str = "global", **fields: Any) -> Pause:
    """Let Ada ask for a pause."""
    values = {"who": ADA, "reason": "why", "expires_in": HOUR, "request_id": "r-1", **fields}
    return shift.invoke(pause(shift.night, Scope.parse(scope), **values))


def test_a_pause_is_stored_and_recorded_under_its_own_id():
    """What was paused is an event like any other: GET /api/events shows it."""
    shift = Shift.begin()
    stored = ask(shift, f"resource_group:{GROUP}")
    [record] = shift.records(stored.id)
    assert (NOW, NOW + HOUR) == (stored.created_at, stored.expires_at)
    assert (GROUP, "fired", "control.paused") == (
        record.target,
        record.phase,
        record.signal["type"],
    )
    assert ("ada", "why", False) == tuple(
        record.signal[key] for key in ("owner", "reason", "is_owner_verified")
    )
    assert "paused" == record.decisions[0]["reason"]


def test_the_same_request_is_the_same_pause():
    """A lost answer, sent again, makes no second one and moves no end."""
    shift = Shift.begin()
    first = ask(shift)
    shift.move(MINUTE)
    assert first == ask(shift)
    assert 1 == len(shift.records(first.id))
    assert first.id != ask(shift, request_id="r-2").id


def test_a_pause_whose_record_was_lost_is_recorded_when_it_is_asked_for_again():
    """The pause is stored first: it must hold even if nothing else works."""
    shift = Shift.begin()
    away = ProviderUnavailable("away", after=SECOND)
    with shift.raising("before record_event", away), pytest.raises(ProviderUnavailable):
        ask(shift)
    assert 1 == len(shift.world.controls.stored)
    stored = ask(shift)
    assert 1 == len(shift.records(stored.id))


def test_lifting_is_recorded_with_who_did_it():
    """The first who does; the second changes nothing."""
    shift = Shift.begin()
    stored = ask(shift)
    shift.move(MINUTE)
    lifted = shift.invoke(lift(shift.night, stored.id, who=Person("eve", is_verified=True)))
    shift.move(MINUTE)
    assert lifted == shift.invoke(lift(shift.night, stored.id, who=ADA))
    assert lifted is not None
    assert ("eve", NOW + MINUTE) == (lifted.lifted_by, lifted.lifted_at)
    paused, released = shift.records(stored.id)
    assert ("control.paused", "control.lifted") == (
        paused.signal["type"],
        released.signal["type"],
    )
    assert "eve" == released.signal["lifted_by"]


def test_a_name_that_nobody_vouches_for_says_so_when_it_lifts():
    """So that nobody takes it for the platform's word."""
    shift = Shift.begin()
    lifted = shift.invoke(lift(shift.night, ask(shift).id, who=ADA))
    assert lifted is not None
    assert "ada (self-declared)" == lifted.lifted_by
    assert shift.invoke(lift(shift.night, "pause-0", who=ADA)) is None


def test_a_pause_of_a_rule_that_is_none_is_refused_with_what_was_meant():
    """It would stop nothing, and somebody would rely on it."""
    shift = Shift.begin(a_rule(name="drain-nodes"))
    with pytest.raises(InvalidTarget, match="did you mean drain-nodes"):
        ask(shift, "rule:drain-node")
    assert {} == shift.world.controls.stored
    assert ask(shift, "rule:drain-nodes").scope.value == "drain-nodes"
    assert ask(shift, "rule:runbook/drain_node").scope.value == "runbook/drain_node"


def test_a_pause_that_is_too_long_is_refused():
    """Thirty days, or "until lifted" in words."""
    shift = Shift.begin()
    with pytest.raises(InvalidTarget, match="until_lifted"):
        ask(shift, expires_in=721 * HOUR)
    assert ask(shift, expires_in=None).expires_at is None


def test_only_what_is_in_force_is_listed_the_endless_first():
    """What somebody has to lift stands on top."""
    shift = Shift.begin()
    endless = a_pause(id="pause-c", expires_at=None)
    for one in (
        a_pause(id="pause-a"),
        a_pause(id="pause-b", expires_at=NOW),
        endless,
        a_pause(id="pause-d", lifted_at=NOW, lifted_by="eve"),
    ):
        shift.world.controls.stored[one.id] = one
    listed = shift.invoke(in_force(shift.night))
    assert ["pause-c", "pause-a"] == [one.id for one in listed]
    states = [pause_view(one, NOW)["state"] for one in shift.world.controls.stored.values()]
    assert ["in_force", "ended", "in_force", "lifted"] == states
