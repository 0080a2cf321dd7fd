"""A declared command is run in time, its output kept, its exit code believed."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.acknowledging import Acknowledge, Standing
from shared.core.decisions import Reason
from shared.core.plans import PlanOutcome, StepOutcome
from shared.core.signals import Signal, SignalType
from shared.engine.acknowledging import readiness_of
from shared.remediations.checkpoint_vm import By
from tests.builders import (
    MINUTE,
    NOW,
    REMEDIATIONS,
    SCALE_SET,
    SECOND,
    VM,
    a_resource,
    a_rule,
    instance,
)
from tests.checkpoints import FILE, a_preempted_vm, with_declared
from tests.shift import SETTINGS, Shift

CONTROL_PLANE = replace(SETTINGS, acknowledge="control_plane")


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


def a_hooks_end(code: object, **fields: Any) -> Signal:
    """Make what the forwarder tells when its hook has ended."""
    return a_preempted_vm(attributes={"hook_exit_code": code}, **fields)


def by_hook(**settings: Any) -> Shift:
    """Begin a night in which the forwarder's hook runs the command."""
    shift = Shift.begin(
        a_rule("checkpoint_vm", by=By.HOOK, **settings), settings=CONTROL_PLANE
    )
    with_declared(shift, FILE, "os")
    return shift


@pytest.mark.parametrize("is_first", [False, True], ids=["after", "before the plan"])
def test_what_the_forwarders_hook_did_counts_as_the_checkpoint(is_first: bool):
    """It was faster than any call of ours: nothing is run twice, and the notice may begin."""
    shift = by_hook(acknowledge=Acknowledge.WHEN_DRAINED, snapshot=True)
    notice = a_preempted_vm(type=SignalType.VM_REDEPLOY, deadline=NOW + 10 * MINUTE)
    told = a_hooks_end(0, type=SignalType.VM_REDEPLOY)
    for signal in (told, notice) if is_first else (notice, told):
        shift.deliver(signal)
    shift.run_until_quiet()
    assert (PlanOutcome.DONE, []) == (shift.plan.outcome, shift.world.commands.ran)
    assert "hook" == shift.plan.steps[0].detail["by"]
    assert ["create_snapshot", "acknowledge"] == [kind for kind, _ in shift.world.effects]


def test_a_hook_that_failed_is_a_failed_checkpoint_and_nothing_is_acknowledged():
    """Whatever was to be saved was not."""
    shift = by_hook(acknowledge=Acknowledge.WHEN_DRAINED)
    shift.deliver(a_preempted_vm())
    shift.deliver(a_hooks_end(3))
    shift.run_until_quiet()
    step = shift.plan.steps[0]
    assert (StepOutcome.FAILED, Reason.COMMAND_FAILED, 3) == (
        step.outcome,
        step.reason,
        step.detail["exit_code"],
    )
    assert [] == shift.done("acknowledge")


def test_a_hook_that_nobody_hears_of_stays_unknown():
    """The network may be gone with the machine; nobody says that it was saved."""
    shift = by_hook()
    shift.deliver(a_preempted_vm())
    shift.deliver(a_hooks_end(0, target=f"{VM}-other"))
    shift.run_until_quiet()
    step = shift.plan.steps[0]
    assert (StepOutcome.UNKNOWN, Reason.DEADLINE_PASSED) == (step.outcome, step.reason)


def test_a_hooks_end_asks_no_rule_and_is_told_once():
    """It is news of a notice that was heard: another plan would be one too many."""
    shift = by_hook()
    shift.deliver(a_preempted_vm())
    for _ in range(3):
        shift.deliver(a_hooks_end(0))
    shift.run_until_quiet()
    assert 1 == len(shift.plans)
    assert ["scheduled", "scheduled+hook"] == [r.phase for r in shift.records("e-1")]


def test_a_rule_names_no_script_for_the_hook():
    """The forwarder's own setting names it: two would be one too many."""
    with pytest.raises(ValueError, match="FORWARDER_HOOK"):
        REMEDIATIONS["checkpoint_vm"].settings(by=By.HOOK, script="/opt/save.sh")


def test_a_hooks_end_does_not_end_the_wait_for_a_machine_that_is_held():
    """Its power state could not be read: the word waits, whatever the hook did."""
    shift = by_hook(acknowledge=Acknowledge.WHEN_DRAINED)
    shift.world.compute.machines_by_id[VM.casefold()].power = None
    shift.deliver(a_preempted_vm())
    shift.deliver(a_hooks_end(0))
    found = asyncio.run(readiness_of(shift.night, "e-1"))
    assert found is not None
    assert Standing.WAITING is found.state
