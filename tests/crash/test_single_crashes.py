"""Die at every point of every scenario, once; recover in each of three ways.

Every plan closes, every step has an outcome, each effect happened exactly once, and the
target is free again.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.crash.stories import (
    BATCH,
    DEGRADED,
    IDLE,
    STORIES,
    WITHDRAWN,
    Recovery,
    Story,
    assert_settled,
    assert_told_whole,
    effects,
    points_of,
    snapshots,
)
from tests.crash.supervised import LIMITED, SUPERVISED

EVERY = (*STORIES, *SUPERVISED)
IN_PARTS = {IDLE, WITHDRAWN, LIMITED}
"""Stories of which a part may come through without the rest."""

POINTS = points_of(EVERY)


def test_the_stories_are_told_whole_without_a_crash():
    """What the crashes are measured against is itself as expected."""
    for story in EVERY:
        assert_told_whole(story)


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
    assert Counter(story.outcomes) == Counter(plan.outcome for plan in shift.plans)
    story.look(shift)
    if story is DEGRADED:
        assert 2 == len(snapshots(shift)) == len(set(snapshots(shift)))
    if story is BATCH:
        assert [1, 1, 1] == [len(t) for t in shift.world.ledger.budgets.values()]


@pytest.mark.parametrize(("story", "point"), POINTS)
def test_a_crash_does_not_depend_on_the_sender(story: Story, point: int):
    """A plan that was stored is carried out whole by our own queue and sweep."""
    shift = story.tell(point, recovery=Recovery.ON_OUR_OWN)
    assert_settled(shift)
    assert Counter(plan.outcome for plan in shift.plans) <= Counter(story.outcomes)
    assert effects(shift) <= story.expect
    if len(shift.plans) == len(story.outcomes):
        assert story.expect == effects(shift)
        story.look(shift)
    elif story not in IN_PARTS:
        assert ([], Counter()) == (shift.plans, effects(shift))
