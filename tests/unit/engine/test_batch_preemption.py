"""A preempted Batch node: Batch puts its tasks back itself, and nobody else starts them.

Source: https://learn.microsoft.com/azure/batch/batch-spot-vms ("tasks ... interrupted and
requeued"), https://learn.microsoft.com/rest/api/batchservice/tasks/reactivate-task (only
tasks that completed with a failure)
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core.plans import PlanOutcome
from shared.core.signals import Phase, SignalType
from tests.batch_nodes import with_batch_node
from tests.builders import (
    ACCOUNT,
    MINUTE,
    NOW,
    SECOND,
    a_failed_task,
    a_notice,
    a_rule,
    an_alert,
    instance,
)
from tests.evictions import an_eviction
from tests.fakes.cloud import FakeTask
from tests.shift import Shift


@pytest.fixture
def shift() -> Shift:
    """Begin a night with every rule that touches Batch, and a node with two tasks."""
    rules = (
        a_rule("release_batch_node"),
        a_rule("reactivate_failed_tasks", retries=2),
        a_rule("mend_batch_node"),
    )
    shift = Shift.begin(*rules)
    with_batch_node(shift, tasks=2)
    shift.with_job(
        FakeTask("on-the-node", state="running"),
        FakeTask("back-in-the-queue", state="active"),
        a_failed_task("failed"),
    )
    return shift


def test_tasks_of_a_preempted_node_are_left_to_batch(shift: Shift):
    """They are in the queue again, by Batch: a second hand would run them twice."""
    shift.deliver(a_notice())
    shift.run_until_quiet()
    shift.deliver(an_eviction(instance(29), event_id="e-gone"))
    shift.run_until_quiet()
    assert [] == shift.done("reactivate")
    assert ["n-29 requeue"] == shift.done("disable_node")
    assert {PlanOutcome.DONE} == {plan.outcome for plan in shift.plans}


def test_an_alert_after_a_preemption_reactivates_only_what_batch_gave_up(shift: Shift):
    """Exit code and state tell them apart: what was requeued has not ended."""
    shift.deliver(a_notice())
    shift.deliver(an_alert())
    shift.run_until_quiet()
    assert ["frames/failed"] == shift.done("reactivate")


def test_a_task_that_batch_requeued_meanwhile_is_not_reactivated(shift: Shift):
    """It failed as we read it; by the step it is in the queue, by Batch or by a person."""
    task = shift.world.batch.accounts[ACCOUNT.casefold()]["frames"].tasks["failed"]

    def hook(at: str) -> None:
        if at == "after keep":
            task.state, task.exit_code = "active", None

    shift.hooks.append(hook)
    shift.deliver(an_alert())
    shift.run_until_quiet()
    assert [] == shift.done("reactivate")


def test_two_alerts_about_one_failure_start_it_once(shift: Shift):
    """The metric alert and the log alert fire together, on two instances of the app."""
    shift.deliver(an_alert())
    shift.deliver(an_alert(event_id="a-2", observed_at=NOW + SECOND))
    shift.run_until_quiet()
    assert ["frames/failed"] == shift.done("reactivate")


def test_a_withdrawn_preemption_starts_no_task(shift: Shift):
    """The node takes tasks again; which ones is for Batch to say."""
    shift.deliver(a_notice())
    shift.run_until_quiet()
    shift.move(MINUTE)
    notice = replace(a_notice(), phase=Phase.CANCELED, deadline=None)
    assert SignalType.VM_PREEMPT is notice.type
    shift.deliver(notice)
    shift.run_until_quiet()
    assert (["n-29"], []) == (shift.done("enable_node"), shift.done("reactivate"))
