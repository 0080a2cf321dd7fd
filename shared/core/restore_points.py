"""Restore points of a machine: all its disks at one moment, kept daily, weekly, monthly.

Snapshots of several disks are taken one after another; a restore point takes all at once.
It carries no tags: until when it is wanted stands in its name, written when it was named.

Source: https://learn.microsoft.com/azure/virtual-machines/virtual-machines-create-restore-points,
https://learn.microsoft.com/rest/api/compute/restore-points/create
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.core.moments import read_moment
from shared.core.resource_ids import ResourceId
from shared.core.resources import Resource
from shared.core.snapshots import disk_key

TAG_POINTS = "nightshift-restore-points"
"""Tag of a machine: ``daily``, ``weekly``, ``monthly``, ``off``."""
_NAME = re.compile(r"nightshift-\d{8}-until-(\d{4})(\d\d)(\d\d)")


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """One restore point.

    Attributes:
        expires_on: Until when it is wanted, by its name; None if we did not name it.
        consistency: ``ApplicationConsistent``, ``FileSystemConsistent``, ``CrashConsistent``.
        disks: How many disks it holds.
    """

    id: str
    taken_at: datetime | None
    is_good: bool
    has_failed: bool = False
    expires_on: datetime | None = None
    consistency: str = ""
    disks: int = 0

    @property
    def is_ours(self) -> bool:
        """Tell whether we made it."""
        return self.expires_on is not None


@dataclass(frozen=True, slots=True)
class MachinePoints:
    """A machine, or the collection of a machine's restore points, and the points in it.

    Attributes:
        disks: How many managed disks the machine has; None for a collection.
    """

    resource: Resource
    disks: int | None
    points: tuple[RestorePoint, ...] = ()


def collection_id(machine: str) -> str:
    """Name the collection of a machine's restore points, beside the machine."""
    group = ResourceId.parse(machine).text.split("/providers/", 1)[0]
    name = f"nightshift-{disk_key(machine)}"
    return f"{group}/providers/Microsoft.Compute/restorePointCollections/{name}"


def point_name(day: datetime, until: datetime) -> str:
    """Name the restore point of a day by that day and the day until when it is wanted."""
    return f"nightshift-{day:%Y%m%d}-until-{until:%Y%m%d}"


def read_point(document: Mapping[str, Any]) -> RestorePoint:
    """Read a restore point's document.

    Raises:
        ValueError: It has no id, or its moment cannot be read.
    """
    asked = document.get("id")
    if not isinstance(asked, str):
        raise ValueError("it has no id")  # noqa: TRY004 - one kind of error
    said = _object(document.get("properties"))
    state = str(said.get("provisioningState") or "").casefold()
    storage = _object(_object(said.get("sourceMetadata")).get("storageProfile"))
    data = storage.get("dataDisks")
    return RestorePoint(
        id=asked,
        taken_at=read_moment(str(said.get("timeCreated") or "")),
        is_good=state == "succeeded",
        has_failed=state in {"failed", "canceled"},
        expires_on=_until(asked),
        consistency=str(said.get("consistencyMode") or ""),
        disks=bool(storage.get("osDisk")) + (len(data) if isinstance(data, list) else 0),
    )


def points_in(collection: Mapping[str, Any]) -> tuple[RestorePoint, ...]:
    """Read the points of a collection that was asked for with them."""
    listed = _object(collection.get("properties")).get("restorePoints")
    return tuple(read_point(one) for one in listed) if isinstance(listed, list) else ()


def expired(points: Iterable[RestorePoint], now: datetime) -> tuple[RestorePoint, ...]:
    """Return those past their date, oldest first; never the newest whole one."""
    known = sorted((p for p in points if p.taken_at), key=lambda p: p.taken_at or now)
    newest = next((p for p in reversed(known) if p.is_good), None)
    if newest is None or newest.taken_at is None:
        return ()
    return tuple(
        point
        for point in known
        if point.expires_on is not None
        and point.expires_on <= now
        and point.taken_at is not None
        and point.taken_at < newest.taken_at
    )


def _until(asked: str) -> datetime | None:
    found = _NAME.fullmatch(asked.rpartition("/")[2])
    if found is None:
        return None
    year, month, day = map(int, found.groups())
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
