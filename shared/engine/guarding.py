"""What the guardrails look at, gathered once a decision, and put together.

Pauses and locks are read at the same time as the ledger and the facts, so that an
eviction waits for no extra answer. What cannot be read holds the plan back: nobody may
act on not knowing whether a person said stop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from shared.core import guardrails, protection
from shared.core.decisions import Act, Hold, Reason
from shared.core.errors import AutomationError, RetryLater
from shared.core.facts import AksNode, Facts, NodeFacts
from shared.core.pauses import Pause, Subject, longest
from shared.core.places import places
from shared.core.protection import Lock, Shield
from shared.core.settings import Settings
from shared.core.signals import Signal
from shared.core.tallies import Tally
from shared.core.terms import ApprovalKind, LimitScope
from shared.engine.night import Night
from shared.ports import Head
from shared.rules.book import Rule, RuleBook
from shared.rules.conditions import ConditionFailed, environment_for, judge

T = TypeVar("T")
NO_APPROVAL = ApprovalKind.NONE
LOOK_AGAIN = timedelta(minutes=1)
"""When to look again after what retrying soon will not mend: a missing role, say."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was read for the guardrails; a Hold says why it could not be."""

    head: Head
    pauses: tuple[Pause, ...] | Hold = ()
    locks: tuple[Lock, ...] | Hold = ()
    tallies: Mapping[str, Tally] = field(default_factory=dict)


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
    plan_id: str = "",
    is_safe_variant: bool = False,
) -> guardrails.Context:
    """Put together what the guardrails look at; reads nothing, so a replay may ask too.

    Args:
        is_safe_variant: What is done because nobody answered needs no answer.
    """
    rule, act, facts = acting
    known = around.pauses if isinstance(around.pauses, tuple) else ()
    resource = facts.resource if facts is not None else None
    needs_yes = not is_safe_variant and _needs_yes(rule, signal, facts, now)
    return guardrails.Context(
        now=now,
        rule=rule.name,
        signal=signal,
        mode=rule.mode,
        is_dry_run=is_dry_run or settings.dry_run,
        is_opted_out=facts is not None and facts.resource.is_opted_out,
        pause=longest(known, subject(rule, signal, facts), now),
        pauses_unread=around.pauses if isinstance(around.pauses, Hold) else None,
        protected_by=_protected_by(settings, act, signal, facts, around),
        locks_unread=around.locks if isinstance(around.locks, Hold) else None,
        freezes=(*book.freezes, *rule.freezes),
        max_age=rule.max_age,
        in_flight=around.head.in_flight,
        acted=around.head.acted,
        cooldown=rule.cooldown,
        plan_id=plan_id,
        rule_hash=rule.hash,
        pool_size=resource.pool_size if resource else None,
        created_at=resource.created_at if resource else None,
        limits=rule.limits,
        breaker=rule.breaker,
        budget=rule.budget,
        canary=rule.canary,
        keys=places(rule.name, signal.target, resource),
        counted=_counted_over(book),
        tallies=around.tallies,
        approval_kind=rule.approval.kind if rule.approval and needs_yes else NO_APPROVAL,
        approval_expires=rule.approval.expires if rule.approval else timedelta(0),
    )


def _counted_over(book: RuleBook) -> frozenset[LimitScope]:
    """Name the scopes that some rule's limits count over: each plan is counted there."""
    return frozenset(limit.scope for rule in book.rules for limit in rule.limits)


def _needs_yes(rule: Rule, signal: Signal, facts: Facts | None, now: datetime) -> bool:
    """Tell whether the rule's approval is for this plan; asked if that cannot be told."""
    condition = rule.approval_when
    if condition is None or facts is None:
        return True
    try:
        return judge(condition, environment_for(condition, signal, facts, now)).is_match
    except ConditionFailed:
        return True


def shield(settings: Settings) -> Shield:
    """Return what the deployment's settings protect."""
    return Shield(settings.protected_tags, settings.protected_names, settings.own_resources)


def subject(rule: Rule, signal: Signal, facts: Facts | None) -> Subject:
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
    if facts is None or not any(step.verb.touches for step in act.steps):
        return ""  # telling a person touches nothing, whatever it is about
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
