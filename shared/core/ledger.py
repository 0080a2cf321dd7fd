"""How one version of a plan follows another: the ledger's laws, without a store.

Each function takes a plan and returns the next version; the engine saves it by a
conditional write, so of two workers one wins and the other looks again. A closed
plan is never returned changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.core.decisions import Reason
from shared.core.errors import LeaseHeld, StaleFacts
from shared.core.plans import Lease, Plan, PlanOutcome, StepOutcome, StepRecord
from shared.core.steps import UNDO, Step

WAKE_GRACE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class StepResult:
    """How a step ended, as its effect reports it.

    Attributes:
        is_verified: A fresh read of the target showed it.
    """

    outcome: StepOutcome
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    is_verified: bool = False


def _must_be_open(plan: Plan) -> None:
    if not plan.is_open:
        raise StaleFacts(f"plan {plan.id} is closed and stays closed")


def _unended(plan: Plan, index: int) -> StepRecord:
    _must_be_open(plan)
    record = plan.steps[index]
    if record.outcome is not None:
        raise StaleFacts(f"step {plan.step_key(index)} has ended already")
    return record


def claim(plan: Plan, *, owner: str, now: datetime, lease: timedelta) -> Plan:
    """Take the plan for one worker, or renew that worker's own claim.

    Raises:
        LeaseHeld: Another worker's lease has not run out.
        StaleFacts: The plan is closed.
    """
    _must_be_open(plan)
    held = plan.lease
    if held is not None and held.owner != owner and now < held.until:
        raise LeaseHeld(f"plan {plan.id} is being worked on", after=held.until - now)
    return replace(plan, lease=Lease(owner, now + lease), wake_at=None)


def is_held(plan: Plan, *, owner: str, now: datetime) -> bool:
    """Tell whether a worker's claim still stands."""
    return plan.lease is not None and plan.lease.owner == owner and now < plan.lease.until


def begin(plan: Plan, index: int, *, now: datetime) -> Plan:
    """Note that work on a step begins (again)."""
    record = _unended(plan, index)
    started = record.started_at or now
    return _with(
        plan, index, replace(record, started_at=started, attempts=record.attempts + 1)
    )


def finish(plan: Plan, index: int, result: StepResult, *, now: datetime) -> Plan:
    """Record how a step ended; only after its effect. A step ends once."""
    record = _unended(plan, index)
    ended = replace(
        record,
        outcome=result.outcome,
        reason=result.reason,
        detail=result.detail,
        finished_at=now,
        verified_at=now if result.is_verified else None,
        progress={},
    )
    return _with(plan, index, ended)


def remember(plan: Plan, index: int, progress: Mapping[str, Any]) -> Plan:
    """Note where a step is, for the next attempt."""
    return _with(plan, index, replace(_unended(plan, index), progress=progress))


def wait(plan: Plan, *, until: datetime) -> Plan:
    """Give the plan back until a moment; only the newest wake message will count."""
    _must_be_open(plan)
    return replace(plan, lease=None, wake_at=until, wake_seq=plan.wake_seq + 1)


def withdraw(plan: Plan, reason: Reason, *, now: datetime) -> Plan:
    """Forbid further steps. Whoever works on the plan loses its next write and sees it.

    The first withdrawal stands.
    """
    _must_be_open(plan)
    if plan.withdrawn is not None:
        return plan
    return replace(plan, withdrawn=reason, withdrawn_at=now)


def close(plan: Plan, *, now: datetime) -> Plan:
    """End the plan: the outcome follows from all steps.

    A step that never began is refused. One that began and did not end may have had its
    effect, so that stays unknown, and ``undo_steps`` takes it back too.
    """
    _must_be_open(plan)
    why = plan.withdrawn.value if plan.withdrawn else Reason.EARLIER_STEP_FAILED.value
    steps = tuple(
        record
        if record.outcome
        else replace(
            record,
            outcome=StepOutcome.UNKNOWN if record.started_at else StepOutcome.REFUSED,
            reason=why,
            finished_at=now,
        )
        for record in plan.steps
    )
    ended = replace(plan, steps=steps, lease=None, wake_at=None, closed_at=now)
    return replace(ended, outcome=outcome_of(ended))


def dry_run(plan: Plan, *, now: datetime) -> Plan:
    """Show the plan that was thought through and not opened."""
    return replace(plan, wake_at=None, closed_at=now, outcome=PlanOutcome.DRY_RUN)


def outcome_of(plan: Plan) -> PlanOutcome:
    """Sum the steps up; what is not known stays not known."""
    if plan.withdrawn is not None:
        return PlanOutcome.WITHDRAWN
    outcomes = [record.outcome for record in plan.steps]
    if all(outcome is not None and outcome.is_good for outcome in outcomes):
        return PlanOutcome.DONE
    if StepOutcome.UNKNOWN in outcomes:
        return PlanOutcome.UNKNOWN
    if any(outcome is StepOutcome.DONE for outcome in outcomes):
        return PlanOutcome.PARTIAL
    if StepOutcome.FAILED in outcomes:
        return PlanOutcome.FAILED
    return PlanOutcome.REFUSED


def may_climb(plan: Plan) -> bool:
    """Tell whether a closed plan did not help, so that the next rung may try.

    Not if it was taken back, or if a step was refused because it was not wanted any more:
    then a person or the world has spoken, and trying harder is not the answer.
    """
    if plan.is_open or plan.withdrawn is not None or plan.undoes:
        return False
    return any(r.outcome in {StepOutcome.FAILED, StepOutcome.UNKNOWN} for r in plan.steps)


def is_due(plan: Plan, *, now: datetime) -> bool:
    """Tell whether nobody works on an open plan although somebody should.

    Either a lease ran out (the worker died) or a wake message is overdue (it was lost).
    """
    if not plan.is_open:
        return False
    if plan.lease is not None:
        return now >= plan.lease.until
    return plan.wake_at is None or now >= plan.wake_at + WAKE_GRACE


def undo_steps(plan: Plan) -> tuple[Step, ...]:
    """Steps that take back what a plan did or may have done, last first.

    A step that began and never ended may have had its effect, so it is taken back too:
    the verb itself looks whether the effect is there and is ours.
    """
    return tuple(
        Step(UNDO[record.step.verb], record.step.target, {"of": plan.id})
        for record in reversed(plan.steps)
        if record.step.verb in UNDO
        and record.started_at is not None
        and record.outcome not in {StepOutcome.REFUSED, StepOutcome.ALREADY}
    )


def _with(plan: Plan, index: int, record: StepRecord) -> Plan:
    return replace(plan, steps=(*plan.steps[:index], record, *plan.steps[index + 1 :]))
