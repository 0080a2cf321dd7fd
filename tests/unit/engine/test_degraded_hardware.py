"""A host that is failing: every disk is saved, then the machine moves once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.errors import ProviderUnavailable
from shared.core.plans import PlanOutcome, StepOutcome
from shared.core.snapshots import Snapshot, disk_key
from tests.builders import NOW, SECOND, VM, a_degradation, a_rule
from tests.shift import Shift


@pytest.fixture
def shift() -> Shift:
    """A night whose one rule saves and moves machines, and a machine with two disks."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM, "os", "data")
    return shift


def test_every_disk_is_saved_and_ready_before_the_machine_moves(shift: Shift):
    """A redeploy that goes wrong must find its disks' copies complete."""
    shift.world.compute.snapshot_looks = 3
    ready = []
    shift.hooks.append(
        lambda at: (
            ready.extend(s.state.is_ready for s in shift.world.compute.snapshots.values())
            if at == "before redeploy"
            else None
        )
    )
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    assert ([True, True], [VM]) == (ready, shift.done("redeploy"))
    assert PlanOutcome.DONE == shift.plan.outcome


def test_a_snapshot_is_named_by_its_step_and_tagged_with_plan_and_expiry(shift: Shift):
    """Whoever finds it knows whose it is, of what, and when it may go."""
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    plan = shift.plan
    snapshots = [one.state for one in shift.world.compute.snapshots.values()]
    names = [f"nightshift-{plan.step_key(0)}", f"nightshift-{plan.step_key(1)}"]
    assert names == [one.id.rsplit("/", 1)[1] for one in snapshots]
    expires = "2030-01-15T03:00:00.000000Z"
    assert {
        "nightshift-source": "os",
        "nightshift-plan": plan.id,
        "nightshift-expires": expires,
        "nightshift-of": disk_key(plan.steps[0].step.target),
    } == snapshots[0].tags


def test_no_redeploy_follows_a_snapshot_that_failed(shift: Shift):
    """What could not be saved is not moved; a person must look."""
    shift.world.compute.snapshot_fails = True
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    assert ([], PlanOutcome.FAILED) == (shift.done("redeploy"), shift.plan.outcome)
    assert [StepOutcome.FAILED, StepOutcome.REFUSED, StepOutcome.REFUSED] == [
        record.outcome for record in shift.plan.steps
    ]


def test_a_snapshot_that_never_completes_ends_the_plan(shift: Shift):
    """Half an hour is enough; the machine is left where it is."""
    shift.world.compute.snapshot_looks = 10**6
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    assert ([], Reason.TIMED_OUT) == (shift.done("redeploy"), shift.plan.steps[0].reason)


@pytest.mark.parametrize("died", ["after redeploy", "before redeploy"])
@pytest.mark.parametrize("looks", [0, 1, 40])
def test_a_machine_moves_once_though_the_worker_died_around_the_call(
    shift: Shift, died: str, looks: int
):
    """The call's answer is lost; whether it was made is seen by what the machine did."""
    shift.world.compute.redeploy_looks = looks
    armed = [died]

    def die_once(at: str) -> None:
        if at in armed:
            armed.clear()
            shift.die(at)

    shift.hooks.append(die_once)
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    assert ([VM], PlanOutcome.DONE) == (shift.done("redeploy"), shift.plan.outcome)


def test_a_call_whose_answer_was_lost_and_that_failed_is_not_made_again(shift: Shift):
    """The service said no to a call we do not remember: a person must look."""
    shift.world.compute.redeploy_fails = "no capacity"
    with shift.raising("after redeploy", ProviderUnavailable("redeploying", after=SECOND)):
        shift.deliver(a_degradation())
        shift.run_until_quiet()
    last = shift.plan.steps[-1]
    assert ([VM], StepOutcome.FAILED, Reason.REJECTED) == (
        shift.done("redeploy"),
        last.outcome,
        last.reason,
    )


def test_a_call_that_was_never_made_is_made_once_the_doubt_is_over(shift: Shift):
    """Not seen at once is not proof: the service is given time to show it."""
    with shift.raising("before redeploy", ProviderUnavailable("redeploying", after=SECOND)):
        shift.deliver(a_degradation())
        shift.run_until_quiet()
    assert ([VM], PlanOutcome.DONE) == (shift.done("redeploy"), shift.plan.outcome)
    began = shift.plan.steps[-1].started_at
    assert began is not None
    assert shift.now - began >= 20 * SECOND


def test_a_redeploy_that_the_service_gives_up_fails_with_its_words(shift: Shift):
    """The reason is the service's own, so that nobody has to guess."""
    shift.world.compute.redeploy_fails = "no capacity"
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    last = shift.plan.steps[-1]
    assert (StepOutcome.FAILED, "no capacity") == (last.outcome, last.detail["said"])
    assert PlanOutcome.PARTIAL == shift.plan.outcome


def test_an_operation_that_the_service_forgot_is_told_by_the_machine(shift: Shift):
    """Forgotten and moved is done; forgotten and not moved is not known."""
    shift.world.compute.redeploy_looks = 3
    shift.deliver(a_degradation())
    shift.hooks.append(
        lambda at: shift.world.compute.operations.clear() if at == "read operation" else None
    )
    shift.run_until_quiet()
    last = shift.plan.steps[-1]
    assert (StepOutcome.UNKNOWN, Reason.UNVERIFIED) == (last.outcome, last.reason)
    assert PlanOutcome.UNKNOWN == shift.plan.outcome


def test_a_machine_that_does_not_come_back_up_is_a_failure(shift: Shift):
    """The operation said success; the machine is what counts."""
    shift.hooks.append(
        lambda at: (
            setattr(shift.world.compute.machines_by_id[VM.casefold()], "power", "stopped")
            if at == "after redeploy"
            else None
        )
    )
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    last = shift.plan.steps[-1]
    assert (StepOutcome.FAILED, Reason.NOT_RUNNING) == (last.outcome, last.reason)


def test_a_machine_without_managed_disks_is_left_to_a_person():
    """Nothing could be saved first, so nothing is moved."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(VM)
    shift.deliver(a_degradation())
    assert ([], ["no_disks"]) == (shift.plans, shift.reasons("h-1"))


def test_a_rules_own_time_to_keep_is_the_expiry():
    """How long a snapshot costs money is the rule's word."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy", keep=timedelta(days=1)))
    shift.with_machine(VM, "os")
    shift.deliver(a_degradation())
    assert f"{NOW + timedelta(days=1):%Y-%m-%d}" in str(shift.plan.steps[0].step.args)


def test_a_snapshot_that_is_young_enough_is_not_taken_again():
    """How old it may be is the rule's word; an older one is no reason to go without."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy", within=timedelta(hours=1)))
    shift.with_machine(VM, "os", "data")
    disks = [one.id for one in shift.world.compute.machines_by_id[VM.casefold()].disks]
    for disk, age in zip(disks, (30, 90), strict=True):
        shift.world.snapshots.add({"id": disk, "properties": {"diskState": "Attached"}})
        taken = shift.now - timedelta(minutes=age)
        known = Snapshot(f"{disk}-saved", disk_key(disk), disk, "eu", taken, is_good=True)
        shift.world.snapshots.told.append(known)
    shift.deliver(a_degradation())
    shift.run_until_quiet()
    assert [StepOutcome.ALREADY, StepOutcome.DONE, StepOutcome.DONE] == [
        record.outcome for record in shift.plan.steps
    ]
    assert f"{disks[0]}-saved" == shift.plan.steps[0].detail["snapshot"]
    assert 1 == shift.world.compute.count("create_snapshot")
