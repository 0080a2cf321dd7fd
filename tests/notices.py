"""Plans, questions and their notices for tests; hostile names included."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.core.approvals import Approval, ApprovalState, Voice
from shared.core.notices import Notice, closed, opened
from shared.core.plans import Plan, PlanOutcome, StepOutcome, StepRecord, plan_id
from shared.core.steps import Step, Verb
from shared.core.terms import ApprovalKind, Channel
from tests import builders as make

EVERYWHERE = tuple(Channel)
HOSTILE = (
    "<!channel> & <https://evil.example|Approve> [Approve](https://evil.example) **b** _i_ "
    "{{DATE(2017-02-14T06:08:39Z, SHORT)}} \u202egnp.exe\n# head\r- item `code` \x00"
)


def a_plan_of(number: int, rule: str = "drain-spot", **fields: Any) -> Plan:
    """Make the plan for one of many machines."""
    target = make.instance(number)
    named = {
        "id": plan_id(rule, f"e-{number}", target),
        "rule": rule,
        "target": target,
        "signal": {"type": "vm.preempt", "event_id": f"e-{number}"},
    }
    return make.a_plan(**{**named, **fields})


def ended(plan: Plan, outcome: PlanOutcome, *, after_s: float = 25.8) -> Plan:
    """Close a plan so many seconds after it began, every step with the same end."""
    at = plan.created_at + after_s * make.SECOND
    step = StepOutcome.DONE if outcome is PlanOutcome.DONE else StepOutcome.FAILED
    records = tuple(
        replace(r, outcome=step, started_at=plan.created_at, finished_at=at)
        for r in plan.steps
    )
    return replace(plan, steps=records, outcome=outcome, closed_at=at)


def a_story(number: int, rule: str = "drain-spot") -> tuple[Notice, Notice]:
    """Make what is told of one plan: its beginning and its end."""
    plan = a_plan_of(number, rule)
    return opened(plan, EVERYWHERE), closed(ended(plan, PlanOutcome.DONE), EVERYWHERE)


def an_approval(number: int = 1, **fields: Any) -> Approval:
    """Make a pending question that one person may answer: it only cordons."""
    target = make.instance(number)
    values: dict[str, Any] = {
        "id": f"{number:032x}",
        "plan_id": plan_id("cordon-first", f"e-{number}", target),
        "plan_hash": "0" * 64,
        "rule": "cordon-first",
        "remediation": "drain_node",
        "target": target,
        "kind": ApprovalKind.REQUIRED,
        "steps": (Step(Verb.CORDON, target),),
        "settings": {"secret": "never shown"},
        "is_destructive": False,
        "requester": "rule:cordon-first",
        "quorum": 1,
        "asked_at": make.NOW,
        "expires_at": make.NOW + make.HOUR,
        "signal": {"type": "vm.degraded", "event_id": f"e-{number}"},
        "channels": EVERYWHERE,
    }
    return Approval(**{**values, **fields})


def answered(approval: Approval, *, is_yes: bool, reason: str = "") -> Approval:
    """Let Ada answer a question on the page."""
    at = approval.asked_at + make.MINUTE
    voice = Voice("ada", is_yes, reason, "page", at, is_verified=True)
    state = ApprovalState.APPROVED if is_yes else ApprovalState.REJECTED
    return replace(approval, state=state, voices=(voice,), decided_at=at)


def with_records(plan: Plan, *records: StepRecord) -> Plan:
    """Give a plan other steps."""
    return replace(plan, steps=records)
