"""A declared command is run in time, its output kept, its exit code believed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.decisions import Reason
from shared.core.plans import PlanOutcome, StepOutcome
from shared.core.signals import SignalType
from tests.builders import (
    MINUTE,
    NOW,
    SCALE_SET,
    SECOND,
    VM,
    a_resource,
    a_rule,
    instance,
)
from tests.checkpoints import FILE, a_preempted_vm, with_declared
from tests.shift import Shift


def declared(*disks: str, path: str = FILE, **settings: Any) -> Shift:
    """Begin a night with a machine that declared a command, and a rule that runs it."""
    shift = Shift.begin(a_rule("checkpoint_vm", **settings))
    with_declared(shift, path, *disks)
    return shift


def test_the_declared_file_is_run_and_its_exit_code_believed():
    """The platform's success only says that the agent answered."""
    shift = declared()
    shift.deliver(a_preempted_vm())
    shift.run_until_quiet()
    [run] = shift.world.commands.ran
    step = shift.plan.steps[0]
    assert run.script[0].startswith(f"timeout 31 {FILE} vm.preempt 30 ")
    assert (PlanOutcome.DONE, 0) == (shift.plan.outcome, step.detail["exit_code"])
    kept = shift.world.records.kept[step.detail["record"]]
    assert "saved step 41" in json.loads(kept)["output"]


def test_a_command_that_fails_is_told_and_no_snapshot_follows():
    """The rule's next rung, or a person, must know that nothing was saved."""
    shift = declared("os", snapshot=True)
    shift.world.commands.add(VM, FILE, "disk full", 3)
    shift.deliver(a_preempted_vm())
    shift.run_until_quiet()
    step = shift.plan.steps[0]
    assert (Reason.COMMAND_FAILED, 3) == (step.reason, step.detail["exit_code"])
    assert [] == shift.done("create_snapshot")


def test_a_snapshot_follows_where_the_rule_wants_one():
    """After the command: what it wrote to the disk is on the snapshot."""
    shift = declared("os", snapshot=True)
    shift.deliver(a_preempted_vm(type=SignalType.VM_REDEPLOY, deadline=NOW + 10 * MINUTE))
    shift.run_until_quiet()
    kinds = [kind for kind, _ in shift.world.effects]
    assert ["run", "create_snapshot"] == kinds
    assert PlanOutcome.DONE == shift.plan.outcome


def test_a_command_that_is_still_running_at_the_deadline_stays_unknown():
    """It may end in time or not; nobody looked, so nobody says."""
    shift = declared()
    shift.world.commands.looks = 1000
    shift.deliver(a_preempted_vm())
    shift.run_until_quiet()
    step = shift.plan.steps[0]
    assert (StepOutcome.UNKNOWN, Reason.DEADLINE_PASSED) == (step.outcome, step.reason)
    assert NOW + 30 * SECOND >= shift.now


def test_a_lost_answer_runs_it_again_under_the_same_name():
    """A checkpoint that was never taken is worse than one taken twice."""
    shift = declared()
    armed = ["after run"]

    def die_once(at: str) -> None:
        if at in armed:
            armed.clear()
            shift.die(at)

    shift.hooks.append(die_once)
    late = NOW + timedelta(minutes=15)
    shift.send(a_preempted_vm(type=SignalType.VM_REBOOT, deadline=late))
    shift.run_until_quiet()
    first, second = (run.script[0].split()[-1] for run in shift.world.commands.ran)
    assert (first, PlanOutcome.DONE) == (second, shift.plan.outcome)


@pytest.mark.parametrize(
    "path",
    [
        "/bin/sh",
        "checkpoint.sh",
        "/etc/nightshift/../shadow",
        "/etc/nightshift/a b",
        "/etc/nightshift/a;reboot",
        "/etc/nightshift/$(reboot)",
        "/etc/nightshift/a\nreboot",
        "/etc/nightshift/",
        "/etc/nightshift-other/a",
    ],
)
def test_a_tag_runs_nothing_but_a_file_that_is_there_for_it(path: str):
    """Whoever may tag a machine must not thereby be root on it."""
    shift = declared(path=path)
    shift.deliver(a_preempted_vm())
    assert ([Reason.BAD_DECLARATION], []) == (shift.reasons(), shift.world.commands.ran)


def test_a_machine_of_a_scale_set_is_none_of_its_business():
    """The next rule is asked."""
    shift = declared()
    pooled = replace(a_resource(instance(29)), pool=SCALE_SET)
    shift.world.resources.add(pooled)
    shift.deliver(a_preempted_vm(target=instance(29)))
    assert ([Reason.NOT_STANDALONE], []) == (shift.reasons(), shift.world.commands.ran)
