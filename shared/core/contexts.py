"""What the guardrails look at: one frozen value, gathered once a decision by the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.core.approvals import Approval
from shared.core.decisions import Hold, Reason, Skip
from shared.core.freezes import Freeze
from shared.core.pauses import Pause
from shared.core.plans import Mode
from shared.core.signals import Signal
from shared.core.tallies import Tally, fold
from shared.core.terms import ApprovalKind, Breaker, Budget, Canary, Limit, LimitScope

LOOK_AGAIN = timedelta(seconds=30)
"""When to ask again about what ends when some plan does, and nobody knows when that is."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the guardrails look at.

    Attributes:
        plan_id: Of the plan that would be opened.
        rule_hash: Of the rule as it stands.
        pause: The pause in force that this plan falls under and that lasts longest.
        pauses_unread: Why nobody knows whether there is one.
        protected_by: What protects the target, in words, or empty.
        locks_unread: Why nobody knows whether a lock forbids it.
        freezes: Windows that hold for this rule.
        max_age: How old an event this rule acts on; None for the default of its class.
        in_flight: Id of the open plan on the same target, or empty.
        acted: When each rule last opened a plan on this target, UTC.
        cooldown: Quiet time of the rule after acting on a target.
        pool_size: How many machines the target's pool has; None if that is not known.
        created_at: When the target was created; None if that is not known.
        keys: Where the plan is counted, from ``places``.
        counted: Scopes that limits of any rule in force count over: the plan is written
            down there too. What this rule's own terms count over need not be in it.
        tallies: What was read for ``reservations.tally_keys``, by key.
        tallies_unread: Why nobody knows what was counted.
        approval: The question that stands for exactly this plan, or None.
        approval_expires: How long a new question would stand.
    """

    now: datetime
    rule: str
    signal: Signal
    mode: Mode
    is_dry_run: bool = False
    is_opted_out: bool = False
    pause: Pause | None = None
    pauses_unread: Hold | Skip | None = None
    protected_by: str = ""
    locks_unread: Hold | Skip | None = None
    freezes: tuple[Freeze, ...] = ()
    max_age: timedelta | None = None
    in_flight: str = ""
    acted: Mapping[str, datetime] = field(default_factory=dict)
    cooldown: timedelta = timedelta(0)
    plan_id: str = ""
    rule_hash: str = ""
    pool_size: int | None = None
    created_at: datetime | None = None
    limits: tuple[Limit, ...] = ()
    breaker: Breaker | None = None
    budget: Budget | None = None
    canary: Canary | None = None
    keys: Mapping[LimitScope, str] = field(default_factory=dict)
    counted: frozenset[LimitScope] = frozenset()
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    tallies_unread: Hold | None = None
    approval_kind: ApprovalKind = ApprovalKind.NONE
    approval: Approval | None = None
    approval_expires: timedelta = timedelta(hours=1)

    @property
    def target(self) -> str:
        """The target's id as it stands in tallies."""
        return fold(self.signal.target)

    @property
    def population(self) -> int | None:
        """How many machines the pool has; a target in no pool is a pool of one."""
        return 1 if self.keys.get(LimitScope.POOL) == self.target else self.pool_size

    def tally(self, key: str) -> Tally | Hold:
        """Return what was counted, or why nobody may act: it was not read."""
        if self.tallies_unread is not None:
            return self.tallies_unread
        found = self.tallies.get(key)
        if found is None:
            return Hold(Reason.UNREADABLE, self.now + LOOK_AGAIN, f"{key} was not counted")
        return found
