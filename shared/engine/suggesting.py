"""Suggestions: what a rule in ``suggest`` would do is put to people, one click from done.

The rule stands in nobody's way: the answer to the event is still ``suggest_only``. A yes
has the event heard again by this rule alone, which then may act on that yes and on none
other.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from shared.core.decisions import Act, Hold, Reason, Skip
from shared.core.facts import Facts
from shared.core.plans import Mode
from shared.core.signals import Signal
from shared.core.terms import ApprovalKind, ApprovalTerms
from shared.engine import consulting
from shared.engine.guarding import Surroundings, read_locks, read_pauses
from shared.engine.night import Night
from shared.engine.opening import Case, weigh
from shared.engine.request import Request
from shared.engine.rulings import Ruling
from shared.rules.book import Rule

STANDS_FOR = timedelta(hours=2)


def as_decided(rule: Rule, request: Request) -> Rule:
    """Let a suggesting rule act where a person has answered its suggestion.

    On that yes and on nothing else: silence has no safe step here.
    """
    if rule.mode is not Mode.SUGGEST or not request.because:
        return rule
    terms = rule.approval or ApprovalTerms(ApprovalKind.REQUIRED, STANDS_FOR)
    if terms.kind is ApprovalKind.NONE:
        terms = replace(terms, kind=ApprovalKind.REQUIRED)
    terms = replace(terms, if_expired=None)
    return replace(rule, mode=Mode.AUTO, approval=terms, approval_when=None)


async def suggest(
    night: Night,
    signal: Signal,
    request: Request,
    ruling: Ruling,
    rule: Rule,
    facts: Facts | None,
) -> None:
    """Ask people about a suggestion that every other guardrail would let pass.

    Not about a notice of the platform: nobody answers within its seconds.
    """
    is_suggested = (
        isinstance(ruling.decision, Skip)
        and ruling.decision.reason is Reason.SUGGEST_ONLY
        and isinstance(ruling.draft, Act)
    )
    if not is_suggested or request.is_dry_run or signal.is_involuntary:
        return
    assert ruling.draft is not None  # noqa: S101 - narrowed above
    asking = as_decided(rule, replace(request, because="asked"))
    case = Case(asking, ruling.draft, facts, request.rung)
    view = await night.ports.ledger.look(signal.target, [])
    pauses, locks = await read_pauses(night), await read_locks(night, signal, [rule])
    around = Surroundings(view.head, pauses, locks)
    context, refusal = await weigh(night, signal, request, case, around)
    if isinstance(refusal, Hold) and refusal.reason is Reason.AWAITING_APPROVAL:
        await consulting.ask(night, signal, request, case, context)
