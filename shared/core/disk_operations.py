"""What is done to disks, their copies and what is left over, and read of them.

A snapshot's source disk must grant ``beginGetAccess``, or creating the snapshot is refused
on the linked scope.

Source: https://learn.microsoft.com/azure/role-based-access-control/permissions/compute,
https://learn.microsoft.com/azure/backup/disk-backup-faq (beginGetAccess)
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from shared.core.facts import FactsKind
from shared.core.operation_names import DISK, LOCKS, NIC, SET, SNAPSHOT, VM, Operations
from shared.core.steps import Verb

_ADDRESS = "Microsoft.Network/publicIPAddresses"
_READ_LEFTOVER = (
    f"{DISK}/read",
    f"{NIC}/read",
    f"{_ADDRESS}/read",
    f"{SET}/read",
    f"{SNAPSHOT}/read",
)
_MARK_LEFTOVER = Operations((*_READ_LEFTOVER, "Microsoft.Resources/tags/write", LOCKS))

_POINTS = "Microsoft.Compute/restorePointCollections"
_READ_POINTS = (f"{VM}/read", f"{_POINTS}/read", f"{_POINTS}/restorePoints/read")

VERBS: Mapping[Verb, Operations] = MappingProxyType(
    {
        Verb.SNAPSHOT: Operations(
            (
                f"{SNAPSHOT}/read",
                f"{SNAPSHOT}/write",
                f"{VM}/read",
                f"{DISK}/read",
                f"{DISK}/beginGetAccess/action",
                LOCKS,
            )
        ),
        Verb.SNAPSHOT_COPY: Operations(
            (f"{SNAPSHOT}/read", f"{SNAPSHOT}/write", f"{DISK}/read", LOCKS)
        ),
        Verb.RESTORE_POINT: Operations(
            (
                *_READ_POINTS,
                f"{_POINTS}/write",
                f"{_POINTS}/restorePoints/write",
                f"{DISK}/read",
                f"{DISK}/beginGetAccess/action",
                LOCKS,
            )
        ),
        Verb.RESTORE_POINT_REMOVE: Operations(
            (*_READ_POINTS, f"{_POINTS}/restorePoints/delete", LOCKS)
        ),
        Verb.MARK: _MARK_LEFTOVER,
        Verb.UNMARK: _MARK_LEFTOVER,
        Verb.REMOVE: Operations(
            (
                *_READ_LEFTOVER,
                f"{DISK}/delete",
                f"{NIC}/delete",
                f"{_ADDRESS}/delete",
                f"{SET}/delete",
                f"{SNAPSHOT}/delete",
                LOCKS,
            )
        ),
    }
)

READS: Mapping[FactsKind, Operations] = MappingProxyType(
    {
        FactsKind.DISKS: Operations((f"{VM}/read", f"{VM}/instanceView/read", LOCKS)),
        FactsKind.SNAPSHOTS: Operations(
            (f"{DISK}/read", f"{VM}/read", f"{SNAPSHOT}/read", LOCKS)
        ),
        FactsKind.SNAPSHOT_COPIES: Operations((f"{SNAPSHOT}/read", f"{DISK}/read", LOCKS)),
        FactsKind.RESTORE_POINTS: Operations((*_READ_POINTS, LOCKS)),
        FactsKind.LEFTOVER: Operations((*_READ_LEFTOVER, LOCKS)),
    }
)
