"""Save a machine by a restore point: all its disks at one moment.

For machines whose data is spread over several disks, where snapshots one after another do
not fit together. The tag ``nightshift-restore-points`` of the machine says how often at
most; a rule's settings say how many are kept. What is past its date goes by
``expire_restore_points``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import FactsKind, MachinePoints, Resource
from shared.core.leftovers import tag
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import VM
from shared.core.restore_points import TAG_POINTS, RestorePoint, collection_id, point_name
from shared.core.signals import Signal, SignalType
from shared.core.snapshots import OFF, Span, due, next_due, unreadable, wanted
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        daily: How many days one restore point of each day is kept; 0 for none.
        weekly: How many weeks the first of each week is kept.
        monthly: How many months the first of each month is kept.
    """

    daily: int = 7
    weekly: int = 4
    monthly: int = 3

    def __post_init__(self) -> None:
        """Refuse numbers that keep nothing."""
        if min(self.daily, self.weekly, self.monthly) < 0 or not any(self.keep.values()):
            raise ValueError("daily, weekly, monthly: write 0 or more, and one above 0")

    @property
    def keep(self) -> Mapping[Span, int]:
        """How many of each span are kept."""
        return {
            Span.DAILY: self.daily,
            Span.WEEKLY: self.weekly,
            Span.MONTHLY: self.monthly,
        }


def decide(
    signal: Signal, facts: MachinePoints, settings: Settings, now: datetime
) -> Decision:
    """Make the restore point that is due; wait until one is."""
    if facts.disks is None:
        return Skip(Reason.NO_DISKS, "it is no machine, but a collection of restore points")
    if not facts.disks:
        return Skip(Reason.NO_DISKS, "it has no managed disk that could be saved")
    said = tag(facts.resource.tags, TAG_POINTS).casefold()
    if said == OFF:
        return Skip(Reason.NOTHING_DECLARED, f"its tag {TAG_POINTS} is {OFF}")
    if wrong := unreadable(TAG_POINTS, said):
        return Skip(Reason.BAD_DECLARATION, wrong)
    keep = wanted(settings.keep, said)
    if not any(keep.values()):
        return Skip(Reason.NOTHING_DECLARED, f"the rule keeps none that is {said}")
    found = due(facts.points, keep, now)
    if found is None:
        return Hold(Reason.TOO_SOON, next_due(keep, now), "saved already")
    span, until = found
    args = {
        "location": facts.resource.location,
        "name": point_name(now, until),
        "span": span.value,
    }
    return Act((Step(Verb.RESTORE_POINT, signal.target, args),))


def recheck(
    plan: Plan, facts: MachinePoints, settings: Settings, now: datetime
) -> Reason | None:
    """Go on: it takes nothing away, and one that is there is found by its name."""
    return None


_NOW = datetime(2030, 1, 10, 2, tzinfo=UTC)
_VM = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.Compute/virtualMachines/db-1"
)
_DUE = Signal(
    type=SignalType.VM_RESTORE_POINTS_FOUND,
    event_id="survey-restore_points-20300110T0200-restore_point_due",
    source="survey",
    target=_VM,
    observed_at=_NOW,
    attributes={"finding": "restore_point_due"},
    is_recurring=True,
)
_BARE = MachinePoints(Resource(_VM, VM, "db-1", "westeurope", {TAG_POINTS: "daily"}), 3)


def _taken(days: int) -> RestorePoint:
    at = _NOW - timedelta(days=days)
    name = point_name(at, at + timedelta(days=90))
    whole = f"{collection_id(_VM)}/restorePoints/{name}"
    return RestorePoint(whole, at, is_good=True, expires_on=at + timedelta(days=90))


def _saving(span: Span, name: str) -> Act:
    args = {"location": "westeurope", "name": name, "span": span.value}
    return Act((Step(Verb.RESTORE_POINT, _VM, args),))


REMEDIATION = Remediation(
    name="save_machine",
    summary="Save all disks of a VM at one moment, daily, weekly, monthly.",
    answers=frozenset({SignalType.VM_RESTORE_POINTS_FOUND, SignalType.RUNBOOK}),
    facts=FactsKind.RESTORE_POINTS,
    settings=Settings,
    verbs=frozenset({Verb.RESTORE_POINT}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "never saved: the month's",
            _DUE,
            _BARE,
            _NOW,
            _saving(Span.MONTHLY, "nightshift-20300110-until-20300413"),
        ),
        Example(
            "saved on the first and on Monday: the day's",
            _DUE,
            replace(_BARE, points=(_taken(9), _taken(3))),
            _NOW,
            _saving(Span.DAILY, "nightshift-20300110-until-20300117"),
        ),
        Example(
            "saved this morning: until midnight nothing",
            _DUE,
            replace(_BARE, points=(_taken(9), _taken(3), _taken(0))),
            _NOW,
            Hold(Reason.TOO_SOON, datetime(2030, 1, 11, tzinfo=UTC), "saved already"),
        ),
        Example(
            "a machine without a managed disk",
            _DUE,
            replace(_BARE, disks=0),
            _NOW,
            Skip(Reason.NO_DISKS, "it has no managed disk that could be saved"),
        ),
    ),
)
