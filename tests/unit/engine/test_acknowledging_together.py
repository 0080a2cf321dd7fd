"""One notice, machines of every kind: each is emptied in its own way, one word is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.core.acknowledging import Acknowledge
from shared.core.plans import PlanOutcome
from shared.core.signals import Signal
from shared.remediations.drain_slurm_node import Requeue
from shared.remediations.release_batch_node import Tasks
from tests.batch_nodes import with_batch_node
from tests.builders import (
    MINUTE,
    REMEDIATIONS,
    SCALE_SET,
    SECOND,
    VM,
    a_pod,
    a_reboot,
    a_resource,
    a_rule,
    instance,
)
from tests.checkpoints import FILE, with_declared
from tests.fakes.cloud import FOREVER
from tests.fakes.ledger import FakeLedger
from tests.shift import SETTINGS, Shift

CONTROL_PLANE = replace(SETTINGS, acknowledge="control_plane")
KINDS = (
    "drain_node",
    "drain_slurm_node",
    "release_batch_node",
    "free_pool_instance",
    "checkpoint_vm",
)
FREED_AFTER = 3 * MINUTE


@dataclass(frozen=True)
class Machine:
    """One machine of the notice.

    Attributes:
        target: Its ARM id.
        put: Puts it into the world, soon empty once it is asked to be.
        hold: Has something stay on it.
        free: Lets that go.
    """

    target: str
    put: Callable[[Shift], object]
    hold: Callable[[Shift], object]
    free: Callable[[Shift], object]


def _block(shift: Shift, blocks: int) -> None:
    shift.world.cluster.pods_by_uid["of-a-node"].blocks = blocks


def _a_lasting_job(shift: Shift) -> None:
    shift.world.slurm.run("gpu030", is_requeueable=False)


def _end_jobs(shift: Shift) -> None:
    for job in shift.world.slurm.jobs_by_id.values():
        if not job.fact.is_requeueable:
            job.fact = replace(job.fact, states=("COMPLETED",), nodes=())


def _a_lasting_task(shift: Shift) -> None:
    shift.world.batch_nodes.pools[0].nodes["n-31"].tasks = 1


def _pool(shift: Shift) -> None:
    tagged = a_resource(instance(32), tags={"nightshift-pool": "shared"})
    shift.world.shared_pools.add(replace(tagged, pool=SCALE_SET))
    shift.world.resources.add(replace(tagged, pool=SCALE_SET))
    shift.world.commands.add(instance(32), "/run/nightshift/notice")


def _sessions(shift: Shift, count: int) -> None:
    shift.world.commands.sessions = [count]


MACHINES = {
    "drain_node": Machine(
        instance(29),
        lambda shift: shift.with_node(a_pod("of-a-node"), number=29),
        lambda shift: _block(shift, FOREVER),
        lambda shift: _block(shift, 0),
    ),
    "drain_slurm_node": Machine(
        instance(30),
        lambda shift: shift.with_slurm_node(30, "gpu030"),
        _a_lasting_job,
        _end_jobs,
    ),
    "release_batch_node": Machine(
        instance(31),
        lambda shift: with_batch_node(shift, 31),
        _a_lasting_task,
        lambda shift: shift.world.batch_nodes.finish_tasks("n-31"),
    ),
    "free_pool_instance": Machine(
        instance(32),
        _pool,
        lambda shift: _sessions(shift, 1),
        lambda shift: _sessions(shift, 0),
    ),
    "checkpoint_vm": Machine(
        VM,
        with_declared,
        lambda shift: shift.world.commands.add(VM, FILE, "no space left", 1),
        lambda shift: shift.world.commands.add(VM, FILE, "saved"),
    ),
}


def begin(says: Acknowledge = Acknowledge.WHEN_DRAINED, busy: str = "") -> Shift:
    """Begin a night in which every rule says the same of acknowledging.

    Args:
        busy: Whose machine something stays on, by its remediation.
    """
    more: dict[str, dict[str, Any]] = {"release_batch_node": {"tasks": Tasks.TASK_COMPLETION}}
    rules = [a_rule(kind, acknowledge=says, **more.get(kind, {})) for kind in KINDS]
    shift = Shift.begin(*rules, settings=CONTROL_PLANE)
    for kind, machine in MACHINES.items():
        machine.put(shift)
        if kind == busy:
            machine.hold(shift)
    return shift


def the_notice(*kinds: str) -> list[Signal]:
    """Make one notice that names these machines, all of them unless some are given."""
    targets = [MACHINES[kind].target for kind in kinds or KINDS]
    attributes = {
        "event_type": "Reboot",
        "resources": [target.rpartition("/")[2] for target in targets],
    }
    return [a_reboot(target=target, attributes=attributes) for target in targets]


def said(shift: Shift) -> list[str]:
    """Return the event of each acknowledgement that was sent."""
    return [event for _, event in shift.world.maintenance.acknowledged]


def test_each_remediation_that_empties_a_machine_has_the_setting():
    """A row of the table that could not be acknowledged would hold up every other."""
    for kind in KINDS:
        assert Acknowledge.NEVER is REMEDIATIONS[kind].settings().acknowledge


@pytest.mark.parametrize("kind", KINDS)
def test_a_machine_of_any_kind_lets_its_notice_begin_early(kind: str):
    """It is empty: the reboot may as well be now."""
    shift = begin()
    shift.deliver(*the_notice(kind))
    shift.run_until_quiet()
    assert (["e-1"], PlanOutcome.DONE) == (said(shift), shift.plan.outcome)


@pytest.mark.parametrize("kind", KINDS)
def test_no_rule_of_any_kind_says_it_unasked(kind: str):
    """The default leaves the notice to its time."""
    shift = begin(Acknowledge.NEVER)
    shift.deliver(*the_notice(kind))
    shift.run_until_quiet()
    assert ([], PlanOutcome.DONE) == (said(shift), shift.plan.outcome)


@pytest.mark.parametrize("slowest", [kind for kind in KINDS if kind != "checkpoint_vm"])
def test_the_slowest_of_five_is_waited_for_whatever_it_is(slowest: str):
    """One word approves it for all five: said once, after the last of them."""
    shift = begin(busy=slowest)
    closed_at_word: list[int] = []

    def note(where: str) -> None:
        if where == "before acknowledge":
            closed_at_word.append(sum(not plan.is_open for plan in shift.plans))

    shift.hooks.append(note)
    shift.deliver(*the_notice())
    shift.wait(FREED_AFTER)
    assert [slowest] == [plan.remediation for plan in shift.plans if plan.is_open]
    MACHINES[slowest].free(shift)
    shift.run_until_quiet()
    assert {PlanOutcome.DONE} == {plan.outcome for plan in shift.plans}, slowest
    assert (["e-1"], [len(KINDS)]) == (said(shift), closed_at_word)


@pytest.mark.parametrize("stuck", KINDS)
def test_one_that_could_not_be_emptied_keeps_the_notice_from_all_five(stuck: str):
    """The other four are ready, and hastening the reboot would hit the fifth."""
    shift = begin(busy=stuck)
    shift.deliver(*the_notice())
    shift.run_until_quiet()
    bad = {plan.remediation for plan in shift.plans if plan.outcome is not PlanOutcome.DONE}
    assert ([], {stuck}) == (said(shift), bad)


@pytest.mark.parametrize("stuck", KINDS)
def test_a_rule_may_say_of_any_kind_that_a_failure_is_no_hindrance(stuck: str):
    """``always``: a person wrote it, for this kind of machine."""
    shift = begin(Acknowledge.ALWAYS, busy=stuck)
    shift.deliver(*the_notice())
    shift.run_until_quiet()
    assert ["e-1"] == said(shift)


def test_a_machine_that_no_rule_empties_keeps_the_notice():
    """Nobody declared a command for it, so nobody knows what runs there."""
    shift = begin()
    shift.set_tags(VM, {})
    shift.deliver(*the_notice())
    shift.run_until_quiet()
    assert [] == said(shift)
    assert "nothing_declared" in shift.reasons()


def test_jobs_that_are_left_where_they_are_keep_a_slurm_node_from_being_drained():
    """``requeue: none`` moves nothing: then the word waits until the last job has ended."""
    rule = a_rule(
        "drain_slurm_node", requeue=Requeue.NONE, acknowledge=Acknowledge.WHEN_DRAINED
    )
    shift = Shift.begin(rule, settings=CONTROL_PLANE)
    number = shift.with_slurm_node(30, "gpu030")
    shift.deliver(*the_notice("drain_slurm_node"))
    shift.wait(2 * MINUTE)
    assert ([], True) == (said(shift), shift.plan.is_open)
    job = shift.world.slurm.jobs_by_id[number]
    assert (0, ()) == (job.fact.restarts, tuple(job.signals))
    job.fact = replace(job.fact, states=("COMPLETED",), nodes=())
    shift.run_until_quiet()
    assert (["e-1"], PlanOutcome.DONE) == (said(shift), shift.plan.outcome)


def test_a_slurm_node_that_nobody_acknowledges_is_not_waited_for():
    """Without the setting jobs that may not run again are left, and the plan ends."""
    shift = Shift.begin(a_rule("drain_slurm_node"), settings=CONTROL_PLANE)
    shift.with_slurm_node(30, "gpu030", is_requeueable=False)
    shift.deliver(*the_notice("drain_slurm_node"))
    shift.wait(30 * SECOND)
    assert PlanOutcome.DONE is shift.plan.outcome


def test_a_crash_anywhere_loses_no_word_and_says_none_too_early():
    """Three plans in three systems, one word: twice only if the first answer was lost."""
    notice = the_notice("drain_node", "drain_slurm_node", "checkpoint_vm")
    whole = begin()
    whole.deliver(*notice)
    whole.run_until_quiet()
    for point, name in enumerate(whole.passed, start=1):
        shift = begin()
        open_at_word: list[int] = []

        def note(
            where: str,
            ledger: FakeLedger = shift.world.ledger,
            found: list[int] = open_at_word,
        ) -> None:
            if where == "before acknowledge":
                found.append(sum(plan.is_open for plan in ledger.every_plan()))

        shift.hooks.append(note)
        shift.die_at.add(point)
        while not shift.send(*notice):
            shift.move(10 * SECOND)
        shift.run_until_quiet()
        where = f"{point}: {name}"
        lost_answer = shift.passed[point - 1] in {
            "after acknowledge",
            "before record_event",
            "after pointer",
        }
        assert 1 <= len(said(shift)) <= (2 if lost_answer else 1), where
        assert {0} == set(open_at_word), where
        assert (1, {PlanOutcome.DONE}) == (
            shift.crashes,
            {plan.outcome for plan in shift.plans},
        ), where
