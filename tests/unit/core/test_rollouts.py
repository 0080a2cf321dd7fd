"""A new version of the rules in some scopes first: which ones, and how it is judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import rollouts
from shared.core.plans import PlanOutcome
from shared.core.rollouts import Counts, Rejected, Rollout, RolloutTerms, Verdict
from shared.core.tallies import Tally
from tests.builders import HOUR, MINUTE, NOW, SECOND, VM, a_plan, instance

TERMS = RolloutTerms(percent=10, soak=HOUR, failures=2)
TRYING = Rollout(stable="v1", trial="v2", since=NOW)
GROUP = "/subscriptions/5f0ac1d2-0000-4000-8000-00000000000{}/resourceGroups/rg-{}"


def a_target(number: int) -> str:
    """Name a machine in a resource group of its own."""
    group = GROUP.format(number % 10, number)
    return f"{group}/providers/Microsoft.Compute/virtualMachines/vm"


def test_a_scope_is_a_resource_group_whatever_its_case():
    """All machines of a pool are decided on by one version."""
    assert rollouts.scope_of(instance(29)) == rollouts.scope_of(instance(30).upper())
    assert rollouts.scope_of(VM).endswith("/resourcegroups/rg-lab") or "/" in VM
    assert "not an id" == rollouts.scope_of("Not An ID")


@given(percent=st.integers(0, 100), more=st.integers(0, 100), number=st.integers(0, 10**6))
def test_who_tries_at_a_percentage_tries_at_every_higher_one(percent, more, number):
    """Widening a trial takes nobody out of it."""
    target = a_target(number)
    low, high = sorted((percent, more))
    assert not rollouts.is_tried(target, low) or rollouts.is_tried(target, high)
    assert (False, True) == (rollouts.is_tried(target, 0), rollouts.is_tried(target, 100))


def test_about_as_many_scopes_try_as_were_asked_for():
    """Ten percent of a thousand resource groups, not none and not half of them."""
    tried = sum(rollouts.is_tried(a_target(number), 10) for number in range(1000))
    assert 70 <= tried <= 130


def test_the_first_version_ever_counts_at_once_and_the_next_one_is_tried():
    """There is nothing that the first could be held against."""
    first = rollouts.seen(Rollout(), "v1", NOW)
    assert Rollout(stable="v1") == first
    assert TRYING == rollouts.seen(first, "v2", NOW)


def test_a_version_that_is_known_is_no_news():
    """Every instance looks every minute."""
    for rollout, version in ((TRYING, "v2"), (TRYING, ""), (Rollout(stable="v1"), "v1")):
        assert rollout is rollouts.seen(rollout, version, NOW + HOUR)


def test_a_newer_version_takes_the_place_of_one_on_trial():
    """A person corrects what they saw going wrong; its time begins anew."""
    assert Rollout(stable="v1", trial="v3", since=NOW + HOUR) == rollouts.seen(
        TRYING, "v3", NOW + HOUR
    )


def test_going_back_to_the_stable_version_ends_the_trial():
    """What is not there any more is not tried any more."""
    assert Rollout(stable="v1") == rollouts.seen(TRYING, "v1", NOW)


def test_a_version_that_was_taken_back_does_not_come_back():
    """It lies in the container still, and is seen at every look."""
    back = Rollout(stable="v1", rejected=(Rejected("v2", NOW, "why"),))
    assert back is rollouts.seen(back, "v2", NOW)


@pytest.mark.parametrize(
    ("tried", "elsewhere", "after", "verdict"),
    [
        ((9, 1), (90, 0), MINUTE, Verdict.GO_ON),  # one failure is none
        ((2, 2), (90, 0), MINUTE, Verdict.FALL_BACK),
        ((20, 2), (90, 8), MINUTE, Verdict.FALL_BACK),  # 10 % of ours, 9 % elsewhere
        ((20, 2), (20, 2), MINUTE, Verdict.GO_ON),  # a bad night for everybody
        ((20, 2), (20, 2), HOUR, Verdict.PROMOTE),
        ((0, 0), (0, 0), HOUR - SECOND, Verdict.GO_ON),
        ((0, 0), (0, 0), HOUR, Verdict.PROMOTE),
        ((2, 2), (0, 0), 2 * HOUR, Verdict.FALL_BACK),  # looked at late: first things first
    ],
)
def test_a_trial_is_judged_by_its_failures_beside_everybody_else_s(
    tried: tuple[int, int], elsewhere: tuple[int, int], after: timedelta, verdict: Verdict
):
    """Too many, and a larger share: back. Soaked: everywhere. Else it goes on."""
    said, why = rollouts.judge(TRYING, Counts(*tried), Counts(*elsewhere), TERMS, NOW + after)
    assert verdict == said
    assert f"{tried[1]} of {tried[0]} plans failed, elsewhere {elsewhere[1]}" in why


def test_a_verdict_is_carried_out_and_remembered():
    """Who asks next week still reads why."""
    assert TRYING is rollouts.decided(TRYING, Verdict.GO_ON, "", NOW)
    assert Rollout(stable="v2") == rollouts.decided(TRYING, Verdict.PROMOTE, "", NOW)
    back = rollouts.decided(TRYING, Verdict.FALL_BACK, "2 of 2 plans failed", NOW)
    assert Rollout(stable="v1", rejected=(Rejected("v2", NOW, "2 of 2 plans failed"),)) == back


def test_only_the_newest_rejections_are_kept():
    """The document stays small for years."""
    rollout = TRYING
    for number in range(30):
        tried = replace(rollout, trial=f"w{number}", since=NOW)
        rollout = rollouts.decided(tried, Verdict.FALL_BACK, "x" * 1000, NOW)
    assert (20, "w29") == (len(rollout.rejected), rollout.rejected[0].version)
    assert {500} == {len(one.why) for one in rollout.rejected}


def test_a_plan_is_counted_once_when_it_has_closed():
    """Whoever comes after a crash counts it again."""
    place = rollouts.place("v2", is_tried=True)
    assert place != rollouts.place("v2", is_tried=False)
    tally = Tally(place)
    assert tally is rollouts.counted(tally, a_plan())
    ends = {"closed_at": NOW, "wake_at": None}
    failed = replace(a_plan(), outcome=PlanOutcome.FAILED, **ends)
    once = rollouts.counted(tally, failed)
    assert once is rollouts.counted(once, failed)
    assert Counts(1, 1) == rollouts.counts(once.entries)
    unknown = replace(a_plan(id=f"{'0' * 12}-{'1' * 24}"), outcome=PlanOutcome.UNKNOWN, **ends)
    done = replace(a_plan(id=f"{'0' * 12}-{'2' * 24}"), outcome=PlanOutcome.DONE, **ends)
    thrice = rollouts.counted(rollouts.counted(once, unknown), done)
    assert Counts(3, 2) == rollouts.counts(thrice.entries)


def test_a_rollout_is_read_back_as_it_was():
    """With what a later release wrote beside it."""
    full = replace(TRYING, rejected=(Rejected("v0", NOW, "why"),), unknown={"later": [1]})
    assert full == rollouts.rollout_of(rollouts.rollout_to_json(full))
