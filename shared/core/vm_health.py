"""How a VM is, as the platform and its own agent say. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.core.resources import Resource

AVAILABLE, UNAVAILABLE = "available", "unavailable"
READY, NOT_READY = "ready", "not ready"


@dataclass(frozen=True, slots=True)
class VmHealth:
    """A VM, its power, and whether it answers.

    Attributes:
        power: ``running``, ``deallocated``, ... or None if unknown.
        availability: What resource health says: ``available``, ``unavailable``,
            ``degraded``, ``unknown``; empty if it says nothing.
        agent: What its agent was last seen as: ``ready``, ``not ready``; empty if it has none.
        changed_at: When Azure last ended an operation on it.
        is_well: Whether it answers by both; None if that cannot be told.
    """

    resource: Resource
    power: str | None
    availability: str = ""
    agent: str = ""
    changed_at: datetime | None = None
    is_well: bool | None = None


def wellness(availability: str, agent: str) -> bool | None:
    """Tell whether a machine answers: one that says no is believed, nothing said is not."""
    if availability == UNAVAILABLE or agent == NOT_READY:
        return False
    return True if availability == AVAILABLE else None
