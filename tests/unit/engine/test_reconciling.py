"""Reconcile: no notice is missed because an event was, and none outlives its event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from shared.core.errors import ProviderUnavailable
from shared.core.moments import write_moment
from shared.engine import reconciling
from tests import builders as make
from tests.builders import MINUTE, NOW, SECOND, SUBSCRIPTION
from tests.shift import Shift

EVENT = "602d9444-d2cd-49c7-8624-8643e7171297"


def row(status: str = "Scheduled", kind: str = "Redeploy", **said: Any) -> Mapping[str, Any]:
    """Make a notice of the table ``maintenanceresources``, of instance 29."""
    owner = make.SCALE_SET
    return {
        "id": f"{owner}/providers/microsoft.maintenance/scheduledevents/{EVENT}",
        "name": EVENT,
        "type": "microsoft.maintenance/scheduledevents",
        "location": "westeurope",
        "properties": {
            "EventId": EVENT,
            "EventType": kind,
            "EventStatus": status,
            "EventSource": "Platform",
            "NotBefore": write_moment(NOW + timedelta(minutes=15)),
            "Resources": ["aks-spot-1-vmss_29"],
            **said,
        },
    }


@pytest.fixture
def shift() -> Shift:
    """A night that drains, with a node that carries a pod."""
    night = Shift.begin(make.a_rule())
    night.with_node()
    return night


def look(shift: Shift, *rows: Mapping[str, Any]) -> reconciling.Reconciled:
    """Let a tick look at what Resource Graph has now."""
    shift.world.estate.rows[SUBSCRIPTION] = list(rows)
    found = shift.invoke(reconciling.reconcile(shift.night))
    shift.wait(MINUTE)
    return found


def test_a_notice_that_no_event_brought_is_drained_for(shift: Shift):
    """Event Grid may be late, or never subscribed: the notice counts, not its messenger."""
    found = look(shift, row())
    shift.run_until_quiet()
    assert (1, 0, []) == (found.heard, found.gone, found.unread)
    assert shift.node().is_unschedulable
    assert ["drain"] == [
        name for name, _ in shift.world.effects if name == "drain"
    ] or shift.plan


def test_a_notice_that_an_event_brought_is_heard_once(shift: Shift):
    """One incident, however many tell of it."""
    shift.deliver(make.a_notice(event_id=EVENT, deadline=NOW + 15 * MINUTE))
    assert 0 == look(shift, row()).heard
    assert 0 == look(shift, row()).heard
    assert 1 == len(shift.plans)


def test_a_notice_that_disappears_is_taken_back_after_three_looks(shift: Shift):
    """Announced maintenance is sometimes withdrawn, and not every Canceled arrives."""
    look(shift, row())
    shift.run_until_quiet()
    assert shift.node().is_unschedulable
    assert [0, 0, 1] == [look(shift).gone for _ in range(3)]
    shift.run_until_quiet()
    assert not shift.node().is_unschedulable


def test_a_row_that_is_missing_once_takes_nothing_back(shift: Shift):
    """Resource Graph follows with a delay, and one answer is not the last word."""
    look(shift, row())
    assert [0, 0, 0] == [look(shift).gone, look(shift, row()).gone, look(shift).gone]
    shift.run_until_quiet()
    assert shift.node().is_unschedulable


def test_a_notice_that_was_completed_is_not_waited_for(shift: Shift):
    """Its end was told; that the row then goes is no news."""
    look(shift, row("Completed"))
    assert [0, 0, 0, 0] == [look(shift).gone for _ in range(4)]


def test_a_table_that_cannot_be_read_takes_nothing_back(shift: Shift):
    """An outage of Resource Graph looks like an empty table to whoever is careless."""
    look(shift, row())
    down = ProviderUnavailable("asking Resource Graph: 503", after=SECOND)
    shift.world.estate.failing[SUBSCRIPTION] = down
    for _ in range(4):
        found = look(shift)
        assert (0, 1) == (found.gone, len(found.unread))
    shift.run_until_quiet()
    assert shift.node().is_unschedulable


def test_a_row_of_an_odd_shape_hides_no_other(shift: Shift):
    """It is named, and the notice beside it is drained for."""
    odd = {**row(), "name": "odd", "properties": {"EventType": 7}}
    found = look(shift, odd, row())
    assert (1, 1) == (found.heard, len(found.unread))


def test_a_crash_between_hearing_and_remembering_loses_nothing(shift: Shift):
    """The next look hears what was heard as a duplicate, and remembers it then."""
    down = ProviderUnavailable("writing: 503", after=SECOND)
    with shift.raising("before write", down):
        assert 1 == len(look(shift, row()).unread)
    look(shift, row())
    shift.run_until_quiet()
    assert 1 == len(shift.plans)
    assert [0, 0, 1] == [look(shift).gone for _ in range(3)]
