"""Die at every point of emptying a Slurm node, and of taking that back.

A node is drained once, given up once and resumed once, and its job is moved once. A signal
that may or may not have been sent is sent again: a checkpoint twice is better than none.
"""

from __future__ import annotations

from collections import Counter

import pytest

from shared.core.plans import PlanOutcome
from tests.builders import a_reboot, a_rule, canceled
from tests.crash.stories import (
    Recovery,
    Story,
    assert_settled,
    assert_told_whole,
    effects,
    points_of,
)
from tests.shift import Shift

NODE, JOB = "gpu029", 1
MOVED = Counter(
    {("slurm_drain", NODE): 1, ("slurm_signal", str(JOB)): 1, ("slurm_down", NODE): 1}
)
BACK = Counter({("slurm_resume", NODE): 1, ("slurm_comment", NODE): 1})


def with_a_job() -> Shift:
    """Begin with a node whose job saves as soon as it is told to."""
    shift = Shift.begin(a_rule("drain_slurm_node"))
    shift.with_slurm_node(asks="batch:USR1", says="saved")
    return shift


def emptied() -> Shift:
    """Begin after the node was emptied, so that only the withdrawal is left to tell."""
    shift = with_a_job()
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    return shift


def is_moved(shift: Shift) -> None:
    """The job runs elsewhere, started anew once."""
    job = shift.world.slurm.job(JOB)
    assert (1, ("free001",)) == (job.restarts, job.nodes)


def is_back(shift: Shift) -> None:
    """The node takes jobs again, and nothing of ours is on it."""
    node = shift.world.slurm.at(NODE)
    assert (("IDLE",), ()) == (node.states, node.marks)


SLURM = Story(
    "Slurm node",
    with_a_job,
    (lambda shift: shift.deliver(a_reboot()),),
    MOVED,
    look=is_moved,
)
SLURM_BACK = Story(
    "withdrawal of a Slurm node",
    emptied,
    (lambda shift: shift.deliver(canceled(a_reboot())),),
    MOVED + BACK,
    (PlanOutcome.DONE, PlanOutcome.DONE),
    is_back,
)
STORIES = (SLURM, SLURM_BACK)
POINTS = points_of(STORIES)


def test_the_stories_are_told_whole_without_a_crash():
    """What the crashes are measured against is itself as expected."""
    for story in STORIES:
        assert_told_whole(story)


@pytest.mark.parametrize("recovery", list(Recovery))
@pytest.mark.parametrize(("story", "point"), POINTS)
def test_a_crash_loses_nothing_and_repeats_only_a_signal(
    story: Story, point: int, recovery: Recovery
):
    """Whoever recovers it, and however late."""
    shift = story.tell(point, recovery=recovery)
    assert 1 == shift.crashes
    assert_settled(shift)
    if recovery is Recovery.ON_OUR_OWN and len(shift.plans) < len(story.outcomes):
        assert effects(shift) <= story.expect
        return
    repeated = effects(shift) - story.expect
    assert repeated <= Counter({("slurm_signal", str(JOB)): 1, ("slurm_comment", NODE): 1})
    assert Counter() == story.expect - effects(shift)
    assert Counter(story.outcomes) == Counter(plan.outcome for plan in shift.plans)
    story.look(shift)
