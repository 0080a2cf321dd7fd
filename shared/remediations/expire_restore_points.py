"""Remove restore points that are past the date in their name, never the newest whole one.

The date was written when the restore point was named: that is the mark, and whoever reads
the name knows it from the first day. What we did not name is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.facts import FactsKind, MachinePoints, Resource
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import RESTORE_COLLECTION
from shared.core.restore_points import RestorePoint, expired
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        at_once: How many are removed by one plan, the oldest first.
    """

    at_once: int = 5

    def __post_init__(self) -> None:
        """Refuse a number that removes nothing, or far too much."""
        if not 1 <= self.at_once <= 50:  # noqa: PLR2004 - a plan's steps are read by people
            raise ValueError(f"at_once {self.at_once}: write 1 to 50")


def decide(
    signal: Signal, facts: MachinePoints, settings: Settings, now: datetime
) -> Decision:
    """Remove the oldest that are past their date."""
    past = expired(facts.points, now)[: settings.at_once]
    if not past:
        return Skip(Reason.NOT_LEFT_OVER, "none is past its date beside a newer whole one")
    return Act(tuple(Step(Verb.RESTORE_POINT_REMOVE, one.id) for one in past))


def recheck(
    plan: Plan, facts: MachinePoints, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when none is past its date any more."""
    return None if expired(facts.points, now) else Reason.NO_LONGER_WANTED


_NOW = datetime(2030, 1, 10, 2, tzinfo=UTC)
_COLLECTION = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.Compute/restorePointCollections/nightshift-0123456789abcdef"
)
_FOUND = Signal(
    type=SignalType.VM_RESTORE_POINTS_FOUND,
    event_id="survey-restore_points-20300110T0200-restore_points_expired",
    source="survey",
    target=_COLLECTION,
    observed_at=_NOW,
    attributes={"finding": "restore_points_expired"},
    is_recurring=True,
)


def _point(days: int, until: int) -> RestorePoint:
    at, date = _NOW - timedelta(days=days), _NOW + timedelta(days=until)
    name = f"nightshift-{at:%Y%m%d}-until-{date:%Y%m%d}"
    return RestorePoint(
        f"{_COLLECTION}/restorePoints/{name}", at, is_good=True, expires_on=date
    )


_OLD, _NEW = _point(9, -2), _point(1, 6)
_FACTS = MachinePoints(
    Resource(_COLLECTION, RESTORE_COLLECTION, "nightshift-0123456789abcdef", "westeurope"),
    None,
    (_OLD, _NEW),
)

REMEDIATION = Remediation(
    name="expire_restore_points",
    summary="Remove restore points past their date; the newest whole one stays.",
    answers=frozenset({SignalType.VM_RESTORE_POINTS_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.RESTORE_POINTS,
    settings=Settings,
    verbs=frozenset({Verb.RESTORE_POINT_REMOVE}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "one is past its date, and a newer one is whole",
            _FOUND,
            _FACTS,
            _NOW,
            Act((Step(Verb.RESTORE_POINT_REMOVE, _OLD.id),)),
        ),
        Example(
            "the only one is past its date",
            _FOUND,
            replace(_FACTS, points=(_OLD,)),
            _NOW,
            Skip(Reason.NOT_LEFT_OVER, "none is past its date beside a newer whole one"),
        ),
        Example(
            "the newer one failed",
            _FOUND,
            replace(_FACTS, points=(_OLD, replace(_NEW, is_good=False, has_failed=True))),
            _NOW,
            Skip(Reason.NOT_LEFT_OVER, "none is past its date beside a newer whole one"),
        ),
    ),
)
