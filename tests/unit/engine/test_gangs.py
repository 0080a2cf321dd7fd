"""A job on several noticed nodes: one signal, one moment at which all of it leaves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.errors import Forbidden
from shared.core.gangs import TOLD
from shared.core.plans import PlanOutcome
from shared.engine.effects.gangs import HEARD_AT_MOST
from tests.builders import NOW, SECOND, a_notice, a_pod, a_reboot, a_rule, canceled, instance
from tests.gangs import GANG, NUMBERS, a_wave, gang_detail, run_gang
from tests.shift import Shift

EVERY = [f"llm-{number}" for number in NUMBERS]
SAVED = "2030-01-01T03:00:01Z"


@pytest.fixture
def shift() -> Shift:
    """Begin a night whose one rule drains nodes that are being taken."""
    return Shift.begin(a_rule())


def left_at(shift: Shift) -> dict[str, datetime]:
    """Note when each pod is asked to leave, from now on."""
    moments: dict[str, datetime] = {}

    def hook(at: str) -> None:
        if at == "after evict":
            moments[shift.done("evict")[-1]] = shift.now

    shift.hooks.append(hook)
    return moments


def spread(moments: dict[str, datetime]) -> timedelta:
    """Say how far apart the first and the last were."""
    return max(moments.values()) - min(moments.values())


def test_a_job_on_four_nodes_is_told_once_and_leaves_them_together(shift: Shift):
    """Four signals would be four checkpoints, and four departures four beginnings."""
    run_gang(shift)
    moments = left_at(shift)
    shift.deliver(*a_wave())
    shift.run_until_quiet()
    assert Counter(EVERY) == Counter(shift.done("tell"))
    assert Counter(EVERY) == Counter(shift.done("evict"))
    assert spread(moments) <= SECOND
    assert {PlanOutcome.DONE} == {plan.outcome for plan in shift.plans}


def test_notices_that_come_seconds_apart_are_one_wave(shift: Shift):
    """The platform tells each machine by itself; the job is one all the same."""
    run_gang(shift)
    moments = left_at(shift)
    for number in NUMBERS:
        shift.deliver(a_notice(number, event_id=f"e-{number}", deadline=NOW + 60 * SECOND))
        shift.wait(2 * SECOND)
    shift.run_until_quiet()
    assert Counter(EVERY) == Counter(shift.done("tell"))
    assert spread(moments) <= SECOND


def test_every_node_is_cordoned_before_any_of_the_job_leaves(shift: Shift):
    """Else what leaves one node begins again on the next that is about to go."""
    run_gang(shift)
    shift.deliver(*a_wave())
    shift.run_until_quiet()
    kinds = [kind for kind, _ in shift.world.effects if kind in {"cordon", "evict"}]
    assert ["cordon"] * 4 + ["evict"] * 4 == kinds


def test_what_the_job_is_told_says_why_and_until_when(shift: Shift):
    """A script splits it at spaces; the moment is when its pods are asked to leave."""
    run_gang(shift, 29)
    shift.deliver(a_notice(29))
    [plan] = shift.plans
    said = shift.world.cluster.pods_by_uid["llm-29"].told[TOLD]
    assert f"why=vm.preempt leave_at=2030-01-01T03:00:12Z wave={plan.id}" == said


def test_a_job_that_says_it_is_safe_is_waited_for_no_longer(shift: Shift):
    """Of thirty seconds each one that is not needed is one more to end in."""
    run_gang(shift, saves=SAVED)
    moments = left_at(shift)
    shift.deliver(*a_wave())
    shift.run_until_quiet()
    assert max(moments.values()) < NOW + 5 * SECOND
    assert spread(moments) <= SECOND


def test_a_silent_job_is_given_its_lead_and_no_more(shift: Shift):
    """Who never answers is moved in time all the same."""
    run_gang(shift)
    moments = left_at(shift)
    shift.deliver(*a_wave())
    shift.run_until_quiet()
    assert NOW + 12 * SECOND <= min(moments.values()) <= NOW + 13 * SECOND


def test_the_lead_takes_at_most_half_of_what_is_left_to_the_deadline(shift: Shift):
    """The other half is the grace of the pods: a process that is killed has saved nothing."""
    run_gang(shift)
    moments = left_at(shift)
    shift.deliver(*a_wave(deadline=NOW + 13 * SECOND))
    shift.run_until_quiet()
    assert max(moments.values()) <= NOW + 6 * SECOND


def test_the_member_with_the_nearest_deadline_sets_the_moment_for_all(shift: Shift):
    """One node that goes earlier ends the job for all of them."""
    run_gang(shift, 29, 30)
    moments = left_at(shift)
    shift.deliver(a_reboot(29))
    shift.deliver(a_notice(30, event_id="e-2", deadline=NOW + 9 * SECOND))
    shift.run_until_quiet()
    assert {"llm-29", "llm-30"} == set(moments)
    assert max(moments.values()) <= NOW + 5 * SECOND


def test_the_age_of_the_checkpoint_is_recorded_as_the_job_leaves(shift: Shift):
    """Lost work is what came after the last checkpoint: only then is it known."""
    run_gang(shift, saves=SAVED)
    shift.deliver(*a_wave())
    shift.run_until_quiet()
    for number in NUMBERS:
        detail = gang_detail(shift, number)
        gone = datetime.fromisoformat(detail["left_at"]) - datetime.fromisoformat(SAVED)
        assert (SAVED, gone.total_seconds()) == (
            detail["checkpointed"],
            detail["checkpoint_age_s"],
        )


def test_words_that_are_no_moment_are_recorded_without_an_age(shift: Shift):
    """A step number says something to people; an age it is not."""
    run_gang(shift, 29, saves="step-4100")
    shift.deliver(a_notice(29))
    shift.run_until_quiet()
    detail = gang_detail(shift, 29)
    assert ("step-4100", None) == (detail["checkpointed"], detail["checkpoint_age_s"])


def test_a_job_that_does_not_ask_is_not_told_and_still_leaves_together(shift: Shift):
    """Nobody is told who did not ask; but one requeue is better than four."""
    run_gang(shift, asks="")
    moments = left_at(shift)
    shift.deliver(*a_wave())
    shift.run_until_quiet()
    assert ([], 4) == (shift.done("tell"), len(moments))
    assert spread(moments) <= SECOND
    assert max(moments.values()) <= NOW + 4 * SECOND


def test_a_job_that_is_on_one_node_alone_waits_for_nobody(shift: Shift):
    """There is nothing to bring together."""
    run_gang(shift, 29, asks="")
    shift.deliver(a_notice(29))
    assert ["llm-29"] == shift.done("evict")
    assert NOW == shift.now


def test_other_pods_of_the_node_do_not_wait_for_the_job(shift: Shift):
    """They are asked at once; the job alone has something to save together."""
    shift.with_node(a_pod("web"))
    run_gang(shift, 29, 30)
    shift.deliver(a_notice(29))
    assert ["web"] == shift.done("evict")
    shift.run_until_quiet()
    assert ["web", "llm-29"] == shift.done("evict")


def test_members_on_nodes_that_stay_are_told_and_left(shift: Shift):
    """A checkpoint is written by all; moved is only what must be."""
    run_gang(shift)
    shift.deliver(a_notice(29))
    shift.run_until_quiet()
    assert (Counter(EVERY), ["llm-29"]) == (
        Counter(shift.done("tell")),
        shift.done("evict"),
    )


def test_only_members_that_ask_are_told(shift: Shift):
    """Rank 0 alone may ask, and may be on a node that nobody takes."""
    run_gang(shift, 29, 30, asks="")
    run_gang(shift, 31)
    shift.deliver(*a_wave(29, 30))
    shift.run_until_quiet()
    assert ["llm-31"] == shift.done("tell")
    assert Counter(["llm-29", "llm-30"]) == Counter(shift.done("evict"))


def test_a_pod_may_name_the_annotation_it_watches(shift: Shift):
    """Some jobs watch for a word of their own already."""
    run_gang(shift, 29, asks="example.com/save-now")
    shift.deliver(a_notice(29))
    assert ["example.com/save-now"] == list(shift.world.cluster.pods_by_uid["llm-29"].told)


def test_signal_lead_and_gather_are_the_rules():
    """Every team has its own way of saving, and its own time for it."""
    rule = a_rule(signal="example.com/save", lead=5 * SECOND, gather=timedelta(0))
    shift = Shift.begin(rule)
    run_gang(shift, 29, 30)
    moments = left_at(shift)
    shift.deliver(*a_wave(29, 30))
    assert ["example.com/save"] == list(shift.world.cluster.pods_by_uid["llm-29"].told)
    shift.run_until_quiet()
    assert NOW + 5 * SECOND <= min(moments.values()) <= NOW + 6 * SECOND


def test_a_wave_that_is_over_is_followed_by_one_of_its_own(shift: Shift):
    """An hour later there is new work to save."""
    run_gang(shift, 29, 30)
    shift.deliver(a_notice(29))
    shift.run_until_quiet()
    shift.wait(timedelta(hours=1))
    later = shift.now + 30 * SECOND
    shift.deliver(a_notice(30, event_id="e-2", observed_at=shift.now, deadline=later))
    shift.run_until_quiet()
    assert 2 == len({gang_detail(shift, number)["wave"] for number in (29, 30)})
    assert Counter({"llm-30": 2, "llm-29": 1}) == Counter(shift.done("tell"))


def test_a_second_notice_within_the_window_finds_the_job_told(shift: Shift):
    """What has just been saved need not be saved again."""
    run_gang(shift, 29, 30)
    shift.deliver(a_notice(29))
    shift.run_until_quiet()
    shift.wait(10 * SECOND)
    later = shift.now + 30 * SECOND
    shift.deliver(a_notice(30, event_id="e-2", observed_at=shift.now, deadline=later))
    assert "llm-30" in shift.done("evict")
    assert Counter(["llm-29", "llm-30"]) == Counter(shift.done("tell"))


def test_when_the_plan_that_would_tell_is_withdrawn_another_one_does(shift: Shift):
    """A notice that is taken back must not leave the rest of the job untold."""
    run_gang(shift, 29, 30)
    shift.die_at = {_points_to("after wave")}
    assert not shift.send(a_notice(29))
    shift.deliver(canceled(a_notice(29)))
    shift.deliver(a_notice(30, event_id="e-2"))
    shift.run_until_quiet()
    assert Counter(["llm-29", "llm-30"]) == Counter(shift.done("tell"))
    assert ["llm-30"] == shift.done("evict")


def _points_to(point: str) -> int:
    """Count the points that one notice passes up to the first of this name."""
    trial = Shift.begin(a_rule())
    run_gang(trial, 29, 30)
    trial.deliver(a_notice(29))
    return trial.passed.index(point) + 1


def test_a_job_that_may_not_be_told_is_moved_all_the_same(shift: Shift):
    """An eviction waits for no permission; the record says what was missing."""
    run_gang(shift, 29, 30)
    with shift.raising("before tell", Forbidden("patch pods: 403"), times=9):
        shift.deliver(a_notice(29))
    shift.run_until_quiet()
    assert ["llm-29"] == shift.done("evict")
    assert "403" in gang_detail(shift, 29)["error"]


def test_a_budget_that_blocks_others_does_not_keep_the_job(shift: Shift):
    """Its moment is for all of its nodes; a web server's budget is not its business."""
    shift.with_node(a_pod("web"))
    shift.world.cluster.pods_by_uid["web"].blocks = 2
    run_gang(shift, 29, 30, asks="")
    moments = left_at(shift)
    shift.deliver(*a_wave(29, 30))
    shift.run_until_quiet()
    assert abs(moments["llm-29"] - moments["llm-30"]) <= SECOND
    assert {PlanOutcome.DONE} == {plan.outcome for plan in shift.plans}


def test_a_person_who_uncordons_one_node_keeps_its_part_of_the_job(shift: Shift):
    """Their word is about their node; the others of the wave go on."""
    run_gang(shift, 29, 30)
    shift.deliver(*a_wave(29, 30))
    node = shift.node(29)
    shift.world.cluster.nodes[instance(29).casefold()] = replace(node, is_unschedulable=False)
    shift.run_until_quiet()
    assert ["llm-30"] == shift.done("evict")
    reasons = {plan.target: plan.steps[1].reason for plan in shift.plans}
    assert Reason.UNCORDONED_BY_HAND == reasons[instance(29)]


def test_nodes_without_a_job_read_no_wave(shift: Shift):
    """Whoever has nothing to share pays nothing for it."""
    seen: list[str] = []
    shift.hooks.append(seen.append)
    shift.with_node()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert ([], []) == (
        [at for at in seen if "wave" in at or at == "read members"],
        list(shift.world.waves.stored),
    )


def test_the_job_is_named_with_its_kind_and_namespace(shift: Shift):
    """Two jobs of one name in two namespaces are two."""
    run_gang(shift, 29)
    shift.deliver(a_notice(29))
    shift.run_until_quiet()
    assert "job_set/jobs/llm" == GANG.key
    assert [GANG.key] == list(shift.plan.steps[1].detail["gangs"])


def test_several_jobs_on_one_node_each_have_their_own_wave(shift: Shift):
    """One that is safe does not wait for one that is not."""
    other = replace(GANG, name="other", selector="jobset.sigs.k8s.io/jobset-name=other")
    run_gang(shift, 29, 30, saves=SAVED)
    for number in (29, 30):
        pod = a_pod(f"other-{number}", gang=other, asks=TOLD, controller="Job")
        shift.world.cluster.run(pod, shift.node(number))
    moments = left_at(shift)
    shift.deliver(*a_wave(29, 30))
    shift.run_until_quiet()
    assert max(moments["llm-29"], moments["llm-30"]) < NOW + 5 * SECOND
    assert min(moments["other-29"], moments["other-30"]) >= NOW + 12 * SECOND
    assert Counter(["llm-29", "llm-30", "other-29", "other-30"]) == Counter(shift.done("tell"))


def test_of_a_very_large_job_nobody_is_waited_for_by_name(shift: Shift):
    """What each of them said before would not fit into the plan; they have their lead."""
    run_gang(shift, 29, saves=SAVED)
    for number in range(HEARD_AT_MOST):
        pod = a_pod(f"rank-{number}", gang=GANG, asks=TOLD, controller="Job")
        shift.world.cluster.run(pod, shift.node(29), saves=SAVED)
    moments = left_at(shift)
    shift.deliver(a_notice(29))
    [plan] = shift.plans
    assert {} == plan.steps[1].progress["gangs"][GANG.key]["before"]
    shift.run_until_quiet()
    assert HEARD_AT_MOST + 1 == len(shift.done("tell"))
    assert NOW + 12 * SECOND <= min(moments.values())


def test_a_member_that_is_leaving_already_is_neither_told_nor_waited_for(shift: Shift):
    """Somebody else asked it to go; it has nothing to say to us any more."""
    run_gang(shift, 29, 30, saves=SAVED)
    gone = a_pod("llm-31", gang=GANG, asks=TOLD, deleting_since=NOW, controller="Job")
    shift.with_node(a_pod("daemon-31", controller="DaemonSet"), number=31)
    shift.world.cluster.run(gone, shift.node(31))
    moments = left_at(shift)
    shift.deliver(*a_wave(29, 30))
    shift.run_until_quiet()
    assert Counter(["llm-29", "llm-30"]) == Counter(shift.done("tell"))
    assert max(moments.values()) < NOW + 5 * SECOND


def test_the_whole_job_is_listed_by_the_plan_that_leads_alone(shift: Shift):
    """Of five hundred plans each would else list five hundred pods, twice."""
    run_gang(shift, saves=SAVED)
    seen: list[str] = []
    shift.hooks.append(seen.append)
    shift.deliver(*a_wave())
    shift.run_until_quiet()
    assert seen.count("read members") <= 4
    assert {SAVED} == {gang_detail(shift, number)["checkpointed"] for number in NUMBERS}


def test_a_job_on_many_nodes_costs_its_row_two_writes_and_itself_few_lists(shift: Shift):
    """What each plan would do by itself, hundreds would do at once."""
    numbers = tuple(range(100, 164))
    run_gang(shift, *numbers)
    seen: Counter[str] = Counter()
    shift.hooks.append(lambda at: seen.update([at]))
    moments = left_at(shift)
    shift.deliver(*a_wave(*numbers))
    shift.run_until_quiet()
    assert (2, 64, 64) == (seen["after wave"], seen["after tell"], len(moments))
    assert seen["read members"] <= 15
    assert spread(moments) <= SECOND
