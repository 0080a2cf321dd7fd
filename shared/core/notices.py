"""Notices: what people are told, in the few facts that a message shows.

A notice is made here from what happened, before it is known how a channel will show it.
It carries names, outcomes and moments; never settings, a payload or a secret. Its id comes
of what it is about, so that whoever tells it again tells the same notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from shared.core.approvals import Approval, ApprovalState, Voice
from shared.core.notice import Notice, NoticeKind, notice_id
from shared.core.plans import Plan, PlanOutcome, StepRecord
from shared.core.steps import Step
from shared.core.terms import ApprovalKind, Channel
from shared.core.wording import line, margin, moment, place

__all__ = [
    "Notice",
    "NoticeKind",
    "asked",
    "closed",
    "decided",
    "expired",
    "opened",
    "rules_refused",
    "told",
    "tripped",
]
TITLE_LIMIT = 200
NAME_LIMIT = 30
FACT_LIMIT = 300
MOST_FACTS = 10
_ALLOWED = frozenset({ApprovalState.APPROVED, ApprovalState.USED})
_TAKEN_BACK = frozenset({PlanOutcome.WITHDRAWN, PlanOutcome.DRY_RUN})
_ENDS = {
    PlanOutcome.DONE: "is done",
    PlanOutcome.PARTIAL: "is done in part only",
    PlanOutcome.FAILED: "failed",
    PlanOutcome.REFUSED: "was refused",
    PlanOutcome.UNKNOWN: "may or may not have worked",
    PlanOutcome.WITHDRAWN: "was withdrawn",
    PlanOutcome.DRY_RUN: "was thought through only",
}


def opened(plan: Plan, channels: Iterable[Channel]) -> Notice:
    """Tell that a plan begins."""
    deadline = moment(plan.deadline) if plan.deadline else ""
    facts = [*_where(plan), ("Steps", _steps(r.step for r in plan.steps))]
    return _of_plan(
        plan,
        NoticeKind.OPENED,
        f"{plan.rule} begins on {_name(plan.target)}",
        [*facts, ("Deadline", deadline)],
        channels,
    )


def closed(plan: Plan, channels: Iterable[Channel]) -> Notice:
    """Tell how a plan ended, and whether that was in time."""
    outcome = plan.outcome or PlanOutcome.UNKNOWN
    in_time = margin(plan.margin)
    title = f"{plan.rule} on {_name(plan.target)} {_ENDS[outcome]}"
    facts = [
        *_where(plan),
        ("Steps", _ended(plan.steps)),
        ("Outcome", str(outcome)),
        ("In time", in_time),
    ]
    return _of_plan(
        plan,
        NoticeKind.CLOSED,
        f"{title}, {in_time}" if in_time else title,
        facts,
        channels,
        is_good=_is_good(outcome, plan.margin),
    )


def told(plan: Plan, message: str, channels: Iterable[Channel]) -> Notice:
    """Ask a person to look."""
    name = _name(plan.target)
    return _of_plan(
        plan,
        NoticeKind.TOLD,
        f"Please look at {name}: {message}" if message.strip() else f"Please look at {name}",
        [*_where(plan), ("To do", message)],
        channels,
        is_good=False,
    )


def asked(approval: Approval) -> Notice:
    """Ask people for their yes or no."""
    deciders = {
        ApprovalKind.FOUR_EYES: "somebody else than who asked",
        ApprovalKind.REQUIRED: "one person",
        ApprovalKind.NONE: "nobody",
    }[approval.kind]
    safe = str(approval.if_expired) if approval.if_expired else ""
    return _of_approval(
        approval,
        NoticeKind.ASKED,
        f"May {approval.rule} act on {_name(approval.target)}?",
        [
            ("Steps", _steps(approval.steps)),
            ("Takes something away", "yes" if approval.is_destructive else "no"),
            ("Asked by", approval.requester),
            ("Needs", f"{approval.quorum} people" if approval.quorum > 1 else deciders),
            ("Answer by", moment(approval.expires_at)),
            ("Without an answer", f"{safe} only" if safe else "nothing is done"),
        ],
        at=approval.asked_at,
        is_chat_enough=approval.kind is ApprovalKind.REQUIRED and not approval.is_destructive,
    )


def decided(approval: Approval) -> Notice:
    """Tell what people answered, and who they are."""
    is_yes = approval.state in _ALLOWED
    voices = [voice for voice in approval.voices if voice.is_yes == is_yes]
    names = ", ".join(_speaker(voice) for voice in voices)
    reasons = "; ".join(voice.reason for voice in voices if voice.reason.strip())
    answer = "allowed" if is_yes else "refused"
    return _of_approval(
        approval,
        NoticeKind.DECIDED,
        f"{approval.rule} on {_name(approval.target)} was {answer}",
        [("Steps", _steps(approval.steps)), (answer.capitalize(), names), ("Reason", reasons)],
        at=approval.decided_at or approval.asked_at,
    )


def expired(approval: Approval) -> Notice:
    """Tell that nobody answered in time, and what follows."""
    safe = str(approval.if_expired) if approval.if_expired else ""
    return _of_approval(
        approval,
        NoticeKind.EXPIRED,
        f"Nobody answered about {approval.rule} on {_name(approval.target)}",
        [
            ("Steps", _steps(approval.steps)),
            ("What follows", f"{safe} only" if safe else "nothing is done"),
        ],
        at=approval.expires_at,
        is_good=False,
    )


def tripped(
    key: str, detail: str, *, at: datetime, channels: Iterable[Channel], rule: str = ""
) -> Notice:
    """Tell that a breaker opened: nothing voluntary begins there until a person looked.

    Args:
        key: The tally's key, ``{what}|{scope}|{value}``.
        at: Since when it is open; one opening is one notice.
    """
    _, _, where = key.partition("|")
    scope, _, value = where.partition("|")
    return Notice(
        id=notice_id(NoticeKind.TRIPPED, key, at.isoformat()),
        kind=NoticeKind.TRIPPED,
        at=at,
        title=line(f"Too many failures in {scope} {_name(value)}: held back", TITLE_LIMIT),
        facts=_facts([("Rule", rule), ("Where", f"{scope} {value}"), ("Why", detail)]),
        channels=tuple(channels),
        rule=rule,
        is_good=False,
    )


def rules_refused(
    problems: Sequence[str], *, at: datetime, channels: Iterable[Channel]
) -> Notice:
    """Tell that new rules are not taken, and what is wrong; the old ones stay in force."""
    shown = [(f"Problem {n}", text) for n, text in enumerate(problems[: MOST_FACTS - 1], 1)]
    left = len(problems) - len(shown)
    return Notice(
        id=notice_id(NoticeKind.RULES_REFUSED, *problems),
        kind=NoticeKind.RULES_REFUSED,
        at=at,
        title=f"New rules were refused: {len(problems)} to put right; the old ones stay",
        facts=_facts([*shown, ("And", f"{left} more" if left else "")]),
        channels=tuple(channels),
        is_good=False,
    )


def rules_fell_back(
    version: str, why: str, *, at: datetime, channels: Iterable[Channel]
) -> Notice:
    """Tell that new rules were taken back after their trial, and why."""
    return Notice(
        id=notice_id(NoticeKind.RULES_REFUSED, version, "fell_back"),
        kind=NoticeKind.RULES_REFUSED,
        at=at,
        title="New rules were taken back: too many of their plans failed; the old ones count",
        facts=_facts([("Version", version), ("Why", why)]),
        channels=tuple(channels),
        is_good=False,
    )


def _of_plan(
    plan: Plan,
    kind: NoticeKind,
    title: str,
    facts: Sequence[tuple[str, str]],
    channels: Iterable[Channel],
    *,
    is_good: bool | None = None,
) -> Notice:
    end = plan.closed_at if kind is NoticeKind.CLOSED else None
    return Notice(
        id=notice_id(kind, plan.id),
        kind=kind,
        at=end or plan.created_at,
        title=line(title, TITLE_LIMIT),
        facts=_facts([*facts, ("Plan", plan.id)]),
        channels=tuple(channels),
        rule=plan.rule,
        target=plan.target,
        plan_id=plan.id,
        event_id=_event(plan.signal),
        is_good=is_good,
    )


def _of_approval(
    approval: Approval,
    kind: NoticeKind,
    title: str,
    facts: Sequence[tuple[str, str]],
    *,
    at: datetime,
    is_good: bool | None = None,
    is_chat_enough: bool = False,
) -> Notice:
    where = _at(approval.rule, approval.target, approval.signal)
    return Notice(
        id=notice_id(kind, approval.id),
        kind=kind,
        at=at,
        title=line(title, TITLE_LIMIT),
        facts=_facts([*where, *facts]),
        channels=approval.channels,
        rule=approval.rule,
        target=approval.target,
        plan_id=approval.plan_id,
        event_id=_event(approval.signal),
        approval_id=approval.id,
        expires_at=approval.expires_at,
        is_good=is_good,
        is_chat_enough=is_chat_enough,
    )


def _speaker(voice: Voice) -> str:
    """Name a person and where they spoke; say so where a name is only their own word.

    A name in Slack comes from the settings, by an id that Slack vouches for.
    """
    is_known = voice.is_verified or voice.channel == Channel.SLACK
    return f"{voice.person} ({voice.channel}{'' if is_known else ', self-declared'})"


def _where(plan: Plan) -> list[tuple[str, str]]:
    return _at(plan.rule, plan.target, plan.signal)


def _at(rule: str, target: str, signal: Mapping[str, Any]) -> list[tuple[str, str]]:
    name, group = place(target)
    event = ", ".join(filter(None, (str(signal.get("type") or ""), _event(signal))))
    return [("Rule", rule), ("Target", name), ("Resource group", group), ("Event", event)]


def _event(signal: Mapping[str, Any]) -> str:
    return str(signal.get("event_id") or "")[:FACT_LIMIT]


def _name(target: str) -> str:
    return place(target)[0]


def _facts(facts: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Keep the facts that say something, each on one line and not too many of them."""
    clean = ((line(name, NAME_LIMIT), line(value, FACT_LIMIT)) for name, value in facts)
    return tuple((name, value) for name, value in clean if value)[:MOST_FACTS]


def _steps(steps: Iterable[Step]) -> str:
    return _counted(str(step.verb) for step in steps)


def _ended(records: Iterable[StepRecord]) -> str:
    return _counted(
        f"{r.step.verb} {r.outcome or 'not begun'}" + (f" ({r.reason})" if r.reason else "")
        for r in records
    )


def _counted(words: Iterable[str]) -> str:
    runs = ((word, len(list(same))) for word, same in groupby(words))
    return ", ".join(f"{count} x {word}" if count > 1 else word for word, count in runs)


def _is_good(outcome: PlanOutcome, left: timedelta | None) -> bool | None:
    """Call an end good only if it is whole and was in time."""
    if outcome in _TAKEN_BACK:
        return None
    return outcome is PlanOutcome.DONE and (left is None or left >= timedelta(0))
