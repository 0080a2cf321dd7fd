"""Which snapshots may go: those past their date, and those of a disk that is gone.

Never the newest good one of a disk in a place: a copy in another region has a newest of
its own. What is no longer wanted is only marked by this; ``remove_leftover`` tells, waits
and looks again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from shared.core.leftovers import Document, LeftoverFacts, facts_of
from shared.core.resource_ids import ResourceId
from shared.core.resources import resource_from_arm
from shared.core.snapshots import Snapshot, read_snapshot

PAST, ORPHANED = "a newer one is whole", "its disk is gone, and a newer one is whole"
_THEIRS = ("createdby", "azurebackup")
"""Azure Backup's own mark; it removes its snapshots itself.

Source: https://learn.microsoft.com/azure/backup/backup-managed-disks
"""


def place(one: Snapshot) -> tuple[str, str, str]:
    """Say among which snapshots it is one: of one disk, in one group and region."""
    group = ResourceId.parse(one.id).parent.casefold()
    return group, one.location.replace(" ", "").casefold(), one.of


def is_floor(one: Snapshot, others: Iterable[Snapshot]) -> bool:
    """Tell whether it must stay: no other of its place is newer, and whole."""
    if not one.of or one.taken_at is None:
        return True
    mine = place(one)
    return not any(
        other.is_good
        and other.taken_at is not None
        and other.taken_at > one.taken_at
        and place(other) == mine
        for other in others
    )


def snapshot_leftover(
    document: Document, others: Iterable[Snapshot], *, is_disk_gone: bool
) -> LeftoverFacts:
    """Judge one snapshot among the others.

    Raises:
        ValueError: It cannot be read.
    """
    one = read_snapshot(document)
    facts = facts_of(resource_from_arm(document, one.id), document)
    wanted_until = facts.expires_on or one.expires_on
    why = ""
    if not _is_theirs(facts) and (one.is_ours or is_disk_gone) and not is_floor(one, others):
        why = ORPHANED if is_disk_gone else PAST
    return replace(facts, left_over=why, expires_on=wanted_until, age_known=one.taken_at)


def _is_theirs(facts: LeftoverFacts) -> bool:
    name, value = _THEIRS
    return any(
        key.casefold() == name and said.casefold() == value
        for key, said in facts.resource.tags.items()
    )
