"""What the phases heard of an incident say about the one that comes now. Pure."""

from __future__ import annotations

from collections.abc import Collection

from shared.core.decisions import Reason, Skip
from shared.core.signals import Phase, Signal

_RANK = {
    Phase.SCHEDULED: 0,
    Phase.FIRED: 0,
    Phase.STARTED: 1,
    Phase.COMPLETED: 2,
    Phase.FAILED: 2,
    Phase.CANCELED: 3,
    Phase.RESOLVED: 3,
}


def needs_no_rule(signal: Signal) -> Skip | None:
    """Refuse what no rule is asked about; None if the rules are to be asked."""
    if signal.is_test:
        return Skip(Reason.TEST_EVENT)
    if not signal.phase.opens:
        return Skip(Reason.NOT_ACTIONABLE, f"its phase is {signal.phase.value}")
    return None if signal.target else Skip(Reason.NOT_ACTIONABLE, "it names no resource")


def overtaken(phase: Phase, heard: Collection[str]) -> Skip | None:
    """Refuse a phase after which a later one, or a withdrawal, was heard already.

    Args:
        heard: Phases as the ledger's records name them, a reminder's with ``+n``.
    """
    ranks = [_RANK[Phase(one.partition("+")[0])] for one in heard]
    if any(rank > _RANK[Phase.COMPLETED] for rank in ranks):
        return Skip(Reason.WITHDRAWN)
    if any(rank > _RANK[phase] for rank in ranks):
        return Skip(Reason.NOT_ACTIONABLE, "a later phase of it came before")
    return None
