"""A dry run thinks and records, and leaves everything else byte for byte as it was.

For every remediation that discovery finds: a new one fails here until it has a world in
which it would act.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from shared.core.plans import Mode
from shared.core.signals import Signal
from shared.core.terms import (
    ApprovalKind,
    ApprovalTerms,
    Breaker,
    Budget,
    Canary,
    Channel,
    Limit,
    LimitScope,
    Money,
    Strikes,
)
from shared.engine.answer import answer
from shared.engine.plan_notices import PlanNotices
from shared.engine.request import Request
from tests.batch_jobs import a_done_job, with_done_job
from tests.batch_nodes import an_unusable_alert, with_batch_node, with_broken_node
from tests.batch_pools import a_found_pool, with_idle_pool
from tests.builders import (
    COMPUTE,
    HOUR,
    MINUTE,
    REMEDIATIONS,
    VM,
    a_degradation,
    a_failed_task,
    a_reboot,
    a_rule,
    a_tick,
    an_alert,
)
from tests.checkpoints import a_preempted_vm, with_declared
from tests.endpoints import a_roll_out, an_endpoint_alert, with_endpoint, with_new_deployment
from tests.evictions import LOST, an_eviction, evict, lose, with_paid
from tests.leftovers import a_leftover, with_leftover
from tests.ml_extensions import (
    a_degraded,
    with_cluster,
    with_extension,
    with_sick_extension,
)
from tests.ml_instances import (
    DUE,
    a_cluster_finding,
    a_finding,
    with_idle_cluster,
    with_instance,
    with_stopped,
    with_unusable,
)
from tests.ml_jobs import a_change, with_preempted_job
from tests.patching import lacking_updates, with_patchable
from tests.restore_points import a_due_point, an_expired_point, with_old_points
from tests.saved_disks import a_due_snapshot, an_uncopied_snapshot, with_disk, with_snapshot
from tests.schedules import an_end_of_hours, with_late_vm
from tests.shared_pools import a_pool_notice, with_shared_instance
from tests.shift import SETTINGS, Shift
from tests.unresponsive import a_loss, with_silent_vm

DAY = 24 * HOUR
DEPLOYED = replace(SETTINGS, dry_run=True)
TERMS: Mapping[str, object] = {
    "approval": ApprovalTerms(ApprovalKind.REQUIRED, HOUR),
    "limits": tuple(
        Limit(scope, count=3, within=HOUR)
        for scope in LimitScope
        if scope is not LimitScope.SCALE_SET
    ),
    "breaker": Breaker(LimitScope.POOL, HOUR, 2, None, 5, HOUR, timedelta(0)),
    "budget": Budget(2, DAY, Money(100.0, 1.0, DAY)),
    "canary": Canary(1, MINUTE, DAY),
    "strikes": Strikes(1, HOUR),
}


@dataclass(frozen=True)
class Case:
    """A world in which a remediation would act, and on what."""

    fill: Callable[[Shift], object]
    signal: Signal


CASES: Mapping[str, Case] = {
    "ask_a_person": Case(lambda shift: shift.with_machine(), a_degradation()),
    "checkpoint_vm": Case(with_declared, a_preempted_vm()),
    "deallocate_idle": Case(lambda shift: shift.with_machine(), a_tick()),
    "revive_vm": Case(with_silent_vm, a_loss()),
    "follow_schedule": Case(with_late_vm, an_end_of_hours()),
    "drain_node": Case(lambda shift: shift.with_node(), a_reboot()),
    "drain_slurm_node": Case(lambda shift: shift.with_slurm_node(), a_reboot()),
    "reactivate_failed_tasks": Case(lambda shift: shift.with_job(a_failed_task()), an_alert()),
    "free_pool_instance": Case(with_shared_instance, a_pool_notice()),
    "close_done_job": Case(with_done_job, a_done_job()),
    "rest_idle_pool": Case(with_idle_pool, a_found_pool()),
    "mend_batch_node": Case(with_broken_node, an_unusable_alert()),
    "resubmit_job": Case(with_preempted_job, a_change()),
    "delete_marked_instance": Case(
        lambda shift: with_stopped(shift, **DUE), a_finding("marked")
    ),
    "mark_stopped_instance": Case(with_stopped, a_finding()),
    "restart_instance": Case(with_unusable, a_finding("broken")),
    "roll_out_deployment": Case(with_new_deployment, a_roll_out()),
    "roll_back_traffic": Case(with_endpoint, an_endpoint_alert()),
    "scale_cluster_to_zero": Case(with_idle_cluster, a_cluster_finding()),
    "set_idle_shutdown": Case(with_instance, a_finding("no_idle_shutdown")),
    "set_instance_schedules": Case(with_instance, a_finding("no_stop_time")),
    "show_instance": Case(with_instance, a_finding("broken")),
    "start_instance": Case(with_stopped, a_finding("failed_operation")),
    "stop_instance": Case(with_instance, a_tick(target=COMPUTE)),
    "save_machine": Case(lambda shift: shift.with_machine(VM, "os"), a_due_point()),
    "expire_restore_points": Case(with_old_points, an_expired_point()),
    "update_extension": Case(lambda shift: with_extension(shift, "Failed"), a_degraded()),
    "create_extension": Case(with_cluster, a_degraded()),
    "delete_extension": Case(with_extension, a_degraded()),
    "repair_extension": Case(with_sick_extension, a_degraded()),
    "show_extension": Case(with_extension, a_degraded()),
    "copy_snapshot": Case(with_snapshot, an_uncopied_snapshot()),
    "snapshot_disk": Case(with_disk, a_due_snapshot()),
    "remove_leftover": Case(with_leftover, a_leftover()),
    "assess_patches": Case(with_patchable, lacking_updates("not_assessed")),
    "install_patches": Case(with_patchable, lacking_updates()),
    "release_batch_node": Case(lambda shift: with_batch_node(shift, tasks=1), a_reboot()),
    "restart_evicted_vm": Case(evict, an_eviction()),
    "return_to_spot": Case(with_paid, a_tick()),
    "scale_pool_by_one": Case(lose, an_eviction(LOST)),
    "snapshot_and_redeploy": Case(lambda shift: shift.with_machine(VM, "os"), a_degradation()),
}
every = pytest.mark.parametrize("name", REMEDIATIONS)


def begin(name: str, *, is_deployed: bool = False, **terms: object) -> Shift:
    """Fill a world for a remediation whose rule acts, and tells people."""
    assert name in CASES, f"give {name} a world in which it would act"
    rule = a_rule(name, terms={"notify": (Channel.TEAMS,), **terms})
    shift = Shift.begin(rule, settings=DEPLOYED if is_deployed else SETTINGS)
    CASES[name].fill(shift)
    shift.with_sinks(PlanNotices(shift.world.ledger, shift.world.notices))  # type: ignore[arg-type]
    return shift


def kept(shift: Shift) -> dict[str, str]:
    """Write down everything that is stored, but for what was said of the event itself.

    Excepted are the event's record and the outbox's pointer to it: that a dry run was
    made, and what it came to, is what it is made for.
    """
    world = shift.world
    records = {row["RowKey"] for row in world.ledger.events.values()}
    pointers = {key for key in world.ledger.pointers if key not in world.ledger.plans}
    assert len(pointers) <= len(records)
    return {
        "cloud": world.picture(),
        "plans": repr(world.ledger.plans),
        "heads": repr(world.ledger.heads),
        "open": repr((world.ledger.index, world.ledger.filed)),
        "budgets": repr(world.ledger.budgets),
        "pointers": repr(sorted(world.ledger.pointers.keys() - pointers)),
        "tallies": repr(world.tallies.stored),
        "questions": repr((world.approvals.rows, world.approvals.listed)),
        "notices": repr((world.notices.posted, world.notices.waiting, world.notices.sent)),
        "queue": repr(world.queue.waiting),
        "controls": repr(world.controls.stored),
        "documents": repr((world.records.kept, world.records.quarantined)),
    }


def try_out(shift: Shift, name: str) -> None:
    """Ask what would be done about the event, as a request that says so."""
    request = Request(is_dry_run=True)
    shift.invoke(answer(shift.night, CASES[name].signal, request))


def finish(shift: Shift) -> None:
    """Let everything work on that may have been left to do."""
    shift.poll()
    shift.sweep()
    shift.export()
    shift.run_until_quiet()


@every
def test_without_a_dry_run_the_world_would_change(name: str):
    """So that the tests below can fail: each remediation acts in its world."""
    shift = begin(name)
    before = kept(shift)
    shift.deliver(CASES[name].signal)
    shift.run_until_quiet()
    assert [name] == [plan.remediation for plan in shift.plans]
    changed = {what for what, now in kept(shift).items() if now != before[what]}
    shown = {"ask_a_person": {"notices"}, "show_instance": set[str]()}
    shown["show_extension"] = set[str]()
    assert {"plans", *shown.get(name, {"cloud"})} <= changed


@every
@pytest.mark.parametrize("terms", [{}, TERMS], ids=["bare", "every term"])
def test_a_dry_run_of_an_event_leaves_everything_equal(name: str, terms: dict[str, object]):
    """It reserves nothing, asks nobody, strikes nothing and tells nobody."""
    shift = begin(name, **terms)
    before = kept(shift)
    try_out(shift, name)
    finish(shift)
    assert before == kept(shift)


@every
def test_a_dry_run_by_hand_leaves_everything_equal(name: str):
    """A runbook that is only tried out, twice."""
    shift = begin(name)
    before = kept(shift)
    for number in range(2):
        shift.run_book(
            name, CASES[name].signal.target, is_dry_run=True, request_id=f"r-{number}"
        )
    finish(shift)
    assert before == kept(shift)
    assert ["dry_run"] == shift.reasons("r-0")


@every
def test_a_deployment_that_only_thinks_leaves_everything_equal(name: str):
    """With every term set; its events are heard, counted as strikes and recorded.

    A strike is what was seen and not what was done, as a rule that observes counts too.
    """
    shift = begin(name, is_deployed=True, **TERMS)
    before = kept(shift)
    shift.deliver(CASES[name].signal)
    finish(shift)
    strikes = {k: v for k, v in shift.world.tallies.stored.items() if v.kind == "strikes"}
    assert strikes.keys() == shift.world.tallies.stored.keys()
    shift.world.tallies.stored.clear()
    assert before == kept(shift)


@pytest.mark.parametrize("name", [n for n in CASES if not CASES[n].signal.is_recurring])
def test_a_dry_run_names_the_plan_that_would_follow(name: str):
    """The same id and steps that the event then opens; a tick's answers are tallied alone."""
    dry, real = begin(name), begin(name)
    request = Request(is_dry_run=True)
    given = dry.invoke(answer(dry.night, CASES[name].signal, request))
    real.deliver(CASES[name].signal, budget=timedelta(0))
    assert given.dry is not None
    assert real.plan.id == given.dry.id
    shown = [record.step for record in given.dry.steps]
    assert [record.step for record in real.plan.steps] == shown


def test_a_dry_run_of_a_suggestion_asks_nobody():
    """The rule that only suggests, tried out."""
    shift = begin("snapshot_and_redeploy")
    rule = replace(a_rule("snapshot_and_redeploy", terms=TERMS), mode=Mode.SUGGEST)
    book = replace(shift.night.rules, rules=(rule,))
    shift.night = replace(shift.night, rules=book)
    before = kept(shift)
    try_out(shift, "snapshot_and_redeploy")
    finish(shift)
    assert before == kept(shift)
