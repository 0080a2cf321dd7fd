"""Where a plan is counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.core.places import canary_key, money_key, place_key, places, strikes_key
from shared.core.tallies import Tally, event_token, fold, strike
from shared.core.terms import LimitScope, Strikes
from tests.builders import (
    COMPUTE,
    HOUR,
    MINUTE,
    NOW,
    SCALE_SET,
    SECOND,
    SUBSCRIPTION,
    VM,
    WORKSPACE,
    a_degradation,
    a_resource,
    instance,
)

OF_VM = replace(a_resource(VM), zone="2")


def test_a_machine_of_its_own_is_a_pool_of_one():
    """And it is in no scale set."""
    assert {
        LimitScope.RULE: "repair",
        LimitScope.POOL: fold(VM),
        LimitScope.ZONE: f"{SUBSCRIPTION}/westeurope/2",
        LimitScope.SUBSCRIPTION: SUBSCRIPTION,
        LimitScope.TARGET: fold(VM),
    } == places("repair", VM, OF_VM)


def test_ids_that_differ_in_case_are_one_place():
    """Azure mixes the case of ids from one message to the next."""
    assert places("repair", VM, OF_VM) == places("repair", f"{VM.upper()}/", OF_VM)


def test_an_instance_is_in_its_scale_set_even_if_nothing_was_read_of_it():
    """Its id says so; its zone nobody knows, and it is counted with all such."""
    found = places("repair", instance(7), None)
    assert fold(SCALE_SET) == found[LimitScope.POOL] == found[LimitScope.SCALE_SET]
    assert f"{SUBSCRIPTION}/-/-" == found[LimitScope.ZONE]


def test_a_flexible_machine_is_in_the_pool_that_its_document_names():
    """Its id does not say so."""
    found = places("repair", VM, replace(OF_VM, pool=SCALE_SET))
    assert fold(SCALE_SET) == found[LimitScope.POOL] == found[LimitScope.SCALE_SET]


def test_a_compute_instances_pool_is_its_workspace():
    """Which is no scale set."""
    found = places("stop-idle", COMPUTE, None)
    assert fold(WORKSPACE) == found[LimitScope.POOL]
    assert LimitScope.SCALE_SET not in found


def test_machines_of_a_region_in_no_zone_are_one_zone():
    """A limit over zones limits them too."""
    found = places("repair", VM, a_resource(VM))
    assert f"{SUBSCRIPTION}/westeurope/-" == found[LimitScope.ZONE]


def test_what_is_no_arm_id_has_neither_zone_nor_subscription():
    """A limit that asks for them then holds: nobody acts on a guess."""
    found = places("repair", "somewhere", None)
    assert {LimitScope.RULE, LimitScope.POOL, LimitScope.TARGET} == set(found)


def test_keys_name_what_is_counted_where():
    """They are stored: once released they stay."""
    assert "plans|pool|/x" == place_key("plans", LimitScope.SCALE_SET, "/x")
    assert "breaker|zone|s/r/1" == place_key("breaker", LimitScope.ZONE, "s/r/1")
    assert "money|rule|repair" == money_key("Repair")
    assert "canary|rule|repair|abc" == canary_key("repair", "abc")
    assert f"strikes|repair|{fold(VM)}" == strikes_key("repair", VM)


THREE = Strikes(3, HOUR)


def struck(*events: tuple[str, timedelta], now: datetime = NOW) -> list[int]:
    """Count events, each seen some time ago, in the order in which they come."""
    tally, counts = Tally("strikes|repair|x"), []
    for event, ago in events:
        signal = a_degradation(event_id=event, observed_at=NOW - ago)
        tally, count = strike(tally, signal, THREE, now)
        counts.append(count)
    return counts


def test_strikes_are_events_within_a_time_each_counted_once():
    """A redelivered event is the same strike."""
    events = [("a", 2 * HOUR), ("b", MINUTE), ("b", MINUTE), ("c", 0 * MINUTE)]
    assert [1, 1, 1, 2] == struck(*events)


def test_an_hour_is_an_hour():
    """To the second."""
    assert [1, 1] == struck(("a", HOUR), ("b", 0 * HOUR))
    assert [1, 2] == struck(("a", HOUR - SECOND), ("b", 0 * HOUR))


def test_late_strikes_count_by_when_they_were_seen():
    """All of one morning, delivered in the evening: three within an hour are three."""
    assert [1, 2, 3] == struck(("a", 9 * HOUR), ("b", 8.5 * HOUR), ("c", 8.1 * HOUR))


def test_an_event_that_was_held_has_as_many_strikes_as_when_it_came():
    """A freeze of a night must not make the third strike a first."""
    tally = Tally("strikes|repair|x")
    for number in range(3):
        signal = a_degradation(event_id=f"e-{number}")
        tally, _ = strike(tally, signal, THREE, NOW)
    again, count = strike(tally, signal, THREE, NOW + 9 * HOUR)
    assert 3 == count
    assert tally is again


@given(st.lists(st.integers(0, 200), min_size=1, max_size=9), st.randoms())
def test_whatever_comes_last_sees_the_most(minutes: list[int], dice):
    """In any order some event sees three exactly if three were within an hour."""
    events = [(f"e-{n}", ago * MINUTE) for n, ago in enumerate(minutes)]
    dice.shuffle(events)
    spans = [sum(1 for other in minutes if 0 <= end - other < 60) for end in minutes]
    assert max(spans) == max(struck(*events))


def test_a_strike_from_the_future_is_one_from_now():
    """A sender's fast clock must not keep a strike in the window for longer."""
    ahead = a_degradation(observed_at=NOW + 9 * HOUR)
    tally, _ = strike(Tally("strikes|repair|x"), ahead, THREE, NOW)
    assert [NOW] == [one.at for one in tally.entries]


def test_a_token_is_short_whatever_an_events_id_holds():
    """Two thousand of them fit in a row."""
    assert 37 == len(event_token("x" * 10_000, VM))
    assert event_token("e", VM) != event_token("e", COMPUTE)
