"""Copies of snapshots in other regions, and which regions data may lie in.

Where data may lie is said by the rule, by the disk's tag, or by both: whoever names regions
must name this one. What nobody allowed is refused.

Source: https://learn.microsoft.com/azure/virtual-machines/disks-copy-incremental-snapshot-across-regions
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.core.leftovers import tag
from shared.core.resource_ids import ResourceId
from shared.core.resources import Resource
from shared.core.snapshots import Snapshot

TAG_COPY_TO = "nightshift-copy-to"
"""Tag of a disk: the region that its snapshots are copied to."""
TAG_REGIONS = "nightshift-regions"
"""Tag of a disk: the regions that its data may lie in, with spaces or commas between."""


@dataclass(frozen=True, slots=True)
class SnapshotCopies:
    """A snapshot and the copies of it that lie in its resource group.

    Attributes:
        resource: The snapshot, with its disk's tags under its own.
        is_incremental: Only such a one can be copied to another region.
    """

    resource: Resource
    snapshot: Snapshot
    is_incremental: bool
    copies: tuple[Snapshot, ...] = ()


def region(text: str) -> str:
    """Spell a region as the API does: ``North Europe`` is ``northeurope``."""
    return text.replace(" ", "").casefold()


def not_allowed(to: str, allowed: Iterable[str], tags: Mapping[str, str]) -> str:
    """Say who does not allow a region; empty if all do who name any, and somebody does."""
    names = sorted({region(one) for one in allowed})
    said = tag(tags, TAG_REGIONS)
    own = {region(one) for one in said.replace(",", " ").split()}
    if not names and not own:
        return f"{to}: neither the rule nor a tag {TAG_REGIONS} allows any region"
    if names and region(to) not in names:
        return f"{to} is none of the rule's regions ({', '.join(names)})"
    if own and region(to) not in own:
        return f"{to} is not in its tag {TAG_REGIONS}: {said}"
    return ""


def copy_id(snapshot: str, to: str) -> str:
    """Name the copy of a snapshot in a region, beside it; repeatable so."""
    rid = ResourceId.parse(snapshot)
    suffix = f"-{region(to)}"
    head = rid.text.rpartition("/")[0]
    return f"{head}/{rid.name[: 80 - len(suffix)]}{suffix}"
