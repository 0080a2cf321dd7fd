"""Copy a snapshot to another region, if its data may lie there.

The region is the rule's, or the tag ``nightshift-copy-to`` of the disk. It must be among the
rule's ``allowed`` regions and in the disk's tag ``nightshift-regions``, whichever there is;
if there is neither, or one leaves it out, nothing is copied and the reason says why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.facts import FactsKind, Resource, SnapshotCopies
from shared.core.leftovers import tag
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import SNAPSHOT
from shared.core.signals import Signal, SignalType
from shared.core.snapshot_copies import TAG_COPY_TO, TAG_REGIONS, not_allowed, region
from shared.core.snapshots import Snapshot
from shared.core.steps import Step, Verb


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        to: Region to copy to; empty for the one that the disk's tag names.
        allowed: Regions that data may be copied to; empty leaves it to the disk's tag alone.
    """

    to: str = ""
    allowed: tuple[str, ...] = ()


def decide(
    signal: Signal, facts: SnapshotCopies, settings: Settings, now: datetime
) -> Decision:
    """Copy a whole snapshot to where it may lie and has no copy yet."""
    to = region(settings.to or tag(facts.resource.tags, TAG_COPY_TO))
    if not to:
        return Skip(Reason.NOTHING_DECLARED, f"no rule and no tag {TAG_COPY_TO} says where to")
    if why := not_allowed(to, settings.allowed, facts.resource.tags):
        return Skip(Reason.REGION_NOT_ALLOWED, why)
    if to == region(facts.resource.location):
        return Skip(Reason.SET_ALREADY, f"it lies in {to} itself")
    if not facts.snapshot.is_good or not facts.is_incremental:
        return Skip(Reason.NOT_SAVED, "it is not whole, or not incremental")
    if any(region(copy.location) == to and not copy.has_failed for copy in facts.copies):
        return Skip(Reason.SET_ALREADY, f"there is a copy in {to}")
    return Act((Step(Verb.SNAPSHOT_COPY, signal.target, {"region": to}),))


def recheck(
    plan: Plan, facts: SnapshotCopies, settings: Settings, now: datetime
) -> Reason | None:
    """Stop when the region is allowed no more."""
    to = str(plan.steps[0].step.args["region"])
    is_forbidden = not_allowed(to, settings.allowed, facts.resource.tags)
    return Reason.REGION_NOT_ALLOWED if is_forbidden else None


_NOW = datetime(2030, 1, 10, 2, tzinfo=UTC)
_GROUP = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers"
_ID = f"{_GROUP}/Microsoft.Compute/snapshots/nightshift-0123456789abcdef-20300110"
_FOUND = Signal(
    type=SignalType.DISK_SNAPSHOT_NOT_COPIED,
    event_id="survey-snapshot_copies-20300110T0200-snapshot_not_copied",
    source="survey",
    target=_ID,
    observed_at=_NOW,
    attributes={"finding": "snapshot_not_copied"},
    is_recurring=True,
)
_SNAPSHOT = Snapshot(
    id=_ID,
    of="0123456789abcdef",
    source=f"{_GROUP}/Microsoft.Compute/disks/data",
    location="westeurope",
    taken_at=_NOW,
    is_good=True,
    expires_on=datetime(2030, 2, 1, tzinfo=UTC),
)
_FACTS = SnapshotCopies(
    Resource(_ID, SNAPSHOT, "x", "westeurope", {TAG_COPY_TO: "North Europe"}),
    _SNAPSHOT,
    is_incremental=True,
)
_EUROPE = Settings(allowed=("westeurope", "northeurope"))
_COPY = replace(_SNAPSHOT, id=f"{_ID}-northeurope", source=_ID, location="northeurope")

REMEDIATION = Remediation(
    name="copy_snapshot",
    summary="Copy a snapshot to another region, if its data may lie there.",
    answers=frozenset({SignalType.DISK_SNAPSHOT_NOT_COPIED, SignalType.RUNBOOK}),
    facts=FactsKind.SNAPSHOT_COPIES,
    settings=Settings,
    verbs=frozenset({Verb.SNAPSHOT_COPY}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "its disk wants a copy where the rule allows one",
            _FOUND,
            _FACTS,
            _NOW,
            Act((Step(Verb.SNAPSHOT_COPY, _ID, {"region": "northeurope"}),)),
            _EUROPE,
        ),
        Example(
            "its disk wants a copy where the rule allows none",
            _FOUND,
            replace(_FACTS, resource=replace(_FACTS.resource, tags={TAG_COPY_TO: "eastus"})),
            _NOW,
            Skip(
                Reason.REGION_NOT_ALLOWED,
                "eastus is none of the rule's regions (northeurope, westeurope)",
            ),
            _EUROPE,
        ),
        Example(
            "the disk's own tag keeps it at home",
            _FOUND,
            replace(
                _FACTS,
                resource=replace(
                    _FACTS.resource, tags={TAG_REGIONS: "westeurope, francecentral"}
                ),
            ),
            _NOW,
            Skip(
                Reason.REGION_NOT_ALLOWED,
                "northeurope is not in its tag nightshift-regions: westeurope, francecentral",
            ),
            replace(_EUROPE, to="northeurope"),
        ),
        Example(
            "nobody said where its data may lie",
            _FOUND,
            _FACTS,
            _NOW,
            Skip(
                Reason.REGION_NOT_ALLOWED,
                "northeurope: neither the rule nor a tag nightshift-regions allows any region",
            ),
        ),
        Example(
            "there is a copy",
            _FOUND,
            replace(_FACTS, copies=(_COPY,)),
            _NOW,
            Skip(Reason.SET_ALREADY, "there is a copy in northeurope"),
            _EUROPE,
        ),
    ),
)
