"""The export over fakes: nothing is lost, and one sink's trouble is no other's."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pytest

from shared.core import ledger
from shared.core.audit import AuditRecord, plan_records
from shared.core.decisions import Reason
from shared.core.errors import Forbidden, ProviderUnavailable, Throttled
from shared.core.plans import Plan, StepOutcome, plan_id
from shared.core.steps import Verb
from shared.engine.export import CLAIM, REFUSED_AGAIN, UNASKED, YOUNG
from shared.ports import EventRecord, Head, StoredPlan
from tests import builders as make
from tests.fakes.audit import FakeSink
from tests.fakes.ledger import Crash
from tests.shift import Shift

SECOND = timedelta(seconds=1)
DONE = ledger.StepResult(StepOutcome.DONE, is_verified=True)
DOWN = ProviderUnavailable("uploading: 503", after=SECOND)


@pytest.fixture
def logs() -> FakeSink:
    """Log Analytics: it wants every record."""
    return FakeSink("log_analytics")


@pytest.fixture
def topic() -> FakeSink:
    """The outcome topic: it wants some."""
    return FakeSink("outcome_topic", wants=lambda record: record.event_type is not None)


@pytest.fixture
def shift(logs: FakeSink, topic: FakeSink) -> Shift:
    """A night with both sinks and nothing in the ledger."""
    night = Shift.begin()
    night.with_sinks(logs, topic)
    return night


def a_plan_in(shift: Shift, number: int = 1) -> StoredPlan:
    """Open a plan on an instance of its own."""
    target = make.instance(number)
    name = plan_id("drain-node", f"e-{number}", target)
    plan = make.a_plan(Verb.CORDON, Verb.DRAIN, id=name, target=target)
    return asyncio.run(shift.world.ledger.open(plan, Head()))


def save(shift: Shift, stored: StoredPlan, plan: Plan) -> StoredPlan:
    """Write the next version."""
    return asyncio.run(shift.world.ledger.save(stored, plan))


def a_closed_plan_in(shift: Shift, number: int = 1) -> Plan:
    """Open a plan, do its steps and close it."""
    stored = a_plan_in(shift, number)
    plan = stored.plan
    for index in range(len(plan.steps)):
        plan = ledger.begin(plan, index, now=shift.now)
        plan = ledger.finish(plan, index, DONE, now=shift.now)
    return save(shift, stored, ledger.close(plan, now=shift.now)).plan


def a_decision_in(shift: Shift, event: str = "e-1") -> None:
    """Record one event's two refusals."""
    said = ({"rule": "a", "reason": "cooldown"}, {"rule": "b", "reason": "not_matched"})
    record = EventRecord(event, "fired", make.VM, shift.now, {"type": "vm.preempt"}, said)
    asyncio.run(shift.world.ledger.record_event(record))


def ids(plan: Plan) -> list[str]:
    """Every record that a plan as it is gives rise to."""
    return [record.id for record in plan_records(plan)]


def test_a_closed_plan_is_told_whole_and_forgotten(shift: Shift, logs: FakeSink, topic):
    """Once each sink has everything, the outbox has nothing to do with it."""
    plan = a_closed_plan_in(shift)
    told = shift.export()
    assert ids(plan) == logs.ids
    assert [r.id for r in plan_records(plan) if r.event_type] == topic.ids
    assert ({}, 1, timedelta(0)) == (shift.world.ledger.pointers, told.dropped, told.lag)
    assert {"log_analytics": 6, "outcome_topic": 4} == told.sent


def test_a_growing_plan_is_told_as_it_grows(shift: Shift, logs: FakeSink):
    """Each transition once, whatever had been told when it happened."""
    stored = a_plan_in(shift)
    shift.export()
    stored = save(shift, stored, ledger.begin(stored.plan, 0, now=shift.now))
    shift.export()
    shift.export()
    withdrawn = ledger.withdraw(stored.plan, Reason.WITHDRAWN, now=shift.now)
    stored = save(shift, stored, withdrawn)
    shift.export()
    # the step's end comes after the withdrawal, and before it in the plan's document
    stored = save(shift, stored, ledger.finish(stored.plan, 0, DONE, now=shift.now))
    shift.export()
    plan = save(shift, stored, ledger.close(stored.plan, now=shift.now)).plan
    shift.export()
    assert Counter(ids(plan)) == Counter(logs.ids)


def test_decisions_are_told_and_forgotten(shift: Shift, logs: FakeSink, topic: FakeSink):
    """A record of an event is final, so it is told once, a record a rule."""
    a_decision_in(shift)
    shift.export()
    assert ["cooldown", "not_matched"] == [r.row["Reason"] for r in logs.taken]
    assert logs.ids == topic.ids
    assert {} == shift.world.ledger.pointers


def test_hours_of_503_delay_records_and_lose_none(shift: Shift, logs: FakeSink, topic):
    """The other sink has all of it meanwhile; the lag says how late the first is."""
    logs.down = DOWN
    plans = [a_closed_plan_in(shift, number) for number in range(1, 8)]
    for _ in range(20):
        shift.move(timedelta(minutes=15))
        told = shift.export()
    assert timedelta(hours=5) == told.lag
    assert {"log_analytics": "ProviderUnavailable: uploading: 503"} == told.failed
    assert len(topic.ids) == len(set(topic.ids)) == 7 * 4
    logs.down = None
    told = shift.export()
    assert {one for plan in plans for one in ids(plan)} == set(logs.ids)
    assert len(logs.ids) == 7 * 6
    assert (timedelta(0), {}) == (told.lag, shift.world.ledger.pointers)


def test_a_sink_that_is_down_is_asked_once_a_tick(shift: Shift, logs: FakeSink, topic):
    """Thousands of records are no reason to knock thousands of times."""
    logs.down, topic.down = DOWN, DOWN
    for number in range(1, 251):
        a_closed_plan_in(shift, number)
    told = shift.export()
    assert (1, 1, False) == (logs.calls, topic.calls, told.is_complete)
    assert all(not row.get("claimed_until") for row, _ in shift.world.ledger.pointers.values())


def test_retry_after_is_obeyed_by_whoever_ticks_next(shift: Shift, logs: FakeSink, topic):
    """The rest is in the outbox, so another instance keeps it too."""
    a_closed_plan_in(shift)
    logs.down = Throttled("uploading: 429", after=timedelta(minutes=5))
    shift.export()
    logs.down = None
    shift.move(timedelta(minutes=4))
    told = shift.export()
    assert (1, timedelta(minutes=4)) == (logs.calls, told.lag)
    shift.move(timedelta(minutes=2))
    shift.export()
    assert (2, {}) == (logs.calls, shift.world.ledger.pointers)
    assert 1 == topic.calls


def test_a_batch_that_is_too_large_goes_in_halves(shift: Shift, logs: FakeSink):
    """413 is about how much, never about what."""
    logs.most = 4
    plans = [a_closed_plan_in(shift, number) for number in range(1, 11)]
    told = shift.export()
    assert sorted(one for plan in plans for one in ids(plan)) == sorted(logs.ids)
    assert {} == told.failed


def test_one_bad_record_holds_up_nothing_else(shift: Shift, logs: FakeSink, topic: FakeSink):
    """It is found by halving, left for later, named, and never dropped."""
    bad = plan_id("drain-node", "e-7", make.instance(7)) + "-0-finished"
    logs.refuses = lambda record: record.id == bad
    plans = [a_closed_plan_in(shift, number) for number in range(1, 31)]
    told = shift.export()
    assert {one for plan in plans for one in ids(plan)} - {bad} == set(logs.ids)
    assert [bad] == list(told.refused["log_analytics"])
    assert 30 * 4 == len(topic.ids)
    calls = logs.calls
    shift.move(REFUSED_AGAIN - SECOND)
    shift.export()
    assert calls == logs.calls, "asked again too soon"
    logs.refuses = lambda record: False
    shift.move(2 * SECOND)
    shift.export()
    assert bad == logs.ids[-1]
    assert {} == shift.world.ledger.pointers


def test_one_bad_record_alone_does_not_stop_what_comes_behind_it(shift: Shift, logs: FakeSink):
    """Refused alone it proves nothing about the sink, so the next hundred are tried too."""
    bad = a_closed_plan_in(shift, 1)
    logs.refuses = lambda record: record.row["PlanId"] == bad.id
    for number in range(2, 120):
        a_plan_in(shift, number)
    shift.export()
    shift.move(REFUSED_AGAIN + SECOND)
    last = a_closed_plan_in(shift, 200)
    told = shift.export()
    assert set(ids(bad)) == set(told.refused["log_analytics"])
    assert set(ids(last)) <= set(logs.ids)


def test_a_wrong_rule_or_stream_condemns_no_record(shift: Shift, logs: FakeSink):
    """A sink that takes nothing has its own trouble; put right, it gets all at once."""
    logs.refuses = lambda record: True
    plans = [a_closed_plan_in(shift, number) for number in range(1, 31)]
    told = shift.export()
    assert "log_analytics" in told.failed
    assert logs.calls < 80
    logs.refuses = lambda record: False
    shift.move(timedelta(seconds=30))
    shift.export()
    assert {one for plan in plans for one in ids(plan)} == set(logs.ids)


def test_a_missing_role_stops_one_sink_only(shift: Shift, logs: FakeSink, topic: FakeSink):
    """403 is said with the role that is missing, and nothing is thrown away."""
    topic.down = Forbidden("publishing: 403; grant the role EventGrid Data Sender")
    plan = a_closed_plan_in(shift)
    told = shift.export()
    assert "EventGrid Data Sender" in told.failed["outcome_topic"]
    assert ids(plan) == logs.ids
    assert [plan.id] == list(shift.world.ledger.pointers)


def test_a_sink_that_is_not_configured_holds_nothing_back(shift: Shift, logs: FakeSink):
    """One is enough to be complete."""
    shift.with_sinks(logs)
    a_closed_plan_in(shift)
    shift.export()
    assert {} == shift.world.ledger.pointers


def test_without_any_sink_pointers_are_not_kept_for_ever(shift: Shift):
    """Two days, should somebody configure one; open plans for as long as they are open."""
    shift.with_sinks()
    a_closed_plan_in(shift)
    a_decision_in(shift)
    still_open = a_plan_in(shift, 2).plan.id
    shift.move(UNASKED - SECOND)
    assert (0, 3) == (shift.export().purged, len(shift.world.ledger.pointers))
    shift.move(2 * SECOND)
    assert 2 == shift.export().purged
    assert [still_open] == list(shift.world.ledger.pointers)


def test_a_pointer_to_nothing_is_forgotten_once_it_is_old(shift: Shift, logs: FakeSink):
    """Young, its plan may be just being written."""
    with shift.raising("after pointer", Crash()), pytest.raises(Crash):
        a_plan_in(shift)
    shift.move(YOUNG - SECOND)
    assert (0, 1) == (shift.export().orphaned, len(shift.world.ledger.pointers))
    shift.move(2 * SECOND)
    assert (1, {}) == (shift.export().orphaned, shift.world.ledger.pointers)
    assert 0 == logs.calls


def test_what_this_release_cannot_read_is_kept_and_holds_up_nothing(shift: Shift, logs):
    """While a deployment rolls, an older instance meets plans of a newer one."""
    newer, plan = a_closed_plan_in(shift, 1), a_closed_plan_in(shift, 2)
    row, version = shift.world.ledger.plans[newer.id]
    shift.world.ledger.plans[newer.id] = ({**row, "doc0": '{"id": 7}'}, version)
    assert 1 == shift.export().unreadable
    assert ids(plan) == logs.ids
    shift.world.ledger.plans[newer.id] = (row, version)
    shift.export()
    assert ids(newer) == logs.ids[len(ids(plan)) :]
    assert {} == shift.world.ledger.pointers


def test_two_ticks_at_once_send_everything_once(shift: Shift, logs: FakeSink):
    """Each pointer is claimed by one of them."""
    plans = [a_closed_plan_in(shift, number) for number in range(1, 31)]

    async def both() -> None:
        from shared.engine.export import export

        await asyncio.gather(export(shift.night), export(shift.night))

    shift.invoke(both())
    assert Counter(one for plan in plans for one in ids(plan)) == Counter(logs.ids)
    assert {} == shift.world.ledger.pointers


def test_a_tick_that_died_leaves_its_work_to_a_later_one(shift: Shift, logs: FakeSink):
    """Its claim runs out; what it may have sent is sent again under the same id."""
    plan = a_closed_plan_in(shift)
    logs.trap = shift.pass_by
    with shift.raising("after send log_analytics", Crash()), pytest.raises(Crash):
        shift.export()
    shift.move(CLAIM - SECOND)
    shift.export()
    assert ids(plan) == logs.ids, "claimed still"
    shift.move(2 * SECOND)
    shift.export()
    assert ids(plan) * 2 == logs.ids
    assert {} == shift.world.ledger.pointers


def everything(shift: Shift) -> set[str]:
    """Ids of all that the ledger knows."""
    found: list[AuditRecord] = [r for plan in shift.plans for r in plan_records(plan)]
    return {record.id for record in found}


@dataclass
class Run:
    """One night in which an export dies at one trap, and what came of it."""

    shift: Shift
    logs: FakeSink
    is_over: bool

    @classmethod
    def dying_at(cls, point: int) -> Run:
        """Tick once with a crash at a trap; then let the plan end and tick on."""
        shift = Shift.begin()
        logs = FakeSink("log_analytics", shift.pass_by)
        shift.with_sinks(logs, FakeSink("outcome_topic", shift.pass_by))
        for number in range(1, 4):
            a_closed_plan_in(shift, number)
        stored = a_plan_in(shift, 4)
        a_decision_in(shift)
        shift.passed.clear()
        shift.die_at = {point}
        try:
            shift.export()
        except Crash:
            shift.die_at = set()
        else:
            return cls(shift, logs, is_over=True)
        plan = ledger.begin(stored.plan, 0, now=shift.now)
        save(shift, stored, ledger.close(plan, now=shift.now))
        for _ in range(3):
            shift.move(CLAIM + SECOND)
            shift.export()
        return cls(shift, logs, is_over=False)


def test_wherever_a_tick_dies_nothing_is_lost():
    """Every trap of the export, in turn: complete, and repeated only under the same id."""
    point = 1
    while not (run := Run.dying_at(point)).is_over:
        seen = Counter(run.logs.ids)
        assert everything(run.shift) <= set(seen), f"lost at trap {point}"
        assert 2 == len([one for one in seen if one.startswith("decision-")])
        assert max(seen.values()) <= 2
        first = {record.id: record for record in reversed(run.logs.taken)}
        assert all(first[r.id] == r for r in run.logs.taken), "told differently"
        assert {} == run.shift.world.ledger.pointers, f"left at trap {point}"
        point += 1
    assert point > 20
