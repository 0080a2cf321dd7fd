"""Laws of the ledger, over all histories of a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.core import ledger, wire
from shared.core.decisions import Reason
from shared.core.durations import format_duration, parse_duration
from shared.core.errors import LeaseHeld, StaleFacts
from shared.core.ledger import StepResult
from shared.core.plans import Mode, Plan, PlanOutcome, StepOutcome
from shared.core.signals import Phase, Signal, SignalType
from shared.core.steps import Verb
from tests.builders import NOW, SECOND, a_plan

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
documents = st.dictionaries(st.text(max_size=6), json_values, max_size=4)
moments = st.timedeltas(timedelta(days=-900), timedelta(days=900)).map(lambda s: NOW + s)
results = st.builds(
    StepResult,
    outcome=st.sampled_from(StepOutcome),
    reason=st.sampled_from(["", "rejected"]),
    detail=documents,
    is_verified=st.booleans(),
)
Change = Callable[[Plan, Any], Plan]
steps = st.integers(0, 2)
changes: st.SearchStrategy[Callable[[Plan], Plan]] = st.one_of(
    st.builds(
        lambda owner, at: lambda p: ledger.claim(p, owner=owner, now=at, lease=30 * SECOND),
        st.sampled_from(["w1", "w2"]),
        moments,
    ),
    st.builds(lambda i, at: lambda p: ledger.begin(p, i, now=at), steps, moments),
    st.builds(
        lambda i, result, at: (
            lambda p: ledger.finish(ledger.begin(p, i, now=at), i, result, now=at)
        ),
        steps,
        results,
        moments,
    ),
    st.builds(lambda i, d: lambda p: ledger.remember(p, i, d), steps, documents),
    st.builds(lambda at: lambda p: ledger.wait(p, until=at), moments),
    st.just(lambda p: ledger.withdraw(p, Reason.WITHDRAWN, now=NOW)),
    st.builds(lambda at: lambda p: ledger.close(p, now=at), moments),
)
kinds = st.sampled_from([Verb.CORDON, Verb.CORDON, Verb.DRAIN, Verb.REDEPLOY])
verbs = st.lists(kinds, min_size=3, max_size=3)


def after(plan: Plan, history: list[Callable[[Plan], Plan]]) -> list[Plan]:
    """Return every version that a history makes; what the ledger refuses makes none."""
    versions = [plan]
    for change in history:
        try:
            versions.append(change(versions[-1]))
        except (StaleFacts, LeaseHeld):
            continue
    return versions


histories = st.builds(
    lambda kinds, changes: after(a_plan(*kinds), changes),
    verbs,
    st.lists(changes, max_size=14),
)


@given(histories)
def test_a_closed_plan_never_changes(versions: list[Plan]):
    """Whatever is delivered again, in any order: closed is the last version."""
    closed = [plan for plan in versions if not plan.is_open]
    assert closed == versions[len(versions) - len(closed) :]
    assert len(closed) <= 1


@given(histories)
def test_a_step_that_has_ended_keeps_its_end(versions: list[Plan]):
    """No later version says otherwise of it, nor forgets that it began."""
    for one, two in pairwise(versions):
        for before, now in zip(one.steps, two.steps, strict=True):
            assert before.step == now.step
            if before.outcome is not None:
                assert before == now
            if before.started_at is not None:
                assert before.started_at == now.started_at


@given(histories)
def test_a_plan_is_done_only_if_every_step_was_seen_to_be(versions: list[Plan]):
    """The sum is never better than its parts, and every step has an end."""
    last = versions[-1]
    if last.is_open:
        return
    outcomes = {record.outcome for record in last.steps}
    assert None not in outcomes
    if last.outcome is PlanOutcome.DONE:
        assert outcomes <= {StepOutcome.DONE, StepOutcome.ALREADY}
    assert (last.lease, last.wake_at) == (None, None)
    assert (last.withdrawn is not None) == (last.outcome is PlanOutcome.WITHDRAWN)


@given(histories)
def test_the_number_of_the_message_only_grows(versions: list[Plan]):
    """So that an older message can be told from the newest."""
    numbers = [plan.wake_seq for plan in versions]
    assert sorted(numbers) == numbers


@given(histories)
def test_what_may_have_been_cordoned_is_uncordoned_last_first_and_nothing_else(
    versions: list[Plan],
):
    """A step that began is taken back unless it is known to have had no effect."""
    last = versions[-1]
    expected = [
        record.step.target
        for record in last.steps
        if record.step.verb is Verb.CORDON
        and record.started_at is not None
        and record.outcome not in {StepOutcome.REFUSED, StepOutcome.ALREADY}
    ]
    undone = ledger.undo_steps(last)
    assert expected[::-1] == [step.target for step in undone]
    assert {Verb.UNCORDON} >= {step.verb for step in undone}
    assert {last.id} >= {step.args["of"] for step in undone}


@given(histories)
def test_every_version_is_read_back_as_it_was_written(versions: list[Plan]):
    """A worker that takes over sees exactly what its predecessor knew."""
    for plan in versions:
        assert plan == wire.plan_from_json(wire.plan_to_json(plan))
        wire.plan_view(plan)


signals = st.builds(
    Signal,
    type=st.sampled_from(SignalType),
    event_id=st.text(max_size=20),
    source=st.text(max_size=8),
    target=st.text(max_size=20),
    observed_at=moments,
    phase=st.sampled_from(Phase),
    deadline=st.none() | moments,
    attributes=documents,
    is_test=st.booleans(),
    is_recurring=st.booleans(),
)


@given(signals)
def test_every_signal_is_read_back_as_it_was_written(signal: Signal):
    """A reminder is answered as the event itself would be."""
    assert signal == wire.signal_from_json(wire.signal_to_json(signal))


@given(st.integers(0, 10**12))
def test_every_duration_is_read_back_as_it_was_written(milliseconds: int):
    """The settings stored with a plan are those it was decided with."""
    span = timedelta(milliseconds=milliseconds)
    assert span == parse_duration(format_duration(span))


@given(histories, moments)
def test_a_plan_is_either_held_or_waiting_or_due(versions: list[Plan], now):
    """Of an open plan somebody works on it, a message is under way, or the sweep wakes it."""
    plan = versions[-1]
    is_worked_on = plan.lease is not None and now < plan.lease.until
    grace = ledger.WAKE_GRACE
    is_awaited = plan.lease is None and plan.wake_at is not None and now < plan.wake_at + grace
    expected = plan.is_open and not is_worked_on and not is_awaited
    assert expected == ledger.is_due(plan, now=now)
    assert replace(plan, mode=Mode.AUTO) == plan
