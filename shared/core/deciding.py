"""Decide a question once: who may say yes or no, what that makes of it, when it ends.

Pure; the first decision is kept by the conditional write of whoever stores it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from shared.core.approvals import Approval, ApprovalState, Refusal, Refused, Voice
from shared.core.terms import ApprovalKind

YES_STANDS = timedelta(hours=24)
"""A yes that was not used for so long is void: the world it was given in is gone."""
STRANDED = timedelta(minutes=1)
"""Whoever decided tells the engine at once; after so long they died before they could."""
LONGEST_WAIT = timedelta(hours=1)
"""A yes that is not used is told again, ever more seldom, but at least so often."""


def settle(approval: Approval, now: datetime) -> Approval:
    """Return a question as it stands now: expired when nobody answered in time."""
    if approval.state is ApprovalState.PENDING and now >= approval.expires_at:
        return replace(approval, state=ApprovalState.EXPIRED, decided_at=approval.expires_at)
    decided = approval.decided_at or approval.asked_at
    if approval.state is ApprovalState.APPROVED and now >= decided + YES_STANDS:
        return replace(approval, state=ApprovalState.VOID)
    return approval


def decide(approval: Approval, voice: Voice, now: datetime) -> Approval:
    """Add a voice: the first no rejects, the last yes that was missing approves.

    Raises:
        Refused: It may not be said, by this person, in this way or any more.
    """
    standing = settle(approval, now)
    _must_be_open(standing)
    _may_speak(standing, voice)
    voices = (*standing.voices, voice)
    if not voice.is_yes:
        state = ApprovalState.REJECTED
    elif standing.yes_so_far + 1 >= standing.quorum:
        state = ApprovalState.APPROVED
    else:
        return replace(standing, voices=voices)
    return replace(standing, voices=voices, state=state, decided_at=voice.at)


def is_repeated(approval: Approval, voice: Voice) -> bool:
    """Tell whether this person has said just this before: a click whose answer was lost."""
    return any(
        said.is_yes is voice.is_yes and _same(said, voice.person, voice.subject)
        for said in approval.voices
    )


def is_untold(approval: Approval, now: datetime) -> bool:
    """Tell whether the engine should be told (again) how a question ended.

    A yes is told until it is used: a message may be lost, or a guardrail may have held
    the plan for a while. Everything else is told once.
    """
    if approval.decided_at is None or approval.is_settled:
        return False
    if approval.told_at is None:
        return now >= approval.decided_at + STRANDED
    wait = min(STRANDED * 2 ** min(approval.told - 1, 10), LONGEST_WAIT)
    return approval.state is ApprovalState.APPROVED and now >= approval.told_at + wait


def use(approval: Approval) -> Approval:
    """Return an approved question as used: its plan was opened.

    Raises:
        Refused: It is not approved, so nothing may be opened on it.
    """
    if approval.state is not ApprovalState.APPROVED:
        state = approval.verdict or "pending"
        raise Refused(Refusal.ALREADY_DECIDED, f"approval {approval.id} is {state}")
    return replace(approval, state=ApprovalState.USED)


def void(approval: Approval) -> Approval:
    """Return a question that nobody needs answered any more; a closed one stays closed."""
    if approval.state not in {ApprovalState.PENDING, ApprovalState.APPROVED}:
        return approval
    return replace(approval, state=ApprovalState.VOID)


def _must_be_open(approval: Approval) -> None:
    match approval.state:
        case ApprovalState.PENDING:
            return
        case ApprovalState.EXPIRED:
            raise Refused(
                Refusal.APPROVAL_EXPIRED,
                f"this question expired at {approval.expires_at:%Y-%m-%d %H:%M} UTC",
            )
        case ApprovalState.VOID:
            raise Refused(
                Refusal.PLAN_CHANGED,
                "the plan changed since this was asked, or is no longer wanted: "
                "a changed plan has a question of its own",
            )
        case _:
            raise Refused(Refusal.ALREADY_DECIDED, f"this is decided: {approval.verdict}")


def _may_speak(approval: Approval, voice: Voice) -> None:
    if approval.needs_sign_in and not voice.is_verified:
        why = "destructive" if approval.is_destructive else "for four eyes"
        raise Refused(
            Refusal.NOT_SIGNED_IN, f"the plan is {why}: sign in, so that your name is known"
        )
    if not voice.person.strip():
        raise Refused(Refusal.NAME_MISSING, "say who you are: nobody is signed in")
    if not voice.is_yes and not voice.reason.strip():
        raise Refused(Refusal.REASON_MISSING, "a no needs a reason: whoever asked reads it")
    if any(_same(said, voice.person, voice.subject) for said in approval.voices):
        raise Refused(
            Refusal.SAME_PERSON, f"{voice.person} said yes already: another person must too"
        )
    if voice.is_yes and approval.kind is ApprovalKind.FOUR_EYES:
        _must_differ(approval, voice)


def _must_differ(approval: Approval, voice: Voice) -> None:
    """Keep who asked for a plan from being its second pair of eyes."""
    asked = Voice(
        approval.requester,
        is_yes=True,
        reason="",
        channel="",
        at=approval.asked_at,
        is_verified=bool(approval.requester_subject),
        subject=approval.requester_subject,
    )
    if _same(asked, voice.person, voice.subject):
        raise Refused(
            Refusal.SAME_PERSON, f"{voice.person} asked for this plan: another must approve it"
        )


def _same(said: Voice, person: str, subject: str) -> bool:
    """Take two for one person if either the name or what stands behind it is the same."""
    is_known = bool(subject) and said.subject.casefold() == subject.casefold()
    return is_known or _folded(said.person) == _folded(person)


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
