"""Save a disk by an incremental snapshot: daily, weekly, monthly, each kept in a number.

The tag ``nightshift-snapshots`` of the disk, or of its machine, says how often at most; a
rule's settings say how many are kept. One snapshot a day at most: the first of a month
counts for the month, the first of a week for the week. Nothing is removed here: the date
until when it is wanted is written on it, and ``remove_leftover`` goes by that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import DiskSnapshots, FactsKind, Resource
from shared.core.leftovers import tag
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import DISK
from shared.core.signals import Signal, SignalType
from shared.core.snapshots import (
    OFF,
    TAG_SCHEDULE,
    Snapshot,
    Span,
    disk_key,
    due,
    next_due,
    scheduled_name,
    unreadable,
    wanted,
)
from shared.core.steps import Step, Verb
from shared.core.wire import write_moment

_CLOSED = frozenset({"readytoupload", "activeupload", "activesas", "activesasfrozen"})
"""States in which a disk is being written or read from outside."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        daily: How many days one snapshot of each day is kept; 0 for none.
        weekly: How many weeks the first of each week is kept.
        monthly: How many months the first of each month is kept.
    """

    daily: int = 7
    weekly: int = 4
    monthly: int = 12

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
    signal: Signal, facts: DiskSnapshots, settings: Settings, now: datetime
) -> Decision:
    """Take the snapshot that is due; wait until one is."""
    said = tag(facts.resource.tags, TAG_SCHEDULE).casefold()
    if said == OFF:
        return Skip(Reason.NOTHING_DECLARED, f"its tag {TAG_SCHEDULE} is {OFF}")
    if wrong := unreadable(TAG_SCHEDULE, said):
        return Skip(Reason.BAD_DECLARATION, wrong)
    if facts.state.casefold() in _CLOSED:
        return Skip(Reason.BUSY, f"its state is {facts.state}")
    keep = wanted(settings.keep, said)
    if not any(keep.values()):
        return Skip(Reason.NOTHING_DECLARED, f"the rule keeps none that is {said}")
    found = due(facts.saved, keep, now)
    if found is None:
        return Hold(Reason.TOO_SOON, next_due(keep, now), "saved already")
    span, expires = found
    args = {
        "location": facts.resource.location,
        "expires": write_moment(expires.replace(microsecond=0)),
        "name": scheduled_name(signal.target, now),
        "span": span.value,
    }
    return Act((Step(Verb.SNAPSHOT, signal.target, args),))


def recheck(
    plan: Plan, facts: DiskSnapshots, settings: Settings, now: datetime
) -> Reason | None:
    """Go on: a snapshot takes nothing away, and one that is there is found by its name."""
    return None


_NOW = datetime(2030, 1, 10, 2, tzinfo=UTC)
_GROUP = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers"
_DISK = f"{_GROUP}/Microsoft.Compute/disks/data"
_DUE = Signal(
    type=SignalType.DISK_SNAPSHOT_DUE,
    event_id="survey-snapshot_schedule-20300110T0200-snapshot_due",
    source="survey",
    target=_DISK,
    observed_at=_NOW,
    attributes={"finding": "snapshot_due"},
    is_recurring=True,
)
_BARE = DiskSnapshots(
    Resource(_DISK, DISK, "data", "westeurope", {TAG_SCHEDULE: "daily"}), "Attached"
)


def _taken(days: int) -> Snapshot:
    at = _NOW - timedelta(days=days)
    name = f"{_GROUP}/Microsoft.Compute/snapshots/{scheduled_name(_DISK, at)}"
    until = at + timedelta(days=90)
    return Snapshot(name, disk_key(_DISK), _DISK, "westeurope", at, True, until)


def _saving(span: Span, expires: str) -> Act:
    args = {
        "location": "westeurope",
        "expires": expires,
        "name": scheduled_name(_DISK, _NOW),
        "span": span.value,
    }
    return Act((Step(Verb.SNAPSHOT, _DISK, args),))


_MONDAY = replace(_BARE, saved=(_taken(9), _taken(3)))

REMEDIATION = Remediation(
    name="snapshot_disk",
    summary="Save a disk daily, weekly, monthly, and write on it how long that is kept.",
    answers=frozenset({SignalType.DISK_SNAPSHOT_DUE, SignalType.RUNBOOK}),
    facts=FactsKind.SNAPSHOTS,
    settings=Settings,
    verbs=frozenset({Verb.SNAPSHOT}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "never saved: the month's",
            _DUE,
            _BARE,
            _NOW,
            _saving(Span.MONTHLY, "2031-01-17T02:00:00.000000Z"),
        ),
        Example(
            "saved on the first and on Monday: the day's",
            _DUE,
            _MONDAY,
            _NOW,
            _saving(Span.DAILY, "2030-01-17T02:00:00.000000Z"),
        ),
        Example(
            "saved this morning: until midnight nothing",
            _DUE,
            replace(_MONDAY, saved=(*_MONDAY.saved, _taken(0))),
            _NOW,
            Hold(Reason.TOO_SOON, datetime(2030, 1, 11, tzinfo=UTC), "saved already"),
        ),
        Example(
            "its tag wants weekly ones, and there is this week's",
            _DUE,
            replace(_MONDAY, resource=replace(_BARE.resource, tags={TAG_SCHEDULE: "Weekly"})),
            _NOW,
            Hold(Reason.TOO_SOON, datetime(2030, 1, 14, tzinfo=UTC), "saved already"),
        ),
        Example(
            "a tag that nobody can read",
            _DUE,
            replace(_BARE, resource=replace(_BARE.resource, tags={TAG_SCHEDULE: "sometimes"})),
            _NOW,
            Skip(
                Reason.BAD_DECLARATION,
                "its tag nightshift-snapshots is 'sometimes'; use monthly, weekly, daily, off",
            ),
        ),
    ),
)
