"""What a plan that needs a person's yes waits for, and when it waits no more."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from shared.core import guardrails
from shared.core.approvals import Approval, ApprovalState, Voice
from shared.core.decisions import Hold, Reason, Skip
from shared.core.terms import ApprovalKind
from tests.builders import HOUR, MINUTE, NOW
from tests.tallying import OWN, counted

WAITING = ApprovalState.PENDING


def a_question(state: ApprovalState = WAITING, *voices: Voice, **fields: Any) -> Approval:
    """Make a question of a minute ago that stands for an hour."""
    values: dict[str, Any] = {
        "id": "0" * 32,
        "plan_id": "p-1",
        "plan_hash": "h",
        "rule": "repair",
        "remediation": "drain_node",
        "target": OWN,
        "kind": ApprovalKind.REQUIRED,
        "steps": (),
        "settings": {},
        "is_destructive": True,
        "requester": "rule:repair",
        "quorum": 2,
        "asked_at": NOW - MINUTE,
        "expires_at": NOW + 59 * MINUTE,
        "signal": {},
        "state": state,
        "voices": voices,
        **fields,
    }
    return Approval(**values)


def said(person: str, *, yes: bool, reason: str = "", at: datetime = NOW) -> Voice:
    return Voice(person, yes, reason, "page", at, is_verified=True)


def asked(question: Approval | None, kind: ApprovalKind = ApprovalKind.REQUIRED):
    """Ask the guardrails with such a question."""
    return guardrails.ask(
        counted(approval_kind=kind, approval=question, approval_expires=2 * HOUR)
    )


YES = said("ada", yes=True)
NO = said("grace", yes=False, reason="the demo is at nine")
REJECTED = a_question(ApprovalState.REJECTED, YES, NO)
OVER = a_question(expires_at=NOW)
ASK = Hold(Reason.AWAITING_APPROVAL, NOW + 2 * HOUR, "a person is asked now")


@pytest.mark.parametrize("kind", [ApprovalKind.REQUIRED, ApprovalKind.FOUR_EYES])
@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (None, ASK),
        (a_question(ApprovalState.VOID), ASK),
        (a_question(ApprovalState.USED), ASK),
        (
            a_question(WAITING, YES),
            Hold(
                Reason.AWAITING_APPROVAL,
                NOW + 59 * MINUTE,
                "1 of 2 people said yes",
            ),
        ),
        (a_question(ApprovalState.APPROVED, YES), None),
        (a_question(ApprovalState.APPROVED, YES, expires_at=NOW), None),
        (REJECTED, Skip(Reason.REJECTED_BY_PERSON, "grace: the demo is at nine")),
        (OVER, Skip(Reason.APPROVAL_EXPIRED, "0 of 2 people said yes within 1m")),
        (
            a_question(ApprovalState.EXPIRED),
            Skip(Reason.APPROVAL_EXPIRED, "0 of 2 people said yes within 1h"),
        ),
    ],
    ids=[
        "nobody was asked",
        "the plan changed",
        "the yes was used",
        "one of two said yes",
        "approved",
        "approved in time, opened later",
        "rejected",
        "expired to the second",
        "expired",
    ],
)
def test_only_a_yes_to_this_very_plan_passes(question, expected, kind):
    """Silence is no yes, and a no is kept with who said it and why."""
    assert expected == asked(question, kind)


def test_where_no_approval_is_asked_for_no_question_is_looked_at():
    """An old no must not stop a rule that asks nobody any more."""
    assert asked(REJECTED, ApprovalKind.NONE) is None
