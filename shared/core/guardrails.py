"""Guardrails: they may turn Act into Hold or Skip, never the reverse.

A tuple, asked in order, cheap before costly; the first answer wins. Each is pure:
``context`` is gathered once by the engine. An involuntary disruption happens
whatever we decide, so only the guardrails marked for it are asked. Those that count
are in files of their own: ``limits``, ``breakers``, ``budgets``, ``canaries``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from shared.core.approvals import Approval, ApprovalState
from shared.core.breakers import breaker
from shared.core.budgets import budget
from shared.core.canaries import canary
from shared.core.contexts import LOOK_AGAIN, Context
from shared.core.decisions import Hold, Reason, Skip
from shared.core.durations import format_duration
from shared.core.freezes import frozen_until
from shared.core.limits import blast_radius
from shared.core.places import place_key
from shared.core.plans import Mode
from shared.core.tallies import PLANS
from shared.core.terms import ApprovalKind, LimitScope

__all__ = ["GUARDRAILS", "INVOLUNTARY", "Context", "Guardrail", "answers", "ask"]

IN_FLIGHT_RETRY = timedelta(seconds=2)
MAX_AGE = timedelta(hours=6)
"""How old a voluntary event may be unless its rule says otherwise: a shift's length.

Event Grid delivers for up to 24 hours and a Hold may wait for days; by then a person
has looked, or the world has changed. A notice of the platform has its own deadline.
"""
INTERRUPTED_FOR = timedelta(hours=1)
"""How long an eviction that nobody saw end keeps voluntary work off its pool."""

Guardrail = Callable[[Context], Hold | Skip | None]


def paused(context: Context) -> Hold | Skip | None:
    """Heed a person who said stop; who cannot know whether one did, does not act."""
    if context.pauses_unread is not None:
        return context.pauses_unread
    pause = context.pause
    return Hold(Reason.PAUSED, pause.expires_at, pause.words) if pause else None


def mode(context: Context) -> Skip | None:
    """Refuse what the rule's mode does not allow; a person's request has its own mode."""
    return mode_allows(context.mode)


def mode_allows(rule: Mode) -> Skip | None:
    """Tell what a rule's mode says to acting, whatever else is true."""
    match rule:
        case Mode.OFF:
            return Skip(Reason.MODE_OFF)
        case Mode.OBSERVE:
            return Skip(Reason.OBSERVE_ONLY)
        case Mode.SUGGEST:
            return Skip(Reason.SUGGEST_ONLY)
        case Mode.AUTO:
            return None


def dry_run(context: Context) -> Skip | None:
    """Stop before the first effect when asked to only think."""
    return Skip(Reason.DRY_RUN) if context.is_dry_run else None


def opted_out(context: Context) -> Skip | None:
    """Leave alone what a person tagged ``nightshift: off``."""
    return Skip(Reason.OPTED_OUT) if context.is_opted_out else None


def protected(context: Context) -> Hold | Skip | None:
    """Observe, and never touch, what a tag, a name, a lock or another tool protects."""
    if context.protected_by:
        return Skip(Reason.PROTECTED, context.protected_by)
    return context.locks_unread


def freeze(context: Context) -> Hold | None:
    """Begin nothing voluntary while a maintenance freeze lasts."""
    found = frozen_until(context.freezes, context.now)
    if found is None:
        return None
    window, until = found
    where = f" ({window.source})" if window.source else ""
    return Hold(Reason.FROZEN, until, f"freeze {window.name!r}: {window.text}{where}")


def freshness(context: Context) -> Skip | None:
    """Refuse to act on what was true too long ago."""
    limit = context.max_age
    if limit is None and not context.signal.is_involuntary:
        limit = MAX_AGE
    age = context.now - context.signal.observed_at
    if limit is None or age <= limit:
        return None
    return Skip(
        Reason.STALE_EVENT,
        f"it is {format_duration(age)} old; this rule acts on what is "
        f"{format_duration(limit)} old at most",
    )


def deadline(context: Context) -> Skip | None:
    """Refuse to begin what can no longer help."""
    limit = context.signal.deadline
    if limit is None or context.now < limit:
        return None
    late = format_duration(context.now - limit)
    return Skip(Reason.DEADLINE_PASSED, f"the deadline was {late} ago")


def cooldown(context: Context) -> Hold | None:
    """Give a target quiet time after the same rule acted on it."""
    last = context.acted.get(context.rule)
    if last is None or context.now >= last + context.cooldown:
        return None
    return Hold(Reason.COOLDOWN, until=last + context.cooldown)


def in_flight(context: Context) -> Hold | None:
    """Let one plan at a time work on a target, and none on a pool that is being evicted.

    The second is for what is voluntary: it can wait until the platform is done.
    """
    if context.in_flight:
        until = context.now + IN_FLIGHT_RETRY
        return Hold(Reason.IN_FLIGHT, until=until, detail=context.in_flight)
    if context.signal.is_involuntary:
        return None
    return context.tallies_unread or _interrupted(context)


def _interrupted(context: Context) -> Hold | None:
    pool = context.keys.get(LimitScope.POOL)
    if pool is None:
        return None
    tally = context.tally(place_key(PLANS, LimitScope.POOL, pool))
    if isinstance(tally, Hold):
        return tally
    for one in tally.entries:
        is_running = one.is_open and one.is_within(INTERRUPTED_FOR, context.now)
        if one.is_involuntary and is_running:
            words = f"plan {one.token} answers a notice in the same pool"
            return Hold(Reason.POOL_INTERRUPTED, context.now + LOOK_AGAIN, words)
    return None


def approval(context: Context) -> Hold | Skip | None:
    """Wait for the yes of a person, where the rule asks for one."""
    if context.approval_kind is ApprovalKind.NONE:
        return None
    asked = context.approval
    if asked is None or asked.state in {ApprovalState.VOID, ApprovalState.USED}:
        until = context.now + context.approval_expires
        return Hold(Reason.AWAITING_APPROVAL, until, "a person is asked now")
    if asked.state is ApprovalState.APPROVED:
        return None
    if asked.state is ApprovalState.REJECTED:
        return Skip(Reason.REJECTED_BY_PERSON, _who_said_no(asked))
    yes = sum(1 for voice in asked.voices if voice.is_yes)
    words = f"{yes} of {asked.quorum} people said yes"
    if asked.state is ApprovalState.PENDING and context.now < asked.expires_at:
        return Hold(Reason.AWAITING_APPROVAL, asked.expires_at, words)
    span = format_duration(asked.expires_at - asked.asked_at)
    return Skip(Reason.APPROVAL_EXPIRED, f"{words} within {span}")


def _who_said_no(asked: Approval) -> str:
    against = [voice for voice in asked.voices if not voice.is_yes]
    return "; ".join(f"{no.person}: {no.reason}" if no.reason else no.person for no in against)


GUARDRAILS: tuple[Guardrail, ...] = (
    paused,
    mode,
    dry_run,
    opted_out,
    protected,
    freeze,
    freshness,
    deadline,
    cooldown,
    in_flight,
    blast_radius,
    breaker,
    budget,
    canary,
    approval,
)
INVOLUNTARY: frozenset[Guardrail] = frozenset(
    {paused, mode, dry_run, opted_out, protected, freshness, deadline, in_flight}
)


def ask(context: Context) -> Hold | Skip | None:
    """Return the first no, or None if every guardrail lets the plan pass."""
    for guardrail in _asked(context):
        answer = guardrail(context)
        if answer is not None:
            return answer
    return None


def answers(context: Context) -> dict[str, str]:
    """Return every guardrail's answer by its name, ``pass`` for a yes; for explaining."""
    said = {guardrail.__name__: guardrail(context) for guardrail in _asked(context)}
    return {name: answer.reason.value if answer else "pass" for name, answer in said.items()}


def _asked(context: Context) -> list[Guardrail]:
    involuntary = context.signal.is_involuntary
    return [g for g in GUARDRAILS if g in INVOLUNTARY or not involuntary]
