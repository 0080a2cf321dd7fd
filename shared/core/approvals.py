"""Approvals: a person's yes or no to one plan, asked for, decided once, expiring.

An approval is for the plan as it was shown: its id is made of the plan's id and the
hash of its steps, so that a plan which changed has none and must be asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.core.steps import Step, Verb
from shared.core.terms import ApprovalKind, Channel


class ApprovalState(StrEnum):
    """Where a question stands. Only ``PENDING`` can be decided; the rest is for good.

    USED: the plan it allowed was opened. VOID: the plan changed, or is no longer wanted.
    """

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    USED = "used"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Voice:
    """What one person said.

    Attributes:
        person: Who, as the sign-in names them.
        is_verified: Entra vouches for the name.
        channel: ``page``, ``api`` or ``slack``.
    """

    person: str
    is_yes: bool
    reason: str
    channel: str
    at: datetime
    is_verified: bool


@dataclass(frozen=True, slots=True)
class Approval:
    """One question to people.

    Attributes:
        id: 32 hexadecimal digits (128 bits) of the plan's id and its hash.
        plan_hash: Of what is shown: rule, target, settings and steps.
        is_destructive: Some step takes something away; then Entra must know who says yes.
        requester: Person who asked for the plan, or ``rule:NAME``.
        quorum: How many different people must say yes.
        signal: As ``wire.signal_to_json`` writes it; what is answered again once decided.
        after: Rule after which to go on asking; see ``Request.after``.
        attempt: At which hearing of the signal it was asked.
    """

    id: str
    plan_id: str
    plan_hash: str
    rule: str
    remediation: str
    target: str
    kind: ApprovalKind
    steps: tuple[Step, ...]
    settings: Mapping[str, Any]
    is_destructive: bool
    requester: str
    quorum: int
    asked_at: datetime
    expires_at: datetime
    signal: Mapping[str, Any]
    if_expired: Verb | None = None
    attempt: int = 0
    after: str = ""
    channels: tuple[Channel, ...] = ()
    state: ApprovalState = ApprovalState.PENDING
    voices: tuple[Voice, ...] = ()
    decided_at: datetime | None = None
    etag: str = field(default="", compare=False, repr=False)
