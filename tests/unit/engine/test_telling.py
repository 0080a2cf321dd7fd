"""One event is one trace, from the inlet to the last step, whoever carries it out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.errors import ProviderUnavailable
from shared.core.pauses import Scope
from shared.core.tracing import span_id, trace_id
from shared.engine.backlog import tell_backlog
from shared.engine.inlet import Heard
from shared.engine.pausing import Person, pause
from shared.engine.telling import TellingMessenger, TellingSink, told
from shared.journal import tell_heard
from shared.ports.telemetry import Nobody
from tests import builders as make
from tests.builders import NOW, SECOND, a_notice, a_pod, a_rule, canceled
from tests.fakes.audit import FakeSink
from tests.fakes.telemetry import FakeTelemetry, within
from tests.shift import Shift

AWAY = ProviderUnavailable("no storage", after=timedelta(seconds=1))
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Watched:
    """A night that somebody watches."""

    def __init__(self, *rules) -> None:
        self.shift = Shift.begin(*(rules or (a_rule(),)))
        self.seen = FakeTelemetry(lambda: self.shift.now)
        ports = told(self.shift.night.ports, self.seen)
        self.shift.night = replace(self.shift.night, ports=ports)

    def deliver(self, signal, **more) -> None:
        """Send an event, and note it as an inlet does."""
        began = self.shift.now
        heard = Heard(tuple(self.shift.deliver(signal, **more)))
        tell_heard(self.seen, "on_test", heard, (began, self.shift.now), PARENT)


@pytest.fixture
def watched() -> Watched:
    """Nothing has happened yet."""
    return Watched()


def test_everything_about_an_event_is_one_trace(watched: Watched):
    """The inlet, the decision, the plan, and steps done by later wake messages."""
    watched.shift.with_node(a_pod("a"), looks_to_leave=3)
    notice = a_notice()
    watched.deliver(notice)
    assert {"event", "decision", "step"} == {one.name for one in watched.seen.spans}
    watched.shift.run_until_quiet()

    assert {"event", "decision", "step", "plan"} == {one.name for one in watched.seen.spans}
    assert {trace_id(notice.event_id)} == watched.seen.traces()
    [plan] = watched.seen.named("plan")
    assert span_id(watched.shift.plan.id) == span_id(plan.own)
    assert {span_id(plan.own)} == {within(one) for one in watched.seen.named("step")}
    [event] = watched.seen.named("event")
    assert (notice.event_id, PARENT) == (event.own, event.link)
    [decision] = watched.seen.named("decision")
    assert span_id(event.own) == within(decision) == within(plan)


def test_each_attempt_at_a_step_is_told_with_how_it_ended(watched: Watched):
    """A drain that waits for pods is several attempts by several invocations."""
    watched.shift.with_node(a_pod("a"), looks_to_leave=3)
    watched.deliver(a_notice())
    watched.shift.run_until_quiet()
    steps = [
        (one.attributes["verb"], one.attributes["attempt"], one.attributes["outcome"])
        for one in watched.seen.named("step")
    ]
    assert ("cordon", 1, "done") == steps[0]
    drains = [one for one in steps if one[0] == "drain"]
    assert len(drains) > 1
    assert {"waiting"} == {outcome for _, _, outcome in drains[:-1]}
    assert "done" == drains[-1][2]
    assert list(range(1, len(drains) + 1)) == [attempt for _, attempt, _ in drains]


def test_effects_are_counted_by_verb_and_outcome(watched: Watched):
    """Once each, however many attempts there were."""
    watched.shift.with_node(a_pod("a"), looks_to_leave=3)
    watched.deliver(a_notice())
    watched.shift.run_until_quiet()
    counted = [
        (labels["verb"], labels["outcome"])
        for name, _, labels in watched.seen.figures
        if name == "nightshift.effects"
    ]
    assert [("cordon", "done"), ("drain", "done")] == counted


def test_lead_time_and_margin_are_measured_once_for_a_plan(watched: Watched):
    """How fast the night is, and by how much the platform was beaten."""
    watched.shift.with_node(a_pod("a"), looks_to_leave=3)
    observed = NOW - 4 * SECOND
    watched.deliver(a_notice(observed_at=observed))
    watched.shift.run_until_quiet()
    assert [4.0] == watched.seen.values("nightshift.lead_time")
    margin = watched.shift.plan.margin
    assert margin is not None
    assert [margin.total_seconds()] == watched.seen.values("nightshift.deadline.margin")


def test_a_decision_is_counted_once_whatever_is_redelivered(watched: Watched):
    """Event Grid may send an event thirty times; the rate of decisions is not its rate."""
    watched.shift.with_node()
    for _ in range(3):
        watched.deliver(a_notice())
    counted = [
        (labels["rule"], labels["kind"])
        for name, _, labels in watched.seen.figures
        if name == "nightshift.decisions"
    ]
    assert [(a_rule().name, "act")] == counted
    roots = [one.own for one in watched.seen.named("event")]
    assert [a_notice().event_id, "", ""] == roots


def test_a_refusal_is_counted_by_its_reason(watched: Watched):
    """The reason is the ledger's, the log's and the metric's word."""
    watched.deliver(a_notice())
    [labels] = [one for name, _, one in watched.seen.figures if name == "nightshift.decisions"]
    [decision] = watched.seen.named("decision")
    assert labels["reason"] == decision.attributes["reason"]
    assert labels["kind"] in {"skip", "hold"}


def test_what_is_taken_back_is_told_in_the_same_trace(watched: Watched):
    """The undo is another plan of the same event."""
    watched.shift.with_node(a_pod("a"), looks_to_leave=3)
    notice = a_notice()
    watched.deliver(notice)
    watched.deliver(canceled(notice))
    watched.shift.run_until_quiet()
    plans = watched.seen.named("plan")
    assert 2 == len(plans)
    assert [bool(one.attributes["undoes"]) for one in plans].count(True) == 1
    assert {trace_id(notice.event_id)} == watched.seen.traces()
    assert 1 == len(watched.seen.values("nightshift.lead_time"))


def test_a_write_that_fails_is_not_told(watched: Watched):
    """What did not happen is not counted; what comes again is told then."""
    watched.shift.with_node()
    with (
        watched.shift.raising("before open", AWAY),
        pytest.raises(ProviderUnavailable),
    ):
        watched.shift.deliver(a_notice())
    assert [] == watched.seen.named("step")
    assert [] == watched.seen.values("nightshift.lead_time")
    watched.deliver(a_notice())
    watched.shift.run_until_quiet()
    assert 1 == len(watched.seen.named("plan"))


def test_nothing_is_wrapped_where_nobody_watches():
    """The default costs nothing: the very same ports."""
    ports = Shift.begin().night.ports
    assert ports is told(ports, Nobody())


def test_a_watched_night_does_what_an_unwatched_one_does():
    """Watching must not change what is watched."""
    plain, watched = Shift.begin(a_rule()), Watched()
    for shift in (plain, watched.shift):
        shift.with_node(a_pod("a"), looks_to_leave=3)
        shift.deliver(a_notice())
        shift.run_until_quiet()
    assert plain.world.picture() == watched.shift.world.picture()
    assert plain.passed == watched.shift.passed
    assert plain.plans == watched.shift.plans


def test_the_backlog_is_the_number_of_open_plans_and_the_age_of_the_oldest(watched: Watched):
    """What a stuck night looks like from outside."""
    watched.shift.with_node(a_pod("a"), looks_to_leave=10_000)
    watched.deliver(a_notice(deadline=None))
    watched.shift.move(timedelta(minutes=3))
    watched.shift.invoke(tell_backlog(watched.shift.night, watched.seen, 1))
    assert [1] == watched.seen.values("nightshift.plans.open")
    assert [180.0] == watched.seen.values("nightshift.plans.oldest_open_age")
    watched.shift.invoke(tell_backlog(watched.shift.night, watched.seen, 0))
    assert [180.0, 0.0] == watched.seen.values("nightshift.plans.oldest_open_age")


def test_nobody_is_told_of_a_backlog_that_nobody_watches(watched: Watched):
    """And nothing is read for it."""
    reads: list[str] = []
    watched.shift.hooks.append(reads.append)
    watched.shift.invoke(tell_backlog(watched.shift.night, Nobody(), 7))
    assert [] == reads
    tell_heard(Nobody(), "on_test", Heard(), (NOW, NOW))


def test_a_ticks_many_answers_are_counted_by_reason_and_those_that_act_once():
    """Ten thousand machines every ten minutes are figures, and not spans."""
    watched = Watched(a_rule("deallocate_idle"))
    watched.shift.with_machine(make.VM)
    for number in range(3):
        watched.shift.with_machine(f"{make.VM}{number}", is_quiet=False)
    watched.shift.tick()
    counted = {
        (labels["kind"], labels["reason"]): value
        for name, value, labels in watched.seen.figures
        if name == "nightshift.decisions"
    }
    assert {("act", ""): 1, ("skip", "no_data"): 3} == counted
    assert len(watched.seen.named("decision")) <= 3


def test_what_a_person_said_is_no_decision_of_a_rule(watched: Watched):
    """A pause is an event with a record; counting it would spoil the rate of refusals."""
    asked = {"who": Person("ada"), "reason": "x", "expires_in": None, "request_id": "r"}
    watched.shift.invoke(pause(watched.shift.night, Scope.parse("global"), **asked))
    assert [] == watched.seen.values("nightshift.decisions")
    [span] = watched.seen.named("decision")
    assert "control" == span.attributes["kind"]


async def test_each_batch_of_the_audit_is_a_span(watched: Watched):
    """With how many records, and whether some were missed."""
    sink = TellingSink(
        FakeSink("log_analytics"), watched.seen, watched.shift.night.ports.clock
    )
    assert () == await sink.send(())
    [span] = watched.seen.named("export")
    assert ("sent", 0) == (span.attributes["outcome"], span.attributes["missed"])
    assert "log_analytics" == sink.name


async def test_a_message_that_is_not_taken_is_told_as_failed(watched: Watched):
    """The error goes on as it was."""

    class Refusing:
        channel = "teams"

        async def send(self, notices) -> None:
            raise AWAY

    messenger = TellingMessenger(Refusing(), watched.seen)
    with pytest.raises(ProviderUnavailable):
        await messenger.send(())
    [span] = watched.seen.named("notice")
    assert span.is_failed
    assert "teams" == messenger.channel
