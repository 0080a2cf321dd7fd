"""Managed disks that belong to no machine: paid for, and used by nobody.

A disk's own state says it: ``Unattached``. One that a stopped machine holds is
``Reserved`` and is left alone; so is one that is being uploaded, exported or moved.

Source: https://learn.microsoft.com/azure/virtual-machines/windows/find-unattached-disks
"""

from __future__ import annotations

from shared.core.leftover_surveys import leftover_survey

from shared.core.moments import read_moment
from shared.core.signals import SignalType
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

GUIDANCE = "https://learn.microsoft.com/azure/virtual-machines/windows/find-unattached-disks"


def keep(document: Mapping[str, Any]) -> Kept:
    """Keep a disk's state, size and since when it has nobody."""
    said = document["properties"]
    since = said.get("LastOwnershipUpdateTime") or said.get("timeCreated")
    return kept(
        document,
        state=str(said.get("diskState") or ""),
        size_gb=int(said.get("diskSizeGB") or 0),
        since=read_moment(str(since or "")),
    )


def look(seen: Seen, now: datetime) -> Iterable[Finding]:
    """Name every disk without an owner, with its age and size."""
    for disk in seen.items["disks"]:
        if disk.more["state"] != "Unattached":
            continue
        since = disk.more["since"]
        age = (now - since) / timedelta(days=1) if since else None
        told = f"for {age:.0f} days" if age is not None else "nobody knows since when"
        yield Finding(
            target=disk.id,
            name="unattached_disk",
            severity=Severity.WARNING,
            evidence=f"{disk.more['size_gb']} GB, attached to nothing {told}",
            guidance=GUIDANCE,
            attributes={"size_gb": disk.more["size_gb"], "days": age, "tags": dict(disk.tags)},
        )


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_GROUP = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers"
_DISK = f"{_GROUP}/Microsoft.Compute/disks/left-over"


def _disk(state: str) -> Mapping[str, Any]:
    return {
        "id": _DISK,
        "location": "westeurope",
        "properties": {
            "diskState": state,
            "diskSizeGB": 512,
            "LastOwnershipUpdateTime": "2030-01-01T00:00:00Z",
        },
    }


def _seen(state: str) -> Seen:
    return Seen("5f0ac1d2-0000-4000-8000-000000000001", {"disks": [keep(_disk(state))]})


SURVEY = Survey(
    name="unattached_disks",
    summary="Managed disks that no machine has.",
    finding="unattached_disk",
    kind="Microsoft.Compute/disks",
    api_version="2024-03-02",
    guidance="https://learn.microsoft.com/azure/virtual-machines/windows/find-unattached-disks",
    left={"properties": {"diskState": "Unattached"}},
    used={"properties": {"diskState": "Reserved"}},
)
