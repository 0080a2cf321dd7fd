"""Die twice in one eviction: at every point, and then at every point of the recovery."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    "first", range(1, len(EVERY) + 1), ids=lambda n: f"{n} {EVERY[n - 1]}"
)
@pytest.mark.parametrize("recovery", [Recovery.SENT_AGAIN, Recovery.ON_OUR_OWN])
def test_a_second_crash_changes_nothing_either(first: int, recovery: Recovery):
    """What recovers may die as well; the eviction still happens exactly once."""
    told = 0
    for second in range(first + 1, LAST):
        shift = EVICTION.tell(first, second, recovery=recovery)
        if shift.crashes < 2:
            break
        told += 1
        assert_settled(shift)
        if shift.plans:
            assert EVICTION.expect == effects(shift), (first, second)
            assert PlanOutcome.DONE == shift.plan.outcome, (first, second)
    else:
        pytest.fail(f"more than {LAST} points")
    assert told or first == len(EVERY) or not shift.plans


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
