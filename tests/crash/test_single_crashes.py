"""Die at every point of every scenario, once; recover in each of three ways.

Every plan closes, every step has an outcome, each effect happened exactly once, and the
target is free again.
"""

from __future__ import annotations

from collections import Counter

import pytest

from shared.core.plans import PlanOutcome
from tests.crash.stories import (
    BATCH,
    DEGRADED,
    IDLE,
    STORIES,
    WITHDRAWN,
    Recovery,
    Story,
    assert_settled,
    effects,
    snapshots,
)

POINTS = [
    pytest.param(story, number, id=f"{story}: {number} {point}")
    for story in STORIES
    for number, point in enumerate(story.points(), start=1)
]


def test_the_stories_are_told_whole_without_a_crash():
    """What the crashes are measured against is itself as expected."""
    for story in STORIES:
        shift = story.tell()
        assert_settled(shift)
        assert story.expect == effects(shift)
        assert story.outcomes == tuple(plan.outcome for plan in shift.plans)


@pytest.mark.parametrize("recovery", [Recovery.SENT_AGAIN, Recovery.SENT_LATE])
@pytest.mark.parametrize(("story", "point"), POINTS)
def test_a_crash_loses_nothing_and_repeats_nothing(
    story: Story, point: int, recovery: Recovery
):
    """Sent again at once or much later: the world is as if nobody had died."""
    shift = story.tell(point, recovery=recovery)
    assert 1 == shift.crashes
    assert_settled(shift)
    assert story.expect == effects(shift)
    assert {PlanOutcome.DONE} == {plan.outcome for plan in shift.plans}
    assert len(story.outcomes) == len(shift.plans)
    if story is DEGRADED:
        assert 2 == len(snapshots(shift)) == len(set(snapshots(shift)))
    if story is BATCH:
        assert [1, 1, 1] == [len(t) for t in shift.world.ledger.budgets.values()]


@pytest.mark.parametrize(("story", "point"), POINTS)
def test_a_crash_does_not_depend_on_the_sender(story: Story, point: int):
    """A plan that was stored is carried out whole by our own queue and sweep."""
    shift = story.tell(point, recovery=Recovery.ON_OUR_OWN)
    assert_settled(shift)
    assert {PlanOutcome.DONE} >= {plan.outcome for plan in shift.plans}
    assert effects(shift) <= story.expect
    if len(shift.plans) == len(story.outcomes):
        assert story.expect == effects(shift)
    elif story not in {IDLE, WITHDRAWN}:
        assert ([], Counter()) == (shift.plans, effects(shift))
