"""Where a plan is counted."""

from __future__ import annotations

from dataclasses import replace

from shared.core.places import canary_key, money_key, place_key, places, strikes_key
from shared.core.tallies import Tally, event_token, fold, strike
from shared.core.terms import LimitScope, Strikes
from tests.builders import (
    COMPUTE,
    HOUR,
    MINUTE,
    NOW,
    SCALE_SET,
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


def test_strikes_are_events_within_a_time_each_counted_once():
    """A redelivered event is the same strike; one that comes in late counts when it was."""
    tally = Tally("strikes|repair|x")
    counts = []
    for event, ago in (("a", 2 * HOUR), ("b", MINUTE), ("b", MINUTE), ("c", 0 * MINUTE)):
        signal = a_degradation(event_id=event, observed_at=NOW - ago)
        tally, count = strike(tally, signal, THREE, NOW)
        counts.append(count)
    assert [0, 1, 1, 2] == counts
    assert tally is strike(tally, signal, THREE, NOW)[0]
    assert 0 == strike(tally, signal, THREE, NOW + HOUR)[1]


def test_a_strike_from_the_future_is_one_from_now():
    """A sender's fast clock must not keep a strike in the window for longer."""
    ahead = a_degradation(observed_at=NOW + 9 * HOUR)
    tally, _ = strike(Tally("strikes|repair|x"), ahead, THREE, NOW)
    assert [NOW] == [one.at for one in tally.entries]


def test_a_token_is_short_whatever_an_events_id_holds():
    """Two thousand of them fit in a row."""
    assert 37 == len(event_token("x" * 10_000, VM))
    assert event_token("e", VM) != event_token("e", COMPUTE)
