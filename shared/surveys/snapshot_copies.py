"""Newest snapshots of ours that have no copy in another region.

One finding a disk: its newest whole snapshot, with the regions that it has copies in. By
the disk's tag ``nightshift-copy-to`` (``signal.copy_to``) or by any other a rule says which
are copied.

Source: https://learn.microsoft.com/azure/virtual-machines/disks-copy-incremental-snapshot-across-regions
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.leftovers import tag
from shared.core.signals import SignalType
from shared.core.snapshot_copies import TAG_COPY_TO, region
from shared.core.snapshots import Snapshot, disk_key, read_snapshot
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
    "https://learn.microsoft.com/azure/virtual-machines/"
    "disks-copy-incremental-snapshot-across-regions"
)
_COMPUTE = "/subscriptions/{subscription}/providers/Microsoft.Compute"


def keep_disk(document: Mapping[str, Any]) -> Kept | None:
    """Keep disks that carry any tag."""
    found = kept(document)
    return found if found.tags else None


def keep_ours(document: Mapping[str, Any]) -> Snapshot | None:
    """Keep what we made, and copies of it."""
    found = read_snapshot(document)
    return found if found.of and found.is_ours else None


def look(seen: Seen, _now: datetime) -> Iterable[Finding]:
    """Name each disk's newest snapshot that lacks the copy that is wanted."""
    tags = {disk_key(one.id): one.tags for one in seen.items["disks"]}
    copies: dict[str, set[str]] = {}
    newest: dict[str, Snapshot] = {}
    for one in seen.items["snapshots"]:
        if one.is_copy and not one.has_failed:
            copies.setdefault(one.source.casefold(), set()).add(region(one.location))
        elif one.is_good and one.taken_at is not None:
            before = newest.get(one.of)
            if before is None or before.taken_at is None or before.taken_at < one.taken_at:
                newest[one.of] = one
    for one in newest.values():
        own = tags.get(one.of, {})
        wanted = region(tag(own, TAG_COPY_TO))
        there = copies.get(one.id.casefold(), set())
        if wanted not in there if wanted else not there:
            yield _found(one, own, wanted, sorted(there))


def _found(one: Snapshot, tags: Mapping[str, str], wanted: str, there: list[str]) -> Finding:
    return Finding(
        target=one.id,
        name="snapshot_not_copied",
        severity=Severity.INFORMATIONAL,
        evidence=f"in {one.location}; copies in {', '.join(there) or 'no region'}",
        guidance=GUIDANCE,
        fixed_by="copy_snapshot",
        attributes={"copy_to": wanted, "copied_to": there, "tags": dict(tags)},
    )


_NOW = datetime(2030, 1, 10, 2, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_LAB = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/lab/providers/Microsoft.Compute"


def _snapshot(name: str, source: str, where: str) -> dict[str, Any]:
    tags = {
        "nightshift-expires": "2030-02-01",
        "nightshift-of": disk_key(f"{_LAB}/disks/data"),
    }
    return {
        "id": f"{_LAB}/snapshots/{name}",
        "location": where,
        "tags": tags,
        "properties": {
            "timeCreated": "2030-01-10T01:00:00Z",
            "provisioningState": "Succeeded",
            "creationData": {"sourceResourceId": f"{_LAB}/{source}"},
        },
    }


def _seen(*snapshots: dict[str, Any]) -> Seen:
    disk = {"id": f"{_LAB}/disks/data", "tags": {TAG_COPY_TO: "northeurope"}}
    items: dict[str, list[Any]] = {
        "disks": [keep_disk(disk)],
        "snapshots": [keep_ours(one) for one in snapshots],
    }
    return Seen(_SUBSCRIPTION, items)


_FIRST = _snapshot("s", "disks/data", "westeurope")

SURVEY = Survey(
    name="snapshot_copies",
    summary="Newest snapshots of ours without a copy in another region.",
    says=SignalType.DISK_SNAPSHOT_NOT_COPIED,
    every=timedelta(hours=1),
    reads={
        "disks": Listing(path=f"{_COMPUTE}/disks", api_version="2024-03-02", keep=keep_disk),
        "snapshots": Listing(
            path=f"{_COMPUTE}/snapshots", api_version="2024-03-02", keep=keep_ours
        ),
    },
    actions=("Microsoft.Compute/disks/read", "Microsoft.Compute/snapshots/read"),
    look=look,
    examples=(
        SurveyExample("no copy", _seen(_FIRST), _NOW, ("snapshot_not_copied",)),
        SurveyExample(
            "a copy where its disk wants one",
            _seen(_FIRST, _snapshot("c", "snapshots/S", "North Europe")),
            _NOW,
            (),
        ),
        SurveyExample(
            "a copy elsewhere",
            _seen(_FIRST, _snapshot("c", "snapshots/s", "francecentral")),
            _NOW,
            ("snapshot_not_copied",),
        ),
    ),
)
