"""Heartbeats on the app's side: noted, never answered, never in the way."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from shared.core.beats import KEPT
from shared.core.errors import ProviderUnavailable, RetryLater
from shared.engine import beats
from tests import builders as make
from tests.fakes.upkeep import FakeForwarders
from tests.shift import Shift
from tests.unit.core.test_beats import a_beat


def heard(shift: Shift, *events: object) -> bool:
    """Deliver a body to whoever looks for beats."""
    body = json.dumps(events[0] if len(events) == 1 else list(events)).encode()
    return shift.invoke(beats.heard_beats(shift.night, body))


def roll(shift: Shift) -> FakeForwarders:
    """The roll."""
    store = shift.world.upkeep.forwarders
    assert isinstance(store, FakeForwarders)
    return store


def test_a_heartbeat_is_noted_and_leaves_nothing_else():
    """A hundred a second must not fill the ledger or the archive."""
    shift = Shift.begin()
    assert heard(shift, a_beat())
    assert ["note beat"] == shift.passed
    assert 1 == len(roll(shift).beats)


def test_the_last_one_counts():
    """One row a machine."""
    shift = Shift.begin()
    heard(shift, a_beat())
    shift.move(timedelta(minutes=15))
    heard(shift, a_beat(waiting=3))
    [beat] = roll(shift).beats.values()
    assert (3, shift.now) == (beat.waiting, beat.heard_at)


@pytest.mark.parametrize(
    "events",
    [
        ({"type": "Nightshift.ScheduledEvents.Document"},),
        (a_beat(), {"type": "Nightshift.ScheduledEvents.Document"}),
        (a_beat(), {**a_beat(), "type": "Nightshift.ScheduledEvents.Document"}),
        (a_beat(every="often"),),
        ("Nightshift.Forwarder.Heartbeat",),
        ([],),
    ],
)
def test_whatever_else_is_in_a_delivery_is_heard_as_ever(events: tuple[Any, ...]):
    """No notice is swallowed because a beat stands next to it, or it looks like one."""
    shift = Shift.begin()
    assert not heard(shift, *events)
    assert {} == roll(shift).beats


def test_a_roll_that_cannot_be_written_makes_the_sender_send_again():
    """Event Grid does; a beat more or less means nothing, a broken store does."""
    shift = Shift.begin()
    away = ProviderUnavailable("away", after=timedelta(seconds=1))
    with shift.raising("note beat", away), pytest.raises(RetryLater):
        heard(shift, a_beat())


def test_the_roll_shows_who_is_silent():
    """For people and for scripts."""
    shift = Shift.begin()
    heard(shift, a_beat())
    page = shift.invoke(roll(shift).roll(limit=10))
    [shown] = beats.roll_view(shift.night, page)["forwarders"]
    assert ("heard", 900) == (shown["state"], shown["every_seconds"])
    shift.move(timedelta(minutes=46))
    [shown] = beats.roll_view(shift.night, page)["forwarders"]
    assert "silent" == shown["state"]


def test_machines_that_are_silent_for_long_leave_the_roll():
    """The night's cleanup; one that returns is on it again at its next beat."""
    shift = Shift.begin()
    heard(shift, a_beat())
    shift.move(KEPT)
    assert 0 == shift.invoke(beats.forget_silent(shift.night))
    shift.move(timedelta(hours=1))
    assert 1 == shift.invoke(beats.forget_silent(shift.night))
    assert {} == roll(shift).beats
    assert make.NOW < shift.now
