"""One valid question and voices that answer it; ``replace()`` changes one field."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.core.approvals import Approval, Requester, Voice, a_question, plan_hash
from shared.core.plans import plan_id
from shared.core.steps import Step, Verb
from shared.core.terms import ApprovalKind
from shared.core.wire import signal_to_json
from tests.builders import HOUR, MINUTE, NOW, VM, a_degradation

DESTRUCTIVE = (Step(Verb.SNAPSHOT, VM), Step(Verb.REDEPLOY, VM))
HARMLESS = (Step(Verb.CORDON, VM, {"node": "aks-1"}),)
TENANT = "9f0ac1d2-0000-4000-8000-00000000000a"
RULE = Requester("rule:redeploy-degraded")


def person(name: str) -> Requester:
    """Name a person whom Entra vouches for."""
    return Requester(f"{name}@contoso.com", f"{TENANT}/{name}", is_verified=True)


def ask_about(
    *steps: Step,
    event: str = "h-1",
    kind: ApprovalKind = ApprovalKind.REQUIRED,
    requester: Requester = RULE,
    expires: timedelta = HOUR,
    **fields: Any,
) -> Approval:
    """Make the question that was asked a minute ago; about something destructive."""
    given = steps or DESTRUCTIVE
    rule = "redeploy-degraded"
    signal = a_degradation(event_id=event)
    values: dict[str, Any] = {
        "plan_id": plan_id(rule, event, VM),
        "plan_hash": plan_hash("0123456789abcdef", VM, {"keep": "14d"}, given),
        "rule": rule,
        "remediation": "snapshot_and_redeploy",
        "target": VM,
        "steps": given,
        "settings": {"keep": "14d"},
        "asked_at": NOW - MINUTE,
        "signal": signal_to_json(signal),
    }
    asked = {"kind": kind, "requester": requester, "expires": expires}
    return a_question(**{**values, **asked, **fields})


def yes(name: str = "ada", **fields: Any) -> Voice:
    """Let a person, whom Entra vouches for, say yes."""
    values: dict[str, Any] = {
        "person": f"{name}@contoso.com",
        "is_yes": True,
        "reason": "",
        "channel": "page",
        "at": NOW,
        "is_verified": True,
        "subject": f"{TENANT}/{name}",
    }
    return Voice(**{**values, **fields})


def no(name: str = "ada", **fields: Any) -> Voice:
    """Let a person, whom Entra vouches for, say no."""
    return yes(name, **{"is_yes": False, "reason": "the job is nearly done", **fields})


def typed(name: str = "ada", **fields: Any) -> Voice:
    """Let somebody say yes under a name that they typed."""
    return yes(name, **{"person": name, "is_verified": False, "subject": "", **fields})
