"""A Slurm node has thirty seconds: drained, its jobs told and moved, and what ends that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core.decisions import Reason
from shared.core.errors import ProviderUnavailable
from shared.core.facts import SlurmNodeFacts
from shared.core.plans import PlanOutcome, StepOutcome
from shared.core.signals import Phase
from shared.core.slurm import SlurmNode
from shared.core.steps import Verb
from shared.remediations.drain_slurm_node import Requeue
from tests.builders import (
    MINUTE,
    NOW,
    REMEDIATIONS,
    SECOND,
    a_notice,
    a_reboot,
    a_resource,
    a_rule,
    canceled,
    instance,
)
from tests.fakes.ledger import Crash
from tests.fakes.slurm import CLUSTER
from tests.shift import Shift
from tests.slurm_work import a_slurm_plan

NODE = "gpu029"
ASKING = {"asks": "batch:USR1", "says": "2030-01-01T03:00:01Z"}
DONE, ALREADY = StepOutcome.DONE, StepOutcome.ALREADY


@pytest.fixture
def shift() -> Shift:
    """Begin a night whose one rule drains Slurm nodes."""
    return Shift.begin(a_rule("drain_slurm_node"))


def outcomes(shift: Shift) -> list[StepOutcome | None]:
    """How the first plan's steps ended."""
    return [record.outcome for record in shift.plans[0].steps]


def node(shift: Shift, name: str = NODE):
    """Return a node as it is now."""
    return shift.world.slurm.at(name)


def test_a_node_is_drained_its_job_told_and_moved(shift: Shift):
    """In this order: nothing new may start, then what is there is saved, then it moves."""
    number = shift.with_slurm_node(**ASKING)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert ["slurm_drain", "slurm_signal", "slurm_down"] == [k for k, _ in shift.world.effects]
    assert [DONE, DONE, DONE] == outcomes(shift)
    job = shift.world.slurm.job(number)
    assert (1, ("free001",)) == (job.restarts, job.nodes)
    assert "nightshift: vm.preempt e-1" == node(shift).reason
    assert (shift.plan.id,) == node(shift).marks
    assert all(record.verified_at for record in shift.plan.steps)
    assert shift.plan.margin is not None


def test_what_a_job_said_of_its_checkpoint_is_recorded(shift: Shift):
    """A person sees in the plan how old it was when the machine went."""
    number = shift.with_slurm_node(**ASKING)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    detail = shift.plan.steps[1].detail
    assert {f"{number}.0": ASKING["says"]} == detail["checkpointed"]
    assert ([f"{number}.0"], []) == (detail["signalled"], detail["unheard"])
    assert ["batch:USR1"] == shift.world.slurm.jobs_by_id[number].signals


def test_a_job_that_does_not_ask_is_not_signalled(shift: Shift):
    """USR1 ends a program that has no handler for it."""
    number = shift.with_slurm_node()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert [] == shift.world.slurm.jobs_by_id[number].signals
    assert [DONE, ALREADY, DONE] == outcomes(shift)


def test_a_silent_job_is_waited_for_no_longer_than_the_rule_says(shift: Shift):
    """Twelve seconds of thirty; then it is moved, saved or not."""
    shift.with_slurm_node(asks="batch:USR1")
    shift.deliver(a_notice())
    shift.run_until_quiet()
    waited = shift.plan.steps[1].finished_at - NOW
    assert 12 * SECOND <= waited <= 14 * SECOND
    assert [DONE, DONE, DONE] == outcomes(shift)
    assert shift.plan.steps[1].detail["unheard"]


def test_nobody_is_waited_for_past_the_deadline_less_the_margin():
    """A rule that would wait a minute still moves the job while there is time."""
    shift = Shift.begin(a_rule("drain_slurm_node", checkpoint_wait=MINUTE, margin=8 * SECOND))
    shift.with_slurm_node(asks="batch:USR1")
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert 22 * SECOND <= shift.plan.steps[1].finished_at - NOW <= 23 * SECOND
    assert DONE == outcomes(shift)[2]


def test_a_job_on_two_machines_is_signalled_once_and_moved_once(shift: Shift):
    """One wave of notices is one checkpoint and one requeue, of the job and not the node."""
    shift.with_slurm_node(29, "gpu029")
    shift.with_slurm_node(30, "gpu030")
    number = shift.world.slurm.run("gpu029", "gpu030", asks="batch:USR1")
    shift.deliver(a_notice(29), a_notice(30))
    shift.run_until_quiet()
    assert ["batch:USR1"] == shift.world.slurm.jobs_by_id[number].signals
    assert 1 == shift.world.slurm.job(number).restarts
    assert {PlanOutcome.DONE} == {plan.outcome for plan in shift.plans}


def test_a_later_wave_signals_again(shift: Shift):
    """The first notice was withdrawn; what it saved is an hour old by the next."""
    number = shift.with_slurm_node(asks="batch:USR1", is_requeueable=False)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    shift.deliver(canceled(a_notice()))
    shift.run_until_quiet()
    shift.move(60 * MINUTE)
    later = shift.now
    shift.deliver(a_notice(event_id="e-2", observed_at=later, deadline=later + 30 * SECOND))
    shift.run_until_quiet()
    assert 2 == len(shift.world.slurm.jobs_by_id[number].signals)


def test_where_rest_requeues_the_node_is_not_given_up(shift: Shift):
    """Slurm 26.05: job by job, and the node's state stays a drain."""
    number = shift.with_slurm_node()
    shift.world.slurm.has_requeue = True
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert [str(number)] == shift.done("slurm_requeue")
    assert [] == shift.done("slurm_down")
    assert not node(shift).is_down
    assert ("free001",) == shift.world.slurm.job(number).nodes


def test_an_operators_drain_is_left_as_it_is(shift: Shift):
    """Reason, comment and state stay theirs; the jobs are theirs to move, too."""
    shift.with_slurm_node()
    shift.world.slurm.operator(NODE, "bad DIMM")
    before = node(shift)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert before == node(shift)
    assert Reason.DRAINED_BY_OTHERS == shift.plan.steps[0].reason
    assert (StepOutcome.REFUSED, Reason.DRAINED_BY_OTHERS) == (
        shift.plan.steps[2].outcome,
        shift.plan.steps[2].reason,
    )
    shift.deliver(canceled(a_notice()))
    shift.run_until_quiet()
    assert before == node(shift)


def test_a_withdrawn_notice_puts_the_node_back_to_work(shift: Shift):
    """Drain and DOWN are taken back, and our mark with them."""
    shift.with_slurm_node()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    shift.world.slurm.nodes[CLUSTER, NODE] = replace(
        node(shift), comment=f"rack 4 {node(shift).comment}"
    )
    shift.deliver(canceled(a_notice()))
    shift.run_until_quiet()
    assert ("IDLE",) == node(shift).states
    assert ("rack 4", ()) == (node(shift).comment, node(shift).marks)
    assert [DONE] == [record.outcome for record in shift.plans[1].steps]


def test_a_node_that_was_taken_over_stays_drained(shift: Shift):
    """A health check drained it once more while it was ours: it has a reason of its own."""
    shift.with_slurm_node()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    shift.world.slurm.operator(NODE, "HealthCheck: GPU 3 is gone")
    shift.deliver(canceled(a_notice()))
    shift.run_until_quiet()
    assert node(shift).is_drained
    assert "HealthCheck: GPU 3 is gone" == node(shift).reason
    assert Reason.DRAINED_BY_OTHERS == shift.plans[1].steps[0].reason
    assert () == node(shift).marks


def test_the_drain_stays_ours_when_slurm_itself_rewrites_the_reason(shift: Shift):
    """Slurm says that a node is "Not responding" as its own user, whom we write as."""
    shift.with_slurm_node()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    shift.world.slurm.nodes[CLUSTER, NODE] = replace(node(shift), reason="Not responding")
    shift.deliver(canceled(a_notice()))
    shift.run_until_quiet()
    assert not node(shift).is_drained


def test_two_plans_on_one_node_leave_it_drained_until_both_are_withdrawn(shift: Shift):
    """The reboot was canceled; the redeploy was not."""
    shift.with_slurm_node()
    first, second = a_reboot(), a_reboot(event_id="e-2")
    shift.deliver(first)
    shift.run_until_quiet()
    shift.deliver(second)
    shift.run_until_quiet()
    assert 2 == len(node(shift).marks)
    shift.deliver(canceled(first))
    shift.run_until_quiet()
    assert node(shift).is_drained
    shift.deliver(canceled(second))
    shift.run_until_quiet()
    assert not node(shift).is_drained


def test_an_operator_who_resumes_the_node_ends_the_plan(shift: Shift):
    """At any moment: a person's word wins."""
    shift.with_slurm_node(asks="batch:USR1")
    shift.deliver(a_notice())
    shift.wait(3 * SECOND)
    shift.world.slurm.operator_resumes(NODE)
    shift.run_until_quiet()
    assert (StepOutcome.REFUSED, Reason.RESUMED_BY_HAND) == (
        shift.plan.steps[1].outcome,
        shift.plan.steps[1].reason,
    )
    assert [] == shift.done("slurm_down")
    assert not node(shift).is_drained


def test_when_the_event_is_over_the_node_returns_once_it_answers(shift: Shift):
    """Not before: a node whose daemon is silent would take jobs and lose them."""
    shift.with_slurm_node()
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    silent = replace(node(shift), states=("DOWN", "DRAIN", "NOT_RESPONDING"))
    shift.world.slurm.nodes[CLUSTER, NODE] = silent
    shift.deliver(replace(a_reboot(), phase=Phase.COMPLETED, deadline=None))
    shift.wait(2 * MINUTE)
    assert node(shift).is_drained
    shift.world.slurm.nodes[CLUSTER, NODE] = replace(silent, states=("DOWN", "DRAIN"))
    shift.run_until_quiet()
    assert ("IDLE",) == node(shift).states


def test_a_drain_of_which_a_part_came_through_is_finished(shift: Shift):
    """Reason and mark are there, the state was refused: it is written once more."""
    shift.with_slurm_node()
    shift.world.slurm.half = 1
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert [DONE, ALREADY, DONE] == outcomes(shift)


def test_a_drain_that_keeps_being_refused_ends_with_its_own_reason(shift: Shift):
    """And what came through of it is taken back when the notice is withdrawn."""
    shift.with_slurm_node()
    shift.world.slurm.half = 9
    shift.deliver(a_notice())
    shift.run_until_quiet()
    first = shift.plans[0].steps[0]
    assert (StepOutcome.FAILED, Reason.HALF_APPLIED) == (first.outcome, first.reason)
    shift.deliver(canceled(a_notice()))
    shift.run_until_quiet()
    assert () == node(shift).marks


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("silent", Reason.SLURM_UNREACHABLE),
        ("refusing", Reason.SLURM_REFUSED),
        ("ambiguous", Reason.AMBIGUOUS_NODE),
        ("nobody", Reason.NOT_A_SLURM_NODE),
    ],
)
def test_each_trouble_has_its_own_reason_and_the_other_machines_go_on(
    shift: Shift, what: str, reason: Reason
):
    """One notice, two machines: what is wrong with one is no matter of the other."""
    shift.with_slurm_node(29, "gpu029")
    slurm = shift.world.slurm
    slurm.add("gpu001", instance(30), cluster="other")
    shift.world.resources.add(a_resource(instance(30)))
    {
        "silent": lambda: slurm.silent.add("other"),
        "refusing": lambda: slurm.refusing.add("other"),
        "ambiguous": lambda: slurm.ambiguous.add(instance(30).casefold()),
        "nobody": lambda: slurm.machines.pop(instance(30).casefold()),
    }[what]()
    shift.deliver(a_notice(29), a_notice(30))
    shift.run_until_quiet()
    assert [instance(29)] == [plan.target for plan in shift.plans]
    assert PlanOutcome.DONE == shift.plan.outcome
    assert reason in shift.reasons()


def test_a_controller_that_comes_back_in_time_is_asked_again(shift: Shift):
    """Unreachable is no answer: it is held, and looked at again."""
    shift.with_slurm_node()
    shift.world.slurm.silent.add(CLUSTER)
    shift.deliver(a_notice())
    assert [] == shift.plans
    shift.world.slurm.silent.clear()
    shift.run_until_quiet()
    assert PlanOutcome.DONE == shift.plan.outcome


def test_a_controller_that_goes_away_meanwhile_fails_the_step_at_the_deadline(shift: Shift):
    """The plan says what it was doing and that it was too late."""
    shift.with_slurm_node(asks="batch:USR1")
    shift.deliver(a_notice())
    shift.world.slurm.silent.add(CLUSTER)
    shift.run_until_quiet()
    step = shift.plan.steps[1]
    assert (StepOutcome.FAILED, Reason.DEADLINE_PASSED) == (step.outcome, step.reason)
    assert "lab" in step.detail["error"]


def test_a_deadline_that_is_past_touches_nothing(shift: Shift):
    """What is late is said, and not done."""
    shift.with_slurm_node()
    before = node(shift)
    shift.deliver(a_notice(deadline=NOW - SECOND))
    shift.run_until_quiet()
    assert before == node(shift)
    assert Reason.DEADLINE_PASSED in shift.reasons()


def test_a_name_that_another_machine_has_by_now_is_left_alone(shift: Shift):
    """CycleCloud gives a node's name to the next machine."""
    shift.with_slurm_node(asks="batch:USR1")
    shift.deliver(a_notice())
    shift.world.slurm.nodes[CLUSTER, NODE] = replace(node(shift), address="10.9.9.9")
    shift.run_until_quiet()
    assert Reason.TARGET_GONE == shift.plan.steps[1].reason
    assert [] == shift.done("slurm_down")


def test_jobs_that_may_not_run_again_are_left_unless_the_rule_ends_them(shift: Shift):
    """They end with the machine; nobody ends them before without being told to."""
    number = shift.with_slurm_node(is_requeueable=False)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert ("RUNNING",) == shift.world.slurm.job(number).states
    assert [f"{number}.0"] == shift.plan.steps[2].detail["left"]


def test_a_rule_may_end_the_jobs_that_cannot_run_again():
    """`requeue: all`: in order, instead of with the machine."""
    shift = Shift.begin(a_rule("drain_slurm_node", requeue=Requeue.ALL))
    number = shift.with_slurm_node(is_requeueable=False)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert ("NODE_FAIL",) == shift.world.slurm.job(number).states
    assert [DONE, ALREADY, DONE] == outcomes(shift)


def test_a_job_is_not_moved_when_that_would_end_its_neighbour(shift: Shift):
    """Without a requeue over REST only DOWN moves it, and DOWN ends both."""
    mine = shift.with_slurm_node()
    other = shift.world.slurm.run(NODE, is_requeueable=False)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert 0 == shift.world.slurm.job(mine).restarts
    assert ("RUNNING",) == shift.world.slurm.job(other).states
    assert Reason.JOBS_REMAIN == shift.plan.steps[2].reason


def test_jobs_may_be_given_time_to_end_by_themselves():
    """`down_after` is theirs; the drain stands meanwhile."""
    shift = Shift.begin(a_rule("drain_slurm_node", down_after=10 * MINUTE))
    shift.with_slurm_node()
    shift.deliver(a_reboot())
    shift.wait(9 * MINUTE)
    assert [] == shift.done("slurm_down")
    shift.run_until_quiet()
    assert [NODE] == shift.done("slurm_down")


def test_a_runbook_drains_a_node_for_a_person(shift: Shift):
    """No deadline: the rule's own times hold."""
    shift.with_slurm_node(**ASKING)
    shift.run_book("drain_slurm_node", instance(29))
    shift.run_until_quiet()
    assert [DONE, DONE, DONE] == outcomes(shift)
    assert "nightshift: runbook.requested r-1" == node(shift).reason


def test_a_second_notice_for_the_same_event_changes_nothing(shift: Shift):
    """Delivered twice, drained once."""
    shift.with_slurm_node()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert [NODE] == shift.done("slurm_drain")


def test_the_verbs_of_the_plan_are_the_three(shift: Shift):
    """And none more where the rule moves nothing."""
    rule = a_rule("drain_slurm_node", requeue=Requeue.NONE)
    shift = Shift.begin(rule)
    shift.with_slurm_node()
    shift.deliver(a_notice())
    verbs = [record.step.verb for record in shift.plan.steps]
    assert [Verb.SLURM_DRAIN, Verb.SLURM_CHECKPOINT] == verbs


def test_a_node_that_slurm_itself_drained_is_not_ours(shift: Shift):
    """The reason is by the user whom we write as, and our mark is not there."""
    shift.with_slurm_node()
    bad = replace(node(shift), states=("ALLOCATED", "DRAIN"), reason="Kill task failed")
    shift.world.slurm.nodes[CLUSTER, NODE] = replace(bad, is_reason_ours=True)
    before = node(shift)
    shift.deliver(a_notice())
    shift.run_until_quiet()
    assert before == node(shift)
    assert Reason.DRAINED_BY_OTHERS == shift.plan.steps[0].reason


def test_a_resume_by_hand_is_heard_after_a_crash_too(shift: Shift):
    """The drain was sent, its worker died, and before the next one a person resumed it."""
    shift.with_slurm_node()
    with shift.raising("after slurm_drain", Crash("here")):
        shift.send(a_reboot())
    shift.world.slurm.operator_resumes(NODE)
    shift.run_until_quiet()
    first = shift.plan.steps[0]
    assert (StepOutcome.REFUSED, Reason.RESUMED_BY_HAND) == (first.outcome, first.reason)
    assert [NODE] == shift.done("slurm_drain")


def test_what_a_job_said_before_a_crash_is_still_news_after_it(shift: Shift):
    """It saved at the first signal; nobody waits for it to say something else."""
    shift.with_slurm_node(**ASKING)
    with shift.raising("after slurm_signal", Crash("here")):
        shift.send(a_reboot())
    shift.run_until_quiet()
    assert [] == shift.plan.steps[1].detail["unheard"]
    assert PlanOutcome.DONE == shift.plan.outcome


def test_a_look_between_two_steps_sees_who_resumed_the_node():
    """A node of ours that is not drained any more is a person's word; silence is none."""
    known = REMEDIATIONS["drain_slurm_node"]
    plan = a_slurm_plan("gpu001")
    drained = replace(plan.steps[0], outcome=DONE)
    plan = replace(plan, steps=(drained, *plan.steps[1:]))
    idle = SlurmNode(CLUSTER, "gpu001", ("IDLE",))
    facts = SlurmNodeFacts(a_resource(instance(29)), idle)
    cases = {
        Reason.RESUMED_BY_HAND: facts,
        Reason.TARGET_GONE: replace(facts, node=None),
        None: replace(facts, node=None, trouble="slurm_unreachable"),
    }
    for reason, seen in cases.items():
        assert reason == known.recheck(plan, seen, known.settings(), NOW)
    still = replace(facts, node=replace(idle, states=("IDLE", "DRAIN")))
    assert known.recheck(plan, still, known.settings(), NOW) is None


def test_a_half_drain_that_could_not_be_looked_at_is_finished_later(shift: Shift):
    """Refused in part, and then no answer: what stands there is ours, and no person's."""
    shift.with_slurm_node()
    shift.world.slurm.half = 1
    sent: list[str] = []

    def silence(where: str) -> None:
        if where == "before slurm_drain":
            sent.append(where)
        if where == "read slurm node" and len(sent) == 1:
            sent.append(where)
            raise ProviderUnavailable("no answer", after=SECOND)

    shift.hooks.append(silence)
    shift.deliver(a_reboot())
    shift.run_until_quiet()
    assert [DONE, ALREADY, DONE] == outcomes(shift)
