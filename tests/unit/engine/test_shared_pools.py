"""An instance that people share is emptied in time, and comes back into rotation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.core.decisions import Reason
from shared.core.plans import PlanOutcome, StepOutcome
from shared.core.signals import Phase
from tests.builders import MINUTE, NOW, a_rule, canceled
from tests.shared_pools import (
    INSTANCE,
    a_pool_notice,
    the_instance,
    with_shared_instance,
)
from tests.shift import Shift


def shared(*sessions: int, **settings: Any) -> Shift:
    """Begin a night with a shared instance, and a rule that frees such."""
    shift = Shift.begin(a_rule("free_pool_instance", **settings))
    with_shared_instance(shift, *sessions)
    return shift


def mark(shift: Shift, **changed: Any) -> None:
    """Let somebody change the instance."""
    world = shift.world.shared_pools
    world.instances[INSTANCE.casefold()] = replace(the_instance(shift), **changed)


def test_it_leaves_rotation_first_then_people_are_told_and_waited_for():
    """A warning before would let new people in meanwhile."""
    shift = shared(3, 1, 0)
    shift.deliver(a_pool_notice())
    shift.run_until_quiet()
    found = the_instance(shift)
    assert (PlanOutcome.DONE, shift.plan.id, True) == (
        shift.plan.outcome,
        found.taken_out_by,
        found.is_protected,
    )
    warned, *counted = shift.world.commands.ran
    assert any("before 03:15:00 UTC" in line for line in warned.script)
    assert 3 == len(counted)
    assert ["mark_instance", "run"] == [kind for kind, _ in shift.world.effects][:2]


def test_sessions_that_do_not_end_are_told_and_the_deadline_is_kept():
    """Whoever is left is counted; nobody is thrown out by us."""
    shift = shared(2)
    shift.deliver(a_pool_notice())
    shift.run_until_quiet()
    step = shift.plan.steps[2]
    assert (StepOutcome.FAILED, Reason.SESSIONS_REMAIN, 2) == (
        step.outcome,
        step.reason,
        step.detail["sessions"],
    )
    assert NOW + 15 * MINUTE >= shift.now


@pytest.mark.parametrize("was_protected", [False, True])
def test_a_withdrawn_notice_puts_it_back_as_it_was(was_protected: bool):
    """Protection that an administrator had set stays set."""
    shift = shared()
    mark(shift, is_protected=was_protected)
    shift.deliver(a_pool_notice())
    shift.run_until_quiet()
    shift.deliver(canceled(a_pool_notice()))
    shift.run_until_quiet()
    found = the_instance(shift)
    assert ("", was_protected) == (found.taken_out_by, found.is_protected)


def test_what_somebody_else_took_out_stays_out():
    """Their mark is neither overwritten nor taken off."""
    shift = shared()
    mark(shift, taken_out_by="ada")
    shift.deliver(a_pool_notice())
    shift.run_until_quiet()
    shift.deliver(canceled(a_pool_notice()))
    shift.run_until_quiet()
    assert Reason.TAKEN_OUT_BY_OTHERS == shift.plans[0].steps[0].reason
    assert ("ada", []) == (the_instance(shift).taken_out_by, shift.done("mark_instance"))


def test_a_person_who_puts_it_back_ends_the_plan():
    """Their word counts at any moment."""
    shift = shared(2)
    shift.deliver(a_pool_notice())
    shift.wait(MINUTE)
    mark(shift, taken_out_by="")
    shift.run_until_quiet()
    assert Reason.RETURNED_BY_HAND == shift.plan.steps[2].reason


@pytest.mark.parametrize("where", ["before mark_instance", "after mark_instance"])
def test_it_is_marked_under_one_name_though_the_worker_died_around_the_call(where: str):
    """So that the withdrawal finds it to be ours."""
    shift = shared()
    armed = [where]

    def die_once(at: str) -> None:
        if at in armed:
            armed.clear()
            shift.die(at)

    shift.hooks.append(die_once)
    shift.send(a_pool_notice())
    shift.run_until_quiet()
    assert (PlanOutcome.DONE, shift.plan.id) == (
        shift.plan.outcome,
        the_instance(shift).taken_out_by.removesuffix("+protected"),
    )


def test_after_the_event_a_running_instance_returns_to_rotation():
    """Completed triggers the look at its health."""
    shift = shared()
    shift.deliver(a_pool_notice())
    shift.run_until_quiet()
    shift.deliver(replace(a_pool_notice(), phase=Phase.COMPLETED, deadline=None))
    shift.run_until_quiet()
    assert not the_instance(shift).taken_out_by


def test_a_message_never_becomes_a_command():
    """What a rule's author writes is text, whatever is in it."""
    shift = shared(message="it's over; $(reboot)")
    shift.deliver(a_pool_notice())
    shift.run_until_quiet()
    written = "\n".join(shift.world.commands.ran[0].script)
    assert "'it'\"'\"'s over; $(reboot) (before" in written


def test_a_scale_set_that_nobody_shares_is_left_to_the_next_rule():
    """One notice, any orchestrator."""
    shift = shared()
    plain = replace(the_instance(shift).resource, tags={})
    shift.world.resources.add(plain)
    reads: list[str] = []
    shift.hooks.append(reads.append)
    shift.deliver(a_pool_notice())
    assert [Reason.NOT_A_SHARED_POOL] == shift.reasons()
    assert "read pool_instance" not in reads, "it cost a call in the middle of an eviction"
