"""The ledger: what is planned, taken and done; what became of each event.

Rows of one target share a partition, so that opening a plan and marking its target
as taken is one atomic write. Every write names the version it follows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from shared.core.plans import Plan


@dataclass(frozen=True, slots=True)
class Head:
    """What the ledger knows of a target.

    Attributes:
        in_flight: Id of the open plan on it, or empty.
        acted: When each rule last opened a plan on it.
        etag: Version of the row; empty if there is none yet.
    """

    in_flight: str = ""
    acted: Mapping[str, datetime] = field(default_factory=dict)
    etag: str = ""


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan and the version it was read or written at."""

    plan: Plan
    etag: str


@dataclass(frozen=True, slots=True)
class TargetView:
    """A target's head and those of the asked plans that exist."""

    head: Head
    plans: Mapping[str, StoredPlan]


@dataclass(frozen=True, slots=True)
class EventRecord:
    """What became of one phase of one event about one target: everything, with reasons.

    Attributes:
        signal: As ``shared.core.wire`` writes a signal.
        decisions: ``{rule, remediation, kind, reason, detail, until, plan, steps, facts}``
            each; ``facts`` as ``shared.engine.recorded`` writes them.
    """

    event_id: str
    phase: str
    target: str
    recorded_at: datetime
    signal: Mapping[str, Any]
    decisions: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class PlanPage:
    """Some plans, newest first, and where to go on from; empty at the end."""

    plans: tuple[Plan, ...]
    next: str = ""


class Ledger(Protocol):
    """Survives a crash; its writes are conditional."""

    async def look(self, target: str, plan_ids: Sequence[str]) -> TargetView:
        """Read a target's head and the named plans in one round trip."""
        ...

    async def find(self, plan_id: str) -> StoredPlan | None:
        """Return a plan, open or closed."""
        ...

    async def open(self, plan: Plan, head: Head) -> StoredPlan:
        """Store a new plan and take its target, in one atomic write.

        A plan that is closed from the start (a dry run) takes no target.

        Raises:
            StaleFacts: The plan exists already, or the head is not at ``head.etag``.
        """
        ...

    async def save(self, stored: StoredPlan, plan: Plan) -> StoredPlan:
        """Replace a plan; one that is closed now gives its target back.

        Raises:
            StaleFacts: Somebody else wrote the plan since ``stored`` was read.
        """
        ...

    def open_plans(self) -> AsyncIterator[str]:
        """Yield ids of the plans that may be open, oldest index entry first."""
        ...

    async def tidy(self, plan_id: str) -> None:
        """Drop the open-plans entry of a plan that is closed or was never stored."""
        ...

    async def list_plans(self, *, state: str, limit: int, after: str) -> PlanPage:
        """Return plans of ``state`` (``open``, ``closed``, or empty for both)."""
        ...

    async def record_event(self, record: EventRecord) -> bool:
        """Store a record unless one of that event, phase and target exists; tell which."""
        ...

    async def find_event(self, event_id: str) -> tuple[EventRecord, ...]:
        """Return every record of an event, oldest first."""
        ...

    async def spend(self, key: str, token: str, limit: int) -> bool:
        """Take one from a budget; the same token spends once, however often it asks.

        Returns:
            False if ``limit`` tokens were spent before this one.
        """
        ...

    async def spent(self, keys: Iterable[str]) -> Mapping[str, int]:
        """Return how much of each budget is spent; 0 if never touched."""
        ...
