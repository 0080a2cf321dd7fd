"""What the guardrails look at, gathered once a decision, and put together.

Pauses and locks are read at the same time as the ledger and the facts, so that an
eviction waits for no extra answer. What cannot be read holds the plan back: nobody may
act on not knowing whether a person said stop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from shared.core import guardrails, protection
from shared.core.decisions import Act, Hold, Reason
from shared.core.errors import AutomationError, RetryLater
from shared.core.facts import AksNode, Facts, NodeFacts
from shared.core.pauses import Pause, Subject, longest
from shared.core.protection import Lock, Shield
from shared.core.settings import Settings
from shared.core.signals import Signal
from shared.engine.night import Night
from shared.ports import Head
from shared.rules.book import Rule, RuleBook

T = TypeVar("T")
LOOK_AGAIN = timedelta(minutes=1)
"""When to look again after what retrying soon will not mend: a missing role, say."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was read for the guardrails; a Hold says why it could not be."""

    head: Head
    pauses: tuple[Pause, ...] | Hold = ()
    locks: tuple[Lock, ...] | Hold = ()


async def read_pauses(night: Night) -> tuple[Pause, ...] | Hold:
    """Read the pauses, or say why not."""
    return await _or_hold(night, "the pauses", night.ports.controls.pauses())


async def read_locks(
    night: Night, signal: Signal, rules: Iterable[Rule]
) -> tuple[Lock, ...] | Hold:
    """Read the locks over a signal's target, if any of the rules could be stopped by one."""
    if not any(protection.needs_locks(rule.remediation.verbs) for rule in rules):
        return ()
    return await _or_hold(night, "the locks", night.ports.resources.locks(signal.target))


async def _or_hold(night: Night, what: str, reading: Awaitable[T]) -> T | Hold:
    try:
        return await reading
    except AutomationError as error:
        after = error.after if isinstance(error, RetryLater) else LOOK_AGAIN
        until = night.ports.clock.now() + after
        return Hold(Reason.UNREADABLE, until, f"{what} could not be read: {error}")


def context(
    settings: Settings,
    book: RuleBook,
    acting: tuple[Rule, Act, Facts | None],
    signal: Signal,
    around: Surroundings,
    *,
    now: datetime,
    is_dry_run: bool,
) -> guardrails.Context:
    """Put together what the guardrails look at; reads nothing, so a replay may ask too."""
    rule, act, facts = acting
    known = around.pauses if isinstance(around.pauses, tuple) else ()
    return guardrails.Context(
        now=now,
        rule=rule.name,
        signal=signal,
        mode=rule.mode,
        is_dry_run=is_dry_run or settings.dry_run,
        is_opted_out=facts is not None and facts.resource.is_opted_out,
        pause=longest(known, _subject(rule, signal, facts), now),
        pauses_unread=around.pauses if isinstance(around.pauses, Hold) else None,
        protected_by=_protected_by(settings, act, signal, facts, around),
        locks_unread=around.locks if isinstance(around.locks, Hold) else None,
        freezes=(*book.freezes, *rule.freezes),
        max_age=rule.max_age,
        in_flight=around.head.in_flight,
        acted=around.head.acted,
        cooldown=rule.cooldown,
    )


def shield(settings: Settings) -> Shield:
    """Return what the deployment's settings protect."""
    return Shield(settings.protected_tags, settings.protected_names, settings.own_resources)


def _subject(rule: Rule, signal: Signal, facts: Facts | None) -> Subject:
    """Name everything that a pause on this plan's target may be written for."""
    if facts is None:
        return Subject(rule.name, (signal.target,))
    node = _node(facts)
    ids = (signal.target, facts.resource.id, facts.resource.pool, node.cluster if node else "")
    return Subject(rule.name, tuple(one for one in ids if one), facts.resource.tags)


def _node(facts: Facts) -> AksNode | None:
    return facts.node if isinstance(facts, NodeFacts) else None


def _protected_by(
    settings: Settings, act: Act, signal: Signal, facts: Facts | None, around: Surroundings
) -> str:
    if facts is None:
        return ""
    said = protection.protection(
        facts.resource,
        _node(facts),
        shield(settings),
        is_involuntary=signal.is_involuntary,
    )
    if said or not isinstance(around.locks, tuple):
        return said
    verbs = frozenset(step.verb for step in act.steps)
    return protection.lock_against(verbs, signal.target, around.locks)
