"""Leftovers: told, marked, waited for, looked at again, saved, removed; or left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.leftovers import MARK_TAG
from shared.core.plans import Plan, PlanOutcome, StepOutcome
from shared.core.steps import Verb
from shared.core.terms import Channel
from tests import builders as make
from tests.builders import HOUR
from tests.leftovers import DISK, a_disk, a_leftover
from tests.shift import Shift

DAY = 24 * HOUR
SET = f"{make.GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/old"


@pytest.fixture
def shift() -> Shift:
    """A night that removes what is left over, and tells its people in Teams."""
    rule = make.a_rule("remove_leftover", terms={"notify": (Channel.TEAMS,)}, grace=2 * DAY)
    night = Shift.begin(rule)
    night.world.notices.channels = (Channel.TEAMS,)
    night.world.compute.loose_disks.add(DISK.casefold())
    return night


def turn(shift: Shift, target: str = DISK) -> Plan | None:
    """Let a survey find it, and what follows from that."""
    before = {plan.id for plan in shift.plans}
    shift.deliver(a_leftover(target, shift.now))
    shift.run_until_quiet()
    return next((plan for plan in shift.plans if plan.id not in before), None)


def tags(shift: Shift) -> dict[str, str]:
    """Read the disk's tags."""
    return dict(shift.world.leftovers.documents[DISK.casefold()]["tags"])


def test_nothing_is_removed_that_was_not_marked_and_told_of(shift: Shift):
    """The whole way: told, marked, two days, saved, removed."""
    shift.world.leftovers.add(a_disk())
    first = turn(shift)
    assert first is not None
    assert [Verb.TELL, Verb.MARK] == [record.step.verb for record in first.steps]
    assert PlanOutcome.DONE == first.outcome
    assert MARK_TAG in tags(shift)
    shift.wait(DAY)
    assert turn(shift) is None
    shift.wait(DAY + HOUR)
    last = turn(shift)
    assert last is not None
    assert [Verb.SNAPSHOT, Verb.REMOVE] == [record.step.verb for record in last.steps]
    assert [StepOutcome.DONE] * 2 == [record.outcome for record in last.steps]
    assert {} == shift.world.leftovers.documents


def test_who_cannot_be_told_is_not_marked(shift: Shift):
    """A mark that nobody heard of would be a removal that nobody heard of."""
    shift.world.notices.channels = ()
    shift.world.leftovers.add(a_disk())
    plan = turn(shift)
    assert plan is not None
    assert PlanOutcome.FAILED == plan.outcome
    assert {} == tags(shift)


def test_what_is_used_again_loses_its_mark(shift: Shift):
    """And the count begins anew when it is left over once more."""
    shift.world.leftovers.add(a_disk("Attached", **{MARK_TAG: "2030-01-03T00:00:00Z"}))
    turn(shift)
    assert {} == tags(shift)


def test_a_disk_that_is_attached_while_it_is_saved_stays(shift: Shift):
    """The last look is the one that counts."""
    shift.world.leftovers.add(a_disk(**{MARK_TAG: "2029-12-30T00:00:00Z"}))

    def attach(where: str) -> None:
        if where == "after create_snapshot":
            properties = shift.world.leftovers.documents[DISK.casefold()]["properties"]
            properties["diskState"] = "Attached"

    shift.hooks.append(attach)
    plan = turn(shift)
    assert plan is not None
    assert [] == shift.done("remove")
    assert StepOutcome.REFUSED == plan.steps[-1].outcome


def test_a_person_who_moves_the_date_is_obeyed(shift: Shift):
    """While the plan was waiting for its snapshot, too."""
    shift.world.leftovers.add(a_disk(**{MARK_TAG: "2029-12-30T00:00:00Z"}))

    def move(where: str) -> None:
        if where == "after create_snapshot":
            shift.world.leftovers.documents[DISK.casefold()]["tags"] = {MARK_TAG: "2031-01-01"}

    shift.hooks.append(move)
    plan = turn(shift)
    assert plan is not None
    assert ([], Reason.NO_LONGER_WANTED) == (shift.done("remove"), plan.steps[-1].reason)


def test_an_owner_who_wants_it_longer_says_so_in_a_tag(shift: Shift):
    """No form, no ticket."""
    shift.world.leftovers.add(a_disk(**{"Expires-On": "2031-01-01"}))
    assert turn(shift) is None
    assert [] == shift.world.effects


def test_a_scale_set_past_its_owners_date_goes_with_its_machines(shift: Shift):
    """Marked and told first, like everything else."""
    document = {
        "id": SET,
        "location": "westeurope",
        "tags": {"expires-on": "2029-12-01"},
        "sku": {"capacity": 3},
        "properties": {},
    }
    shift.world.leftovers.add(document)
    turn(shift, SET)
    assert [("mark", SET)] == [one for one in shift.world.effects if one[1] == SET]
    shift.wait(2 * DAY + HOUR)
    plan = turn(shift, SET)
    assert plan is not None
    assert [Verb.REMOVE] == [record.step.verb for record in plan.steps]
    assert [SET] == shift.done("remove")


def test_a_disk_that_somebody_has_is_not_removed_however_old_its_date(shift: Shift):
    """Azure would refuse it, and so do we."""
    shift.world.leftovers.add(a_disk("Attached", **{"expires-on": "2029-12-01"}))
    assert turn(shift) is None


@pytest.mark.parametrize(
    "where", ["before mark", "after mark", "before remove", "after remove"]
)
def test_a_crash_marks_and_removes_once(shift: Shift, where: str):
    """Whoever takes over looks before it writes."""
    due = {MARK_TAG: "2029-12-30T00:00:00Z"} if "remove" in where else {}
    shift.world.leftovers.add(a_disk(**due))
    died: list[str] = []

    def die(at: str) -> None:
        if at == where and not died:
            died.append(at)
            shift.die(at)

    shift.hooks.append(die)
    shift.send(a_leftover())
    shift.run_until_quiet()
    [plan] = shift.plans
    assert ([where], PlanOutcome.DONE) == (died, plan.outcome)
    assert 1 == len(set(shift.done("remove" if due else "mark")))


def test_a_grace_that_nobody_could_use_is_refused():
    """An hour at night is no grace."""
    with pytest.raises(ValueError, match="1d or more"):
        make.a_rule("remove_leftover", grace=timedelta(hours=1))
