"""An endpoint's traffic goes back to what was good: once, seen, and never over a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core.ml_endpoints import Routing
from shared.core.plans import PlanOutcome
from shared.core.signals import Phase
from tests import builders as make
from tests.endpoints import (
    ENDPOINT,
    OLD,
    an_endpoint,
    an_endpoint_alert,
    routing,
    with_endpoint,
)
from tests.shift import Shift


def a_shift(**endpoint):
    shift = Shift.begin(make.a_rule("roll_back_traffic"))
    with_endpoint(shift, an_endpoint(**endpoint))
    return shift


def deliver(shift, *signals):
    shift.deliver(*(signals or [an_endpoint_alert()]))
    shift.run_until_quiet()


def test_all_traffic_goes_back_and_is_seen_there():
    """Done only once the endpoint shows the old split and has settled."""
    shift = a_shift()
    deliver(shift)
    assert OLD == routing(shift)
    assert PlanOutcome.DONE is shift.plan.outcome
    [step] = shift.plan.steps
    assert ("done", "blue=100", "succeeded") == (
        step.outcome,
        step.detail["traffic"],
        step.detail["state"],
    )


@pytest.mark.parametrize("point", range(1, 16))
def test_a_worker_may_die_anywhere_and_the_traffic_goes_back(point):
    """The next worker finds the split there, or sets it; nobody is left with the bad one."""
    shift = a_shift()
    shift.die_at = {point}
    if not shift.send(an_endpoint_alert()):
        shift.send(an_endpoint_alert())
    shift.run_until_quiet()
    assert OLD == routing(shift)
    assert PlanOutcome.DONE is shift.plan.outcome
    assert 1 == len(shift.done("set_traffic"))


def test_a_split_that_a_person_set_meanwhile_stays():
    """Between the decision and the step somebody took another way out."""
    shift = a_shift()
    by_hand = Routing({"blue": 50, "green": 50})
    hook = person_after(shift, "after open", by_hand)
    deliver(shift)
    assert hook, "the person never came"
    assert by_hand == routing(shift)
    assert "split_changed" == shift.plan.steps[0].reason


def person_after(shift, where, split):
    """Let a person change the split the first time a point is passed."""
    came = []

    def hook(at):
        if at == where and not came:
            came.append(at)
            shift.world.online_endpoints.route(ENDPOINT, split)

    shift.hooks.append(hook)
    return came


def test_a_split_changed_just_before_the_write_is_not_written_over():
    """The adapter looks once more; then the step looks anew and ends."""
    shift = a_shift()
    by_hand = Routing({"blue": 50, "green": 50})
    came = person_after(shift, "before set_traffic", by_hand)
    deliver(shift)
    assert came
    assert by_hand == routing(shift)
    assert "split_changed" == shift.plan.steps[0].reason


def test_an_alert_that_is_over_does_not_bring_the_bad_split_back():
    """It is over because the traffic went back."""
    shift = a_shift()
    deliver(shift)
    deliver(shift, replace(an_endpoint_alert(), phase=Phase.RESOLVED))
    assert OLD == routing(shift)
    assert 1 == len(shift.done("set_traffic"))


@pytest.mark.parametrize(
    ("alert", "fields", "reason"),
    [
        (an_endpoint_alert(""), {}, "ambiguous_signal"),
        (an_endpoint_alert("latency", "blue"), {}, "ambiguous_signal"),
        (an_endpoint_alert(), {"good": None}, "no_good_split"),
        (an_endpoint_alert(), {"routing": OLD}, "set_already"),
        (an_endpoint_alert(), {"deployments": ()}, "no_good_split"),
    ],
)
def test_what_is_not_clear_is_left_to_the_next_rule(alert, fields, reason):
    """A guess may make it worse: a person is asked."""
    ask = make.a_rule("ask_a_person", name="ask", terms={"notify": ()})
    shift = a_shift(**fields)
    shift.night = replace(
        shift.night,
        rules=replace(shift.night.rules, rules=(*shift.night.rules.rules, ask)),
    )
    deliver(shift, alert)
    assert [reason, "act"] == shift.reasons()
    assert ["ask_a_person"] == [plan.remediation for plan in shift.plans]
    assert not shift.done("set_traffic")


def test_a_refused_write_is_told_and_changes_nothing():
    """A right that is missing, or a split that the service does not take."""
    from shared.core.errors import Forbidden

    shift = a_shift()
    with shift.raising("before set_traffic", Forbidden("grant onlineEndpoints/write")):
        deliver(shift)
    assert "forbidden" == shift.plan.steps[0].reason
    assert an_endpoint().routing == routing(shift)
