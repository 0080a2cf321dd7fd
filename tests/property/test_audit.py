"""Laws of the audit, over whole histories of a plan and every way to interrupt an export."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.core import ledger
from shared.core.audit import plan_records
from shared.core.decisions import Reason
from shared.core.errors import ProviderUnavailable
from shared.core.plans import Plan, StepOutcome
from shared.core.steps import Verb
from shared.engine.export import CLAIM, REFUSED_AGAIN
from shared.ports import Head
from tests import builders as make
from tests.fakes.audit import FakeSink
from tests.fakes.ledger import Crash
from tests.shift import Shift

SECOND = timedelta(seconds=1)
STEPS = (Verb.CORDON, Verb.DRAIN, Verb.DEALLOCATE)
MOVES = st.lists(
    st.sampled_from(["begin", "finish", "wait", "withdraw", "close"]), max_size=14
)


def moved(plan: Plan, move: str, now) -> Plan:
    """Make the next version; a move that the laws do not allow changes nothing."""
    index = plan.current
    if not plan.is_open or (index is None and move in {"begin", "finish"}):
        return plan
    done = ledger.StepResult(StepOutcome.DONE, is_verified=True)
    match move:
        case "begin":
            return ledger.begin(plan, index or 0, now=now)
        case "finish":
            return ledger.finish(plan, index or 0, done, now=now)
        case "wait":
            return ledger.wait(plan, until=now)
        case "withdraw":
            return ledger.withdraw(plan, Reason.WITHDRAWN, now=now)
        case _:
            return ledger.close(plan, now=now)


def happened(before: Plan, after: Plan) -> set[str]:
    """Name what is new in a version by comparing the documents, not by asking the audit."""
    new = set()
    for index, (old, one) in enumerate(zip(before.steps, after.steps, strict=True)):
        if old.started_at is None and one.started_at is not None:
            new.add(f"{after.id}-{index}-began")
        if old.outcome is None and one.outcome is not None:
            new.add(f"{after.id}-{index}-finished")
    if before.withdrawn is None and after.withdrawn is not None:
        new.add(f"{after.id}-withdrawn")
    if before.is_open and not after.is_open:
        new.add(f"{after.id}-closed")
    return new


@given(MOVES, st.lists(st.integers(0, 2), min_size=14, max_size=14))
def test_every_transition_of_a_history_is_one_record_in_order(moves, seconds):
    """Nothing is left out, nothing told twice, nothing told before what came before it."""
    plan, now = make.a_plan(*STEPS), make.NOW
    told = [f"{plan.id}-opened"]
    for move, wait in zip(moves, seconds, strict=False):
        now += wait * SECOND
        after = moved(plan, move, now)
        told += sorted(happened(plan, after))
        plan = after
    records = plan_records(plan)
    assert Counter(told) == Counter(record.id for record in records)
    assert len(records) == len({record.slot for record in records})
    moments = [record.at for record in records]
    assert sorted(moments) == moments


@given(MOVES)
def test_what_was_told_of_a_plan_stays_true_while_it_goes_on(moves):
    """A slot and an id never mean something else later, whatever happens in between."""
    plan, now, meaning = make.a_plan(*STEPS), make.NOW, {}
    for move in moves:
        plan, now = moved(plan, move, now), now + SECOND
        for record in plan_records(plan):
            told = (record.slot, record.at, record.row["Transition"])
            assert told == meaning.setdefault(record.id, told)


TICKS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "finish", "wait", "withdraw", "close", "export"]),
        st.one_of(st.none(), st.integers(1, 12)),
        st.sampled_from(["up", "down", "small"]),
    ),
    max_size=12,
)


def set_weather(sink: FakeSink, weather: str) -> None:
    """Let the sink be up, away, or take one record at a time."""
    sink.down = ProviderUnavailable("503", after=SECOND) if weather == "down" else None
    sink.most = 1 if weather == "small" else 10**9


@given(TICKS)
def test_whatever_interrupts_the_export_all_is_told_in_the_end(ticks):
    """A plan grows, ticks die anywhere, the service comes and goes: nothing is missing."""
    shift = Shift.begin()
    sink = FakeSink("log_analytics", shift.pass_by)
    shift.with_sinks(sink)
    stored = asyncio.run(shift.world.ledger.open(make.a_plan(*STEPS), Head()))
    for move, die_at, weather in ticks:
        shift.move(SECOND)
        if move != "export":
            after = moved(stored.plan, move, shift.now)
            if after != stored.plan:
                stored = asyncio.run(shift.world.ledger.save(stored, after))
            continue
        set_weather(sink, weather)
        shift.passed.clear()
        shift.die_at = {die_at} if die_at else set()
        try:
            shift.export()
        except Crash:
            pass
        finally:
            shift.die_at = set()
    set_weather(sink, "up")
    for _ in range(3):
        shift.move(max(CLAIM, REFUSED_AGAIN) + SECOND)
        shift.export()
    known = {record.id for record in plan_records(shift.plan)}
    assert known == set(sink.ids)
    assert (not shift.plan.is_open) == (not shift.world.ledger.pointers)
