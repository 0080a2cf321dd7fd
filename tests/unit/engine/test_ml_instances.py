"""Azure ML compute instances: what is done to them, and read back from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.ml_instances import MlSchedule
from shared.core.ml_marks import DELETE_TAG, Mark, read_mark, write_mark
from shared.core.plans import PlanOutcome
from shared.core.terms import Channel
from tests import builders as make
from tests.ml_instances import (
    DUE,
    FREE,
    QUIET,
    STOPPED_AT,
    a_cluster_finding,
    a_finding,
    with_idle_cluster,
    with_instance,
    with_stopped,
    with_unusable,
)
from tests.ml_jobs import SPOT, a_job
from tests.shift import Shift

TOLD = {"terms": {"notify": (Channel.TEAMS,)}}


def begin(remediation: str, **more):
    return Shift.begin(make.a_rule(remediation, **more))


def instance_of(shift):
    found = shift.invoke(shift.world.machine_learning.compute_instance(make.COMPUTE))
    return None if found is None else found[1]


def refusals(shift, signal):
    return [r.decision.reason for answer in shift.deliver(signal) for r in answer.rulings]


def run(shift, signal):
    shift.deliver(signal)
    shift.run_until_quiet()
    return shift.plan


def test_an_idle_instance_with_room_on_its_disk_is_stopped():
    """Two hours of silence, no job: it costs no more."""
    shift = begin("stop_instance")
    with_instance(shift)
    plan = run(shift, make.a_tick(target=make.COMPUTE))
    assert (PlanOutcome.DONE, "stopped") == (plan.outcome, instance_of(shift).state)
    assert [make.COMPUTE] == shift.done("stop")


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        ({"free": 900.0}, "disk_full"),
        ({"free": None}, "no_data"),
        ({"use": None}, "no_data"),
        ({"use": replace(QUIET, cpu=0.5)}, "not_idle"),
        ({"use": replace(QUIET, gpu=None)}, "no_data"),
        ({"power": "jobrunning"}, "in_use"),
        ({"power": "deallocated"}, "already_stopped"),
    ],
)
def test_an_instance_that_may_be_used_or_would_not_return_is_left(world, reason):
    """Each no has its own name; none of them is a guess."""
    shift = begin("stop_instance")
    with_instance(shift, **world)
    assert [reason] == refusals(shift, make.a_tick(target=make.COMPUTE))
    assert [] == shift.done("stop")


def test_an_instance_that_a_job_waits_for_is_not_stopped():
    """Its state says running; the job is in the workspace's list."""
    shift = begin("stop_instance")
    with_instance(shift)
    job = a_job(status="Queued", compute=make.COMPUTE, ended_at=None)
    shift.world.machine_learning.add_job(make.WORKSPACE, job)
    assert ["in_use"] == refusals(shift, make.a_tick(target=make.COMPUTE))


def test_a_job_that_comes_at_the_last_moment_stops_the_stop():
    """The instance is looked at again before the step."""
    shift = begin("stop_instance")
    machine = with_instance(shift)
    shift.deliver(make.a_tick(target=make.COMPUTE), budget=timedelta(0))
    machine.power = "jobrunning"
    shift.move(timedelta(seconds=10))
    shift.run_until_quiet()
    assert "in_use" == shift.plan.steps[0].reason
    assert [] == shift.done("stop")


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ({"use": replace(QUIET, cpu=0.5)}, "busy"),
        ({"use": replace(QUIET, samples=1)}, "no_data"),
        ({"free": 900.0}, "disk_full"),
    ],
)
def test_what_changed_before_the_stop_or_is_not_known_any_more_stops_it(now, reason):
    """An approval may come hours after the look that the plan was made of."""
    shift = begin("stop_instance")
    with_instance(shift)
    shift.deliver(make.a_tick(target=make.COMPUTE), budget=timedelta(0))
    with_instance(shift, **now)
    shift.move(timedelta(seconds=10))
    shift.run_until_quiet()
    assert (reason, []) == (shift.plan.steps[0].reason, shift.done("stop"))


def test_a_person_may_stop_what_is_busy_but_not_what_runs_a_job():
    """And not one that would not start again."""
    shift = begin("stop_instance")
    machine = with_instance(shift, use=replace(QUIET, cpu=0.9))
    shift.run_book("stop_instance", make.COMPUTE, given={"even_if_busy": True})
    shift.run_until_quiet()
    assert [make.COMPUTE] == shift.done("stop")
    machine.power = "jobrunning"
    shift.run_book(
        "stop_instance", make.COMPUTE, given={"even_if_busy": True}, request_id="r-2"
    )
    assert ["in_use"] == shift.reasons("r-2")


def test_a_stopped_instance_is_started_and_seen_to_run():
    """Accepted is not started."""
    shift = begin("start_instance")
    with_stopped(shift)
    plan = run(shift, a_finding("failed_operation"))
    assert ("done", "running") == (plan.steps[0].outcome, instance_of(shift).state)
    assert 1 == len(shift.done("start"))


@pytest.mark.parametrize("point", range(1, 16))
def test_a_worker_may_die_anywhere_and_the_instance_is_restarted_once(point):
    """Nothing but its last operation says that it was: that is remembered first."""
    shift = begin("restart_instance")
    with_unusable(shift)
    shift.die_at = {point}
    if not shift.send(a_finding("broken")):
        shift.send(a_finding("broken"))
    shift.run_until_quiet()
    assert 1 == len(shift.done("restart"))
    assert "done" == shift.plan.steps[0].outcome


def test_a_full_disk_forbids_a_restart_too():
    """It would not come back."""
    shift = begin("restart_instance")
    with_instance(shift, free=700.0)
    shift.run_book("restart_instance", make.COMPUTE)
    assert ["disk_full"] == shift.reasons("r-1")


def test_how_an_instance_stands_is_in_the_record():
    """A person asks, and reads it in the plan; nothing is touched."""
    shift = begin("show_instance")
    with_stopped(shift)
    shift.run_book("show_instance", make.COMPUTE)
    shift.run_until_quiet()
    shown = shift.plan.steps[0].detail
    assert ("stopped", "Ada", "stop") == (
        shown["state"],
        shown["owner"],
        shown["last_operation"],
    )
    assert [] == shift.world.effects


def test_a_missing_idle_time_is_set_once_and_read_back():
    """Azure then stops it by itself, and knows what nobody else can see."""
    shift = begin("set_idle_shutdown", idle=timedelta(minutes=90))
    with_instance(shift)
    plan = run(shift, a_finding("no_idle_shutdown"))
    assert "done" == plan.steps[0].outcome
    assert timedelta(minutes=90) == instance_of(shift).idle_shutdown
    assert 1 == len(shift.done("set_idle_shutdown"))


def test_stop_and_start_times_are_set_and_read_back():
    """Both, in the time zone that the rule names."""
    shift = begin(
        "set_instance_schedules", start="0 7 * * 1-5", zone="W. Europe Standard Time"
    )
    with_instance(shift)
    plan = run(shift, a_finding("no_stop_time"))
    assert "done" == plan.steps[0].outcome
    zone = "W. Europe Standard Time"
    assert {
        MlSchedule("stop", is_enabled=True, when="0 19 * * 1-5", zone=zone),
        MlSchedule("start", is_enabled=True, when="0 7 * * 1-5", zone=zone),
    } == set(instance_of(shift).schedules)


@pytest.mark.parametrize(
    "wrong",
    [{"stop": "19:00"}, {"start": "0 7 * *"}, {"zone": " "}, {"stop": ""}],
)
def test_times_that_are_none_are_refused(wrong):
    """At load, and not at seven in the evening."""
    with pytest.raises(ValueError, match=r"cron|zone"):
        make.a_rule("set_instance_schedules", **wrong)


def test_an_owner_is_told_before_an_instance_is_marked():
    """The mark names the stop that it holds for, and the day."""
    shift = begin("mark_stopped_instance", **TOLD)
    machine = with_stopped(shift)
    plan = run(shift, a_finding())
    assert ["done", "done"] == [r.outcome for r in plan.steps]
    mark = read_mark(machine.resource.tags)
    assert mark is not None
    assert (make.NOW + timedelta(days=7), STOPPED_AT) == (mark.due, mark.stopped_at)
    assert "Ada" in plan.steps[0].step.args["message"]


def test_nothing_is_marked_that_nobody_was_told_of():
    """No channel, no warning, no mark: and so never a deletion."""
    shift = begin("mark_stopped_instance")
    machine = with_stopped(shift)
    plan = run(shift, a_finding())
    assert ["failed", "refused"] == [r.outcome for r in plan.steps]
    assert DELETE_TAG not in machine.resource.tags


def test_an_instance_whose_mark_is_due_is_deleted():
    """Warned, waited, looked at again: gone."""
    shift = begin("delete_marked_instance")
    with_stopped(shift, **DUE)
    plan = run(shift, a_finding("marked"))
    assert "done" == plan.steps[0].outcome
    assert instance_of(shift) is None


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {DELETE_TAG: "soon"},
        {DELETE_TAG: write_mark(Mark(make.NOW, STOPPED_AT - timedelta(days=9)))},
    ],
)
def test_an_instance_without_a_mark_for_this_stop_is_never_deleted(tags):
    """Not even when a person asks."""
    shift = begin("delete_marked_instance")
    with_stopped(shift, **tags)
    shift.run_book("delete_marked_instance", make.COMPUTE)
    assert ["no_mark"] == shift.reasons("r-1")
    assert [] == shift.done("delete")


def test_whoever_starts_it_in_the_last_moment_keeps_it():
    """The effect itself looks, after the decision."""
    shift = begin("delete_marked_instance")
    machine = with_stopped(shift, **DUE)
    shift.deliver(a_finding("marked"), budget=timedelta(0))
    machine.power = "running"
    shift.run_until_quiet()
    assert "in_use" == shift.plan.steps[0].reason
    assert [] == shift.done("delete")


def test_an_idle_cluster_goes_down_to_no_nodes():
    """What it may grow to stays."""
    shift = begin("scale_cluster_to_zero")
    with_idle_cluster(shift)
    plan = run(shift, a_cluster_finding())
    cluster = shift.world.machine_learning.clusters[SPOT.casefold()]
    assert "done" == plan.steps[0].outcome
    assert (0, 4, 0) == (cluster.least, cluster.most, cluster.nodes["idle"])


def test_disk_space_is_asked_by_name_and_the_least_counts():
    """An hour in which it was full once is an hour in which it was full."""
    shift = begin("stop_instance")
    with_instance(shift, free=None)
    shift.world.metrics.tell_points(make.COMPUTE, FREE, 5000.0, 1500.0, 4000.0)
    assert ["disk_full"] == refusals(shift, make.a_tick(target=make.COMPUTE))


def test_the_idle_tick_asks_each_rule_about_its_own_kind_of_machine():
    """A VM is measured in bulk, an instance read by itself; neither hides the other."""
    is_ml = "signal.resource_type.endsWith('/computes')"
    shift = Shift.begin(
        make.a_rule("stop_instance", when=is_ml),
        make.a_rule("deallocate_idle", when=f"!{is_ml}"),
    )
    with_instance(shift)
    shift.with_machine()
    tally = shift.tick()
    shift.run_until_quiet()
    assert [] == tally.unread
    assert {"stop_instance", "deallocate_idle"} == {p.remediation for p in shift.plans}
    assert {PlanOutcome.DONE} == {p.outcome for p in shift.plans}


def test_a_busy_instance_costs_the_tick_one_metrics_call_and_no_look():
    """A thousand busy notebooks must not be a thousand documents and job lists."""
    shift = Shift.begin(make.a_rule("stop_instance"))
    with_instance(shift, use=replace(QUIET, cpu=0.7))
    looks: list[str] = []
    shift.hooks.append(looks.append)
    tally = shift.tick()
    assert {"not_idle": 1} == dict(tally.by_reason)
    assert 1 == looks.count("read utilisation")
    assert not {"read compute_instance", "read active_jobs", "read points"} & set(looks)
