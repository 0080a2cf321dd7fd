"""Machines saved at one moment, and old restore points removed, but for the newest."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.plans import PlanOutcome, StepOutcome
from tests import builders as make
from tests.builders import HOUR, NOW, VM
from tests.restore_points import (
    COLLECTION,
    DAY,
    a_due_point,
    an_expired_point,
    point_of,
    with_old_points,
)
from tests.shift import Shift


@pytest.fixture
def shift() -> Shift:
    """A night that saves machines and removes what is past its date."""
    night = Shift.begin(
        make.a_rule("save_machine"),
        make.a_rule("expire_restore_points", name="expire"),
    )
    night.with_machine(VM, "os", "data", "logs")
    return night


def save(shift: Shift) -> None:
    """Let the survey find the machine, and what follows from that."""
    shift.deliver(a_due_point(shift.now))
    shift.run_until_quiet()


def points(shift: Shift) -> list[str]:
    """Name the points there are."""
    held = shift.world.restore_points.collections.get(COLLECTION.casefold(), {})
    return [one.id.rpartition("/")[2] for one in held.values()]


def test_every_disk_is_saved_at_one_moment_once_a_day(shift: Shift):
    """One effect for three disks, and none for the second finding of the day."""
    save(shift)
    shift.wait(HOUR)
    save(shift)
    assert ["nightshift-20300101-until-20300404"] == points(shift)
    [record] = shift.plan.steps
    assert StepOutcome.DONE == record.outcome
    assert 3 == record.detail["disks"]


def test_a_worker_that_dies_after_asking_asks_for_no_second_one(shift: Shift):
    """The name is the day's: the next worker finds it."""

    def die(where: str) -> None:
        if where == "after create_restore_point" and not shift.crashes:
            shift.die(where)

    shift.hooks.append(die)
    shift.send(a_due_point(shift.now))
    shift.run_until_quiet()
    assert 1 == len(points(shift))
    assert PlanOutcome.DONE == shift.plan.outcome
    assert shift.crashes


def test_one_that_fails_is_told_as_failed(shift: Shift):
    """It is never counted as saved."""
    shift.world.restore_points.fails = True
    save(shift)
    assert (StepOutcome.FAILED, Reason.REJECTED) == (
        shift.plan.steps[0].outcome,
        shift.plan.steps[0].reason,
    )


def test_what_is_past_its_date_goes_and_the_newest_stays(shift: Shift):
    """Also when the newest is past its date, too."""
    with_old_points(shift)
    shift.wait(timedelta(days=30))
    shift.deliver(an_expired_point(shift.now))
    shift.run_until_quiet()
    assert ["nightshift-20291231-until-20300107"] == points(shift)


def test_nothing_is_removed_whose_newer_one_vanished_meanwhile(shift: Shift):
    """The last look is the one that counts."""
    with_old_points(shift)
    newer = point_of(NOW - 1 * DAY, NOW + 6 * DAY).casefold()

    def vanish(where: str) -> None:
        if where == "read point":
            shift.world.restore_points.collections[COLLECTION.casefold()].pop(newer, None)

    shift.hooks.append(vanish)
    shift.deliver(an_expired_point(datetime.fromisoformat(NOW.isoformat())))
    shift.run_until_quiet()
    assert ["nightshift-20291223-until-20291230"] == points(shift)
    assert StepOutcome.REFUSED == shift.plan.steps[0].outcome
