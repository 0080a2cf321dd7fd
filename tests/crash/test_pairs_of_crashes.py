"""Die twice in one eviction: at every point, and then at points of the recovery.

``NIGHTSHIFT_CRASH_STRIDE=1`` tries every second point; by default it is every third,
another third for each first one.
"""

from __future__ import annotations

import os

import pytest

from shared.core.plans import PlanOutcome
from tests.crash.stories import (
    DEGRADED,
    EVICTION,
    Recovery,
    Story,
    assert_settled,
    effects,
    snapshots,
)

EVERY = EVICTION.points()
LAST = 80  # points of the longest recovery, and a few more
STRIDE = int(os.environ.get("NIGHTSHIFT_CRASH_STRIDE", "3"))


@pytest.mark.parametrize(
    "first", range(1, len(EVERY) + 1), ids=lambda n: f"{n} {EVERY[n - 1]}"
)
@pytest.mark.parametrize("recovery", [Recovery.SENT_AGAIN, Recovery.ON_OUR_OWN])
def test_a_second_crash_changes_nothing_either(first: int, recovery: Recovery):
    """What recovers may die as well; the eviction still happens exactly once."""
    for second in range(first + 1 + first % STRIDE, LAST, STRIDE):
        shift = EVICTION.tell(first, second, recovery=recovery)
        if shift.crashes < 2:
            break
        assert_settled(shift)
        if shift.plans:
            assert EVICTION.expect == effects(shift), (first, second)
            assert PlanOutcome.DONE == shift.plan.outcome, (first, second)
    else:
        pytest.fail(f"more than {LAST} points")


@pytest.mark.parametrize("story", [pytest.param(DEGRADED, id="degraded hardware")])
def test_two_crashes_around_a_redeploy_move_the_machine_once(story: Story):
    """The call that leaves no trace of its own, and its neighbours, two at a time."""
    points = story.points()
    begin = points.index("before redeploy") - 3
    for first in range(begin, begin + 8):
        for second in range(first + 1, first + 12):
            shift = story.tell(first, second)
            assert_settled(shift)
            assert story.expect == effects(shift), (first, second)
            assert 2 == len(snapshots(shift)), (first, second)
