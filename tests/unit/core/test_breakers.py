"""Storms by table, and the breaker through its life."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core import breakers, guardrails
from shared.core.decisions import Hold, Reason
from shared.core.reservations import heard, reserve
from shared.core.signals import Phase, Signal, SignalType
from shared.core.tallies import Tally, event_token
from shared.core.terms import LimitScope
from tests.builders import (
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    a_degradation,
    a_notice,
    a_tick,
    an_alert,
    instance,
)
from tests.tallying import OWN, a_breaker, counted, failed, storm_tally

WAIT = 15 * MINUTE
FOUR = tuple(failed(number, MINUTE) for number in (2, 3, 4, 5))
OPEN = storm_tally(*FOUR, failed(6, MINUTE), tripped_at=NOW - MINUTE, threshold=5)
LATE = {"signal": a_degradation(target=OWN, observed_at=NOW - HOUR)}


@pytest.mark.parametrize(
    ("fields", "population", "expected"),
    [
        ({"count": 5}, None, 5),
        ({"count": 5, "percent": 20}, 100, 5),
        ({"count": 50, "percent": 20}, 100, 20),
        ({"count": 50, "percent": 20}, 101, 21),
        ({"count": 3, "percent": 20}, 5, 3),
        ({"count": 3, "percent": 20}, 6, 2),
        ({"count": None, "percent": 20}, 5, 6),
        ({"count": None, "percent": 20}, None, None),
        ({"count": 5, "percent": 20}, None, 5),
        ({"count": None, "percent": 0}, 100, 1),
        ({"count": 0}, 100, 1),
    ],
)
def test_a_storm_is_a_count_or_a_share_rounded_up(fields, population, expected):
    """One of three is 33 percent and no storm: in small pools the count alone says."""
    assert expected == breakers.threshold(a_breaker(**fields), population)


@pytest.mark.parametrize(
    ("signal", "is_one"),
    [
        (a_degradation(), True),
        (an_alert(), True),
        (a_degradation(type=SignalType.ALERT_METRIC), True),
        (a_notice(), False),
        (a_tick(), False),
        (a_tick(type=SignalType.VM_DEGRADED), False),
        (a_degradation(source="runbook"), False),
        (a_degradation(type=SignalType.RUNBOOK, source="page"), False),
        (a_degradation(phase=Phase.RESOLVED), False),
        (a_degradation(phase=Phase.COMPLETED), False),
    ],
)
def test_a_failure_is_what_somebody_reports_as_broken(signal: Signal, is_one: bool):
    """Not what the platform does, not a tick, not a person's wish, not an all-clear."""
    assert is_one is breakers.is_failure(signal, None, a_breaker(), NOW)


def test_a_machine_that_is_being_set_up_does_not_fail():
    """A pool that grows by a hundred is no storm; from its first hour on it counts."""
    signal, young = a_degradation(), a_breaker(young=HOUR)
    assert not breakers.is_failure(signal, NOW - 59 * MINUTE, young, NOW)
    assert breakers.is_failure(signal, NOW - HOUR, young, NOW)


def test_the_failure_that_is_one_too_many_trips_and_says_so():
    """The event that is judged counts itself; what is stored holds for every instance."""
    context = counted(storm_tally(*FOUR), breaker=a_breaker())
    words = "5 targets of pool aks-spot-1-vmss failed within 10m; 5 are a storm"
    assert Hold(Reason.STORM, NOW + WAIT, words) == guardrails.ask(context)
    (tally,) = heard(context)
    assert (NOW, 5, 5) == (tally.tripped_at, tally.threshold, len(tally.entries))


def test_one_failure_less_is_no_storm():
    """And it is written down with the plan that it opens."""
    context = counted(storm_tally(*FOUR[:3]), breaker=a_breaker())
    assert guardrails.ask(context) is None
    (noted,) = [one for one in reserve(context) if one.kind == "breaker"]
    assert (None, 4) == (noted.tripped_at, len(noted.entries))
    assert noted.find(event_token("h-1", OWN))


def test_one_target_that_fails_again_and_again_is_no_storm():
    """A lemon is its own trouble; targets are counted, not events."""
    same = tuple(replace(failed(n), target=FOUR[0].target) for n in range(2, 30))
    assert guardrails.ask(counted(storm_tally(*same), breaker=a_breaker())) is None


def test_what_failed_before_the_window_is_no_part_of_a_storm():
    """Nor does an event that comes hours late make one of what is long over."""
    old = tuple(failed(number, 10 * MINUTE) for number in range(2, 9))
    assert guardrails.ask(counted(storm_tally(*old), breaker=a_breaker())) is None
    late = counted(storm_tally(*FOUR), breaker=a_breaker(), **LATE)
    assert guardrails.ask(late) is None


def test_alerts_take_minutes_to_come_and_are_news_when_they_do():
    """A window of a minute must see a storm of alerts that were seen five minutes ago."""
    minutes_old = {"signal": a_degradation(target=OWN, observed_at=NOW - 5 * MINUTE)}
    four = tuple(failed(number) for number in (2, 3, 4, 5))
    tight = a_breaker(within=MINUTE)
    answer = guardrails.ask(counted(storm_tally(*four), breaker=tight, **minutes_old))
    assert isinstance(answer, Hold)
    assert Reason.STORM is answer.reason


def test_failures_of_last_month_are_forgotten_when_a_new_one_is_heard():
    """Nothing ever ends a failure; the row must not grow for ever."""
    old = failed(2, 31 * 24 * HOUR)
    context = counted(storm_tally(old, failed(3, HOUR)), breaker=a_breaker())
    (noted,) = heard(context)
    assert {OWN.casefold(), failed(3).target} == {one.target for one in noted.entries}


def test_the_same_event_delivered_again_is_one_failure():
    """Event Grid delivers at least once."""
    context = counted(storm_tally(*FOUR[:3]), breaker=a_breaker())
    (noted,) = heard(context)
    again = replace(context, tallies={**context.tallies, noted.key: noted})
    assert () == heard(again)


def test_a_tick_is_held_in_a_storm_and_adds_nothing_to_it():
    """Idle machines wait too: nothing voluntary until it is over."""
    context = counted(OPEN, breaker=a_breaker(), signal=a_tick(), rule="stop-idle")
    answer = guardrails.ask(context)
    assert isinstance(answer, Hold)
    assert (Reason.BREAKER_OPEN, NOW + 14 * MINUTE) == (answer.reason, answer.until)
    assert () == heard(context)


def test_a_new_failure_makes_the_wait_begin_anew():
    """A storm that goes on is not tried every quarter of an hour."""
    answer = guardrails.ask(counted(OPEN, breaker=a_breaker()))
    assert isinstance(answer, Hold)
    assert (Reason.BREAKER_OPEN, NOW + WAIT) == (answer.reason, answer.until)


def test_after_the_wait_one_plan_tries_and_the_others_wait_for_it():
    """Half-open: the first that reserves it is the canary."""
    quiet = replace(OPEN, tripped_at=NOW - WAIT, entries=())
    context = counted(quiet, breaker=a_breaker(), **LATE)
    assert guardrails.ask(context) is None
    (tally,) = [one for one in reserve(context) if one.kind == "breaker"]
    assert (context.plan_id, NOW) == (tally.canary, tally.canary_at)
    tried = replace(context, tallies={**context.tallies, tally.key: tally})
    assert guardrails.ask(tried) is None
    other = replace(tried, plan_id="another")
    words = f"plan {context.plan_id} tries whether the storm is over"
    assert Hold(Reason.BREAKER_OPEN, NOW + 30 * SECOND, words) == guardrails.ask(other)


def test_the_first_canary_stays_the_one():
    """A second one would be the storm's next victim."""
    tried = breakers.half_open(OPEN, "p-1", NOW)
    assert "p-1" == tried.canary
    assert tried is breakers.half_open(tried, "p-2", NOW + MINUTE)


def test_a_canary_that_is_done_closes_the_breaker_and_forgives():
    """The held events are heard again: forgiven, they must not trip it at once."""
    tried = replace(OPEN, canary="p-1", canary_at=NOW)
    closed = breakers.canary_ended(tried, "p-1", "done", NOW + MINUTE)
    assert (None, "", None) == (closed.tripped_at, closed.canary, closed.canary_at)
    assert frozenset() == breakers.failing(closed, a_breaker(), NOW + MINUTE)
    again = breakers.note_failure(
        closed, a_degradation(event_id="e-2", target=instance(2)), NOW
    )
    assert again is closed


def test_what_failed_while_the_canary_tried_is_not_forgiven():
    """It may be the beginning of the next storm."""
    news = failed(9, -MINUTE)
    tried = replace(OPEN, entries=(*FOUR, news), canary="p-1", canary_at=NOW)
    closed = breakers.canary_ended(tried, "p-1", "done", NOW + 2 * MINUTE)
    assert {news.target} == breakers.failing(closed, a_breaker(), NOW + 2 * MINUTE)


@pytest.mark.parametrize("outcome", ["failed", "partial", "refused", "unknown", "withdrawn"])
def test_a_canary_that_is_not_done_leaves_it_open_for_another_wait(outcome: str):
    """Only what was seen to work shows that the storm is over."""
    tried = replace(OPEN, canary="p-1", canary_at=NOW)
    opened = breakers.canary_ended(tried, "p-1", outcome, NOW + MINUTE)
    assert ("", NOW + MINUTE + WAIT) == (opened.canary, breakers.tries_at(opened, a_breaker()))


def test_another_plans_end_says_nothing_about_the_storm():
    """Plans that were under way when it began end as they end."""
    tried = replace(OPEN, canary="p-1", canary_at=NOW)
    assert tried is breakers.canary_ended(tried, "p-2", "done", NOW)
    assert OPEN is breakers.canary_ended(OPEN, "", "done", NOW)


def test_a_reset_drops_what_is_stale_and_closes_if_the_rest_is_no_storm():
    """After days nobody knows which of them still fail: look again, then decide."""
    still = {FOUR[0].token, FOUR[1].token}
    closed = breakers.reset(OPEN, still, NOW)
    assert closed.tripped_at is None
    assert still == {one.token for one in closed.entries if one.is_open}


def test_a_reset_in_a_storm_leaves_the_breaker_open():
    """One command must not make twenty broken machines look well."""
    still = {one.token for one in OPEN.entries}
    assert OPEN == breakers.reset(OPEN, still, NOW)


def test_an_eviction_is_neither_held_nor_counted():
    """The platform's own doing is no failure, and waits for no storm to pass."""
    context = counted(OPEN, breaker=a_breaker(), signal=a_notice())
    assert guardrails.ask(context) is None
    assert () == heard(context)
    brewing = storm_tally(*FOUR, failed(6))
    assert () == heard(counted(brewing, breaker=a_breaker(), signal=a_notice()))


def test_a_dry_run_counts_nothing():
    """Thinking leaves the world as it was, its counts too."""
    context = counted(storm_tally(*FOUR), breaker=a_breaker(), is_dry_run=True)
    assert () == heard(context)


def test_a_pool_of_unknown_size_holds_where_a_percentage_stands_alone():
    """With a count beside it the count says."""
    share = a_breaker(count=None, percent=20)
    answer = guardrails.ask(counted(breaker=share, pool_size=None))
    assert isinstance(answer, Hold)
    assert Reason.NO_DATA is answer.reason
    both = a_breaker(percent=20)
    assert guardrails.ask(counted(breaker=both, pool_size=None)) is None


def test_a_breaker_over_scale_sets_says_nothing_of_other_machines():
    """It watches what it is told to watch."""
    keys = {LimitScope.POOL: "/x", LimitScope.TARGET: "/x"}
    breaker = a_breaker(scope=LimitScope.SCALE_SET, count=1)
    context = counted(breaker=breaker, keys=keys)
    assert guardrails.ask(context) is None
    assert () == heard(context)


def test_a_breaker_that_could_not_be_read_holds():
    """Silence of the store is no clear sky."""
    context = replace(counted(breaker=a_breaker()), tallies={})
    pool = {"plans|pool|" + context.keys[LimitScope.POOL]: Tally("p")}
    answer = guardrails.ask(replace(context, tallies=pool))
    assert isinstance(answer, Hold)
    assert Reason.UNREADABLE is answer.reason
