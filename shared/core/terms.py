"""What a rule may demand beside its condition: strikes, limits, canary, breaker and more.

Values only. ``shared.rules`` reads them from a rule file, ``shared.core.guardrails``
answers by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from shared.core.steps import Verb


class Match(StrEnum):
    """Whether a rule that acts lets later ones be asked too."""

    FIRST = "first"
    ALL = "all"


class Channel(StrEnum):
    """Where people are told."""

    TEAMS = "teams"
    SLACK = "slack"
    WEBHOOK = "webhook"


class LimitScope(StrEnum):
    """What a limit, a breaker or a canary counts over.

    POOL: the scale set, agent pool or workspace; a target in none is a pool of one.
    SCALE_SET: the same for a scale set alone; what is in none has no such limit.
    ZONE: an availability zone of a region.
    """

    RULE = "rule"
    POOL = "pool"
    SCALE_SET = "scale_set"
    ZONE = "zone"
    SUBSCRIPTION = "subscription"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Strikes:
    """Act at the ``count``-th event about a target within a time, not before."""

    count: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Limit:
    """How many targets may be acted on: the lesser of a count and a percentage.

    Attributes:
        count: Targets at most, 0 blocks all; None for no count.
        percent: Of the pool, 0..100, rounded down; None for none.
        at_least: What the percentage may not fall below (``min`` in a rule).
        at_most: What it may not rise above (``max`` in a rule).
        within: Counts what was begun in that time; None: what is under way now.
    """

    scope: LimitScope
    count: int | None = None
    percent: float | None = None
    at_least: int | None = None
    at_most: int | None = None
    within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Canary:
    """Act on ``first`` targets, wait, and go on only if they stayed good.

    Attributes:
        soak: How long after the last of them closed as done.
        every: How long a canary that passed, or failed, stands.
    """

    first: int
    soak: timedelta
    every: timedelta


@dataclass(frozen=True, slots=True)
class Breaker:
    """Stop when too many targets fail at once.

    Attributes:
        count: Failed targets that trip it; None for no count.
        percent: Of the pool, 0..100, rounded up; counts in pools larger than
            ``small_pool`` only, where ``count`` alone would come too late.
        within: In which time.
        small_pool: Up to this size the percentage is not looked at: one of three
            is 33 percent and no storm.
        wait: How long after the last failure one canary may try.
        young: A target that is younger is being set up: its failures do not count.
    """

    scope: LimitScope
    within: timedelta
    count: int | None
    percent: float | None
    small_pool: int
    wait: timedelta
    young: timedelta


@dataclass(frozen=True, slots=True)
class Money:
    """What plans may cost.

    Attributes:
        limit: In ``within``, in whatever currency the rule's author thinks.
        each: What one plan costs.
    """

    limit: float
    each: float
    within: timedelta


@dataclass(frozen=True, slots=True)
class Budget:
    """How often to try again what did not work, and what may be spent.

    Attributes:
        retries: Plans of a rule on a target, within a time, that may end in anything
            but done before it stops trying; None for no such limit.
    """

    retries: int | None
    within: timedelta
    money: Money | None = None


class ApprovalKind(StrEnum):
    """Whose yes a plan needs."""

    NONE = "none"
    REQUIRED = "required"
    FOUR_EYES = "four_eyes"


@dataclass(frozen=True, slots=True)
class ApprovalTerms:
    """When a person must say yes first.

    Attributes:
        expires: How long the question stands.
        if_expired: The one kind of step to do when nobody answered (to cordon and not
            to drain, to snapshot and not to redeploy); None to do nothing.
    """

    kind: ApprovalKind
    expires: timedelta
    if_expired: Verb | None = None
