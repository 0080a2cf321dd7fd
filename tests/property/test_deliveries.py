"""However deliveries are repeated and mixed, the same is done."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.signals import Signal
from tests.builders import (
    VM,
    a_degradation,
    a_failed_task,
    a_reboot,
    a_rule,
    an_alert,
    canceled,
    started,
)
from tests.crash.stories import assert_settled
from tests.shift import SETTINGS, Shift

EVENTS = (
    a_reboot(29),
    started(a_reboot(29)),
    a_reboot(30, event_id="e-2"),
    a_degradation(),
    an_alert(),
)
RULES = (
    a_rule(),
    a_rule("snapshot_and_redeploy"),
    a_rule("reactivate_failed_tasks"),
    a_rule("deallocate_idle"),
)
deliveries = st.lists(st.sampled_from(EVENTS), max_size=6).flatmap(
    lambda more: st.permutations([*EVENTS, *more])
)


def a_busy_night(**given) -> Shift:
    """A world in which each of the events finds something to do."""
    shift = Shift.begin(*RULES, settings=replace(SETTINGS, **given))
    for number in (29, 30):
        shift.with_node(number=number)
    shift.with_machine(VM, "os", is_quiet=False)
    shift.with_job(a_failed_task())
    return shift


def effects(shift: Shift) -> Counter[tuple[str, str]]:
    """Count what was done; a snapshot's name holds the plan, which is the same too."""
    return Counter(shift.world.effects)


@settings(max_examples=40, deadline=None)
@given(
    deliveries,
    st.lists(st.sampled_from([0, 1, 7, 45]), min_size=11, max_size=11),
)
def test_duplicates_and_reorderings_give_the_same_effects(
    order: list[Signal], pauses: list[int]
):
    """Whatever comes twice, late or before its turn: each effect once."""
    plain = a_busy_night()
    for signal in EVENTS:
        plain.deliver(signal)
    plain.run_until_quiet()
    mixed = a_busy_night()
    for signal, pause in zip(order, pauses, strict=False):
        mixed.deliver(signal)
        mixed.wait(timedelta(seconds=pause))
    mixed.run_until_quiet()
    assert effects(plain) == effects(mixed)
    assert {plan.id for plan in plain.plans} == {plan.id for plan in mixed.plans}
    assert_settled(mixed)


@settings(max_examples=30, deadline=None)
@given(deliveries)
def test_a_dry_run_leaves_the_world_equal_and_thinks_the_same(order: list[Signal]):
    """The ids and steps it names are those a real night would open."""
    real, dry = a_busy_night(), a_busy_night(dry_run=True)
    before, named = dry.world.picture(), set()
    for signal in order:
        real.deliver(signal)
        for given_answer in dry.deliver(signal):
            if given_answer.dry is not None:
                named.add(given_answer.dry.id)
    dry.run_until_quiet()
    assert (before, []) == (dry.world.picture(), dry.plans)
    assert {plan.id for plan in real.plans} == named


@settings(max_examples=30, deadline=None)
@given(deliveries, st.sets(st.integers(0, 10), max_size=3))
def test_what_is_opted_out_is_never_touched(order: list[Signal], pauses: set[int]):
    """Whatever comes, however often: a tagged machine keeps its state and its pods."""
    shift = a_busy_night()
    for target in {signal.target for signal in EVENTS}:
        shift.set_tags(target, {"nightshift": "off"})
    before = shift.world.picture()
    for number, signal in enumerate(order):
        shift.deliver(signal)
        if number in pauses:
            shift.wait(timedelta(minutes=1))
    shift.run_until_quiet()
    assert (before, []) == (shift.world.picture(), shift.plans)


@settings(max_examples=40, deadline=None)
@given(
    st.permutations([a_reboot(), started(a_reboot()), canceled(a_reboot())] * 2),
    st.lists(st.sampled_from([0, 1, 45]), min_size=6, max_size=6),
)
def test_a_withdrawn_incident_leaves_the_node_as_it_was(
    order: list[Signal], pauses: list[int]
):
    """In any order of notice and withdrawal, repeated or not: schedulable, unmarked."""
    shift = Shift.begin(a_rule())
    shift.with_node()
    for signal, pause in zip(order, pauses, strict=True):
        shift.deliver(signal)
        shift.wait(timedelta(seconds=pause))
    shift.run_until_quiet()
    assert (False, ()) == (shift.node().is_unschedulable, shift.node().cordoned_by)
    assert_settled(shift)
