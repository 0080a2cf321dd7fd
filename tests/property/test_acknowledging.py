"""Laws of acknowledging: whatever was heard and done, nobody is hastened by mistake."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.core.acknowledging import ACKNOWLEDGED, Acknowledge, Standing, readiness
from shared.core.decisions import Reason
from shared.core.plans import Plan, PlanOutcome, StepOutcome, plan_id
from shared.core.signals import Phase
from shared.core.wire import signal_to_json
from shared.ports import EventRecord
from tests.builders import NOW, a_plan, a_reboot, instance

NEEDS_NONE = {Reason.TARGET_GONE, Reason.ALREADY_STOPPED, Reason.NOT_RUNNING}


def a_record(number: int, phase: str, *decisions: dict[str, Any]) -> EventRecord:
    """Make what became of one phase about one machine."""
    signal = signal_to_json(a_reboot(number))
    return EventRecord("e-1", phase, instance(number), NOW, signal, decisions)


@st.composite
def machines(draw: st.DrawFn) -> tuple[int, Plan | None, dict[str, Any]]:
    """Draw a machine: its plan as it stands, or the reason why it has none."""
    number = draw(st.integers(1, 4))
    if draw(st.booleans()):
        reason = draw(st.sampled_from([*NEEDS_NONE, Reason.NOT_A_NODE, Reason.OPTED_OUT]))
        kind = draw(st.sampled_from(["skip", "skip", "hold"]))
        return number, None, {"kind": kind, "reason": reason.value, "plan": ""}
    outcome = draw(st.sampled_from([None, *PlanOutcome]))
    says = draw(st.sampled_from(Acknowledge))
    rule = draw(st.sampled_from(["one", "two"]))
    rung = draw(st.integers(0, 1))
    plan = a_plan(
        id=plan_id(f"{rule}{rung}", "e-1", instance(number)),
        rule=rule,
        rung=rung,
        target=instance(number),
        settings={"acknowledge": says.value},
        closed_at=None if outcome is None else NOW,
        outcome=outcome,
    )
    if outcome is PlanOutcome.FAILED:
        first = replace(plan.steps[0], outcome=StepOutcome.FAILED, reason="rejected")
        plan = replace(plan, steps=(first, *plan.steps[1:]))
    return number, plan, {"kind": "act", "reason": "", "plan": plan.id}


phases = st.sampled_from([Phase.SCHEDULED, Phase.SCHEDULED, Phase.STARTED, Phase.COMPLETED])
nights = st.lists(st.tuples(machines(), phases), min_size=1, max_size=6)


def summed(night: Any, **more: Any) -> Any:
    """Sum up a night's records and plans."""
    records = [
        a_record(number, f"{phase.value}+{at}" if at else phase.value, said)
        for at, ((number, _, said), phase) in enumerate(night)
    ]
    plans = {plan.id: plan for (_, plan, _), _ in night if plan is not None}
    return readiness(
        "e-1", [*records, *more.get("later", ())], {**plans, **more.get("plans", {})}
    )


@given(nights)
def test_ready_means_that_nothing_speaks_against_it(night: Any):
    """Every machine is ready for a reason, and at least one rule asked for it."""
    found = summed(night)
    assert found is not None
    if found.state is not Standing.READY:
        return
    assert {Standing.READY} == {one.state for one in found.machines}
    assert {Phase.SCHEDULED} == {phase for _, phase in night}
    plans = {plan.id: plan for (_, plan, _), _ in night if plan is not None}
    asked = [plans[one.plan] for one in found.machines if one.plan]
    assert asked
    for plan in asked:
        says = plan.settings["acknowledge"]
        assert says == Acknowledge.ALWAYS or plan.outcome is PlanOutcome.DONE
        assert says != Acknowledge.NEVER


@given(nights, st.sampled_from([Phase.STARTED, Phase.COMPLETED, Phase.CANCELED]))
def test_what_has_moved_on_is_never_ready_again(night: Any, phase: Phase):
    """Whichever machine it was heard of, and in whatever order."""
    late = a_record(9, phase.value, {"kind": "skip", "reason": "not_actionable"})
    found = summed(night, later=[late])
    assert found.state is Standing.REFUSED


@given(nights)
def test_a_machine_that_still_drains_is_waited_for(night: Any):
    """One open plan of a rule that says ``when_drained`` is enough to say nothing."""
    plan = a_plan(
        id=plan_id("late", "e-1", instance(9)),
        target=instance(9),
        settings={"acknowledge": "when_drained"},
    )
    later = a_record(9, "scheduled", {"kind": "act", "plan": plan.id})
    found = summed(night, later=[later], plans={plan.id: plan})
    assert found.state in {Standing.WAITING, Standing.REFUSED}


@given(nights)
def test_a_plan_that_cannot_be_read_is_waited_for(night: Any):
    """A record that names a plan which is not there yet is no proof of anything."""
    later = a_record(9, "scheduled", {"kind": "act", "plan": "somewhere-else"})
    assert summed(night, later=[later]).state in {Standing.WAITING, Standing.REFUSED}


@given(nights)
def test_that_it_was_said_changes_nothing_but_that_it_was_said(night: Any):
    """The acknowledgement's own record is no machine's."""
    said = replace(a_record(9, ACKNOWLEDGED, {"kind": "act"}), decisions=({"kind": "act"},))
    before, after = summed(night), summed(night, later=[said])
    assert (before.state, before.machines) == (after.state, after.machines)
    assert (None, NOW) == (before.acknowledged_at, after.acknowledged_at)
