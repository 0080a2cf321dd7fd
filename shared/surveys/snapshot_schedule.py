"""Managed disks of which no snapshot of ours was taken today.

Every disk is named, tagged or not: which are saved is a rule's word, by the tag
``nightshift-snapshots`` (``signal.schedule``) or by any other (``signal.tags``). A disk has
its machine's tags under its own.

Source: https://learn.microsoft.com/azure/virtual-machines/disks-incremental-snapshots
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.facts import DiskSnapshots, FactsKind
from shared.core.leftovers import tag
from shared.core.resources import resource_from_arm
from shared.core.signals import SignalType
from shared.core.snapshots import (
    TAG_SCHEDULE,
    Snapshot,
    Span,
    began,
    disk_key,
    read_snapshot,
    youngest,
)
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

GUIDANCE = "https://learn.microsoft.com/azure/virtual-machines/disks-incremental-snapshots"
_COMPUTE = "/subscriptions/{subscription}/providers/Microsoft.Compute"


def keep_disk(document: Mapping[str, Any]) -> Kept:
    """Keep what a disk says of itself, and who has it."""
    found = kept(document)
    state = str((document.get("properties") or {}).get("diskState") or "")
    return kept(
        document,
        facts=DiskSnapshots(resource_from_arm(document, found.id), state),
        machine=str(document.get("managedBy") or "").casefold(),
    )


def keep_machine(document: Mapping[str, Any]) -> Kept | None:
    """Keep machines that carry any tag."""
    found = kept(document)
    return found if found.tags else None


def keep_ours(document: Mapping[str, Any]) -> Snapshot | None:
    """Keep the snapshots of disks; a copy of one is no other."""
    found = read_snapshot(document)
    return found if found.of and not found.is_copy else None


def look(seen: Seen, now: datetime) -> Iterable[Finding]:
    """Name each disk that was not saved today."""
    above = {one.id.casefold(): one.tags for one in seen.items["machines"]}
    saved: dict[tuple[str, str], list[Snapshot]] = {}
    for one in seen.items["snapshots"]:
        saved.setdefault(_place(one.id, one.of), []).append(one)
    for disk in seen.items["disks"]:
        mine = saved.get(_place(disk.id, disk_key(disk.id)), [])
        ours = youngest(one for one in mine if one.is_ours)
        if ours is None or ours < began(Span.DAILY, now):
            yield _found(disk, above.get(disk.more["machine"], {}), mine, now)


def _place(resource: str, key: str) -> tuple[str, str]:
    return resource.casefold().partition("/providers/")[0], key


def _found(
    disk: Kept, above: Mapping[str, str], mine: list[Snapshot], now: datetime
) -> Finding:
    bare: DiskSnapshots = disk.more["facts"]
    tags = {**above, **disk.tags}
    newest = youngest(mine)
    days = None if newest is None else round((now - newest) / timedelta(days=1), 1)
    said = "no snapshot of it is whole" if days is None else f"last saved {days} days ago"
    return Finding(
        target=disk.id,
        name="snapshot_due",
        severity=Severity.INFORMATIONAL,
        evidence=said,
        guidance=GUIDANCE,
        fixed_by="snapshot_disk",
        attributes={
            "schedule": tag(tags, TAG_SCHEDULE).casefold(),
            "tags": dict(tags),
            "days": days,
            "state": bare.state,
        },
        facts=replace(bare, resource=replace(bare.resource, tags=tags), saved=tuple(mine)),
    )


_NOW = datetime(2030, 1, 10, 2, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_LAB = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/lab/providers/Microsoft.Compute"


def _seen(taken: str) -> Seen:
    disk = {"id": f"{_LAB}/disks/data", "location": "eu", "tags": {TAG_SCHEDULE: "daily"}}
    snapshot = {
        "id": f"{_LAB}/snapshots/s",
        "location": "eu",
        "tags": {"nightshift-expires": "2030-02-01T00:00:00Z"},
        "properties": {
            "timeCreated": taken,
            "provisioningState": "Succeeded",
            "creationData": {"sourceResourceId": f"{_LAB}/disks/DATA"},
        },
    }
    items: dict[str, list[Any]] = {
        "machines": [],
        "disks": [keep_disk(disk)],
        "snapshots": [keep_ours(snapshot)],
    }
    return Seen(_SUBSCRIPTION, items)


SURVEY = Survey(
    name="snapshot_schedule",
    summary="Managed disks that were not saved by a snapshot today.",
    says=SignalType.DISK_SNAPSHOT_DUE,
    every=timedelta(hours=1),
    reads={
        "machines": Listing(
            path=f"{_COMPUTE}/virtualMachines", api_version="2024-07-01", keep=keep_machine
        ),
        "disks": Listing(path=f"{_COMPUTE}/disks", api_version="2024-03-02", keep=keep_disk),
        "snapshots": Listing(
            path=f"{_COMPUTE}/snapshots", api_version="2024-03-02", keep=keep_ours
        ),
    },
    actions=(
        "Microsoft.Compute/virtualMachines/read",
        "Microsoft.Compute/disks/read",
        "Microsoft.Compute/snapshots/read",
    ),
    look=look,
    facts=FactsKind.SNAPSHOTS,
    examples=(
        SurveyExample(
            "saved yesterday", _seen("2030-01-09T02:00:00Z"), _NOW, ("snapshot_due",)
        ),
        SurveyExample("saved today", _seen("2030-01-10T01:00:00Z"), _NOW, ()),
    ),
)
