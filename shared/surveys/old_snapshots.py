"""Snapshots past their date, or of a disk that is gone, where a newer one is whole.

Whoever made a snapshot by hand said of no date until when he wants it: it is named only
when its disk is gone. The newest good one of a disk is never named, whatever its date.

Source: https://learn.microsoft.com/azure/virtual-machines/disks-incremental-snapshots
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.facts import FactsKind, LeftoverFacts
from shared.core.leftover_surveys import USED_AGAIN
from shared.core.leftovers import told, why_removable
from shared.core.old_snapshots import place, snapshot_leftover
from shared.core.resource_ids import DISK, ResourceId
from shared.core.signals import SignalType
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

GUIDANCE = "https://learn.microsoft.com/azure/virtual-machines/disks-incremental-snapshots"
_COMPUTE = "/subscriptions/{subscription}/providers/Microsoft.Compute"


@dataclass(frozen=True, slots=True)
class Held:
    """A snapshot, and its document without what nobody asks."""

    snapshot: Snapshot
    document: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Full ARM id."""
        return self.snapshot.id


def keep_disk(document: Mapping[str, Any]) -> Kept:
    """Keep that there is such a disk."""
    return Kept(kept(document).id)


def keep_snapshot(document: Mapping[str, Any]) -> Held:
    """Keep what a snapshot is judged by."""
    said = document.get("properties") or {}
    short = {key: document.get(key) for key in ("id", "location", "tags")}
    wanted = ("timeCreated", "provisioningState", "completionPercent", "creationData")
    properties = {key: said[key] for key in wanted if key in said}
    return Held(read_snapshot(document), {**short, "properties": properties})


def look(seen: Seen, now: datetime) -> Iterable[Finding]:
    """Name what may go, and what is marked and may not go any more."""
    disks = {disk_key(one.id) for one in seen.items["disks"]}
    by_place: dict[tuple[str, str, str], list[Held]] = {}
    for held in seen.items["snapshots"]:
        by_place.setdefault(place(held.snapshot), []).append(held)
    for together in by_place.values():
        others = [one.snapshot for one in together]
        for held in together:
            gone = _is_gone(held.snapshot, disks, seen.subscription)
            facts = snapshot_leftover(held.document, others, is_disk_gone=gone)
            if why_removable(facts, now):
                yield _found(facts, "old_snapshot", now)
            elif facts.remove_after:
                yield _found(facts, USED_AGAIN, now)


def _is_gone(one: Snapshot, disks: set[str], subscription: str) -> bool:
    """Tell whether its disk is gone: known only of a disk of this subscription."""
    try:
        source = ResourceId.parse(one.source)
    except ValueError:
        return False
    is_here = source.subscription.casefold() == subscription.casefold()
    return source.type == DISK and is_here and disk_key(source.text) not in disks


def _found(facts: LeftoverFacts, name: str, now: datetime) -> Finding:
    return Finding(
        target=facts.id,
        name=name,
        severity=Severity.INFORMATIONAL,
        evidence=told(facts, now),
        guidance=GUIDANCE,
        fixed_by="remove_leftover",
        facts=facts,
    )


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_LAB = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/lab/providers/Microsoft.Compute"


def _seen(*taken: str, expires: str = "", disk: str = "data") -> Seen:
    tags = {"nightshift-expires": expires} if expires else {}
    documents = [
        {
            "id": f"{_LAB}/snapshots/{day}",
            "location": "eu",
            "tags": tags,
            "properties": {
                "timeCreated": day,
                "provisioningState": "Succeeded",
                "creationData": {"sourceResourceId": f"{_LAB}/disks/data"},
            },
        }
        for day in taken
    ]
    disks = [keep_disk({"id": f"{_LAB}/disks/{disk}"})]
    items: dict[str, list[Any]] = {
        "disks": disks,
        "snapshots": [keep_snapshot(one) for one in documents],
    }
    return Seen(_SUBSCRIPTION, items)


_TWO = ("2030-01-01", "2030-01-02")

SURVEY = Survey(
    name="old_snapshots",
    summary="Snapshots past their date or without their disk, where a newer one is whole.",
    says=SignalType.RESOURCE_LEFT_OVER,
    every=timedelta(hours=6),
    reads={
        "disks": Listing(path=f"{_COMPUTE}/disks", api_version="2024-03-02", keep=keep_disk),
        "snapshots": Listing(
            path=f"{_COMPUTE}/snapshots", api_version="2024-03-02", keep=keep_snapshot
        ),
    },
    actions=("Microsoft.Compute/disks/read", "Microsoft.Compute/snapshots/read"),
    look=look,
    facts=FactsKind.LEFTOVER,
    examples=(
        SurveyExample(
            "two past their date: the newest stays",
            _seen(*_TWO, expires="2030-01-05"),
            _NOW,
            ("old_snapshot",),
        ),
        SurveyExample(
            "taken by hand, of a disk that is gone",
            _seen(*_TWO, disk="x"),
            _NOW,
            ("old_snapshot",),
        ),
        SurveyExample("taken by hand, of a disk that is there", _seen(*_TWO), _NOW, ()),
        SurveyExample("wanted until spring", _seen(*_TWO, expires="2030-04-01"), _NOW, ()),
        SurveyExample(
            "past its date, and the only one",
            _seen(_TWO[0], expires="2030-01-05"),
            _NOW,
            (),
        ),
    ),
)
