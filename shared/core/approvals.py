"""Approvals: a person's yes or no to one plan, asked for, decided once, expiring.

An approval is for the plan as it was shown: its id is made of the plan's id and the
hash of its steps, so that a plan which changed has none and must be asked for again.
Who may say what is decided in ``shared.core.deciding``; who somebody is, by the sign-in.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.core.errors import GiveUp
from shared.core.steps import Step, Verb
from shared.core.switched_off import without_what_is_off
from shared.core.terms import ApprovalKind, Channel

MOVING_ARGS = frozenset({"expires"})
"""Arguments of a step that follow the clock: the same plan a minute later has others."""
HARMLESS = frozenset(
    {
        *("cordon", "uncordon", "snapshot", "save_exit_info", "verify", "tell"),
        *("slurm_drain", "slurm_resume", "slurm_checkpoint"),
        *("batch_enable", "batch_idle", "checkpoint"),
        *("pool_leave", "pool_return", "pool_warn", "pool_sessions", "job_watch"),
        *("ml_show", "ml_mark", "extension_show"),
        *("mark", "unmark", "restore_point", "snapshot_copy", "boot_diagnostics"),
        "assess_patches",
    }
)
"""Verbs that take nothing away: they stop new work, or only add something.

Every other verb is destructive, a new one too until it is named here: drain moves work
off, deallocate and redeploy lose what is in memory and on local disks, reactivate runs
a task again and so writes over what its failed run left.
"""
_ID = re.compile(r"[0-9a-f]{32}")


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


class Refusal(StrEnum):
    """Why a click, a link or a token was refused. Stable: answers and records carry it."""

    # the link
    TAMPERED = "tampered"
    UNKNOWN_KEY = "unknown_key"
    LINK_EXPIRED = "link_expired"
    # the question
    UNKNOWN_APPROVAL = "unknown_approval"
    APPROVAL_EXPIRED = "approval_expired"
    ALREADY_DECIDED = "already_decided"
    PLAN_CHANGED = "plan_changed"
    # who asks
    NOT_SIGNED_IN = "not_signed_in"
    HEADER_NOT_BELIEVED = "header_not_believed"
    BAD_TOKEN = "bad_token"  # noqa: S105 - a word, no password
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a word, no password
    WRONG_ISSUER = "wrong_issuer"
    WRONG_AUDIENCE = "wrong_audience"
    NOT_A_PERSON = "not_a_person"
    WRONG_ROLE = "wrong_role"
    SAME_PERSON = "same_person"
    # how it is said
    CROSS_SITE = "cross_site"
    REASON_MISSING = "reason_missing"
    NAME_MISSING = "name_missing"


class Refused(GiveUp):
    """Nothing was decided; ``refusal`` says why in one word, the message in a sentence."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Voice:
    """What one person said.

    Attributes:
        person: Who, as the sign-in names them, or as they name themselves.
        channel: ``page``, ``api`` or ``slack``.
        is_verified: Entra vouches for the name.
        subject: What stays the same when a name changes (``tenant/object id``); or empty.
        unknown: What a newer release wrote beside all this; kept as it is.
    """

    person: str
    is_yes: bool
    reason: str
    channel: str
    at: datetime
    is_verified: bool
    subject: str = ""
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def who(self) -> str:
        """Name the person, saying so if it is not Entra that vouches for the name."""
        if self.is_verified:
            return self.person
        known = "known to Slack" if self.channel == "slack" else "self-declared"
        return f"{self.person} ({known})"


@dataclass(frozen=True, slots=True)
class Requester:
    """Who wants the plan: a rule, or a person who started a runbook.

    Attributes:
        name: ``rule:NAME``, or the person's name.
        subject: As a voice's; empty for a rule and for whom nobody vouches for.
    """

    name: str
    subject: str = ""
    is_verified: bool = False


@dataclass(frozen=True, slots=True)
class Approval:
    """One question to people.

    Attributes:
        id: 32 hexadecimal digits (128 bits) of the plan's id and its hash.
        plan_hash: Of what is shown: rule, target, settings and steps.
        is_destructive: Some step takes something away; then Entra must know who says yes.
        requester: Person who asked for the plan, or ``rule:NAME``.
        requester_subject: Of a person whom Entra vouches for; else empty.
        quorum: How many different people must say yes.
        signal: As ``wire.signal_to_json`` writes it; what is answered again once decided.
        after: Rule after which to go on asking; see ``Request.after``.
        attempt: At which hearing of the signal it was asked.
        rung: Of the rule's ladder, from 0.
        told_at: When the engine was last told how it ended; None while it was not.
        told: How often it was.
        unknown: What a newer release wrote beside all this; kept as it is.
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
    requester_subject: str = ""
    rung: int = 0
    told_at: datetime | None = None
    told: int = 0
    unknown: Mapping[str, Any] = field(default_factory=dict)
    etag: str = field(default="", compare=False, repr=False)

    @property
    def needs_sign_in(self) -> bool:
        """Tell whether a signed link alone is not enough to decide it."""
        return self.is_destructive or self.kind is ApprovalKind.FOUR_EYES

    @property
    def yes_so_far(self) -> int:
        """Count who said yes."""
        return sum(1 for voice in self.voices if voice.is_yes)

    @property
    def is_settled(self) -> bool:
        """Tell whether nothing is left to do about it.

        A no, or an end without an answer, is settled once the engine was told: it then
        asks the next rule, or does the rule's safe step.
        """
        if self.state in {ApprovalState.REJECTED, ApprovalState.EXPIRED}:
            return self.told_at is not None
        return self.state in {ApprovalState.USED, ApprovalState.VOID}

    @property
    def verdict(self) -> str:
        """Say how it ended and by whom, for whoever comes second; empty while pending."""
        if self.state is ApprovalState.PENDING:
            return ""
        if self.state is ApprovalState.VOID:
            return "void: the plan changed, or is no longer wanted"
        if self.state is ApprovalState.EXPIRED:
            return "expired: nobody decided in time"
        no = next((voice for voice in self.voices if not voice.is_yes), None)
        if no is not None:
            return f"rejected by {no.who}: {no.reason}"
        return f"approved by {', '.join(voice.who for voice in self.voices)}"


def is_approval_id(text: str) -> bool:
    """Tell whether a text has the form of an approval's id; nothing else is asked for."""
    return _ID.fullmatch(text) is not None


def plan_hash(
    rule_hash: str, target: str, settings: Mapping[str, Any], steps: Sequence[Step]
) -> str:
    """Hash what a person is shown; whoever changes any of it asks anew.

    What follows the clock is left out, so that looking again a minute later gives the
    same hash; and a setting that is off, so that a later release's new one does too.
    """
    shown = {
        "rule": rule_hash,
        "target": target.rstrip("/").casefold(),
        "settings": without_what_is_off(settings),
        "steps": [
            [
                step.verb.value,
                step.target.rstrip("/").casefold(),
                {name: value for name, value in step.args.items() if name not in MOVING_ARGS},
            ]
            for step in steps
        ],
    }
    text = json.dumps(shown, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def approval_id(plan_id: str, plan_hash: str) -> str:
    """Name a question: 32 hexadecimal digits, the same for the same plan as shown."""
    return hashlib.sha256(f"{plan_id}\x1f{plan_hash}".encode()).hexdigest()[:32]


def is_destructive(steps: Sequence[Step]) -> bool:
    """Tell whether some step takes work or data away; see ``HARMLESS``."""
    return any(step.verb.value not in HARMLESS for step in steps)


def quorum(kind: ApprovalKind, requester: Requester) -> int:
    """Return how many people must say yes.

    Four eyes are two people. A person who asked, and whom Entra vouches for, is the
    first of them; a rule, or a name that anybody could have typed, is none.
    """
    return 2 if kind is ApprovalKind.FOUR_EYES and not requester.is_verified else 1


def a_question(
    *,
    plan_id: str,
    plan_hash: str,
    rule: str,
    remediation: str,
    target: str,
    kind: ApprovalKind,
    steps: Sequence[Step],
    settings: Mapping[str, Any],
    requester: Requester,
    asked_at: datetime,
    expires: timedelta,
    signal: Mapping[str, Any],
    if_expired: Verb | None = None,
    attempt: int = 0,
    after: str = "",
    rung: int = 0,
    channels: Sequence[Channel] = (),
) -> Approval:
    """Make the question about a plan that nobody has answered yet."""
    return Approval(
        id=approval_id(plan_id, plan_hash),
        plan_id=plan_id,
        plan_hash=plan_hash,
        rule=rule,
        remediation=remediation,
        target=target,
        kind=kind,
        steps=tuple(steps),
        settings=dict(settings),
        is_destructive=is_destructive(steps),
        requester=requester.name,
        requester_subject=requester.subject if requester.is_verified else "",
        quorum=quorum(kind, requester),
        asked_at=asked_at,
        expires_at=asked_at + expires,
        signal=dict(signal),
        if_expired=if_expired,
        attempt=attempt,
        after=after,
        rung=rung,
        channels=tuple(channels),
    )
