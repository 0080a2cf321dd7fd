"""Many nodes noticed at once: each is closed to new pods before any is emptied."""

from __future__ import annotations

from shared.engine.night import AT_ONCE
from tests.builders import a_notice, a_rule
from tests.shift import Shift

NODES = 3 * AT_ONCE


def test_every_node_of_a_storm_is_cordoned_before_pods_are_evicted():
    """What is evicted from one would else be put on the next that is about to go."""
    shift = Shift.begin(a_rule())
    numbers = range(100, 100 + NODES)
    for number in numbers:
        shift.with_node(number=number)
    shift.deliver(*(a_notice(number) for number in numbers))
    kinds = [kind for kind, _ in shift.world.effects if kind in {"cordon", "evict"}]
    before = kinds[: kinds.index("evict")].count("cordon")
    assert NODES == kinds.count("cordon")
    assert before > NODES - AT_ONCE, "only those of the last round may be on their way"


def test_what_was_heard_is_written_down_though_its_plan_waits():
    """The answer to the sender comes after the record, whoever went first."""
    shift = Shift.begin(a_rule())
    for number in range(100, 100 + NODES):
        shift.with_node(number=number)
    shift.deliver(*(a_notice(number, event_id=f"e-{number}") for number in range(100, 196)))
    kept = [len(shift.records(f"e-{number}")) for number in range(100, 196)]
    assert [1] * NODES == kept
