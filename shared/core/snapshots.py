"""Snapshots of a disk: which there are, when the next is due, and what it is called.

Three spans are kept, each in a number of its own. The first good snapshot of a month is
the month's, the first of a week the week's, any other the day's; when it is taken is when
it is known until when it is wanted, and that is written on it. Weeks begin on Monday, and
all of it is UTC. The name is made of the disk and the day, so that whoever asks twice on
one day finds the first.

Source: https://learn.microsoft.com/azure/virtual-machines/disks-incremental-snapshots,
https://learn.microsoft.com/rest/api/compute/snapshots/get
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from shared.core.durations import format_duration
from shared.core.moments import read_moment
from shared.core.resource_ids import DISK, SNAPSHOT, is_a
from shared.core.resources import Resource
from shared.core.wire import write_moment

Document = Mapping[str, Any]
TAG_SOURCE = "nightshift-source"
TAG_PLAN = "nightshift-plan"
TAG_EXPIRES = "nightshift-expires"
TAG_OF = "nightshift-of"
"""Which disk it is of, by ``disk_key``: a copy of a copy says so, too."""
TAG_SCHEDULE = "nightshift-snapshots"
"""Tag of a disk or of its machine: ``daily``, ``weekly``, ``monthly``, ``off``."""
OFF = "off"
_WHOLE = 100


class Span(StrEnum):
    """How often, the rarest first."""

    MONTHLY = "monthly"
    WEEKLY = "weekly"
    DAILY = "daily"


_LASTS = {
    Span.MONTHLY: timedelta(days=31),
    Span.WEEKLY: timedelta(days=7),
    Span.DAILY: timedelta(days=1),
}


class Saved(Protocol):
    """Anything that was saved at a moment."""

    @property
    def taken_at(self) -> datetime | None:
        """When."""
        ...

    @property
    def is_good(self) -> bool:
        """Tell whether it is whole."""
        ...

    @property
    def is_ours(self) -> bool:
        """Tell whether we made it, and so know until when it is wanted."""
        ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot.

    Attributes:
        of: Key of the disk; empty if it was made of something else.
        source: Id of what it was made of: a disk, or a snapshot.
        is_good: Whole, and can be used to make a disk; a copy, when it has arrived.
        expires_on: Until when it is wanted, by our tag; None if it has none.
    """

    id: str
    of: str
    source: str
    location: str
    taken_at: datetime | None
    is_good: bool
    expires_on: datetime | None = None
    has_failed: bool = False

    @property
    def is_ours(self) -> bool:
        """Tell whether we made it, and so know until when it is wanted."""
        return self.expires_on is not None

    @property
    def is_copy(self) -> bool:
        """Tell whether it is of another snapshot, and so not of the disk at a new moment."""
        return is_a(self.source, SNAPSHOT)


@dataclass(frozen=True, slots=True)
class DiskSnapshots:
    """A disk and the snapshots of it that lie in its resource group.

    Attributes:
        resource: The disk, with its machine's tags under its own.
        state: ``Attached``, ``Unattached``, ``Reserved``, ``ActiveUpload``, ...
        saved: In no order.
    """

    resource: Resource
    state: str
    saved: tuple[Snapshot, ...] = ()


def disk_key(disk: str) -> str:
    """Name a disk in 16 digits, for tags and names that are too short for an id."""
    return hashlib.sha256(disk.rstrip("/").casefold().encode()).hexdigest()[:16]


def read_snapshot(document: Document) -> Snapshot:
    """Read one snapshot's document.

    A copy from another region is whole when it has arrived: ``completionPercent``.

    Raises:
        ValueError: It has no id, or a moment or a percentage that cannot be read.
    """
    asked = document.get("id")
    if not isinstance(asked, str):
        raise ValueError("it has no id")  # noqa: TRY004 - one kind of error
    said, tags = _object(document.get("properties")), _object(document.get("tags"))
    source = str(_object(said.get("creationData")).get("sourceResourceId") or "")
    arrived = said.get("completionPercent")
    return Snapshot(
        id=asked,
        of=_tag(tags, TAG_OF) or (disk_key(source) if is_a(source, DISK) else ""),
        source=source,
        location=str(document.get("location") or ""),
        taken_at=read_moment(str(said.get("timeCreated") or "")),
        is_good=str(said.get("provisioningState") or "").casefold() == "succeeded"
        and (arrived is None or float(arrived) >= _WHOLE),
        expires_on=read_moment(_tag(tags, TAG_EXPIRES)),
        has_failed=str(said.get("provisioningState") or "").casefold()
        in {"failed", "canceled"},
    )


def scheduled_name(disk: str, day: datetime) -> str:
    """Name the snapshot of a disk and a day."""
    return f"nightshift-{disk_key(disk)}-{day:%Y%m%d}"


def began(span: Span, now: datetime) -> datetime:
    """Return when the present day, week or month began."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if span is Span.WEEKLY:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if span is Span.MONTHLY else day


def next_begins(span: Span, now: datetime) -> datetime:
    """Return when the next day, week or month begins."""
    return began(span, began(span, now) + _LASTS[span] + timedelta(hours=12))


def due(
    saved: Iterable[Saved], keep: Mapping[Span, int], now: datetime
) -> tuple[Span, datetime] | None:
    """Say which span has none of ours yet, the rarest first, and until when it is kept.

    Args:
        keep: How many of each; a span of which none is kept is never due.
    """
    taken = [one.taken_at for one in saved if one.is_good and one.is_ours and one.taken_at]
    for span in Span:
        count = keep.get(span, 0)
        if count and not any(at >= began(span, now) for at in taken):
            return span, now + count * _LASTS[span]
    return None


def young_enough(
    saved: Iterable[Snapshot], within: timedelta, now: datetime
) -> Snapshot | None:
    """Return the newest whole snapshot if it is no older than this; None: take a fresh one.

    Asked before whatever may lose a disk's data: the one place that says how fresh is fresh.
    One from the future is none: a clock is wrong somewhere, and nobody knows which.
    """
    whole = [one for one in saved if one.is_good and one.taken_at is not None]
    newest = max(whole, key=lambda one: one.taken_at or now, default=None)
    if newest is None or newest.taken_at is None:
        return None
    return newest if timedelta(0) <= now - newest.taken_at <= within else None


def saving(location: str, expires: datetime, within: timedelta) -> dict[str, Any]:
    """Write what a snapshot before a destructive step needs.

    Args:
        within: How old one may be that is there already; nothing for always a fresh one.
    """
    args: dict[str, Any] = {"location": location, "expires": write_moment(expires)}
    return {**args, "within": format_duration(within)} if within else args


def youngest(saved: Iterable[Saved]) -> datetime | None:
    """Return when the newest good one was taken, whoever took it; None if there is none."""
    return max((one.taken_at for one in saved if one.is_good and one.taken_at), default=None)


def _object(value: object) -> Document:
    return value if isinstance(value, Mapping) else {}


def _tag(tags: Document, name: str) -> str:
    return next((str(v).strip() for k, v in tags.items() if str(k).casefold() == name), "")


def wanted(keep: Mapping[Span, int], said: str) -> Mapping[Span, int]:
    """Leave out what is more often than a tag wants; an empty tag wants all."""
    if not said:
        return keep
    order = list(Span)
    return {
        span: n for span, n in keep.items() if order.index(span) <= order.index(Span(said))
    }


def unreadable(name: str, said: str) -> str:
    """Say what is wrong with a tag that names no span; empty if nothing is."""
    if not said or said in {*Span, OFF}:
        return ""
    return f"its tag {name} is {said!r}; use {', '.join([*Span, OFF])}"


def next_due(keep: Mapping[Span, int], now: datetime) -> datetime:
    """Return when the next is due, if none is now."""
    return min(next_begins(span, now) for span, count in keep.items() if count)
