"""The first plans of a rule, and what the others wait for."""

from __future__ import annotations

import pytest

from shared.core import guardrails
from shared.core.decisions import Hold, Reason
from shared.core.reservations import reserve
from shared.core.tallies import Entry, Tally
from shared.core.terms import Canary
from tests.builders import HOUR, MINUTE, NOW, SECOND
from tests.tallying import begun, counted, ended

TERMS = Canary(first=2, soak=10 * MINUTE, every=24 * HOUR)
KEY = "canary|rule|repair|abc"


def asked(*entries: Entry, **fields):
    """Ask with these canaries."""
    return guardrails.ask(counted(Tally(KEY, entries), canary=TERMS, **fields))


def seat(*entries: Entry) -> list[Tally]:
    """Return the canaries' tally as a reservation leaves it, if it changes it."""
    context = counted(Tally(KEY, entries), canary=TERMS)
    return [one for one in reserve(context) if one.key == KEY]


def test_the_first_two_go_and_are_written_down():
    """Then every instance knows them."""
    assert asked() is None
    assert asked(begun(2)) is None
    (tally,) = seat(begun(2))
    assert 2 == len(tally.entries)


def test_the_third_waits_while_they_are_under_way():
    """Nobody knows when they end."""
    answer = asked(begun(2), begun(3))
    words = "2 of 2 canaries under way"
    assert Hold(Reason.CANARY, NOW + 30 * SECOND, words) == answer
    assert [] == seat(begun(2), begun(3))


def test_and_until_both_stayed_good_for_a_while():
    """Counted from the later end, to the second."""
    answer = asked(ended(2, "done", 20 * MINUTE), ended(3, "done", 4 * MINUTE))
    words = "canaries are done, and watched for 10m"
    assert Hold(Reason.CANARY, NOW + 6 * MINUTE, words) == answer
    assert asked(ended(2, "done", 20 * MINUTE), ended(3, "done", 10 * MINUTE)) is None


@pytest.mark.parametrize("outcome", ["failed", "partial", "unknown", "refused"])
def test_one_that_failed_stops_the_rule(outcome: str):
    """Even where a seat is free: the rule is wrong, not the machine."""
    answer = asked(ended(2, outcome, HOUR))
    words = f"canary plan-2 ended as {outcome}"
    assert Hold(Reason.CANARY_FAILED, NOW + 23 * HOUR, words) == answer


def test_after_a_while_a_failed_one_may_be_tried_again():
    """The stop is long and not for ever."""
    assert asked(ended(2, "failed", 24 * HOUR)) is None
    (tally,) = seat(ended(2, "failed", 24 * HOUR))
    assert 1 == len(tally.entries)


def test_one_that_was_withdrawn_says_nothing_and_gives_its_place():
    """The alert resolved by itself: no proof, no failure."""
    assert asked(ended(2, "withdrawn"), begun(3)) is None


def test_a_proof_stands_for_a_day_and_then_a_new_round_begins():
    """What passed writes no more entries meanwhile."""
    proven = (ended(2, "done", 24 * HOUR - SECOND), ended(3, "done", 30 * HOUR))
    assert asked(*proven) is None
    assert [] == seat(*proven)
    old = (ended(2, "done", 24 * HOUR), ended(3, "done", 30 * HOUR))
    (tally,) = seat(*old)
    assert 1 == len(tally.entries)


def test_a_rule_that_changed_proves_itself_again():
    """Its hash is part of the place."""
    context = counted(Tally(KEY, (begun(2), begun(3))), canary=TERMS, rule_hash="def")
    assert guardrails.ask(context) is None


def test_a_canary_passes_its_own_guardrail_again():
    """Going on after a crash finds its seat taken by itself."""
    context = counted(canary=TERMS)
    own = Tally(KEY, (begun(2, token=context.plan_id), begun(3)))
    assert guardrails.ask(counted(own, canary=TERMS)) is None
