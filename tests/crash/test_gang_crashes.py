"""Die at every point of a wave over two nodes of one job, and of the same in Slurm.

Whoever recovers it, and however late: each member is told once and leaves once, each node
is cordoned once; the Slurm job is requeued once, and signalled twice at most.
"""

from __future__ import annotations

from collections import Counter

import pytest

from shared.core.plans import PlanOutcome
from tests.builders import a_reboot, a_resource, a_rule, instance
from tests.crash.stories import (
    Recovery,
    Story,
    assert_settled,
    assert_told_whole,
    effects,
    points_of,
)
from tests.gangs import run_gang
from tests.shift import Shift

NUMBERS = (29, 30)
REPEATED = Counter({("slurm_signal", "1"): 1, ("slurm_requeue", "1"): 1})
"""A worker that died before it could write it down sends a signal, or asks, once more."""
DRAINS_AND_MOVES = frozenset({"slurm_drain", "slurm_requeue"})
AGAIN = frozenset({"tell", "slurm_signal", "slurm_requeue"})


def with_a_gang() -> Shift:
    """Two nodes with one job that asks, and a server beside it on one of them."""
    shift = Shift.begin(a_rule())
    run_gang(shift, *NUMBERS)
    return shift


def with_a_slurm_job() -> Shift:
    """Two Slurm nodes with one job that asks, and a third that stays."""
    shift = Shift.begin(a_rule("drain_slurm_node"))
    shift.world.slurm.has_requeue = True
    for number in NUMBERS:
        shift.world.slurm.add(f"gpu{number}", instance(number))
        shift.world.resources.add(a_resource(instance(number)))
    shift.world.slurm.add("stays001")
    shift.world.slurm.run("gpu29", "gpu30", asks="batch:USR1", says="saved")
    return shift


def notice(shift: Shift) -> object:
    """Send the one notice that names both."""
    return shift.deliver(*(a_reboot(number) for number in NUMBERS))


def waves(shift: Shift) -> set[str]:
    """Name the waves that the plans took part in: two if one came back after the window."""
    found: set[str] = set()
    for plan in shift.plans:
        for record in plan.steps:
            found |= {one["wave"] for one in record.detail.get("gangs", {}).values()}
            found |= set(record.detail.get("waves", {}).values())
    return found


GANG = Story(
    "one job on two nodes",
    with_a_gang,
    (notice,),
    Counter(
        {
            **{("cordon", f"aks-spot-1-vmss0000{number}"): 1 for number in NUMBERS},
            **{("tell", f"llm-{number}"): 1 for number in NUMBERS},
            **{("evict", f"llm-{number}"): 1 for number in NUMBERS},
        }
    ),
    (PlanOutcome.DONE, PlanOutcome.DONE),
)
SLURM = Story(
    "one Slurm job on two nodes",
    with_a_slurm_job,
    (notice,),
    Counter(
        {
            **{("slurm_drain", f"gpu{number}"): 1 for number in NUMBERS},
            ("slurm_signal", "1"): 1,
            ("slurm_requeue", "1"): 1,
        }
    ),
    (PlanOutcome.DONE, PlanOutcome.DONE),
)
STORIES = (GANG, SLURM)
POINTS = points_of(STORIES)


def test_the_stories_are_told_whole_without_a_crash():
    """What the crashes are measured against is itself as expected."""
    for story in STORIES:
        shift = assert_told_whole(story)
        assert 1 == len(waves(shift))


@pytest.mark.parametrize("recovery", list(Recovery))
@pytest.mark.parametrize(("story", "point"), POINTS)
def test_a_crash_tells_nobody_twice_and_moves_nobody_twice(
    story: Story, point: int, recovery: Recovery
):
    """Each plan has a worker of its own, and any of them may be the one that dies.

    A plan that is taken up again after the window is a wave of its own: what is left of
    the job then is told once more. A Slurm job that began anew on the other node, before
    its notice was sent again, is moved once more, for that one goes, too.
    """
    shift = story.tell(point, recovery=recovery)
    assert 1 == shift.crashes
    assert_settled(shift)
    done, met = effects(shift), waves(shift)
    if recovery is Recovery.ON_OUR_OWN and len(shift.plans) < len(story.outcomes):
        assert done <= story.expect + REPEATED
        return  # nobody sent the notice of the other machine again
    assert 1 <= len(met) <= 2
    assert Counter() == story.expect - done
    assert {PlanOutcome.DONE} == {plan.outcome for plan in shift.plans}
    allowed = REPEATED if story is SLURM else Counter()
    if len(met) > 1:
        allowed = allowed + Counter({name: 1 for name in story.expect if name[0] in AGAIN})
    assert done - story.expect <= allowed
    if story is SLURM:
        job, kinds = shift.world.slurm.job(1), [kind for kind, _ in shift.world.effects]
        are_drained = ["slurm_drain"] * 2 == [k for k in kinds if k in DRAINS_AND_MOVES][:2]
        assert ("stays001",) == job.nodes
        assert 1 <= job.restarts <= (1 if are_drained else 2)


def test_most_deaths_are_within_one_wave():
    """Else the bounds above would prove little: a lease is shorter than the window."""
    points = len(GANG.points())
    ones = sum(
        1 == len(waves(GANG.tell(point, recovery=Recovery.SENT_AGAIN)))
        for point in range(1, points + 1, 4)
    )
    assert ones > points / 4 * 0.8
