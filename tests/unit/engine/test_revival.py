"""A VM that does not answer: its console kept, a restart, a redeploy, then a person."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.plans import PlanOutcome
from shared.core.terms import Channel, Limit, LimitScope
from shared.remediations.revive_vm import How
from shared.rules.book import Rule, Rung
from shared.rules.conditions import compile_condition
from tests.builders import HOUR, MINUTE, NOW, REMEDIATIONS, VM, a_rule
from tests.shift import Shift
from tests.unresponsive import a_loss, with_silent_vm

WELL = (compile_condition("facts.is_well"),)
PANIC = "Kernel panic - not syncing: VFS\npassword=hunter2"


def ladder(**terms: object) -> Rule:
    """Restart, then redeploy, then ask a person; a quarter of an hour for each."""
    revive, ask = REMEDIATIONS["revive_vm"], REMEDIATIONS["ask_a_person"]
    wait = {"verify": WELL, "timeout": timedelta(minutes=15)}
    rungs = (
        Rung(revive, revive.settings(how=How.REDEPLOY), **wait),
        Rung(ask, ask.settings()),
    )
    more = {"ladder": rungs, "notify": (Channel.TEAMS,), **wait, **terms}
    return a_rule("revive_vm", terms=more)


def hear(helps: str, console: str = "", **terms: object) -> Shift:
    """Let resource health say that a VM is gone, and the night work on it."""
    shift = Shift.begin(ladder(**terms))
    with_silent_vm(shift, helps, console)
    shift.deliver(a_loss())
    shift.run_until_quiet()
    return shift


def done(shift: Shift) -> list[str]:
    """Name what was done to the machine, in order."""
    return [verb for verb, target in shift.world.effects if target == VM]


def test_a_restart_that_helps_is_the_end_of_it():
    """Verified by a fresh read: available, and its agent ready."""
    shift = hear("restart", PANIC)
    assert (["restart"], PlanOutcome.DONE) == (done(shift), shift.plan.outcome)


def test_what_the_console_wrote_is_kept_before_it_is_wiped():
    """A restart begins a new log; what looks like a secret is struck out."""
    shift = hear("restart", PANIC)
    step = shift.plan.steps[0]
    kept = asyncio.run(shift.world.records.read(str(step.detail["record"])))
    assert kept is not None
    assert "Kernel panic" in kept["console"]
    assert "hunter2" not in kept["console"]


def test_without_boot_diagnostics_it_is_helped_all_the_same():
    """A console nobody switched on is no reason to leave a machine dead."""
    shift = hear("restart")
    assert (Reason.NO_CONSOLE, ["restart"]) == (shift.plan.steps[0].reason, done(shift))


def test_what_a_restart_did_not_help_is_moved_to_another_host():
    """Each rung is verified, and the next begins only when the last was over."""
    shift = hear("redeploy", PANIC)
    assert ["restart", "redeploy"] == done(shift)
    assert [PlanOutcome.PARTIAL, PlanOutcome.DONE] == [plan.outcome for plan in shift.plans]
    assert Reason.UNVERIFIED == shift.plans[0].steps[2].reason


def test_what_nothing_helps_is_a_person_s():
    """One restart, one redeploy, then somebody is asked; nothing is tried for ever."""
    shift = hear("nothing", PANIC)
    assert ["restart", "redeploy"] == done(shift)
    assert 3 == len(shift.plans)
    assert ["tell"] == [one.step.verb for one in shift.plans[2].steps]


def test_a_machine_that_dies_again_and_again_has_a_budget():
    """Each rung counts: two deaths in a week are worked on, a third is held for a person."""
    limits = (Limit(LimitScope.TARGET, count=4, within=timedelta(days=7)),)
    shift = Shift.begin(ladder(limits=limits))
    with_silent_vm(shift, "nothing")
    for number in range(3):
        shift.deliver(a_loss(event_id=f"h-{number}", observed_at=shift.now))
        shift.wait(2 * HOUR)
    assert 2 == done(shift).count("restart")
    assert Reason.BLAST_RADIUS in shift.reasons("h-2")


@pytest.mark.parametrize(
    ("title", "fields", "reason"),
    [
        ("it was shut down", {"power": "deallocated"}, Reason.NOT_RUNNING),
        ("its power is not known", {"power": None}, Reason.NO_DATA),
        ("it was just started", {"provisioned_at": NOW - MINUTE}, Reason.TOO_SOON),
    ],
)
def test_what_is_not_known_to_be_dead_is_left_alone(title, fields, reason):
    """A restart of a machine that works is worse than a dead one found late."""
    shift = Shift.begin(a_rule("revive_vm"))
    machine = with_silent_vm(shift)
    shift.world.compute.add(replace(machine, **fields))
    shift.deliver(a_loss())
    assert ([], True) == (shift.world.effects, reason in shift.reasons("h-1")), title


@pytest.mark.parametrize(
    ("availability", "agent", "acts"),
    [
        ("unavailable", "ready", True),
        ("available", "not ready", True),
        ("available", "", False),
        ("unknown", "", False),
        ("", "", False),
        ("degraded", "ready", False),
    ],
)
def test_one_that_says_no_is_believed_and_silence_is_not(availability, agent, acts):
    """A lost heartbeat shows in the agent alone; no data never means dead."""
    shift = Shift.begin(a_rule("revive_vm"))
    with_silent_vm(shift)
    shift.world.vm_care.availability = availability
    shift.world.vm_care.agents[VM.casefold()] = agent
    shift.deliver(a_loss())
    shift.wait(MINUTE)
    assert acts == bool(done(shift))


def test_one_that_answers_again_while_its_console_is_read_is_not_restarted():
    """A fresh look before each step: it may have come back by itself meanwhile."""
    shift = Shift.begin(a_rule("revive_vm"))
    with_silent_vm(shift, console=PANIC)

    def comes_back(where: str) -> None:
        if where == "read console":
            shift.world.vm_care.unwell.clear()
            shift.move(timedelta(seconds=10))

    shift.hooks.append(comes_back)
    shift.deliver(a_loss())
    shift.run_until_quiet()
    assert ([], Reason.IS_WELL) == (done(shift), shift.plan.steps[1].reason)


def test_a_restart_whose_answer_was_lost_is_not_made_twice():
    """The intent is written first; what ended after it is taken for it."""
    shift = Shift.begin(a_rule("revive_vm"))
    with_silent_vm(shift)
    with shift.raising("after restart", ConnectionError("lost")):
        shift.send(a_loss())
        shift.run_until_quiet()
    assert ["restart"] == done(shift)
