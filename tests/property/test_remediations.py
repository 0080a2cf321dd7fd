"""Laws of each remediation's decision, over all facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.core.decisions import Act, Hold, Reason
from shared.core.facts import (
    DiskFacts,
    FailedTask,
    FailedTaskFacts,
    MachineFacts,
    NodeFacts,
    Utilisation,
)
from shared.core.signals import SignalType
from shared.core.steps import Verb
from shared.remediations import (
    deallocate_idle,
    drain_node,
    reactivate_failed_tasks,
    snapshot_and_redeploy,
)
from tests.builders import (
    ACCOUNT,
    HOUR,
    NOW,
    VM,
    a_degradation,
    a_node,
    a_notice,
    a_plan,
    a_resource,
    a_tick,
    an_alert,
    disk,
    instance,
)

fractions = st.sampled_from([0.0, 0.049, 0.05, 0.2, 1.0])
spans = st.timedeltas(timedelta(0), 3 * HOUR)
uses = st.builds(
    Utilisation,
    window=st.sampled_from([timedelta(0), HOUR - timedelta(seconds=1), HOUR, 2 * HOUR]),
    cpu=st.none() | fractions,
    gpu=st.none() | fractions,
    network=st.none() | st.sampled_from([0.0, 99_999.0, 100_000.0]),
    samples=st.integers(0, 12),
    expected_samples=st.just(12),
)
machines = st.builds(
    MachineFacts,
    resource=st.just(a_resource(VM)),
    power=st.sampled_from([None, "running", "running", "running", "stopped", "deallocated"]),
    has_gpu=st.sampled_from([None, True, False]),
    utilisation=st.none() | uses,
    started_at=st.none() | spans.map(lambda span: NOW - span),
)
IDLE = deallocate_idle.Settings()


@given(machines)
def test_nothing_unknown_is_ever_deallocated(facts: MachineFacts):
    """To act, every value must have been read, and every one must be quiet."""
    decided = deallocate_idle.decide(a_tick(), facts, IDLE, NOW)
    if not isinstance(decided, Act):
        return
    use = facts.utilisation
    assert use is not None
    assert use.cpu is not None
    assert use.cpu < 0.05
    assert use.network is not None
    assert use.network < 100_000
    assert facts.has_gpu is not None
    assert not facts.has_gpu or (use.gpu is not None and use.gpu < 0.05)
    assert (use.window >= HOUR, use.samples >= 11, facts.power) == (True, True, "running")
    assert facts.started_at is None or NOW >= facts.started_at + HOUR


@given(machines)
def test_an_idle_machine_held_until_then_is_deallocated_then(facts: MachineFacts):
    """The time it was told is the time it counts from."""
    decided = deallocate_idle.decide(a_tick(), facts, IDLE, NOW)
    if isinstance(decided, Hold) and decided.until is not None:
        later = deallocate_idle.decide(a_tick(), facts, IDLE, decided.until)
        assert isinstance(later, Act)


@given(machines, spans)
def test_waiting_alone_never_spares_an_idle_machine(facts: MachineFacts, waited: timedelta):
    """The same facts later are the same yes."""
    decided = deallocate_idle.decide(a_tick(), facts, IDLE, NOW)
    if isinstance(decided, Act):
        assert decided == deallocate_idle.decide(a_tick(), facts, IDLE, NOW + waited)


@given(machines)
def test_what_was_decided_is_not_called_off_by_the_very_same_facts(facts: MachineFacts):
    """The second look stops only what changed."""
    decided = deallocate_idle.decide(a_tick(), facts, IDLE, NOW)
    if isinstance(decided, Act):
        assert deallocate_idle.recheck(a_plan(), facts, IDLE, NOW) is None


@given(machines)
def test_what_nobody_can_see_any_more_calls_it_off(facts: MachineFacts):
    """An approval may come hours later, and metrics may be gone by then."""
    blind = replace(facts, power="running", utilisation=None)
    assert Reason.NO_DATA == deallocate_idle.recheck(a_plan(), blind, IDLE, NOW)


@given(machines)
def test_asking_anyway_is_a_persons_alone(facts: MachineFacts):
    """A rule that says even_if_busy does not make a tick blind."""
    blind = replace(IDLE, even_if_busy=True)
    assert deallocate_idle.decide(a_tick(), facts, IDLE, NOW) == deallocate_idle.decide(
        a_tick(), facts, blind, NOW
    )


nodes = st.builds(
    NodeFacts,
    resource=st.just(a_resource(instance(29))),
    node=st.none()
    | st.builds(
        lambda unschedulable, marks: replace(
            a_node(29), is_unschedulable=unschedulable, cordoned_by=marks
        ),
        st.booleans(),
        st.lists(st.sampled_from(["p-1", "p-2"]), max_size=2).map(tuple),
    ),
)
kinds = st.sampled_from(sorted(drain_node.REMEDIATION.answers))


@given(nodes, kinds, spans)
def test_a_node_is_cordoned_then_drained_whenever_it_is_asked(
    facts: NodeFacts, kind: SignalType, waited: timedelta
):
    """No node, no plan; a node, one plan, the same at any moment."""
    signal = a_notice(type=kind)
    decided = drain_node.decide(signal, facts, drain_node.Settings(), NOW)
    assert decided == drain_node.decide(signal, facts, drain_node.Settings(), NOW + waited)
    assert isinstance(decided, Act) == (facts.node is not None)
    if isinstance(decided, Act):
        assert [Verb.CORDON, Verb.DRAIN] == [step.verb for step in decided.steps]
        lost = kind in drain_node.LOSES_THE_MACHINE
        args = decided.steps[1].args
        assert (lost, lost) == (args["force"], args["delete_emptydir_data"])


tasks = st.builds(
    FailedTask,
    job=st.sampled_from(["one", "two", "ended"]),
    id=st.integers(0, 200).map(lambda n: f"t{n}"),
    exit_code=st.just(1),
    category=st.just("UserError"),
    ended_at=st.just(NOW),
    reactivations_spent=st.integers(0, 3),
)
failures = st.builds(
    FailedTaskFacts,
    resource=st.just(a_resource(ACCOUNT)),
    jobs=st.just({"one": "active", "two": "active", "ended": "terminating"}),
    tasks=st.lists(tasks, max_size=130, unique_by=lambda t: (t.job, t.id)).map(tuple),
    since=st.just(NOW - HOUR),
)


@given(failures, st.integers(1, 60), st.integers(1, 3))
def test_a_task_is_taken_once_within_its_budget_and_saved_in_the_step_before(
    facts: FailedTaskFacts, most: int, retries: int
):
    """Of active jobs only, never more than asked, each reactivation right after its save."""
    settings = reactivate_failed_tasks.Settings(retries=retries, max_tasks=most)
    decided = reactivate_failed_tasks.decide(an_alert(), facts, settings, NOW)
    may = {
        (t.job, t.id)
        for t in facts.tasks
        if t.job != "ended" and t.reactivations_spent < retries
    }
    if not isinstance(decided, Act):
        assert not may
        return
    saves, again = decided.steps[::2], decided.steps[1::2]
    assert {Verb.SAVE_EXIT_INFO} == {s.verb for s in saves}
    assert {Verb.REACTIVATE} == {s.verb for s in again}
    assert [(s.target, s.args["tasks"]) for s in saves] == [
        (s.target, s.args["tasks"]) for s in again
    ]
    taken = [(s.target.rsplit("/", 1)[1], name) for s in again for name in s.args["tasks"]]
    assert len(taken) == len(set(taken)) == min(most, len(may))
    assert set(taken) <= may
    assert all(len(s.args["tasks"]) <= reactivate_failed_tasks.TASKS_PER_STEP for s in again)


disks = st.builds(
    DiskFacts,
    resource=st.just(a_resource(VM)),
    power=st.sampled_from([None, "running", "stopped", "deallocated", "starting"]),
    disks=st.integers(0, 8).map(lambda n: tuple(disk(f"d{i}") for i in range(n))),
)


@given(disks)
def test_every_disk_is_saved_before_the_machine_moves(facts: DiskFacts):
    """The redeploy is last, and never alone."""
    settings = snapshot_and_redeploy.Settings()
    decided = snapshot_and_redeploy.decide(a_degradation(), facts, settings, NOW)
    assert isinstance(decided, Act) == (facts.power == "running" and bool(facts.disks))
    if isinstance(decided, Act):
        assert [d.id for d in facts.disks] == [s.target for s in decided.steps[:-1]]
        assert Verb.REDEPLOY is decided.steps[-1].verb
        assert snapshot_and_redeploy.recheck(a_plan(), facts, settings, NOW) is None


@given(st.sampled_from(["deallocated", "deallocating", "stopped"]), disks)
def test_a_machine_that_is_down_is_not_moved(power: str, facts: DiskFacts):
    """The second look says so whatever its disks are."""
    settings = snapshot_and_redeploy.Settings()
    down = replace(facts, power=power)
    said = snapshot_and_redeploy.recheck(a_plan(), down, settings, NOW)
    assert Reason.NOT_RUNNING == said
