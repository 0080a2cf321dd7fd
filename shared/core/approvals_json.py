"""How an approval is written as JSON: whole for the store, and as people read it.

Names once released only grow: a reader fills in what an older release did not write, and
keeps what a newer one did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from shared.core.approvals import Approval, ApprovalState, Voice
from shared.core.steps import Step, Verb
from shared.core.terms import ApprovalKind, Channel
from shared.core.wire import read_moment, step_to_json, unknown_in, write_moment

Json = dict[str, Any]
_OF_APPROVALS = frozenset(one.name for one in fields(Approval))
_OF_VOICES = frozenset(one.name for one in fields(Voice))


def approval_to_json(approval: Approval) -> Json:
    """Write an approval whole, as it is stored."""
    return {
        **approval.unknown,
        "id": approval.id,
        "plan_id": approval.plan_id,
        "plan_hash": approval.plan_hash,
        "rule": approval.rule,
        "remediation": approval.remediation,
        "target": approval.target,
        "kind": approval.kind.value,
        "steps": [step_to_json(step) for step in approval.steps],
        "settings": dict(approval.settings),
        "is_destructive": approval.is_destructive,
        "requester": approval.requester,
        "requester_subject": approval.requester_subject,
        "quorum": approval.quorum,
        "asked_at": write_moment(approval.asked_at),
        "expires_at": write_moment(approval.expires_at),
        "signal": dict(approval.signal),
        "if_expired": approval.if_expired.value if approval.if_expired else None,
        "attempt": approval.attempt,
        "after": approval.after,
        "rung": approval.rung,
        "channels": [channel.value for channel in approval.channels],
        "state": approval.state.value,
        "voices": [
            {**v.unknown, **_voice_view(v), "subject": v.subject} for v in approval.voices
        ],
        "decided_at": write_moment(approval.decided_at),
        "told_at": write_moment(approval.told_at),
        "told": approval.told,
    }


def approval_from_json(document: Mapping[str, Any], *, etag: str = "") -> Approval:
    """Read an approval back.

    Raises:
        KeyError, ValueError, TypeError: It was not written by ``approval_to_json``.
    """
    if_expired = document.get("if_expired")
    return Approval(
        id=document["id"],
        plan_id=document["plan_id"],
        plan_hash=document["plan_hash"],
        rule=document["rule"],
        remediation=document["remediation"],
        target=document["target"],
        kind=ApprovalKind(document["kind"]),
        steps=tuple(
            Step(Verb(step["verb"]), step["target"], step.get("args", {}))
            for step in document["steps"]
        ),
        settings=document["settings"],
        is_destructive=bool(document["is_destructive"]),
        requester=document["requester"],
        requester_subject=document.get("requester_subject", ""),
        quorum=int(document["quorum"]),
        asked_at=_moment(document["asked_at"]),
        expires_at=_moment(document["expires_at"]),
        signal=document["signal"],
        if_expired=Verb(if_expired) if if_expired else None,
        attempt=int(document.get("attempt", 0)),
        after=document.get("after", ""),
        rung=int(document.get("rung", 0)),
        channels=tuple(Channel(name) for name in document.get("channels", ())),
        state=ApprovalState(document["state"]),
        voices=tuple(_voice(voice) for voice in document.get("voices", ())),
        decided_at=read_moment(document.get("decided_at")),
        told_at=read_moment(document.get("told_at")),
        told=int(document.get("told", 0)),
        unknown=unknown_in(document, _OF_APPROVALS),
        etag=etag,
    )


def approval_view(approval: Approval) -> Json:
    """Write an approval as the HTTP routes show it: the plan, who asks, who said what."""
    return {
        "id": approval.id,
        "state": approval.state.value,
        "kind": approval.kind.value,
        "rule": approval.rule,
        "remediation": approval.remediation,
        "target": approval.target,
        "event": {
            key: approval.signal.get(key)
            for key in ("type", "event_id", "source", "observed_at")
        },
        "plan_id": approval.plan_id,
        "plan_hash": approval.plan_hash,
        "steps": [step_to_json(step) for step in approval.steps],
        "settings": dict(approval.settings),
        "is_destructive": approval.is_destructive,
        "needs_sign_in": approval.needs_sign_in,
        "requester": approval.requester,
        "is_requester_verified": bool(approval.requester_subject),
        "quorum": approval.quorum,
        "voices": [_voice_view(voice) for voice in approval.voices],
        "asked_at": write_moment(approval.asked_at),
        "expires_at": write_moment(approval.expires_at),
        "if_expired": approval.if_expired.value if approval.if_expired else None,
        "decided_at": write_moment(approval.decided_at),
        "verdict": approval.verdict or None,
    }


def _voice_view(voice: Voice) -> Json:
    return {
        "person": voice.person,
        "is_yes": voice.is_yes,
        "reason": voice.reason,
        "channel": voice.channel,
        "at": write_moment(voice.at),
        "is_verified": voice.is_verified,
    }


def _voice(document: Mapping[str, Any]) -> Voice:
    return Voice(
        person=document["person"],
        is_yes=bool(document["is_yes"]),
        reason=document["reason"],
        channel=document["channel"],
        at=_moment(document["at"]),
        is_verified=bool(document["is_verified"]),
        subject=document.get("subject", ""),
        unknown=unknown_in(document, _OF_VOICES),
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
