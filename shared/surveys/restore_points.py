"""Machines to be saved by restore points today, and restore points past their date.

Every machine with several managed disks is named, and every one that is tagged; which are
saved is a rule's word. Collections are read with their points, ours alone; a collection that
cannot be read makes its machine look unsaved here, and ``save_machine`` reads it itself.

Source: https://learn.microsoft.com/azure/virtual-machines/virtual-machines-create-restore-points
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.leftovers import tag
from shared.core.restore_points import (
    TAG_POINTS,
    RestorePoint,
    collection_id,
    expired,
    points_in,
)
from shared.core.signals import SignalType
from shared.core.snapshots import TAG_OF, Span, began, youngest
from shared.core.surveys import (
    Finding,
    Kept,
    Listing,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

GUIDANCE = (
    "https://learn.microsoft.com/azure/virtual-machines/virtual-machines-create-restore-points"
)
_COMPUTE = "/subscriptions/{subscription}/providers/Microsoft.Compute"
_API = "2024-07-01"


@dataclass(frozen=True, slots=True)
class Held:
    """A collection and what is in it."""

    id: str
    points: tuple[RestorePoint, ...]


def keep_machine(document: Mapping[str, Any]) -> Kept | None:
    """Keep machines with several managed disks, and those that are tagged."""
    found = kept(document)
    storage = (document.get("properties") or {}).get("storageProfile") or {}
    every = [storage.get("osDisk") or {}, *(storage.get("dataDisks") or ())]
    disks = sum(1 for disk in every if (disk.get("managedDisk") or {}).get("id"))
    schedule = tag(found.tags, TAG_POINTS).casefold()
    if disks <= 1 and not schedule:
        return None
    return kept(document, disks=disks, schedule=schedule)


def keep_collection(document: Mapping[str, Any]) -> Kept | None:
    """Keep the collections that we made."""
    found = kept(document)
    return Kept(found.id) if tag(found.tags, TAG_OF) else None


def keep_points(document: Mapping[str, Any]) -> Held:
    """Keep the points of a collection."""
    return Held(kept(document).id, points_in(document))


def look(seen: Seen, now: datetime) -> Iterable[Finding]:
    """Name machines that were not saved today, and collections with old points."""
    held = {one.id.casefold(): one.points for one in seen.items["points"]}
    for machine in seen.items["machines"]:
        points = held.get(collection_id(machine.id).casefold(), ())
        newest = youngest(one for one in points if one.is_ours)
        if newest is None or newest < began(Span.DAILY, now):
            yield _due(machine, newest, now)
    for collection in seen.items["points"]:
        past = expired(collection.points, now)
        if past:
            words = f"{len(past)} of {len(collection.points)} are past their date"
            yield _found(
                collection.id, "restore_points_expired", words, "expire_restore_points"
            )


def _due(machine: Kept, newest: datetime | None, now: datetime) -> Finding:
    days = None if newest is None else round((now - newest) / timedelta(days=1), 1)
    disks = machine.more["disks"]
    said = "never saved at one moment" if days is None else f"last saved {days} days ago"
    more = {
        "schedule": machine.more["schedule"],
        "tags": dict(machine.tags),
        "days": days,
        "disks": disks,
    }
    words = f"{disks} disks, {said}"
    return _found(machine.id, "restore_point_due", words, "save_machine", more)


def _found(
    target: str, name: str, evidence: str, fixed_by: str, more: Mapping[str, Any] | None = None
) -> Finding:
    return Finding(
        target=target,
        name=name,
        severity=Severity.INFORMATIONAL,
        evidence=evidence,
        guidance=GUIDANCE,
        fixed_by=fixed_by,
        attributes={"schedule": "", **(more or {})},
    )


_NOW = datetime(2030, 1, 10, 2, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_VM = (
    f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/lab/providers/Microsoft.Compute/"
    "virtualMachines/db-1"
)


def _seen(*points: tuple[str, str]) -> Seen:
    collection = collection_id(_VM)
    machine = {"id": _VM, "location": "eu", "tags": {TAG_POINTS: "daily"}}
    listed = [
        {
            "id": f"{collection}/restorePoints/nightshift-{day}-until-{until}",
            "properties": {
                "timeCreated": f"{day[:4]}-{day[4:6]}-{day[6:]}T01:00:00Z",
                "provisioningState": "Succeeded",
            },
        }
        for day, until in points
    ]
    items: dict[str, list[Any]] = {
        "machines": [keep_machine(machine)],
        "points": [keep_points({"id": collection, "properties": {"restorePoints": listed}})],
    }
    return Seen(_SUBSCRIPTION, items)


SURVEY = Survey(
    name="restore_points",
    summary="Machines not saved by a restore point today, and restore points past their date.",
    says=SignalType.VM_RESTORE_POINTS_FOUND,
    every=timedelta(hours=1),
    reads={
        "machines": Listing(
            path=f"{_COMPUTE}/virtualMachines", api_version=_API, keep=keep_machine
        ),
        "collections": Listing(
            path=f"{_COMPUTE}/restorePointCollections", api_version=_API, keep=keep_collection
        ),
        "points": Listing(
            path="{id}",
            api_version=_API,
            keep=keep_points,
            query={"$expand": "restorePoints"},
            of="collections",
            is_one=True,
        ),
    },
    actions=(
        "Microsoft.Compute/virtualMachines/read",
        "Microsoft.Compute/restorePointCollections/read",
        "Microsoft.Compute/restorePointCollections/restorePoints/read",
    ),
    look=look,
    examples=(
        SurveyExample(
            "saved yesterday", _seen(("20300109", "20300116")), _NOW, ("restore_point_due",)
        ),
        SurveyExample("saved today", _seen(("20300110", "20300117")), _NOW, ()),
        SurveyExample(
            "an old one beside today's",
            _seen(("20300101", "20300108"), ("20300110", "20300117")),
            _NOW,
            ("restore_points_expired",),
        ),
    ),
)
