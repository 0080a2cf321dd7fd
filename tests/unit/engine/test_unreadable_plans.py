"""A plan that a later release opened, back in this one: left alone, and in nobody's way."""

from __future__ import annotations

import json

import pytest

from shared.core.errors import InvalidTarget
from shared.core.plans import PlanOutcome
from shared.engine import events
from tests.builders import SECOND, a_notice, a_rule
from tests.shift import Shift


@pytest.fixture
def shift() -> Shift:
    """Two nodes whose plans are open; the first has a verb that this release lacks."""
    shift = Shift.begin(a_rule())
    for number in (29, 30):
        shift.with_node(number=number)
        shift.deliver(a_notice(number))
    shift.move(15 * SECOND)
    shift.world.queue.waiting.clear()
    plan_id = next(iter(shift.world.ledger.plans))
    row, version = shift.world.ledger.plans[plan_id]
    document = json.loads(row["doc0"])
    document["steps"][0]["verb"] = "teleport"
    shift.world.ledger.plans[plan_id] = ({**row, "doc0": json.dumps(document)}, version)
    return shift


def test_it_stops_no_sweep(shift: Shift):
    """The other plan would wait for a person who looks into the log."""
    strange, other = shift.world.ledger.plans
    before = shift.world.ledger.plans[strange]
    swept = shift.sweep()
    assert (2, 1, (strange,)) == (swept.open, swept.woken, swept.unread)
    shift.wait(20 * SECOND)
    assert PlanOutcome.DONE == shift.world.ledger.plan(other).outcome
    assert before == shift.world.ledger.plans[strange]


def test_nobody_works_on_it(shift: Shift):
    """What cannot be read is not acted on; its message comes back, for who can read it."""
    strange = next(iter(shift.world.ledger.plans))
    with pytest.raises(InvalidTarget, match="teleport"):
        shift.invoke(events.wake(shift.night, {"plan": strange, "seq": 1}))
