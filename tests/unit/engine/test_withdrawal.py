"""A notice that is taken back: what we did is undone, and nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.adapters import table_rows
from shared.core import ledger
from shared.core.decisions import Reason
from shared.core.errors import ProviderUnavailable
from shared.core.plans import PlanOutcome, StepOutcome
from shared.engine import events
from shared.ports import EventRecord
from tests.builders import (
    SECOND,
    a_degradation,
    a_notice,
    a_pod,
    a_reboot,
    a_rule,
    canceled,
    instance,
)
from tests.fakes.cloud import FOREVER
from tests.fakes.ledger import FakeLedger
from tests.shift import BUDGET, Shift


@pytest.fixture
def shift() -> Shift:
    """A night whose one rule drains nodes that are being taken."""
    return Shift.begin(a_rule())


def test_a_cordon_of_ours_is_taken_back(shift: Shift):
    """The machine stays after all: it must take work again."""
    shift.with_node()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    shift.deliver(canceled(a_notice()))
    shift.run_until_quiet()
    assert (False, ()) == (shift.node().is_unschedulable, shift.node().cordoned_by)
    plan, undo = shift.plans
    assert (plan.id, PlanOutcome.DONE) == (undo.undoes, undo.outcome)
    assert PlanOutcome.DONE == plan.outcome


def test_an_undo_does_not_wait_for_the_queue(shift: Shift):
    """A recovery is as urgent as the loss: the node stands idle meanwhile."""
    shift.with_node()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    shift.deliver(canceled(a_notice()))
    assert not shift.node().is_unschedulable


def test_a_drain_under_way_is_stopped_and_undone(shift: Shift):
    """No pod is asked to leave after the notice was taken back."""
    shift.with_node(blocks=FOREVER)
    shift.deliver(a_reboot())
    shift.deliver(canceled(a_reboot()))
    shift.run_until_quiet()
    plan, undo = shift.plans
    assert (PlanOutcome.WITHDRAWN, Reason.WITHDRAWN) == (plan.outcome, plan.withdrawn)
    assert (PlanOutcome.DONE, False) == (undo.outcome, shift.node().is_unschedulable)


def test_a_plan_that_a_live_worker_holds_is_stopped_at_its_next_write(shift: Shift):
    """The worker cannot be called back, but it cannot write on either."""
    shift.with_node()
    said = []

    def take_back(at: str) -> None:
        if at == "after cordon" and not said:
            said.append(at)
            task = events.hear(shift.night, [canceled(a_notice())], budget=BUDGET)
            pending.append(asyncio.ensure_future(task))

    async def both() -> None:
        await events.hear(shift.night, [a_notice()], budget=BUDGET)
        await asyncio.gather(*pending)

    pending: list[asyncio.Future[object]] = []
    shift.hooks.append(take_back)
    shift.invoke(both())
    shift.run_until_quiet()
    plan, undo = shift.plans
    assert (PlanOutcome.WITHDRAWN, PlanOutcome.DONE) == (plan.outcome, undo.outcome)
    assert not shift.node().is_unschedulable


@pytest.mark.parametrize("head_start", range(12))
def test_a_notice_and_its_withdrawal_that_come_together_leave_the_node_free(
    shift: Shift, head_start: int
):
    """Events come in no order, and two instances may hear both at the same moment."""
    shift.with_node(looks_to_leave=3)

    async def later() -> None:
        for _ in range(head_start):
            await asyncio.sleep(0)
        await events.hear(shift.night, [a_notice()], budget=BUDGET)

    async def both() -> None:
        back = events.hear(shift.night, [canceled(a_notice())], budget=BUDGET)
        await asyncio.gather(back, later())

    shift.invoke(both())
    shift.run_until_quiet()
    assert (False, ()) == (shift.node().is_unschedulable, shift.node().cordoned_by)
    assert all(not plan.is_open for plan in shift.plans)


@pytest.mark.parametrize("head_start", range(12))
def test_a_withdrawal_that_comes_a_little_later_leaves_the_node_free_too(
    shift: Shift, head_start: int
):
    """The same the other way round."""
    shift.with_node(looks_to_leave=3)

    async def later() -> None:
        for _ in range(head_start):
            await asyncio.sleep(0)
        await events.hear(shift.night, [canceled(a_notice())], budget=BUDGET)

    async def both() -> None:
        first = events.hear(shift.night, [a_notice()], budget=BUDGET)
        await asyncio.gather(first, later())

    shift.invoke(both())
    shift.run_until_quiet()
    assert (False, ()) == (shift.node().is_unschedulable, shift.node().cordoned_by)


class SlowToRecord(FakeLedger):
    """A ledger in which the record of a withdrawal takes its time."""

    async def record_event(self, record: EventRecord) -> bool:
        """Let others act first."""
        for _ in range(20 if record.phase == "canceled" else 0):
            await asyncio.sleep(0)
        return await super().record_event(record)


def test_a_notice_that_is_answered_while_its_withdrawal_is_being_recorded(shift: Shift):
    """No plan yet when the one looked, no record yet when the other did."""
    shift.world.ledger.__class__ = SlowToRecord
    shift.with_node(looks_to_leave=3)

    async def later() -> None:
        for _ in range(4):
            await asyncio.sleep(0)
        await events.hear(shift.night, [a_notice()], budget=BUDGET)

    async def both() -> None:
        back = events.hear(shift.night, [canceled(a_notice())], budget=BUDGET)
        await asyncio.gather(back, later())

    shift.invoke(both())
    assert 1 == len(shift.plans)
    shift.run_until_quiet()
    assert (False, ()) == (shift.node().is_unschedulable, shift.node().cordoned_by)


def test_a_withdrawal_before_its_notice_forbids_it(shift: Shift):
    """Events come in no order: what is taken back already is not begun."""
    shift.with_node()
    shift.deliver(canceled(a_notice()))
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert ([], []) == (shift.plans, shift.world.effects)
    assert ["nothing_to_undo", "withdrawn"] == shift.reasons()


def test_taking_back_twice_is_taking_back_once(shift: Shift):
    """A duplicate must not stop the undo that the first one began."""
    shift.with_node()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    with shift.raising("before uncordon", ProviderUnavailable("x", after=5 * SECOND)):
        shift.deliver(canceled(a_notice()))
    assert shift.node().is_unschedulable
    shift.deliver(canceled(a_notice()))
    shift.run_until_quiet()
    _, undo = shift.plans
    assert (PlanOutcome.DONE, False) == (undo.outcome, shift.node().is_unschedulable)
    assert 1 == len(shift.done("uncordon"))


def test_a_duplicate_withdrawal_does_not_work_on_a_plan_it_does_not_hold(shift: Shift):
    """Only the lease's owner acts: here another worker has the undo."""
    shift.with_node()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    shift.deliver(canceled(a_notice()), budget=timedelta(0))
    shift.deliver(canceled(a_notice()))
    assert (True, []) == (shift.node().is_unschedulable, shift.done("uncordon"))
    shift.run_until_quiet()
    assert ["aks-spot-1-vmss000029"] == shift.done("uncordon")


def test_a_node_that_others_cordoned_stays_cordoned(shift: Shift):
    """Their reason is not ours to judge, and was there before ours."""
    shift.set_node(replace(shift.with_node(), is_unschedulable=True))
    shift.deliver(a_notice())
    shift.run_until_quiet()
    cordon = shift.plan.steps[0]
    assert (StepOutcome.ALREADY, Reason.CORDONED_BY_OTHERS) == (cordon.outcome, cordon.reason)
    shift.deliver(canceled(a_notice()))
    shift.run_until_quiet()
    assert (True, 1, []) == (
        shift.node().is_unschedulable,
        len(shift.plans),
        shift.done("uncordon"),
    )


def test_two_incidents_share_a_cordon_until_both_are_taken_back(shift: Shift):
    """The first to be withdrawn must not open the node to the second's loss."""
    first, second = a_reboot(), a_reboot(event_id="e-2")
    shift.with_node()
    for notice in (first, second):
        shift.deliver(notice)
        shift.run_until_quiet()
    shift.deliver(canceled(first))
    shift.run_until_quiet()
    assert (True, (shift.plans[1].id,)) == (
        shift.node().is_unschedulable,
        shift.node().cordoned_by,
    )
    shift.deliver(canceled(second))
    shift.run_until_quiet()
    assert (False, ()) == (shift.node().is_unschedulable, shift.node().cordoned_by)


def test_a_worker_that_died_after_its_cordon_is_undone_too(shift: Shift):
    """Nobody wrote that the cordon happened; it did, and the notice was taken back."""
    shift.with_node()
    shift.die_at = {1 + shift_index(shift, "after cordon")}
    assert not shift.send(a_reboot())
    assert shift.node().is_unschedulable
    shift.move(31 * SECOND)
    shift.deliver(canceled(a_reboot()))
    shift.run_until_quiet()
    assert PlanOutcome.WITHDRAWN == shift.plans[0].outcome
    assert not shift.node().is_unschedulable


def shift_index(shift: Shift, where: str) -> int:
    """Where a point lies on the path of a first delivery, from 0."""
    other = Shift.begin(a_rule())
    other.with_node()
    other.deliver(a_reboot())
    return other.passed.index(where)


def test_a_stale_mark_does_not_keep_a_later_cordon_up(shift: Shift):
    """A person uncordons and our old mark stays; the next plan's undo must free the node."""
    first, second = a_reboot(), a_reboot(event_id="e-2")
    shift.with_node()
    shift.deliver(first)
    shift.run_until_quiet()
    shift.set_node(replace(shift.node(), is_unschedulable=False))
    shift.deliver(second)
    shift.run_until_quiet()
    assert (shift.plans[1].id,) == shift.node().cordoned_by
    shift.deliver(canceled(second))
    shift.run_until_quiet()
    assert (False, ()) == (shift.node().is_unschedulable, shift.node().cordoned_by)


def test_a_resolved_degradation_keeps_the_snapshots(shift: Shift):
    """Only a cordon is taken back; what was saved stays saved."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(a_degradation().target, "os")
    shift.deliver(a_degradation())
    shift.poll()
    shift.deliver(canceled(a_degradation()))
    shift.run_until_quiet()
    assert (PlanOutcome.WITHDRAWN, 1) == (
        shift.plan.outcome,
        len(shift.done("create_snapshot")),
    )
    assert [] == shift.done("redeploy")


def test_a_withdrawal_without_a_target_reaches_wherever_the_incident_acted(shift: Shift):
    """Some sources name no machine when they take back what they said of several."""
    for number in (1, 2):
        shift.with_node(a_pod(f"p{number}"), number=number)
    shift.deliver(a_notice(1), a_notice(2))
    shift.run_until_quiet()
    shift.deliver(replace(canceled(a_notice()), target=""))
    shift.run_until_quiet()
    assert [False, False] == [shift.node(n).is_unschedulable for n in (1, 2)]


def test_a_redeploy_is_not_sent_once_the_plan_was_withdrawn():
    """Withdrawn while the intent to call is being written: the call is not made."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy"))
    shift.with_machine(a_degradation().target, "os")
    shift.deliver(a_degradation())
    plans, taken = shift.world.ledger.plans, []

    def take_back(at: str) -> None:
        if at == "before save" and shift.plan.current == 1 and not taken:
            taken.append(shift.plan.steps[1].started_at)
            withdrawn = ledger.withdraw(shift.plan, Reason.WITHDRAWN, now=shift.now)
            plans[withdrawn.id] = (table_rows.plan_row(withdrawn), "withdrawn")

    shift.hooks.append(take_back)
    shift.run_until_quiet()
    assert (1, []) == (len(taken), shift.done("redeploy"))
    assert PlanOutcome.WITHDRAWN == shift.plan.outcome


def test_a_withdrawal_of_nothing_is_recorded(shift: Shift):
    """An incident that no rule acted on leaves a record and no error."""
    shift.deliver(canceled(a_notice()))
    assert ["nothing_to_undo"] == shift.reasons()
    assert instance(29) == canceled(a_notice()).target
