"""The engine's side of approvals: which question a plan needs, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.core.approvals import (
    Approval,
    ApprovalState,
    Requester,
    a_question,
    approval_id,
    plan_hash,
)
from shared.core.contexts import Context
from shared.core.deciding import settle, use
from shared.core.errors import StaleFacts
from shared.core.plans import plan_id
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step
from shared.core.terms import ApprovalKind
from shared.core.wire import signal_to_json
from shared.engine import consenting
from shared.engine.night import Night
from shared.engine.request import Request
from shared.ports import StoredPlan
from shared.rules.book import Rule
from shared.rules.values import settings_as_yaml

PAST = frozenset({ApprovalState.USED, ApprovalState.VOID})
ASKED_AGAIN = 20

if TYPE_CHECKING:
    from shared.engine.opening import Case


async def standing(
    night: Night, signal: Signal, context: Context, rule: Rule, steps: Sequence[Step]
) -> Approval | None:
    """Return the question about exactly this plan as it stands now; None if there is none."""
    if context.approval_kind is ApprovalKind.NONE:
        return None
    found = (await _question(night, signal, rule, context.plan_id, steps)).found
    return settle(found, night.ports.clock.now()) if found is not None else None


@dataclass(frozen=True, slots=True)
class _Question:
    """A question's id, what it is about, and the question itself if it was asked."""

    id: str
    about: str
    shown: str
    found: Approval | None


async def _question(
    night: Night, signal: Signal, rule: Rule, plan: str, steps: Sequence[Step]
) -> _Question:
    """Find the question about exactly this plan, or the name that it will have.

    What comes again with every tick is asked about once a day: a new tick is a new
    event, and not a new question. One that was used, or is void, is past: should just
    that plan be wanted again, people are asked again.
    """
    about = plan
    if signal.is_recurring:
        day = f"{night.ports.clock.now():%Y-%m-%d}"
        about = plan_id(rule.name, day, signal.target)
    shown = plan_hash(rule.hash, signal.target, settings_as_yaml(rule.settings), steps)
    for again in range(ASKED_AGAIN):
        name = approval_id(f"{about}~{again}" if again else about, shown)
        found = await night.ports.approvals.find(name)
        if found is None or found.state not in PAST:
            break
    return _Question(name, about, shown, found)


async def ask(
    night: Night, signal: Signal, request: Request, case: Case, context: Context
) -> Approval:
    """Put a plan to people; asking again is the same question.

    Raises:
        RetryLater: It could not be stored.
    """
    rule = case.rule
    terms = rule.approval
    assert terms is not None  # noqa: S101 - the guardrail asked because of them
    its = await _question(night, signal, rule, context.plan_id, case.steps(signal))
    question = a_question(
        plan_id=its.about,
        plan_hash=its.shown,
        rule=rule.name,
        remediation=rule.remediation.name,
        target=signal.target,
        kind=terms.kind,
        steps=case.steps(signal),
        settings=settings_as_yaml(rule.settings),
        requester=_requester(rule, signal),
        asked_at=context.now,
        expires=terms.expires,
        signal=signal_to_json(signal),
        if_expired=terms.if_expired,
        attempt=request.attempt,
        after=request.after,
        rung=request.rung,
        channels=rule.notify,
    )
    return await consenting.ask(night, replace(question, id=its.id))


def _requester(rule: Rule, signal: Signal) -> Requester:
    """Say who wants the plan: the person who started the runbook, or the rule."""
    said = signal.attributes
    if signal.type is SignalType.RUNBOOK and said.get("requested_by"):
        is_verified = bool(said.get("requester_verified"))
        subject = str(said.get("requester_subject") or "")
        return Requester(str(said["requested_by"]), subject, is_verified)
    return Requester(f"rule:{rule.name}")


async def used(night: Night, approval: Approval | None) -> None:
    """Note that a yes was acted on, so that nobody is asked and nothing is told again."""
    if approval is None or approval.state is not ApprovalState.APPROVED:
        return
    try:
        await night.ports.approvals.save(use(approval))
    except StaleFacts:
        return  # whoever looks next sees it by the plan that exists


async def used_for(night: Night, stored: StoredPlan | None) -> None:
    """Note the yes that a plan was opened on, if whoever opened it died before noting it.

    Raises:
        RetryLater: The question could not be read or written.
    """
    if stored is not None and stored.plan.approval:
        await used(night, await night.ports.approvals.find(stored.plan.approval))


async def void(night: Night, approval: Approval | None) -> None:
    """Note that a yes will not be acted on: another guardrail refused for good."""
    if approval is not None and approval.state is ApprovalState.APPROVED:
        await consenting.take_back(night, approval)


async def void_of(night: Night, plans: Sequence[str]) -> None:
    """Take back the open questions about plans whose event was taken back."""
    for one in await night.ports.approvals.unsettled() if plans else ():
        if one.plan_id in plans:
            await consenting.take_back(night, one)
