"""What opening a plan writes down, where, and what its end does to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core import guardrails
from shared.core.decisions import Hold, Reason
from shared.core.reservations import ended, reserve, tally_keys
from shared.core.tallies import MOST_ENTRIES, Entry, Tally, fold, release, stale_tokens
from shared.core.terms import Budget, Canary, Limit, LimitScope, Money
from tests.builders import (
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    SUBSCRIPTION,
    a_notice,
    a_tick,
    instance,
)
from tests.tallying import (
    FAILURES_OF_POOL,
    OWN,
    PLANS_ON_POOL,
    a_breaker,
    begun,
    counted,
    pool_tally,
    storm_tally,
)

EVERYTHING = {
    "limits": tuple(Limit(scope, count=5, within=HOUR) for scope in LimitScope),
    "breaker": a_breaker(),
    "budget": Budget(3, HOUR, Money(100, 5, HOUR)),
    "canary": Canary(1, HOUR, HOUR),
}


def test_a_rule_without_terms_is_counted_at_its_pool_alone():
    """Other rules' limits on the pool, and evictions in it, are everybody's business."""
    assert (PLANS_ON_POOL,) == tally_keys(counted())


def test_every_term_has_its_tally_and_their_order_is_one():
    """Two that reserve in one order never wait for each other."""
    keys = tally_keys(counted(**EVERYTHING))
    assert (
        FAILURES_OF_POOL,
        "canary|rule|repair|abc",
        "money|rule|repair",
        PLANS_ON_POOL,
        "plans|rule|repair",
        f"plans|subscription|{SUBSCRIPTION}",
        f"plans|target|{fold(OWN)}",
        f"plans|zone|{SUBSCRIPTION}/westeurope/1",
    ) == keys
    assert keys == tuple(one.key for one in reserve(counted(**EVERYTHING)))


def test_what_another_rule_counts_is_written_down_there_too():
    """A limit over a zone must see the plans of rules that have none."""
    context = counted(counted=frozenset({LimitScope.ZONE}))
    zone = f"plans|zone|{SUBSCRIPTION}/westeurope/1"
    assert (PLANS_ON_POOL, zone) == tally_keys(context)
    assert [PLANS_ON_POOL, zone] == [one.key for one in reserve(context)]


def test_an_eviction_is_counted_at_its_pool_and_asks_nothing():
    """It must not wait for a write that only voluntary work needs."""
    context = counted(signal=a_notice(1), **EVERYTHING)
    assert (PLANS_ON_POOL,) == tally_keys(context)
    (tally,) = reserve(context)
    assert [True] == [one.is_involuntary for one in tally.entries]


def test_an_entry_says_whose_it_is_and_of_which_event():
    """A person who looks at the table, and a reset that looks again, need both."""
    context = counted()
    (tally,) = reserve(context)
    expected = Entry(context.plan_id, fold(OWN), NOW, rule="repair", event="h-1")
    assert (expected,) == tally.entries


def test_reserving_again_changes_nothing():
    """A redelivered event must not be counted twice."""
    context = counted(**EVERYTHING)
    stored = {one.key: one for one in reserve(context)}
    again = replace(context, tallies={**context.tallies, **stored})
    assert guardrails.ask(again) is None
    assert () == reserve(again)


def test_a_plans_end_is_written_in_each_of_its_tallies_once():
    """The first end stands; what knows of no such plan stays as it is."""
    context = counted(**EVERYTHING)
    for tally in reserve(context):
        after = ended(tally, context.plan_id, "failed", NOW + MINUTE)
        found = after.find(context.plan_id)
        if tally.kind != "breaker":
            assert found is not None
            assert (NOW + MINUTE, "failed", True) == (
                found.ended_at,
                found.outcome,
                found.has_failed,
            )
        assert after is ended(after, context.plan_id, "done", NOW + HOUR)
    assert tally is ended(tally, "another", "done", NOW)


def test_what_was_never_opened_is_taken_back():
    """Its place is free at once; what has ended stays on record."""
    tally = pool_tally(begun(2), replace(begun(3), ended_at=NOW, outcome="done"))
    assert ("plan-3",) == tuple(one.token for one in release(tally, "plan-2").entries)
    assert tally is release(tally, "plan-3")
    assert tally is release(tally, "plan-4")


def test_a_canary_that_was_never_opened_leaves_the_breaker_half_open():
    """It said neither yes nor no: the next may try at once."""
    tried = storm_tally(tripped_at=NOW - HOUR, canary="p-1", canary_at=NOW)
    freed = release(tried, "p-1")
    assert ("", None, NOW - HOUR) == (freed.canary, freed.canary_at, freed.tripped_at)
    assert tried is release(tried, "p-2")


def test_reservations_that_a_crash_may_have_left_are_named_after_five_minutes():
    """Not before: they may be of a plan that is being stored right now."""
    over = replace(begun(2, HOUR), ended_at=NOW)
    tally = pool_tally(over, begun(3, 5 * MINUTE - SECOND), begun(4, 5 * MINUTE))
    assert ("plan-4",) == stale_tokens(tally, NOW)
    tried = storm_tally(begun(5, HOUR), canary="p-1", canary_at=NOW - 5 * MINUTE)
    assert ("p-1",) == stale_tokens(tried, NOW)
    assert () == stale_tokens(replace(tried, canary_at=NOW), NOW)
    assert () == stale_tokens(Tally("strikes|r|/t", (begun(2, HOUR),)), NOW)


def test_what_is_too_old_or_too_much_is_forgotten_when_a_plan_begins():
    """But each target's newest before any target's second, and never what is open."""
    ancient = replace(begun(1, 32 * 24 * HOUR), ended_at=NOW)
    crowd = tuple(
        begun(n, n * SECOND, target=f"/t/{n % 100}", ended_at=NOW)
        for n in range(2, MOST_ENTRIES + 2)
    )
    rare = begun(9_999, HOUR, target="/t/rare", ended_at=NOW)
    (tally,) = reserve(counted(pool_tally(ancient, rare, *crowd)))
    tokens = {one.token for one in tally.entries}
    assert MOST_ENTRIES == len(tokens)
    assert "plan-9999" in tokens
    assert "plan-1" not in tokens
    still = begun(1, 40 * 24 * HOUR)
    (tally,) = reserve(counted(pool_tally(still)))
    assert still in tally.entries


@pytest.mark.parametrize(
    ("entry", "is_held"),
    [
        (begun(2, MINUTE, is_involuntary=True), True),
        (begun(2, HOUR, is_involuntary=True), False),
        (begun(2, MINUTE, is_involuntary=True, ended_at=NOW), False),
        (begun(2, MINUTE), False),
    ],
    ids=["under way", "nobody saw it end", "over", "voluntary"],
)
def test_voluntary_work_waits_while_an_eviction_is_under_way_in_the_pool(entry, is_held):
    """The pool is losing machines already; one that nobody saw end holds for an hour."""
    words = "plan plan-2 answers a notice in the same pool"
    expected = Hold(Reason.POOL_INTERRUPTED, NOW + 30 * SECOND, words) if is_held else None
    assert expected == guardrails.ask(counted(pool_tally(entry)))
    tick = counted(pool_tally(entry), signal=a_tick(target=OWN))
    assert expected == guardrails.ask(tick)
    eviction = counted(pool_tally(entry), signal=a_notice(1), rule="drain-node")
    assert guardrails.ask(eviction) is None


def test_an_eviction_passes_whatever_was_counted_or_could_not_be():
    """Every term at nought, every tally unread: it is drained all the same."""
    nothing = {
        "limits": tuple(Limit(scope, count=0) for scope in LimitScope),
        "breaker": a_breaker(count=1),
        "budget": Budget(0, HOUR, Money(0, 1, HOUR)),
        "canary": Canary(1, HOUR, HOUR),
        "tallies_unread": Hold(Reason.UNREADABLE, NOW + SECOND),
    }
    for number in range(60):
        assert guardrails.ask(counted(signal=a_notice(number), **nothing)) is None
    voluntary = counted(signal=a_tick(target=instance(99)), **nothing)
    assert guardrails.ask(voluntary) is not None
