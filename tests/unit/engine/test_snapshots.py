"""Disks saved on a schedule: once a day, under one name, each to its date."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.plans import StepOutcome
from shared.core.snapshots import TAG_EXPIRES, TAG_OF, disk_key, scheduled_name
from tests import builders as make
from tests.builders import HOUR
from tests.saved_disks import DISK, a_due_snapshot, with_disk
from tests.shift import Shift

DAY = 24 * HOUR


@pytest.fixture
def shift() -> Shift:
    """A night that saves disks."""
    return Shift.begin(make.a_rule("snapshot_disk"))


def turn(shift: Shift) -> None:
    """Let the survey find the disk, and what follows from that."""
    shift.deliver(a_due_snapshot(shift.now))
    shift.run_until_quiet()


def test_a_disk_is_saved_once_a_day_each_to_the_date_of_its_span(shift: Shift):
    """The first of a month for a year, the first of a week for four, others for seven days."""
    with_disk(shift)
    first = shift.now
    for _ in range(7):
        turn(shift)
        shift.wait(6 * HOUR)
        turn(shift)
        shift.wait(18 * HOUR)
    made = list(shift.world.compute.snapshots.values())
    names = [scheduled_name(DISK, first + n * DAY) for n in range(7)]
    assert names == [one.state.id.rpartition("/")[2] for one in made]
    assert {disk_key(DISK)} == {one.state.tags[TAG_OF] for one in made}
    wanted = ["2031-01-08", *["2030-01-09", "2030-01-10", "2030-01-11", "2030-01-12"]]
    dates = [one.state.tags[TAG_EXPIRES][:10] for one in made]
    assert wanted == dates[:5]
    monday = next(n for n in range(7) if (first + n * DAY).weekday() == 0)
    assert str((first + (monday + 28) * DAY).date()) == dates[monday]


def test_a_second_plan_of_the_day_finds_the_first_ones_snapshot(shift: Shift):
    """Two rules, or a person beside the rule, do not pay for it twice."""
    with_disk(shift)
    turn(shift)
    [made] = shift.world.compute.snapshots.values()
    tags = {k: v for k, v in made.state.tags.items() if k != TAG_EXPIRES}
    made.state.tags.clear()  # type: ignore[attr-defined]
    made.state.tags.update(tags)  # type: ignore[attr-defined]
    shift.wait(HOUR)
    turn(shift)
    assert [StepOutcome.DONE, StepOutcome.ALREADY] == [p.steps[0].outcome for p in shift.plans]
    assert 1 == shift.world.compute.count("create_snapshot")


def test_the_machines_tag_counts_for_its_disks_and_off_is_heard(shift: Shift):
    """Whoever runs the machine says it once for all of its disks."""
    with_disk(shift, schedule="")
    shift.world.snapshots.machine_tags[DISK.casefold()] = {"Nightshift-Snapshots": "off"}
    given = shift.deliver(a_due_snapshot(shift.now))
    assert [Reason.NOTHING_DECLARED] == [
        ruling.decision.reason for one in given for ruling in one.rulings
    ]
    assert [] == shift.plans


def test_a_disk_that_is_being_uploaded_is_left_alone(shift: Shift):
    """The service would refuse, and the snapshot would be of half a disk."""
    with_disk(shift, state="ActiveUpload")
    turn(shift)
    assert [] == shift.plans


def test_a_failed_snapshot_is_no_snapshot(shift: Shift):
    """Tomorrow's is taken though today's name exists."""
    with_disk(shift)
    shift.world.compute.snapshot_fails = True
    turn(shift)
    shift.world.compute.snapshot_fails = False
    shift.wait(DAY)
    turn(shift)
    assert [StepOutcome.FAILED, StepOutcome.DONE] == [p.steps[0].outcome for p in shift.plans]
    assert timedelta(days=372) == _wanted_for(shift)


def _wanted_for(shift: Shift) -> timedelta:
    """Tell for how long the newest is kept: the month's, for the first one failed."""
    newest = list(shift.world.compute.snapshots.values())[-1]
    until = datetime.fromisoformat(newest.state.tags[TAG_EXPIRES])
    return timedelta(days=round((until - newest.taken_at) / DAY))
