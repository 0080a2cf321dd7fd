"""How far a rule may reach: by table, with the rounding said."""

from __future__ import annotations

import pytest

from shared.core import guardrails
from shared.core.decisions import Hold, Reason
from shared.core.limits import most
from shared.core.tallies import Tally, fold
from shared.core.terms import Limit, LimitScope
from tests.builders import GROUP, HOUR, MINUTE, NOW, SCALE_SET, SECOND, SUBSCRIPTION, instance
from tests.tallying import OWN, begun, counted, ended, pool_tally

POOL, TARGET = LimitScope.POOL, LimitScope.TARGET
SOON = NOW + 30 * SECOND


@pytest.mark.parametrize(
    ("limit", "population", "allowed"),
    [
        (Limit(POOL, count=3), None, 3),
        (Limit(POOL, count=0), 100, 0),
        (Limit(POOL), 100, 0),
        (Limit(POOL, percent=10), 100, 10),
        (Limit(POOL, percent=30), 3, 0),
        (Limit(POOL, percent=10), 19, 1),
        (Limit(POOL, percent=29), 100, 29),
        (Limit(POOL, percent=0.7), 1000, 7),
        (Limit(POOL, percent=100), 7, 7),
        (Limit(POOL, percent=10), 0, 0),
        (Limit(POOL, percent=10, at_least=1), 3, 1),
        (Limit(POOL, percent=10, at_most=5), 100, 5),
        (Limit(POOL, percent=10, at_least=1, at_most=5), 30, 3),
        (Limit(POOL, count=4, percent=10, at_least=8), 100, 4),
        (Limit(POOL, count=20, percent=10), 100, 10),
        (Limit(POOL, percent=10), None, None),
        (Limit(POOL, count=1, percent=10), None, None),
    ],
)
def test_a_limit_is_the_lesser_of_a_count_and_a_percentage_rounded_down(
    limit: Limit, population: int | None, allowed: int | None
):
    """Rounded up, a pool of three would lose a third of itself at ten percent."""
    assert allowed == most(limit, population)


def test_a_pool_that_is_touched_enough_is_left_alone_until_one_leaves_the_window():
    """The answer says how many, of how many, where, and how that was reckoned."""
    limit = Limit(POOL, percent=3, within=HOUR)
    tally = pool_tally(begun(2, 50 * MINUTE), begun(3, 40 * MINUTE), begun(4))
    words = (
        "3 of 3 targets in pool aks-spot-1-vmss within 1h "
        "(3 percent of a pool of 100, rounded down)"
    )
    expected = Hold(Reason.BLAST_RADIUS, NOW + 10 * MINUTE, words)
    assert expected == guardrails.ask(counted(tally, limits=(limit,)))


def test_the_answer_waits_until_enough_have_left():
    """A limit that was lowered meanwhile is met when two have left, not one."""
    limit = Limit(POOL, count=2, within=HOUR)
    tally = pool_tally(begun(2, 50 * MINUTE), begun(3, 40 * MINUTE), begun(4))
    answer = guardrails.ask(counted(tally, limits=(limit,)))
    assert isinstance(answer, Hold)
    assert NOW + 20 * MINUTE == answer.until


def test_what_left_the_window_to_the_second_counts_no_more():
    """An hour is an hour."""
    limit = Limit(POOL, count=1, within=HOUR)
    assert guardrails.ask(counted(pool_tally(begun(2, HOUR)), limits=(limit,))) is None
    young = pool_tally(begun(2, HOUR - SECOND))
    assert guardrails.ask(counted(young, limits=(limit,))) is not None


def test_without_a_window_only_what_is_under_way_counts():
    """Ten at a time, and the next when one is done."""
    limit = Limit(POOL, count=1)
    assert guardrails.ask(counted(pool_tally(ended(2, "done")), limits=(limit,))) is None
    answer = guardrails.ask(counted(pool_tally(begun(2, 9 * HOUR)), limits=(limit,)))
    words = "1 of 1 targets in pool aks-spot-1-vmss under way"
    assert Hold(Reason.BLAST_RADIUS, SOON, words) == answer


def test_a_target_counts_once_however_often_it_was_acted_on():
    """Three plans on one machine reach no further than one."""
    limit = Limit(POOL, count=2, within=HOUR)
    again = ended(7, "done", target=fold(instance(2)))
    tally = pool_tally(begun(2, 50 * MINUTE), again)
    assert guardrails.ask(counted(tally, limits=(limit,))) is None


def test_the_target_itself_and_the_plans_own_reservation_are_no_others():
    """Going on after a crash is no second plan."""
    limit = Limit(POOL, count=1, within=HOUR)
    context = counted(limits=(limit,))
    own = begun(1)
    assert guardrails.ask(counted(pool_tally(own), limits=(limit,))) is None
    reserved = pool_tally(begun(2, token=context.plan_id))
    assert guardrails.ask(counted(reserved, limits=(limit,))) is None


def test_a_limit_over_the_target_counts_plans():
    """A lemon is repaired twice a week, not every hour for ever."""
    limit = Limit(TARGET, count=2, within=HOUR)
    plans = tuple(ended(number, "done", target=fold(OWN)) for number in (7, 8))
    key = f"plans|target|{fold(OWN)}"
    assert guardrails.ask(counted(Tally(key, plans[:1]), limits=(limit,))) is None
    answer = guardrails.ask(counted(Tally(key, plans), limits=(limit,)))
    words = "2 of 2 plans on target 1 within 1h"
    assert Hold(Reason.BLAST_RADIUS, NOW + 58 * MINUTE, words) == answer


def test_nothing_allowed_is_never():
    """0 blocks all, on every scope; waiting does not help and no moment is promised."""
    for scope in LimitScope:
        answer = guardrails.ask(counted(limits=(Limit(scope, count=0, within=HOUR),)))
        assert isinstance(answer, Hold)
        assert (Reason.BLAST_RADIUS, None) == (answer.reason, answer.until)


def test_of_two_limits_the_answer_is_the_one_that_holds_longest():
    """Looking again earlier would only meet the other."""
    limits = (Limit(POOL, count=1), Limit(POOL, count=1, within=HOUR))
    answer = guardrails.ask(counted(pool_tally(begun(2)), limits=limits))
    assert isinstance(answer, Hold)
    assert NOW + HOUR == answer.until


def test_nobody_acts_on_a_pool_whose_size_nobody_knows():
    """Not even where a count stands beside the percentage: it was meant as the lesser."""
    limit = Limit(POOL, count=5, percent=10, within=HOUR)
    answer = guardrails.ask(counted(limits=(limit,), pool_size=None))
    assert isinstance(answer, Hold)
    assert (Reason.NO_DATA, SOON) == (answer.reason, answer.until)


def test_a_machine_in_no_pool_is_a_pool_of_one():
    """Ten percent of one is none; who wants it writes min: 1."""
    alone = {scope: f"{scope}" for scope in LimitScope} | {POOL: fold(OWN)}
    few = Limit(POOL, percent=10, within=HOUR)
    answer = guardrails.ask(counted(limits=(few,), keys=alone, pool_size=None))
    assert isinstance(answer, Hold)
    assert (Reason.BLAST_RADIUS, None) == (answer.reason, answer.until)
    one = Limit(POOL, percent=10, at_least=1, within=HOUR)
    assert guardrails.ask(counted(limits=(one,), keys=alone, pool_size=None)) is None


def test_a_machine_in_no_scale_set_has_no_such_limit():
    """Only the pool's; but a place that nobody knows is no place without limit."""
    own = {POOL: fold(OWN), TARGET: fold(OWN)}
    of_set = Limit(LimitScope.SCALE_SET, count=0)
    assert guardrails.ask(counted(limits=(of_set,), keys=own)) is None
    answer = guardrails.ask(counted(limits=(Limit(LimitScope.ZONE, count=9),), keys=own))
    assert isinstance(answer, Hold)
    assert Reason.NO_DATA is answer.reason


def test_a_limit_on_a_scale_set_counts_what_its_pool_does():
    """They are one thing, counted in one place."""
    limit = Limit(LimitScope.SCALE_SET, count=1, within=HOUR)
    answer = guardrails.ask(counted(pool_tally(begun(2)), limits=(limit,)))
    assert isinstance(answer, Hold)
    assert Reason.BLAST_RADIUS is answer.reason


@pytest.mark.parametrize(
    ("scope", "key", "name"),
    [
        (LimitScope.RULE, "plans|rule|repair", "rule repair"),
        (LimitScope.ZONE, f"plans|zone|{SUBSCRIPTION}/westeurope/1", "westeurope/1"),
        (LimitScope.SUBSCRIPTION, f"plans|subscription|{SUBSCRIPTION}", SUBSCRIPTION),
    ],
)
def test_other_scopes_count_in_places_of_their_own(scope: LimitScope, key: str, name: str):
    """A rule may reach two machines of a zone, whatever pools they are in."""
    elsewhere = begun(2, target=fold(f"{GROUP}/providers/a/b/c"))
    limit = Limit(scope, count=1, within=HOUR)
    assert guardrails.ask(counted(pool_tally(elsewhere), limits=(limit,))) is None
    answer = guardrails.ask(counted(Tally(key, (elsewhere,)), limits=(limit,)))
    assert isinstance(answer, Hold)
    assert name in answer.detail


def test_counts_that_could_not_be_read_hold():
    """Not knowing is not none; and a tally that nobody read is not known either."""
    unread = Hold(Reason.UNREADABLE, NOW + SECOND, "the tallies could not be read: away")
    limits = (Limit(POOL, count=5),)
    assert unread == guardrails.ask(counted(limits=limits, tallies_unread=unread))
    answer = guardrails.ask(counted(limits=limits, tallies={}))
    assert isinstance(answer, Hold)
    assert Reason.UNREADABLE is answer.reason
    assert fold(SCALE_SET) in answer.detail
