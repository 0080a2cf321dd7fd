"""Plans: steps decided once, and how far each has got.

A plan is a frozen value; ``shared.core.ledger`` says how one version follows
another, and the ledger adapter stores each version by a conditional write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.core.decisions import Reason
from shared.core.steps import Step


class Mode(StrEnum):
    """How far a rule may go."""

    OFF = "off"
    OBSERVE = "observe"
    SUGGEST = "suggest"
    AUTO = "auto"


class StepOutcome(StrEnum):
    """How a step ended. ``UNKNOWN`` is a state of its own, never rounded up."""

    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"

    @property
    def is_good(self) -> bool:
        """Tell whether a fresh read of the target showed what the step wanted."""
        return self in {StepOutcome.DONE, StepOutcome.ALREADY}


class PlanOutcome(StrEnum):
    """How a closed plan ended."""

    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"
    DRY_RUN = "dry_run"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What happened to one step. ``outcome`` None means it has not ended.

    Attributes:
        unknown: What a newer release wrote beside all this; kept as it is.
    """

    step: Step
    outcome: StepOutcome | None = None
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    verified_at: datetime | None = None
    progress: Mapping[str, Any] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works on the plan, and until when. ``owner`` is the worker's own token."""

    owner: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """One rule's answer to one event about one target.

    Attributes:
        id: ``{12 hex of the target}-{24 hex of rule, event and target}``.
        rule_hash: Of the rule as it stood when it decided.
        signal: ``{type, event_id, source, target, phase, observed_at, attributes}``.
        undoes: Id of the plan whose effects this one takes back, or empty.
        withdrawn: Why no further step may begin, or None.
        withdrawn_at: Since when; None too if an older release wrote it.
        wake_at: When the next attempt is due; None while a worker is on it.
        wake_seq: Number of the queue message that may wake it; older ones are dropped.
        rung: Which remediation of the rule's ladder it is, from 0.
        until: When its rung gives up, so that the next one may try; None for no limit.
        approval: Id of the person's yes it was opened on, or empty.
        tallies: Where it is counted, as ``shared.core.tallies`` names places.
        channels: Who is told of it.
        unknown: What a newer release wrote beside all this; kept as it is.
    """

    id: str
    rule: str
    rule_hash: str
    remediation: str
    mode: Mode
    target: str
    signal: Mapping[str, Any]
    steps: tuple[StepRecord, ...]
    created_at: datetime
    settings: Mapping[str, Any] = field(default_factory=dict)
    deadline: datetime | None = None
    undoes: str = ""
    withdrawn: Reason | None = None
    withdrawn_at: datetime | None = None
    lease: Lease | None = None
    wake_at: datetime | None = None
    wake_seq: int = 0
    rung: int = 0
    until: datetime | None = None
    approval: str = ""
    tallies: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    closed_at: datetime | None = None
    outcome: PlanOutcome | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Tell whether any work may still be done on it."""
        return self.closed_at is None

    @property
    def current(self) -> int | None:
        """Index of the first step that has not ended, or None."""
        return next((i for i, r in enumerate(self.steps) if r.outcome is None), None)

    @property
    def margin(self) -> timedelta | None:
        """Time left to the deadline when the last step finished; negative if late."""
        ends = [r.finished_at for r in self.steps if r.finished_at]
        if self.deadline is None or not ends or self.closed_at is None:
            return None
        return self.deadline - max(ends)

    def step_key(self, index: int) -> str:
        """Name the step at ``index`` (from 0), and anything that step creates.

        Naming the created thing after the step is what makes creation safe to repeat.
        """
        return f"{self.id}-{index}"


def target_hash(target: str) -> str:
    """Name a target's partition: 12 lowercase hexadecimal digits of its folded id."""
    return hashlib.sha256(target.rstrip("/").casefold().encode()).hexdigest()[:12]


SAFE = "/safe"
"""Ends the name of what is done when nobody answered a question in time."""


def rung_name(rule: str, rung: int) -> str:
    """Name a rule's remediation on the ladder: plans of two rungs have two ids."""
    return f"{rule}#{rung + 1}" if rung else rule


def plan_id(rule: str, event_id: str, target: str) -> str:
    """Name a plan so that a redelivered event names the same plan.

    The target's hash comes first, so that the plan's partition is found from its id.

    Returns:
        12 and 24 lowercase hexadecimal digits with a hyphen between.
    """
    own = "\x1f".join((rule, event_id.casefold(), target.rstrip("/").casefold()))
    return f"{target_hash(target)}-{hashlib.sha256(own.encode()).hexdigest()[:24]}"
