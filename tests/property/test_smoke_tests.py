"""Whatever bears a ticket does nothing, and whatever bears none is heard as ever."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.facts import Resource
from shared.core.signals import Phase, Signal, SignalType
from shared.core.smoke_tests import LIVES, PREFIX, SOURCES, Inlet
from shared.engine import smoke
from tests import builders as make
from tests.property.test_deliveries import EVENTS, RULES
from tests.shift import Shift

SUBSCRIPTION = f"/subscriptions/{make.SUBSCRIPTION}"
sources = st.sampled_from(sorted({name for some in SOURCES.values() for name in some}))
signals = st.builds(
    Signal,
    type=st.sampled_from([one for one in SignalType if one is not SignalType.RUNBOOK]),
    event_id=st.just("e-1"),
    source=sources,
    target=st.sampled_from([make.VM, make.instance(29), make.instance(30), ""]),
    observed_at=st.just(make.NOW),
    phase=st.sampled_from(Phase),
    deadline=st.sampled_from([None, make.NOW, make.NOW + timedelta(seconds=30)]),
    is_test=st.booleans(),
)


def a_busy_night() -> Shift:
    """A world in which each event of the deliveries finds something to do."""
    shift = Shift.begin(*RULES)
    shift.world.resources.add(Resource(SUBSCRIPTION, "", make.SUBSCRIPTION))
    for number in (29, 30):
        shift.with_node(number=number)
    shift.with_machine(make.VM, "os", is_quiet=False)
    shift.with_job(make.a_failed_task())
    return shift


@settings(max_examples=50, deadline=None)
@given(signals, st.sampled_from(Inlet), st.integers(0, int(LIVES.total_seconds()) - 1))
def test_an_event_with_a_good_ticket_touches_nothing(
    signal: Signal, inlet: Inlet, late_s: int
):
    """Of any type, in any phase, about anything, at any moment of the ticket's life."""
    shift = a_busy_night()
    tickets = {one.inlet: one for one in shift.invoke(smoke.issue(shift.night, ""))}
    before = shift.world.picture()
    shift.move(timedelta(seconds=late_s))
    [source] = SOURCES[inlet]
    shift.deliver(replace(signal, event_id=tickets[inlet].id, source=source))
    shift.run_until_quiet()
    assert [] == shift.plans
    assert before == shift.world.picture()
    said = "test_event" if signal.is_test else "dry_run"  # a Test button's is not even asked
    assert {said} == set(shift.reasons(tickets[inlet].id))


@settings(max_examples=20, deadline=None)
@given(st.permutations(EVENTS), st.data())
def test_a_mark_without_a_ticket_changes_nothing(events: list[Signal], data: st.DataObject):
    """The same is done for the same events, however their ids were made to begin."""
    plain, marked = a_busy_night(), a_busy_night()
    marked.invoke(smoke.issue(marked.night, ""))
    names = {
        one: data.draw(st.sampled_from(["", PREFIX, f"{PREFIX}x-", PREFIX.upper()]))
        for one in sorted({event.event_id for event in events})
    }
    for event in events:
        plain.deliver(event)
        marked.deliver(replace(event, event_id=names[event.event_id] + event.event_id))
    plain.run_until_quiet()
    marked.run_until_quiet()
    assert _kinds(plain) == _kinds(marked)


def _kinds(shift: Shift) -> Counter[tuple[str, str]]:
    """Count what was done to what; a snapshot's own name holds the plan's."""
    return Counter(
        (kind, "" if kind == "create_snapshot" else target)
        for kind, target in shift.world.effects
    )
