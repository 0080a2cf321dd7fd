"""What has yet to be told to the outside, and whom it is told.

The outbox holds pointers, not records: what a pointer names is read from the ledger
when it is sent, so nothing is stored twice and nothing can disagree with the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.core.audit import AuditRecord
from shared.core.errors import AutomationError
from shared.core.plans import Plan
from shared.ports.ledger import EventRecord


@dataclass(frozen=True, slots=True)
class Pointer:
    """Something in the ledger that may have untold transitions.

    Attributes:
        exported: For each sink the slots it has taken, as a bit mask.
        later: For each sink when to try again what it refused.
        claimed_until: Nobody else sends it before then.
        etag: Version of the row.
    """

    key: str
    at: datetime
    etag: str
    exported: Mapping[str, int] = field(default_factory=dict)
    later: Mapping[str, datetime] = field(default_factory=dict)
    claimed_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """Some of the pointers, oldest first.

    Attributes:
        rest: For each sink that asked for patience, until when.
        is_complete: False if there are more pointers than were read.
    """

    pointers: tuple[Pointer, ...]
    rest: Mapping[str, datetime]
    is_complete: bool


class Outbox(Protocol):
    """Pointers: the ledger writes them before what they point at, the export takes them."""

    async def backlog(self) -> Backlog:
        """Read pointers, oldest first; a bounded number of them."""
        ...

    async def content(self, pointer: Pointer) -> Plan | EventRecord | None:
        """Read what a pointer names; None if it is not stored, or not any more."""
        ...

    async def save(self, pointer: Pointer) -> Pointer:
        """Replace a pointer that is still at ``pointer.etag``; return it as it is now.

        Raises:
            StaleFacts: It has changed or is gone.
        """
        ...

    async def drop(self, pointer: Pointer) -> None:
        """Delete a pointer that is still at ``pointer.etag``.

        Raises:
            StaleFacts: It has changed. One that is gone is gone.
        """
        ...

    async def rest(self, sink: str, until: datetime) -> None:
        """Note that a sink asked not to be called before a moment."""
        ...


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Records that a sink did not take, and why."""

    records: tuple[AuditRecord, ...]
    error: AutomationError


class AuditSink(Protocol):
    """Somewhere that audit records go.

    Attributes:
        name: Stable: it names the sink's progress in the outbox.
    """

    @property
    def name(self) -> str:
        """The sink's stable name."""
        ...

    def takes(self, record: AuditRecord) -> bool:
        """Tell whether it wants such a record at all."""
        ...

    async def send(self, records: Sequence[AuditRecord]) -> tuple[Undelivered, ...]:
        """Send records; return those not taken, each part with its error.

        An error is ``TooLarge`` or ``InvalidTarget`` if the service refused what was in
        the part; any other says that the service itself is not to be had now.
        """
        ...
