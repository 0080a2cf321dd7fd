"""A roll-out goes step by step, back by itself where it must, and never over a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.ml_endpoints import Deployment, Figures, Routing, with_share
from shared.core.plans import PlanOutcome
from tests.endpoints import (
    BOTH,
    ENDPOINT,
    GREEN,
    OLD,
    an_endpoint_alert,
    routing,
    with_new_deployment,
)
from tests.shift import Shift

NEW = Routing({"green": 100})
ALL_STEPS = [
    Routing({"blue": 100}, {"green": 10}),
    *(Routing({"blue": 100 - share, "green": share}) for share in (1, 10, 50)),
    NEW,
]
WELL = Figures(500, 1, 120.0)


def a_shift(*rules):
    shift = Shift.begin(*rules)
    with_new_deployment(shift)
    return shift


def roll_out(shift, **given):
    shift.run_book("roll_out_deployment", GREEN, given=given)
    shift.run_until_quiet(timedelta(hours=12))
    [plan] = [one for one in shift.plans if one.remediation == "roll_out_deployment"]
    return plan


def when_at(shift, split, then):
    """Let something happen once, when the endpoint is looked at in a split."""
    came = []

    def hook(at):
        if at == "read figures" and not came and routing(shift) == split:
            came.append(at)
            then()

    shift.hooks.append(hook)
    return came


def seen_splits(shift):
    """Collect every split that the endpoint had, in order."""
    seen = [routing(shift)]

    def hook(at):
        if at == "read figures" and seen[-1] != routing(shift):
            seen.append(routing(shift))

    shift.hooks.append(hook)
    return seen


def test_a_deployment_that_is_well_gets_all_of_it_step_by_step():
    """Copies, 1, 10, 50, 100 percent, each watched; then it is the good split."""
    shift = a_shift()
    seen, began = seen_splits(shift), shift.now
    plan = roll_out(shift)
    assert PlanOutcome.DONE is plan.outcome
    assert [OLD, *ALL_STEPS] == seen
    assert shift.now - began >= 5 * timedelta(minutes=10)
    endpoint = shift.world.online_endpoints.endpoints[ENDPOINT.casefold()]
    assert (NEW, {"green": 100}) == (endpoint.routing, endpoint.good)


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (Figures(500, 100, 120.0), "20.0% of about 500 requests failed"),
        (Figures(500, 0, 151.0), "95th percentile is 151 ms, blue has 100"),
        (Figures(3), "about 3 requests are too few to judge it by"),
        (None, "figures could not be read"),
    ],
)
@pytest.mark.parametrize("at", [1, 3, 4])
def test_a_step_that_is_not_well_sends_everything_back(figures, words, at):
    """Whatever the step; what cannot be told is not well either."""
    shift = a_shift()
    endpoints = shift.world.online_endpoints
    bad = when_at(shift, ALL_STEPS[at], lambda: endpoints.answered.update({"green": figures}))
    plan = roll_out(shift)
    assert bad
    assert OLD == routing(shift)
    assert PlanOutcome.PARTIAL is plan.outcome
    [gate] = [one for one in plan.steps if one.outcome == "failed"]
    assert "gate_failed" == gate.reason
    assert words in gate.detail["because"]
    assert OLD.traffic == endpoints.endpoints[ENDPOINT.casefold()].good


def test_copies_that_nobody_counts_hold_nothing_back():
    """Nobody gets their answers; the first percent is watched as any other."""
    shift = a_shift()
    endpoints = shift.world.online_endpoints
    endpoints.answered["green"] = Figures()
    when_at(shift, ALL_STEPS[1], lambda: endpoints.answered.update({"green": WELL}))
    assert PlanOutcome.DONE is roll_out(shift).outcome


def test_a_deployment_that_breaks_sends_everything_back():
    """Without waiting for figures."""
    shift = a_shift()
    endpoints = shift.world.online_endpoints

    def break_it():
        broken = (BOTH[0], Deployment("green", "failed", 2))
        found = endpoints.endpoints[ENDPOINT.casefold()]
        endpoints.add(replace(found, deployments=broken))

    when_at(shift, ALL_STEPS[2], break_it)
    assert PlanOutcome.PARTIAL is roll_out(shift).outcome
    assert OLD == routing(shift)


@pytest.mark.parametrize("at", range(5))
def test_a_persons_own_split_ends_it_and_stays(at):
    """At any step."""
    shift = a_shift()
    by_hand = Routing({"blue": 70, "green": 30})
    endpoints = shift.world.online_endpoints
    assert not (
        came := when_at(shift, ALL_STEPS[at], lambda: endpoints.route(ENDPOINT, by_hand))
    )
    plan = roll_out(shift)
    assert came
    assert by_hand == routing(shift)
    assert "split_changed" in {one.reason for one in plan.steps}


def test_an_alert_rolls_back_while_it_is_under_way_and_ends_it():
    """Quality is no metric of the endpoint: its alert is answered by another plan."""
    from tests import builders as make

    shift = a_shift(make.a_rule("roll_back_traffic"))
    alert = an_endpoint_alert("drift", "")
    endpoints = shift.world.online_endpoints
    shift.run_book("roll_out_deployment", GREEN)
    while routing(shift) != ALL_STEPS[2]:
        shift.wait(timedelta(minutes=1))
    shift.deliver(alert)
    shift.run_until_quiet(timedelta(hours=12))
    outcomes = {one.remediation: one.outcome for one in shift.plans}
    assert OLD == routing(shift)
    assert PlanOutcome.DONE is outcomes["roll_back_traffic"]
    assert PlanOutcome.DONE is not outcomes["roll_out_deployment"]
    assert OLD.traffic == endpoints.endpoints[ENDPOINT.casefold()].good


@pytest.mark.parametrize("point", range(1, 60, 2))
@pytest.mark.parametrize("errors", [0, 100])
def test_a_worker_may_die_anywhere(point, errors):
    """The next one goes on from the split that is there: to the end, or back."""
    shift = a_shift()
    endpoints = shift.world.online_endpoints
    when_at(
        shift,
        ALL_STEPS[2],
        lambda: endpoints.answered.update({"green": Figures(500, errors, 100.0)}),
    )
    shift.die_at = {point}
    try:
        shift.run_book("roll_out_deployment", GREEN)
    except BaseException as died:
        if type(died).__name__ != "Crash":
            raise
        shift.run_book("roll_out_deployment", GREEN)
    shift.run_until_quiet(timedelta(hours=12))
    wanted = (OLD, PlanOutcome.PARTIAL) if errors else (NEW, PlanOutcome.DONE)
    assert wanted == (routing(shift), shift.plan.outcome)


@pytest.mark.parametrize(
    ("base", "share", "split"),
    [
        ({"a": 100}, 1, {"a": 99, "b": 1}),
        ({"a": 50, "c": 50}, 1, {"a": 50, "c": 49, "b": 1}),
        ({"a": 98, "c": 1, "d": 1}, 50, {"a": 50, "b": 50}),
        ({"a": 60, "c": 40}, 100, {"b": 100}),
    ],
)
def test_the_others_share_what_is_left(base, share, split):
    """As before, in whole percent that make a hundred."""
    assert split == with_share(base, "b", share)
