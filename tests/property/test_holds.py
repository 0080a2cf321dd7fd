"""What is held is done at its moment, by the engine itself, whatever held it.

The laws of the guardrails alone are in ``test_guardrails`` and ``test_counting``; here
nobody sends an event again, and nothing but time passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core.signals import Signal
from shared.core.terms import Breaker, Budget, Canary, Limit, LimitScope, Money
from shared.core.wire import read_moment
from tests.builders import HOUR, MINUTE, SECOND, VM, a_degradation, a_rule
from tests.crash.stories import assert_settled
from tests.shift import Shift

DAY = 24 * HOUR
SPANS = st.sampled_from([10 * MINUTE, 30 * MINUTE, HOUR])
GAPS = st.integers(2 * 60, 9 * 60).map(lambda seconds: timedelta(seconds=seconds))


def terms_for(span: timedelta) -> dict[str, Mapping[str, object]]:
    """Make terms that let one act and hold the next for a span."""
    return {
        "blast_radius": {"limits": (Limit(LimitScope.RULE, count=1, within=span),)},
        "canary": {"canary": Canary(1, span, DAY)},
        "storm": {
            "breaker": Breaker(LimitScope.RULE, HOUR, 2, None, 5, span, timedelta(0)),
        },
        "budget_spent": {"budget": Budget(None, DAY, Money(10.0, 10.0, span))},
        "cooldown": {},
    }


def degraded(machine: int, number: int = 0) -> Signal:
    """Make an event about one of two machines."""
    return a_degradation(event_id=f"h-{machine}-{number}", target=f"{VM}{machine}")


def begin(machines: int, cooldown: timedelta, terms: Mapping[str, object]) -> Shift:
    """Begin with machines to move."""
    shift = Shift.begin(a_rule("snapshot_and_redeploy", cooldown=cooldown, terms=terms))
    for number in range(machines):
        shift.with_machine(f"{VM}{number}", f"os-{number}", is_quiet=False)
    return shift


@settings(max_examples=40)
@given(st.sampled_from(sorted(terms_for(HOUR))), SPANS, GAPS)
def test_a_hold_acts_at_its_moment_and_not_before(why: str, span: timedelta, gap: timedelta):
    """The record names the moment; then the plan is opened, and not a second sooner."""
    is_cooling = why == "cooldown"
    shift = begin(2, span if is_cooling else timedelta(0), terms_for(span)[why])
    shift.deliver(degraded(0))
    shift.wait(gap)
    assert not shift.plan.is_open
    signal = degraded(0, 1) if is_cooling else degraded(1)
    shift.deliver(signal)
    [record] = shift.records(signal.event_id)
    [said] = record.decisions
    until = read_moment(said["until"])
    assert until is not None
    assert (why, "hold") == (said["reason"], said["kind"])
    shift.wait(until - shift.now - SECOND)
    assert 1 == len(shift.plans)
    shift.wait(SECOND)
    assert [until] == [plan.created_at for plan in shift.plans[1:]]


@settings(max_examples=30)
@given(
    st.permutations([degraded(n) for n in range(3)] * 2),
    st.lists(st.sampled_from([0, 1, 45, 600]), min_size=6, max_size=6),
    st.sampled_from(["blast_radius", "canary", "storm", "budget_spent"]),
)
def test_duplicates_and_reorderings_are_held_alike_and_done_alike(
    order: list[Signal], pauses: list[int], why: str
):
    """Who goes first is whoever came first; in the end each was done, and once."""
    shift = begin(3, timedelta(0), terms_for(30 * MINUTE)[why])
    for signal, pause in zip(order, pauses, strict=True):
        shift.deliver(signal)
        shift.wait(timedelta(seconds=pause))
    shift.run_until_quiet(DAY)
    moved = Counter(what for kind, what in shift.world.effects if kind == "redeploy")
    assert Counter({f"{VM}{n}": 1 for n in range(3)}) == moved
    assert_settled(shift)
