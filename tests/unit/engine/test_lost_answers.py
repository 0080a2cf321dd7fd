"""A write that succeeded and whose answer was lost, so that its repetition conflicts.

The storage library sends again by itself: what it then reports as a conflict is our own
write. Taken for somebody else's, an eviction would wait for a lease that nobody holds.
"""

from __future__ import annotations

import pytest

from shared.core.errors import StaleFacts
from shared.core.plans import PlanOutcome
from tests.builders import SECOND, a_notice, a_pod, a_rule
from tests.shift import Shift

LOST = StaleFacts("412: the condition was not met")


@pytest.fixture
def shift() -> Shift:
    """A night whose one rule drains nodes that are being taken."""
    night = Shift.begin(a_rule())
    night.with_node(a_pod())
    return night


def test_a_plan_whose_opening_was_answered_too_late_is_carried_out_at_once(shift: Shift):
    """Thirty seconds of notice cannot wait for a thirty-second lease."""
    with shift.raising("after open", LOST):
        shift.deliver(a_notice())

    assert ["worker-0"] == shift.done("evict")
    assert 1 == len(shift.plans)


@pytest.mark.parametrize("nth", range(6))
def test_a_step_recorded_and_answered_too_late_is_recorded_once(shift: Shift, nth: int):
    """Whatever write of the plan it is: the plan goes on, each step ends once."""
    seen = 0

    def lose_the_nth(where: str) -> None:
        nonlocal seen
        if where == "after save":
            seen += 1
            if seen == nth + 1:
                raise LOST

    shift.hooks.append(lose_the_nth)
    shift.deliver(a_notice())
    for _ in range(25):
        shift.wait(SECOND)

    [plan] = shift.plans
    assert PlanOutcome.DONE == plan.outcome
    assert ["worker-0"] == shift.done("evict")
