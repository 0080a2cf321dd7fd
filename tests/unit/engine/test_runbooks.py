"""A person starts a plan by the name of a remediation."""

from __future__ import annotations

import pytest

from shared.core.decisions import Reason
from shared.core.errors import InvalidSetting, InvalidTarget
from shared.core.plans import PlanOutcome
from shared.engine.runbook import UnknownRemediation, check_target
from tests.builders import ACCOUNT, REMEDIATIONS, VM, a_failed_task, instance
from tests.shift import Shift


@pytest.fixture
def shift() -> Shift:
    """A night without rules, and a machine: a person needs no rule."""
    shift = Shift.begin()
    shift.with_machine(VM, "os", is_quiet=False)
    return shift


def test_a_person_starts_what_no_rule_would(shift: Shift):
    """The plan is left to the queue, and the answer names it."""
    given = shift.run_book("snapshot_and_redeploy", VM)
    assert given.stored is not None
    assert (shift.plan.id, []) == (given.stored.plan.id, shift.world.effects)
    shift.run_until_quiet()
    assert (PlanOutcome.DONE, "runbook/snapshot_and_redeploy") == (
        shift.plan.outcome,
        shift.plan.rule,
    )


def test_a_person_may_stop_a_busy_machine_if_they_say_so(shift: Shift):
    """Without metrics it is never idle; by hand and asked for, it is theirs to stop."""
    assert Reason.NO_DATA == shift.run_book("deallocate_idle", VM).rulings[0].decision.reason
    shift.run_book("deallocate_idle", VM, given={"even_if_busy": True}, request_id="r-2")
    shift.run_until_quiet()
    assert [VM] == shift.done("deallocate")


def test_the_same_request_sent_again_is_the_same_plan(shift: Shift):
    """A proxy that repeats a POST must not start a second redeploy."""
    first = shift.run_book("snapshot_and_redeploy", VM)
    again = shift.run_book("snapshot_and_redeploy", VM)
    assert first.stored is not None
    assert again.stored is not None
    assert first.stored.plan.id == again.stored.plan.id
    shift.run_until_quiet()
    assert [VM] == shift.done("redeploy")


def test_a_dry_run_shows_the_plan_and_every_guardrail_and_does_nothing(shift: Shift):
    """A person sees what would happen before they let it."""
    before = shift.world.picture()
    given = shift.run_book("snapshot_and_redeploy", VM, is_dry_run=True)
    shift.run_until_quiet()
    assert given.dry is not None
    assert ["snapshot", "redeploy"] == [r.step.verb.value for r in given.dry.steps]
    assert "dry_run" == given.rulings[0].guardrails["dry_run"]
    assert (before, []) == (shift.world.picture(), shift.plans)


def test_an_unknown_remediation_is_refused_with_the_known_names(shift: Shift):
    """A typo is told what it may have meant."""
    with pytest.raises(UnknownRemediation) as refused:
        shift.run_book("reboot_everything", VM)
    assert all(name in str(refused.value) for name in REMEDIATIONS)


def test_every_wrong_setting_is_named_at_once(shift: Shift):
    """Unknown, of the wrong type, of the wrong unit: one answer, nothing started."""
    given = {"idle_forr": "1h", "coverage": "most", "idle_for": 60}
    with pytest.raises(InvalidSetting) as refused:
        shift.run_book("deallocate_idle", VM, given=given)
    text = str(refused.value)
    assert "with.idle_forr is no setting of deallocate_idle; did you mean idle_for?" in text
    assert "with.coverage: 'most' does not fit: write a number" in text
    assert "with.idle_for: 60 is not a duration" in text
    assert [] == shift.plans


@pytest.mark.parametrize(
    ("remediation", "kind", "fits"),
    [
        ("drain_node", "microsoft.compute/virtualmachines", True),
        ("drain_node", "microsoft.batch/batchaccounts", False),
        ("snapshot_and_redeploy", "microsoft.compute/virtualmachines", True),
        ("snapshot_and_redeploy", "", False),
        ("reactivate_failed_tasks", "microsoft.batch/batchaccounts/jobs", True),
    ],
)
def test_a_target_of_the_wrong_type_is_refused_with_the_right_ones(
    remediation: str, kind: str, fits: bool
):
    """A runbook on a thing it cannot work on is an answer at once, not a failed plan."""
    if fits:
        check_target(REMEDIATIONS[remediation], kind, "t")
        return
    with pytest.raises(InvalidTarget, match="it works on microsoft"):
        check_target(REMEDIATIONS[remediation], kind, "t")


def test_a_job_can_be_named_by_its_own_id():
    """A person knows the job; the account follows from it."""
    shift = Shift.begin()
    shift.with_job(a_failed_task("a"), name="one")
    shift.with_job(a_failed_task("b"), name="two")
    shift.run_book("reactivate_failed_tasks", f"{ACCOUNT}/jobs/two")
    shift.run_until_quiet()
    assert ["two/b"] == shift.done("reactivate")


def test_a_persons_drain_of_a_node_has_no_deadline_and_forces_nothing():
    """Nobody takes the machine, so nothing may be lost with it."""
    shift = Shift.begin()
    shift.with_node()
    shift.run_book("drain_node", instance(29))
    args = shift.plan.steps[1].step.args
    assert (None, False, False) == (
        shift.plan.deadline,
        args["force"],
        args["delete_emptydir_data"],
    )
